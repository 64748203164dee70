"""Tests of `wheelwarm.shelf`."""
