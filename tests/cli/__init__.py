"""Tests of wheelwarm.cli."""
