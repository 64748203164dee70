"""Fill, explain, trim and repair pip's own cache."""

__version__ = "0.1.0"
