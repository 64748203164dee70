"""Measurements of whole commands against pip, as ratios in one run: `python -m tests.bench`."""
