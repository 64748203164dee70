"""pip is the judge of trust: whose certificates it takes are those that the parallel lane takes, and no others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.helpers.artifacts import make_wheel
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index

SYSTEM, CERT, REQUESTS = "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"


@pytest.mark.parametrize("version", ["23.2.1", pytest.param("24.3.1", marks=pytest.mark.pip_matrix), "26.3"])
@pytest.mark.parametrize(
    ("knowing", "other"),
    [
        pytest.param(SYSTEM, None, id="the system"),
        pytest.param(SYSTEM, CERT, id="the system, and --cert names another"),
        pytest.param(SYSTEM, REQUESTS, id="the system, and REQUESTS_CA_BUNDLE names another"),
        pytest.param(CERT, REQUESTS, id="--cert, and REQUESTS_CA_BUNDLE names another"),
        pytest.param(REQUESTS, CERT, id="REQUESTS_CA_BUNDLE, and --cert names another"),
        pytest.param(None, SYSTEM, id="nobody"),
    ],
)
def test_the_lane_trusts_whom_pip_trusts(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, version: str, knowing: str | None, other: str | None
) -> None:
    """What knows the index's authority, and what names another one, decide alike for pip and for the parallel lane."""
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    variables = {CERT: "", REQUESTS: "", SYSTEM: str(stranger)}
    variables |= {other: str(stranger)} if other else {}
    variables |= {knowing: str(bare_index.ca_bundle)} if knowing else {}
    wheel = make_wheel(tmp_path, "demo", "1.0")
    requirement = f"demo @ {bare_index.add(wheel)}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    pip, cache_dir = pip_of(version), tmp_path / "cache"
    options = ("--no-deps", "--no-cache-dir", "--retries", "0", "-d", str(tmp_path / "to"))

    by_pip = pip.run("download", *options, requirement, cache_dir=cache_dir, index=bare_index, env=variables)
    answer = Program(pip, bare_index, cache_dir).run("prefetch", requirement, "--json", **variables)

    lane = "parallel" if by_pip.returncode == 0 else None
    assert [row["lane"] for row in answer.data.get("artifacts", [])] == ([lane] if lane else []), answer
