"""Tests of `wheelwarm.warming`."""
