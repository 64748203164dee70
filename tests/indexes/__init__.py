"""Tests of `wheelwarm.indexes`."""
