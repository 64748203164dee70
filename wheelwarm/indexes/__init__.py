"""Index pages as bytes: read as pip reads them, and written. Pure."""
