"""pip is the judge of trust: the parallel lane takes whose certificates pip takes, and where they differ is said."""

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
    from tests.helpers.pips import PipEnvironment

SYSTEM, CERT, REQUESTS = "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"


@pytest.mark.parametrize("version", ["23.2.1", pytest.param("24.3.1", marks=pytest.mark.pip_matrix), "26.3"])
@pytest.mark.parametrize(
    ("knowing", "other"),
    [
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
    decide_alike(pip_of(version), bare_index, tmp_path, variables)


@pytest.mark.parametrize(
    ("version", "name", "feature", "is_trusted"),
    [
        pytest.param("23.3.2", "PIP_USE_FEATURE", "truststore", True, marks=pytest.mark.pip_matrix),
        ("26.3", "PIP_USE_DEPRECATED", "legacy-certs", False),
    ],
)
def test_a_feature_changes_whom_both_trust(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, version: str, name: str, feature: str, is_trusted: bool
) -> None:
    """An older pip takes the system in when it is told to, a newer one leaves it out."""
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    variables = {SYSTEM: str(bare_index.ca_bundle), CERT: str(stranger), REQUESTS: "", name: feature}
    assert decide_alike(pip_of(version), bare_index, tmp_path, variables) is is_trusted


@pytest.mark.parametrize(("version", "pip_trusts"), [("23.2.1", False), ("26.3", True)])
def test_without_a_bundle_the_lane_trusts_the_system(
    pip_of: PipOf, bare_index: Index, tmp_path: Path, version: str, pip_trusts: bool
) -> None:
    """So does pip since 24.2; an older one knows only the authorities that it brings along."""
    variables = {SYSTEM: str(bare_index.ca_bundle), CERT: "", REQUESTS: ""}
    assert verdicts(pip_of(version), bare_index, tmp_path, variables) == (pip_trusts, True)


def decide_alike(pip: PipEnvironment, index: Index, tmp_path: Path, variables: dict[str, str]) -> bool:
    """Tell whether pip trusts the index, and see that the lane does just then."""
    by_pip, by_lane = verdicts(pip, index, tmp_path, variables)
    assert by_lane == by_pip
    return by_pip


def verdicts(pip: PipEnvironment, index: Index, tmp_path: Path, variables: dict[str, str]) -> tuple[bool, bool]:
    """Tell whether pip and the lane trust the index: a lock names the file, so that the lane asks first."""
    wheel = make_wheel(tmp_path, "demo", "1.0")
    url, sha256 = index.add(wheel), hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "pylock.toml"
    lock.write_text(
        'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "demo"\nversion = "1.0"\n'
        f'wheels = [{{url = "{url}", hashes = {{sha256 = "{sha256}"}}}}]\n'
    )
    cache_dir = tmp_path / "cache"
    options = ("--no-deps", "--no-cache-dir", "--retries", "0", "-d", str(tmp_path / "to"))

    by_pip = pip.run("download", *options, f"demo @ {url}", cache_dir=cache_dir, index=index, env=variables)
    (row,) = Program(pip, index, cache_dir).run("prefetch", "-r", str(lock), "--json", **variables).data["artifacts"]

    assert (row["lane"], row["action"]) in {("parallel", "seeded"), ("pip", "failed")}, row
    return by_pip.returncode == 0, row["lane"] == "parallel"
