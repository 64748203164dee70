"""Tests of wheelwarm.fetcher."""
