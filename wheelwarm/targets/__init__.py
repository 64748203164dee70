"""The Python for which things are warmed: found, asked what it is, and its pip at work."""
