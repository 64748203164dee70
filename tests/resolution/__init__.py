"""Tests of `wheelwarm.resolution`."""
