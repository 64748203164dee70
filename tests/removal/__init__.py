"""Tests of `wheelwarm.removal.removal`."""
