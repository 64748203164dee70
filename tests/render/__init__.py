"""Tests of `wheelwarm.render`."""
