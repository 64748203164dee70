"""Files on this machine that URLs name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit


def path_of(url: str) -> Path:
    """Return the path that a `file:` URL names (RFC 8089)."""
    # Loading it takes as long as all that a check does, and few URLs are local.
    from urllib.request import url2pathname

    return Path(url2pathname(urlsplit(url).path))
