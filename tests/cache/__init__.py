"""Tests of `wheelwarm.cache`."""
