"""Whom to trust, and as whom to appear: the TLS settings of the target's pip."""

from __future__ import annotations

import ssl
import sys
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
        self._network = network
        self._may_widen = network.trusts_system and network.ca_bundle is not None
        self.verifying = self._as_client(ssl_context(network.ca_bundle))
        self.trusting = self._as_client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self.trusting.check_hostname = False
        self.trusting.verify_mode = ssl.CERT_NONE

    def widen(self) -> bool:
        """Verify by what the system trusts too, where pip does; False where nothing changes by that.

        Only when the bundle does not do: to read all that a system trusts takes 20 ms.
        """
        if not self._may_widen:
            return False
        self._may_widen = False
        self.verifying = self._as_client(system_context(self._network.ca_bundle))
        return True

    def _as_client(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.set_alpn_protocols(["http/1.1"])
        if self._network.client_cert:
            load_client_certificate(context, self._network.client_cert)
        return context


def ssl_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust the given bundle (a file or a folder) alone, as pip's `--cert`, else what the system trusts.

    Raises FetchError for a bundle that cannot be read.
    """
    if ca_bundle is None:
        return system_context()
    try:
        cafile, capath = _file_or_folder(ca_bundle)
        return ssl.create_default_context(cafile=cafile, capath=capath)
    except OSError as exc:
        raise FetchError(
            f"The certificate bundle {ca_bundle} cannot be read: {exc.strerror or exc}.",
            hint="Name an existing PEM file by --cert, PIP_CERT, REQUESTS_CA_BUNDLE or pip.conf.",
        ) from exc


def system_context(beside: str | None = None) -> ssl.SSLContext:
    """Trust what the system does, and the authorities of a bundle beside it."""
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if beside:
        context.load_verify_locations(*_file_or_folder(beside))
    if sys.platform in ("win32", "darwin"):
        return context
    # Elsewhere truststore reads all of the system's authorities for each connection, which takes 20 ms: what has them
    # from a first one, made of nothing, needs them no more.
    return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost").context


def _file_or_folder(ca_bundle: str) -> tuple[str | None, str | None]:
    return (None, ca_bundle) if Path(ca_bundle).is_dir() else (ca_bundle, None)


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
