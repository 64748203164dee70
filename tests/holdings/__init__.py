"""Tests of `wheelwarm.holdings`."""
