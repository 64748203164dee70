"""How servers are reached: pip's settings, and what is left to pip itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from wheelwarm.network import Network, network_of, only_pip_can
from wheelwarm.target import Target


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "https://host/x", False),
        ({"HTTPS_PROXY": "http://proxy:8080"}, "https://host/x", True),
        ({"HTTPS_PROXY": "http://proxy:8080"}, "http://host/x", False),
        ({"http_proxy": "http://proxy:8080"}, "http://host/x", True),
        ({"ALL_PROXY": "socks5://proxy"}, "https://host/x", True),
        ({"HTTPS_PROXY": "http://proxy:8080", "NO_PROXY": "host"}, "https://host/x", False),
        ({"HTTPS_PROXY": "http://proxy:8080", "NO_PROXY": "other"}, "https://host/x", True),
        ({}, "ftp://host/x", True),
        ({}, "git+https://host/x", True),
    ],
)
def test_proxies_and_foreign_schemes_are_pips(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: bool
) -> None:
    """What a proxy in the environment would carry goes through pip, which knows proxies well."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert only_pip_can(url, Network()) is expected


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


def test_pips_settings_of_trust_and_patience_count() -> None:
    """Bundle, timeout and retries are pip's; a client certificate or a proxy makes everything pip's."""
    configured = network_of(
        target_with(cert="/ca.pem", timeout="30", retries="2"), environ={}, trusted_hosts=["host"], jobs=3
    )
    assert configured == Network(ca_bundle="/ca.pem", timeout=30.0, retries=2, jobs=3, trusted_hosts=("host",))
    for name in ("client_cert", "proxy"):
        assert only_pip_can(
            "https://host/x", network_of(target_with(**{name: "x"}), environ={}, trusted_hosts=(), jobs=1)
        )


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_bundles_of_requests_beat_pips(name: str) -> None:
    """As in pip itself, where requests lets the environment win over --cert."""
    net = network_of(target_with(cert="/ca.pem"), environ={name: "/other.pem"}, trusted_hosts=(), jobs=1)
    assert net.ca_bundle == "/other.pem"


@pytest.mark.parametrize("value", ["soon", "0", ""])
def test_a_patience_that_is_none_leaves_the_default(value: str) -> None:
    """A setting that is no number, or none at all, is as if it were not there."""
    net = network_of(target_with(timeout=value, retries="many"), environ={}, trusted_hosts=(), jobs=8)
    assert net == Network()
