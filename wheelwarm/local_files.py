"""Files on this machine, as URLs and people name them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


def path_of(url: str) -> Path:
    """Return the path that a `file:` URL names (RFC 8089)."""
    # Loading it takes as long as all that a check does, and few URLs are local.
    from urllib.request import url2pathname

    return Path(url2pathname(urlsplit(url).path))


def expanded(text: str) -> Path:
    """Return the path that a text names, `~` and `~user` as in a shell; of a user that nobody knows it is a folder."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for such a user


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file, in hex; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def has_one_of(path: Path, hashes: Mapping[str, str]) -> bool:
    """Tell whether a file has one of these hashes, by algorithm, which is all that pip asks for; OSError as above."""
    return any(digest_of(path, name) == digest for name, digest in hashes.items())


def is_folder(url: str) -> bool:
    """Tell whether a URL is that of a folder of this machine; there is no hash of one."""
    return url.lower().startswith("file:") and path_of(url).is_dir()
