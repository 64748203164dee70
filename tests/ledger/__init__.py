"""Tests of `wheelwarm.ledger.ledger`."""
