"""Tests of `wheelwarm.health`."""
