"""How servers are reached: pip's settings, and what is left to pip itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wheelwarm.targets.network import LANE_JOBS, Network, credentials_for, network_of, only_pip_can, proxy_for
from wheelwarm.targets.target import Target


def target_with(**config: str) -> Target:
    """Return a target whose pip is configured so."""
    return Target(
        python=Path("python"),
        version="3.11.4",
        implementation="cpython",
        pip="26.3",
        pip_command=("pip",),
        cache_dir=Path("cache"),
        config={f"global.{name.replace('_', '-')}": value for name, value in config.items()},
    )


def network(config: dict[str, str] | None = None, **options: Any) -> Network:
    """Read the network of a target that is configured so."""
    return network_of(
        target_with(**(config or {})), **{"environ": {}, "trusted_hosts": (), "jobs": LANE_JOBS, **options}
    )


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "https://host/x", None),
        ({"HTTPS_PROXY": "http://proxy:8080"}, "https://host/x", "http://proxy:8080"),
        ({"HTTPS_PROXY": "proxy:8080"}, "https://host/x", "http://proxy:8080"),
        ({"HTTPS_PROXY": "http://proxy:8080"}, "http://host/x", None),
        ({"http_proxy": "http://proxy:8080"}, "http://host/x", "http://proxy:8080"),
        ({"ALL_PROXY": "http://proxy:8080"}, "https://host/x", "http://proxy:8080"),
        ({"ALL_PROXY": "http://other", "https_proxy": "http://proxy:8080"}, "https://host/x", "http://proxy:8080"),
        ({"HTTPS_PROXY": "http://proxy:8080", "NO_PROXY": "host"}, "https://host/x", None),
        ({"HTTPS_PROXY": "http://proxy:8080", "NO_PROXY": "other"}, "https://host/x", "http://proxy:8080"),
    ],
)
def test_the_environments_proxies_count(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: str | None
) -> None:
    """A proxy is that of the scheme, else that for all, but for the hosts of NO_PROXY, as for requests."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url, network()) == expected
    assert not only_pip_can(url, network())


@pytest.mark.parametrize("url", ["ftp://host/x", "git+https://host/x"])
def test_foreign_schemes_are_pips(url: str) -> None:
    """What is not asked for by HTTP is left to pip."""
    assert only_pip_can(url, Network())


@pytest.mark.parametrize("proxy", ["socks5://proxy", "socks5h://proxy:1080"])
def test_odd_proxies_are_pips(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A proxy that does not speak HTTP is left to pip, whether the environment or a setting names it."""
    assert only_pip_can("https://host/x", network({"proxy": proxy}))
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert only_pip_can("https://host/x", network())


def test_a_proxy_beside_the_environments_is_pips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the two wins has changed between versions of pip: then pip itself asks."""
    assert proxy_for("https://host/x", network({"proxy": "proxy:3128"})) == "http://proxy:3128"
    assert only_pip_can("https://host/x", network({"proxy": "proxy:3128"}, environ={"NO_PROXY": "host"}))
    monkeypatch.setenv("HTTPS_PROXY", "http://other")
    assert only_pip_can("https://host/x", network({"proxy": "proxy:3128"}))


def test_pips_settings_of_trust_and_patience_count() -> None:
    """Bundle, client certificate, timeout and retries are pip's."""
    configured = network(
        {"cert": "/ca.pem", "client_cert": "/me.pem", "timeout": "30", "retries": "2"}, trusted_hosts=["host"], jobs=3
    )
    assert configured == Network(
        ca_bundle="/ca.pem",
        trusts_system=True,
        client_cert="/me.pem",
        timeout=30.0,
        retries=2,
        jobs=3,
        trusted_hosts=("host",),
    )


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_bundles_of_requests_beat_pips(name: str) -> None:
    """As in pip itself, where requests lets the environment win over --cert."""
    assert network({"cert": "/ca.pem"}, environ={name: "/other.pem"}).ca_bundle == "/other.pem"


@pytest.mark.parametrize(
    ("pip", "python", "config", "expected"),
    [
        ("24.1.2", "3.12.1", {}, False),
        ("24.2", "3.12.1", {}, True),
        ("26.3", "3.10.0", {}, True),
        ("25.0", "3.9.18", {}, False),
        ("26.3", "3.12.1", {"use_deprecated": "legacy-certs"}, False),
        ("23.2", "3.11.0", {"use_feature": "fast-deps truststore"}, True),
    ],
)
def test_what_the_system_trusts_counts_where_pip_has_truststore(
    pip: str, python: str, config: dict[str, str], expected: bool
) -> None:
    """Since pip 24.2, for Python 3.10 and later, or as a feature before; what pip then does `test_trust.py` asks it."""
    target = replace(target_with(**config), pip=pip, version=python)
    assert network_of(target, environ={}, trusted_hosts=(), jobs=1).trusts_system is expected


@pytest.mark.parametrize("value", ["soon", "0", ""])
def test_a_patience_that_is_none_leaves_the_default(value: str) -> None:
    """A setting that is no number, or none at all, is as if it were not there."""
    assert network({"timeout": value, "retries": "many"}) == network()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://own:word@host/files/x.whl", ("own", "word")),
        ("https://host/files/x.whl", ("far", "p@ss")),
        ("https://host/near/files/x.whl", ("near", "")),
        ("https://host:8443/near/x.whl", None),
        ("https://elsewhere/x.whl", None),
    ],
)
def test_credentials_are_those_of_the_nearest_index(url: str, expected: tuple[str, str] | None) -> None:
    """A file's own count first, then those of the index on its host that shares most of its path; no other host's."""
    indexes = ("https://open/simple/", "https://far:p%40ss@host/simple/", "https://near@host/near/simple/")
    assert credentials_for(url, Network(index_urls=indexes)) == expected


def test_netrc_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no URL has credentials, $NETRC or ~/.netrc may, as for pip."""
    listed = tmp_path / "credentials"
    listed.write_text("machine host login me password word\n")
    monkeypatch.setenv("NETRC", str(listed))
    assert credentials_for("https://host/x", Network()) == ("me", "word")
    assert credentials_for("https://other/x", Network()) is None
    assert credentials_for("https://host/x", Network(index_urls=("https://u:p@host/simple/",))) == ("u", "p")


def test_a_netrc_that_cannot_be_read_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken file is passed over, as by pip."""
    listed = tmp_path / "broken"
    listed.write_text("machine host nonsense\n")
    monkeypatch.setenv("NETRC", str(listed))
    assert credentials_for("https://host/x", Network()) is None


def test_nothing_secret_is_shown() -> None:
    """What may hold credentials is left out where a network is printed."""
    secret = Network(proxy="http://u:secret@proxy", index_urls=("https://u:secret@host/",))
    assert "secret" not in repr(secret)
