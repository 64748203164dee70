"""Tests of `wheelwarm.inputs`."""
