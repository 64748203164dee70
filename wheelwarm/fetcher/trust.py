"""Whom to trust, and as whom to appear: the TLS settings of the target's pip."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from wheelwarm.errors import FetchError

if TYPE_CHECKING:
    from wheelwarm.targets.network import Network


class Trust:
    """The contexts of one run: one for servers whose certificate is verified, one for those of `--trusted-host`.

    Raises FetchError for a bundle or a client certificate that cannot be used.
    """

    def __init__(self, network: Network) -> None:
        self.verifying = ssl_context(network.ca_bundle)
        self.trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.trusting.check_hostname = False
        self.trusting.verify_mode = ssl.CERT_NONE
        for context in (self.verifying, self.trusting):
            context.set_alpn_protocols(["http/1.1"])
            if network.client_cert:
                load_client_certificate(context, network.client_cert)


def ssl_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust the given bundle (a file or a folder) alone, as pip's `--cert`, else what the system trusts.

    Raises FetchError for a bundle that cannot be read.
    """
    if ca_bundle is None:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if Path(ca_bundle).is_dir():
            return ssl.create_default_context(capath=ca_bundle)
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as exc:
        raise FetchError(
            f"The certificate bundle {ca_bundle} cannot be read: {exc.strerror or exc}.",
            hint="Name an existing PEM file by --cert, PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
        ) from exc


def load_client_certificate(context: ssl.SSLContext, path: str) -> None:
    """Show this certificate to servers that ask for one; FetchError where the file has no usable pair."""
    try:
        # A password would have to be typed, and there may be nobody: an empty one fails at once.
        context.load_cert_chain(path, password="")
    except (OSError, ValueError) as exc:
        raise FetchError(
            f"The client certificate {path} cannot be used: {getattr(exc, 'strerror', None) or exc}.",
            hint="Name by --client-cert a PEM file with the certificate and its private key, without a password.",
        ) from exc
