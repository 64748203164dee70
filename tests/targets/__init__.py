"""Tests of `wheelwarm.targets`."""
