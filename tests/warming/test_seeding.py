"""Whether to seed: in general, and for single hosts."""

from __future__ import annotations

import pytest

from wheelwarm import urls
from wheelwarm.warming.seeding import Seed, SeedPolicy

FILE = urls.artifact_at("https://files.example.org/a/Demo_x-1.0-py3-none-any.whl")
PAGE = "https://index.example.org:8443/simple/demo-x/"


@pytest.mark.parametrize(
    ("general", "hosts", "expected"),
    [
        ("verified", {}, "verified"),
        ("never", {}, "never"),
        ("verified", {"files.example.org": "never"}, "never"),
        ("never", {"files.example.org": "verified"}, "verified"),
        ("verified", {"index.example.org": "never"}, "never"),
        ("never", {"index.example.org": "verified"}, "verified"),
        ("never", {"index.example.org": "verified", "files.example.org": "never"}, "never"),
        ("verified", {"elsewhere.example.org": "never"}, "verified"),
    ],
)
def test_the_hosts_of_index_and_file_count(general: str, hosts: dict[str, str], expected: str) -> None:
    """A host's own policy beats the general one, and `never` beats `verified` where hosts differ."""
    policy = SeedPolicy(general=Seed(general), hosts={host: Seed(said) for host, said in hosts.items()})

    assert policy.knowing([PAGE, FILE.url, "https://other.example.org/simple/another/"]).of(FILE) is Seed(expected)
