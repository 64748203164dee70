"""The least that fetches in parallel and checks: what a better program's CPU time is compared with.

`python -m tests.bench.prototype LIST FOLDER`, where each line of LIST is a sha256 and a URL.
"""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3


def main(listing: Path, folder: Path) -> None:
    """Fetch all of the list into a folder, sixteen at once, each under its hash once that is right."""
    folder.mkdir(parents=True, exist_ok=True)
    pool = urllib3.PoolManager(maxsize=16, ca_certs=os.environ["PIP_CERT"])

    def fetch(line: str) -> None:
        sha256, url = line.split()
        digest, temporary = hashlib.sha256(), folder / f"{sha256}.tmp"
        response = pool.request("GET", url, preload_content=False)
        with temporary.open("wb") as file:
            for chunk in response.stream(256 * 1024):
                digest.update(chunk)
                file.write(chunk)
        response.release_conn()
        if digest.hexdigest() != sha256:
            raise SystemExit(f"{url} has another hash")
        temporary.replace(folder / sha256)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(fetch, listing.read_text().splitlines()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
