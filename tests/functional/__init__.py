"""Tests in which a real pip is the judge."""
