"""Options that say how servers are reached: flags, names and meanings are pip's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, TypeAlias

import typer

Environ: TypeAlias = Callable[[], dict[str, str]]

NETWORK = "How servers are reached"

Proxy = Annotated[
    str | None,
    typer.Option("--proxy", metavar="URL", help="The proxy for every request.", rich_help_panel=NETWORK),
]
Cert = Annotated[
    str | None,
    typer.Option(
        "--cert",
        metavar="PATH",
        help="Trust these certificate authorities (with pip before 24.2, no others).",
        rich_help_panel=NETWORK,
    ),
]
ClientCert = Annotated[
    str | None,
    typer.Option("--client-cert", metavar="PATH", help="A certificate and its key in one.", rich_help_panel=NETWORK),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0, metavar="SECONDS", help="How long to wait for a server (15).", rich_help_panel=NETWORK
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries", min=0, metavar="N", help="How often to try again what may pass (5).", rich_help_panel=NETWORK
    ),
]


def environment(
    proxy: Proxy = None,
    cert: Cert = None,
    client_cert: ClientCert = None,
    timeout: Timeout = None,
    retries: Retries = None,
) -> dict[str, str]:
    """Return the environment with these options as pip's variables: so they reach every pip, and no command line.

    They beat pip.conf; pip's own rule for `--cert`, that REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE beat it, stands.
    """
    texts = {"PROXY": proxy, "CERT": cert, "CLIENT_CERT": client_cert}
    numbers = {"TIMEOUT": timeout, "RETRIES": retries}
    given = {**texts, **{name: f"{value:g}" for name, value in numbers.items() if value is not None}}
    # pip takes either name, and which of the two it would heed is nobody's to guess.
    forgotten = {"PIP_DEFAULT_TIMEOUT"} if timeout is not None else set()
    kept = {name: value for name, value in os.environ.items() if name not in forgotten}
    return kept | {f"PIP_{name}": value for name, value in given.items() if value is not None}
