"""Tests of `wheelwarm.offline.offline`."""
