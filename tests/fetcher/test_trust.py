"""Whose certificates count: a bundle's alone, or beside what the system trusts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import trustme

from wheelwarm.errors import FetchError
from wheelwarm.fetcher import Download, Fetcher
from wheelwarm.targets.network import Network

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index

BODY = bytes(range(256)) * 100


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the system's own store, not a file, is asked there")
@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("trusts_system", [False, True])
def test_a_bundle_counts_alone_or_beside_the_system(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusts_system: bool, is_folder: bool
) -> None:
    """A server that only the system knows is one to trust where pip trusts the system too, and else an error."""
    monkeypatch.setenv("SSL_CERT_FILE", str(index.ca_bundle))
    bundle = tmp_path / "bundle"
    if is_folder:
        bundle.mkdir()
    else:
        trustme.CA().cert_pem.write_to_path(str(bundle))
    urls = [index.put(f"/files/{number}.bin", BODY) for number in range(4)]
    network = Network(ca_bundle=str(bundle), trusts_system=trusts_system, retries=0, timeout=5.0)
    numbers = iter(range(9))
    with Fetcher(network) as fetcher:
        downloads = [Download(name=url, url=url) for url in urls]
        results = [
            result for _, result in fetcher.fetch_all(downloads, new_body=lambda: tmp_path / f"body-{next(numbers)}")
        ]

    assert {isinstance(result, FetchError) for result in results} == {not trusts_system}
    assert all(result.pip_may for result in results if isinstance(result, FetchError))
