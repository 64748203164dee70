"""How the target's pip would reach servers: whom it trusts, how patient it is, and what is left to pip itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wheelwarm.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How to reach servers, as the target's pip would: trust, patience, and what only pip can do.

    `timeout` is in seconds; `trusted_hosts` are `host` or `host:port`.
    """

    ca_bundle: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    timeout: float = 15.0
    retries: int = 5
    jobs: int = 8
    only_pip: bool = False


def network_of(target: Target, *, environ: Mapping[str, str], trusted_hosts: Sequence[str], jobs: int) -> Network:
    """Read pip's settings of trust and patience.

    requests lets REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE beat pip's `--cert` (measured with pip 22.2 to 26.3).
    """
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or target.setting("cert")
    return Network(
        ca_bundle=bundle or None,
        trusted_hosts=tuple(trusted_hosts),
        # pip, too, takes 0 for no setting.
        timeout=number(target.setting("timeout") or target.setting("default-timeout"), 15.0) or 15.0,
        retries=int(number(target.setting("retries"), 5)),
        jobs=jobs,
        only_pip=bool(target.setting("client-cert") or target.setting("proxy")),
    )


def number(text: str | None, default: float) -> float:
    """Return a setting's number, or the default where it is none."""
    try:
        return float(text) if text else default
    except ValueError:
        return default


def only_pip_can(url: str, network: Network) -> bool:
    """Whether a URL needs what the parallel lane lacks: a proxy, a client certificate, another scheme."""
    parts = urlsplit(url)
    if network.only_pip or parts.scheme not in ("http", "https"):
        return True
    proxies = getproxies()
    proxied = bool(proxies.get(parts.scheme) or proxies.get("all"))
    return proxied and not proxy_bypass(parts.hostname or "")
