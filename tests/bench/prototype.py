"""The least that fetches in parallel, checks and stores as pip does: what a better program's CPU time is compared with.

`python prototype.py LIST CACHE`, where each line of LIST is a sha256 and a URL, that of an index page after `-`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import urllib3

FILE = {"Accept-Encoding": "identity"}
PAGE = {"Accept-Encoding": "gzip, deflate", "Accept": "application/vnd.pypi.simple.v1+json"}


def main(listing: Path, cache: Path) -> None:
    """Fetch a list into the `http-v2` section of a cache, sixteen at once, each file once its hash is right."""
    section = cache / "http-v2"
    section.mkdir(parents=True, exist_ok=True)
    pool = urllib3.PoolManager(maxsize=16, ca_certs=os.environ["PIP_CERT"])

    def fetch(line: str) -> None:
        sha256, url = line.split()
        digest = hashlib.sha256()
        headers = PAGE if sha256 == "-" else FILE
        response = pool.request("GET", url, headers=headers, preload_content=False)
        with tempfile.NamedTemporaryFile(dir=section, delete=False) as file:
            for chunk in response.stream(256 * 1024, decode_content=False):
                digest.update(chunk)
                file.write(chunk)
        response.release_conn()
        if response.status != 200 or sha256 not in ("-", digest.hexdigest()):
            raise SystemExit(f"{url} is not there, or has another hash")
        store(section, url, dict(response.headers), Path(file.name))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(fetch, listing.read_text().splitlines()))


def store(section: Path, url: str, headers: dict[str, str], body: Path) -> None:
    """Move a body to where pip looks for it, and write its metadata beside it."""
    key = hashlib.sha224(url.encode()).hexdigest()
    path = section.joinpath(*key[:5], key)
    path.parent.mkdir(parents=True, exist_ok=True)
    response = {"body": b"", "headers": headers, "status": 200, "version": 11, "reason": "OK", "decode_content": False}
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(b"cc=4," + msgpack.packb({"response": response, "vary": {}}, use_bin_type=True))
    body.replace(path.with_name(f"{key}.body"))
    Path(file.name).replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
