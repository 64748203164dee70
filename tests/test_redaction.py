"""No credential that stands in a URL survives redaction, and nothing else is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.pip_parser import PipParser, pip_parser
from wheelwarm.redaction import one_line, quoted, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRETS = st.text(st.characters(min_codepoint=33, exclude_categories=("Z", "C")), min_size=1, max_size=20)
SCHEMES = st.sampled_from(["https", "http", "git+ssh", "git+https", "ftp", "HTTPS"])
PLACES = st.sampled_from(["example.org", "example.org:8080/simple/", "[::1]:80/x@1.0", "h/a/b@v1#egg=x&hash=1"])


@pytest.fixture(scope="module")
def parser() -> Iterator[PipParser]:
    """Give the tests' own pip."""
    with pip_parser() as parser:
        yield parser


@given(SCHEMES, SECRETS, SECRETS, PLACES)
def test_quoted_credentials_are_masked_and_the_rest_kept(scheme: str, user: str, password: str, place: str) -> None:
    """User and password go, whatever they are, and the URL is otherwise the same."""
    url = f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{place}"
    assert redact(url) == f"{scheme}://****@{place}"
    assert urlsplit(redact(url)).hostname == urlsplit(url).hostname


@given(SCHEMES, SECRETS.filter(lambda text: not text[0].isdigit()), PLACES)
def test_unquoted_passwords_are_masked(scheme: str, password: str, place: str) -> None:
    """A password with `/`, `?`, `#` or `@` in it, which belong quoted, does not show either."""
    redacted = redact(f"{scheme}://user:{password}/x@{place}")
    assert redacted.startswith(f"{scheme}://****@")
    assert redacted.endswith(place.rpartition("@")[2])


@given(SCHEMES, PLACES)
def test_urls_without_credentials_stay(scheme: str, place: str) -> None:
    """An `@` in a path is a revision, not a credential."""
    assert redact(f"{scheme}://{place}") == f"{scheme}://{place}"


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """What is masked stays as it is."""
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text", ["https://${USER}:${TOKEN}@h/s", "https://token@h/s", "//u:p@h/s", "x @ https://u:p@h/s"]
)
def test_masks_in_text(text: str) -> None:
    """Variables, bare tokens, URLs without scheme and URLs in a sentence are masked."""
    redacted = redact(f"see '{text}' and https://a:b@c/d.")
    assert redacted == f"see '{text.partition('//')[0]}//****@h/s' and https://****@c/d."


@pytest.mark.parametrize(
    "url", ["https://user:pass@h/s", "https://tok@h:80/s?x=1", "git+https://u:p@h/r@v1", "https://h/s"]
)
def test_what_pip_masks_is_masked(parser: PipParser, url: str) -> None:
    """Pip's own redaction leaves the user name, ours does not; the rest is equal."""
    assert redact(url) == redact(parser.redact(url))


@pytest.mark.parametrize("before", range(180, 205))
def test_a_quotation_is_short_and_shows_no_part_of_a_password(before: int) -> None:
    """A text is cut where it is too long for a sentence, after what is secret in it has gone."""
    text = quoted(f"{'x' * before} https://u:secret@h/{'y' * 300}")
    assert len(text) == 200
    assert text.endswith("…")
    assert "sec" not in text
    assert quoted("x" * 200) == "x" * 200


def test_a_parser_s_words_become_one_line() -> None:
    """What packaging shows in three lines is one, its place in the whole kept."""
    assert one_line("Expected a name\n    a ; b\n        ~~^ in 'x[0]'") == "Expected a name: 'a ; b' in 'x[0]'"
    assert one_line("Expected a name\n    https://u:p@h\n    ^") == "Expected a name: 'https://****@h'"
    assert one_line("It is empty") == "It is empty"
