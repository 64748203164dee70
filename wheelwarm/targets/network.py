"""How the target's pip would reach servers: whom it trusts, as whom and through whom it asks, how patient it is.

What the parallel lane cannot do the way pip does is left to pip.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import cache
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from wheelwarm.local_files import expanded

if TYPE_CHECKING:
    import netrc
    from collections.abc import Mapping, Sequence

    from wheelwarm.targets.target import Target

LANE_JOBS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How to reach servers, as the target's pip would: trust, identity, patience, and what only pip can do.

    `timeout` is in seconds; `trusted_hosts` are `host` or `host:port`; `proxy` goes for every host, else
    `proxies` do, by scheme, but for the hosts of NO_PROXY; `index_urls` may hold credentials, and are never shown. A
    `ca_bundle` counts alone, or beside what the system trusts too (`trusts_system`).
    """

    ca_bundle: str | None = None
    trusts_system: bool = False
    client_cert: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    timeout: float = 15.0
    retries: int = 5
    jobs: int = LANE_JOBS
    proxy: str = field(default="", repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    index_urls: tuple[str, ...] = field(default=(), repr=False)
    only_pip: bool = False


def network_of(
    target: Target,
    *,
    environ: Mapping[str, str],
    trusted_hosts: Sequence[str],
    jobs: int,
    index_urls: Sequence[str] = (),
) -> Network:
    """Read pip's settings of trust and patience.

    requests lets REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE beat pip's `--cert` (measured with pip 22.2 to 26.3).
    """
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or target.setting("cert")
    proxy, proxies = target.setting("proxy") or "", system_proxies()
    return Network(
        ca_bundle=bundle or None,
        trusts_system=_trusts_system(target),
        client_cert=target.setting("client-cert") or None,
        trusted_hosts=tuple(trusted_hosts),
        # pip, too, takes 0 for no setting.
        timeout=number(target.setting("timeout") or target.setting("default-timeout"), 15.0) or 15.0,
        retries=int(number(target.setting("retries"), 5)),
        jobs=jobs,
        proxy=proxy,
        proxies=proxies,
        index_urls=tuple(index_urls),
        # Which of the two wins has changed between pips (26.3 ignores the environment, NO_PROXY and bundles too).
        only_pip=bool(proxy and (proxies or environ.get("NO_PROXY") or environ.get("no_proxy"))),
    )


def _trusts_system(target: Target) -> bool:
    """Tell whether the target's pip verifies by truststore, to which a bundle only adds (measured, 22.3 to 26.3)."""
    if "truststore" in (target.setting("use-feature") or ""):
        return True
    is_legacy = "legacy-certs" in (target.setting("use-deprecated") or "")
    python = tuple(int(part) for part in target.version.split(".")[:2])
    return target.traits.trusts_system and python >= (3, 10) and not is_legacy


def system_proxies() -> Mapping[str, str]:
    """Return the proxies by scheme that the environment, or the settings of Windows and macOS, name."""
    has_settings = os.name == "nt" or sys.platform == "darwin"
    if not has_settings and not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    from urllib.request import getproxies  # which loads http.client and email, only to read the environment

    return getproxies()


def number(text: str | None, default: float) -> float:
    """Return a setting's number, or the default where it is none."""
    try:
        return float(text) if text else default
    except ValueError:
        return default


def only_pip_can(url: str, network: Network) -> bool:
    """Whether a URL needs what the parallel lane lacks: another scheme than http and https, a SOCKS proxy."""
    if network.only_pip or urlsplit(url).scheme not in ("http", "https"):
        return True
    proxy = proxy_for(url, network)
    return proxy is not None and urlsplit(proxy).scheme not in ("http", "https")


def proxy_for(url: str, network: Network) -> str | None:
    """Return the proxy that pip would take for a URL: `--proxy`, else the environment's in the order of requests."""
    if network.proxy:
        return with_scheme(network.proxy)
    parts = urlsplit(url)
    found = next((network.proxies[name] for name in (parts.scheme, "all") if network.proxies.get(name)), None)
    if not found:
        return None
    from urllib.request import proxy_bypass

    return None if proxy_bypass(parts.hostname or "") else with_scheme(found)


def with_scheme(proxy: str) -> str:
    """Write a proxy as a URL: `host:port` means http, as for requests."""
    return proxy if "://" in proxy else f"http://{proxy}"


def credentials_for(url: str, network: Network) -> tuple[str, str] | None:
    """Return user name and password that pip would send at once: the URL's own, an index URL's, or those of netrc.

    Of several index URLs on the same host that with the longest common path counts (pip since 23.1).
    """
    parts = urlsplit(url)
    if found := user_and_password(parts.netloc):
        return found
    host = parts.netloc.rpartition("@")[2]
    indexes = [index for index in map(urlsplit, network.index_urls) if index.netloc.rpartition("@")[2] == host]
    if indexes:
        nearest = max(indexes, key=lambda index: len(commonpath([parts.path or "/", index.path or "/"])))
        if found := user_and_password(nearest.netloc):
            return found
    return netrc_credentials(parts.hostname or "")


def user_and_password(netloc: str) -> tuple[str, str] | None:
    """Return what stands before the @; a user name alone, as registries take tokens, has an empty password."""
    user, colon, password = netloc.rpartition("@")[0].partition(":")
    return (unquote(user), unquote(password)) if user or colon else None


def netrc_credentials(host: str) -> tuple[str, str] | None:
    """Return what $NETRC, ~/.netrc or ~/_netrc say of a host; a file that cannot be read says nothing, as for pip."""
    found = first_netrc(os.environ.get("NETRC"), os.environ.get("HOME"), os.environ.get("USERPROFILE"))
    entry = found.authenticators(host) if found else None
    return (entry[0] or entry[1] or "", entry[2] or "") if entry else None


@cache
def first_netrc(named: str | None, *_homes: str | None) -> netrc.netrc | None:
    """Read the first file of credentials that there is, once for what `~` is made of."""
    for path in (named and str(expanded(named)), str(expanded("~/.netrc")), str(expanded("~/_netrc"))):
        if path and Path(path).exists() and (found := netrc_file(path)):
            return found
    return None


def netrc_file(path: str) -> netrc.netrc | None:
    """Read one file of credentials; None where there is none that can be read."""
    import netrc

    try:
        return netrc.netrc(path)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
