"""Paths behind file: URLs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.local_files import path_of


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_path_comes_back_from_its_url(names: list[str]) -> None:
    """Whatever characters a path has, its URL names it."""
    path = Path("/", *names)
    assert path_of(path.as_uri()) == path
