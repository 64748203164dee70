"""Index options come out of their flags as they went in; pip's command line is the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.pip_parser import PipParser, pip_parser
from wheelwarm.inputs.index_options import IndexOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = st.lists(st.sampled_from([":all:", ":none:", "Foo_Bar", "foo", "b"]), min_size=1, max_size=4).map(",".join)
VALUES = st.lists(NAMES, max_size=2).map(tuple)
URLS = st.sampled_from(["https://a.example/simple", "https://b.example/simple"])
OPTIONS = st.builds(
    IndexOptions,
    index_url=st.none() | URLS,
    extra_index_urls=st.lists(URLS, max_size=2).map(tuple),
    no_index=st.booleans(),
    find_links=st.lists(URLS, max_size=2).map(tuple),
    trusted_hosts=st.lists(st.sampled_from(["a.example", "b.example:8080"]), max_size=2, unique=True).map(tuple),
    pre=st.booleans(),
    prefer_binary=st.booleans(),
    only_binary=VALUES,
    no_binary=VALUES,
    all_releases=VALUES,
    only_final=VALUES,
    require_hashes=st.booleans(),
)


@pytest.fixture(scope="module")
def parser() -> Iterator[PipParser]:
    """Give the tests' own pip."""
    with pip_parser() as parser:
        yield parser


def as_pip(options: IndexOptions) -> dict[str, Any]:
    """Say options the way the oracle answers."""
    urls = [options.index_url or "https://pypi.org/simple", *options.extra_index_urls]
    return {
        "index_urls": [] if options.no_index else urls,
        "no_index": options.no_index,
        "find_links": list(options.find_links),
        "trusted_hosts": list(options.trusted_hosts),
        "prefer_binary": options.prefer_binary,
        "no_binary": sorted(options.no_binary),
        "only_binary": sorted(options.only_binary),
        "all_releases": sorted({*options.all_releases, *([":all:"] if options.pre else [])}),
        "only_final": sorted(options.only_final),
        "require_hashes": options.require_hashes,
    }


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPTIONS)
def test_pip_takes_the_arguments_for_the_options(parser: PipParser, tmp_path: Path, options: IndexOptions) -> None:
    """Pip's own command line makes the same options of the flags as we do of the fields."""
    read = IndexOptions().merged(options)
    answer = parser.arguments(read.arguments(), folder=tmp_path)
    # Among all releases `:all:` beats any other `:all:`, so pip need not be told the loser.
    expected = as_pip(read)
    if read.pre and ":all:" in expected["only_final"]:
        expected["only_final"].remove(":all:")
    assert answer["options"] == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["no_binary", "only_binary", "all_releases", "only_final"]), NAMES), max_size=6)
)
def test_selections_add_up_as_in_pip(parser: PipParser, tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    """Rival flags typed in any order end as they end in pip."""
    options, words = IndexOptions(), list[str]()
    for option, value in steps:
        options = options.selecting(option, value)
        words += [f"--{option.replace('_', '-')}", value]
    assert parser.arguments(words, folder=tmp_path)["options"] == as_pip(options)


@given(OPTIONS)
def test_merging_with_nothing_changes_nothing(options: IndexOptions) -> None:
    """Options once read stay the same when nothing is added, or the same selections again."""
    read = IndexOptions().merged(options)
    assert read.merged(IndexOptions()) == read
    assert IndexOptions().merged(read) == read
