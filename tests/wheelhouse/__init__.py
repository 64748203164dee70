"""Tests of `wheelwarm.wheelhouse.wheelhouse`."""
