"""Pages that we write say, to our own reader of pages, just what was put into them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from wheelwarm.indexes import index_page
from wheelwarm.indexes.index_page import HTML, JSON
from wheelwarm.indexes.simple_pages import Offered, project_html, project_json, root_html, root_json

DIGESTS = st.integers(0, 2**256 - 1).map("{:064x}".format)
OFFERED = st.builds(
    Offered,
    filename=st.from_regex(
        r"demo-[0-9]{1,3}(\+[a-z0-9.]{1,5})?-py3-none-any\.whl|demo-[0-9!]{1,4}\.tar\.gz", fullmatch=True
    ),
    version=st.sampled_from(["1", "2.0"]),
    sha256=DIGESTS,
    size=st.integers(0, 2**40),
    requires_python=st.sampled_from([None, ">=3.8", ">=2.7,!=3.0.*", '<4 & "odd"']),
    metadata_sha256=st.none() | DIGESTS,
)
BASE = "https://example.org/simple/demo/"


@given(st.lists(OFFERED, max_size=4))
def test_both_forms_of_a_page_read_back(files: list[Offered]) -> None:
    """Name, place, hash, Requires-Python and core metadata come back from HTML and JSON alike, the size from JSON."""
    html = index_page.parse(project_html("demo", files).encode(), HTML, BASE)
    data = index_page.parse(project_json("demo", files).encode(), JSON, BASE)

    assert (html.name, data.name) == ("demo", "demo")
    for page in (html, data):
        assert [(one.filename, one.hashes, one.requires_python, one.core_metadata) for one in page.links] == [
            (
                one.filename,
                {"sha256": one.sha256},
                one.requires_python,
                {"sha256": one.metadata_sha256} if one.metadata_sha256 else None,
            )
            for one in files
        ]
        assert all(one.url.startswith("https://example.org/simple/demo-") for one in page.links)
    assert [one.size for one in data.links] == [one.size for one in files]
    assert json.loads(project_json("demo", files))["versions"] == sorted({one.version for one in files})


def test_the_root_lists_the_projects() -> None:
    """Each project is a link to its folder (PEP 503), and a name (PEP 691)."""
    assert '<a href="a-b/">a-b</a>' in root_html(["a-b", "c"])
    document = json.loads(root_json(["a-b", "c"]))
    assert document["projects"] == [{"name": "a-b"}, {"name": "c"}]
    assert document["meta"]["api-version"].startswith("1.")
