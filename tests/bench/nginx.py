"""A wheel set served over TLS as a distant index would: each response late, each connection of limited speed.

nginx with its echo module, both from Debian's packages; its headers are those of pypi.org and files.pythonhosted.org.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW_TO_GET = "apt-get install nginx-light libnginx-mod-http-echo"
MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"), Path("/usr/share/nginx/modules"))
LATENCY_SECONDS = 0.03
BYTES_PER_SECOND = 20_000_000
_ECHO = "ngx_http_echo_module.so"

# `sendfile_max_chunk` keeps the speed even: nginx rests after each piece for as long as that piece should have taken.
# The time to start is taken before a location is found, so a page or file below /held/ is late just once.
_CONFIGURATION = """
load_module {module};
daemon off;
{user}
worker_processes 2;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/octet-stream;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  keepalive_requests 100000;
  keepalive_timeout 60s;
  tcp_nodelay on;
  open_file_cache max=2000 inactive=600s;
  open_file_cache_valid 600s;
  ssl_certificate {home}/server.pem;
  ssl_certificate_key {home}/server.key;
  ssl_session_cache shared:tls:1m;
  ssl_buffer_size 16k;
  gzip_types application/vnd.pypi.simple.v1+json;
  gzip_vary off;
  gzip_min_length 200;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name localhost;
    location ~ ^/simple/([^/]+)/$ {{
      echo_sleep {latency};
      echo_exec /held/simple/$1.json;
    }}
    location ~ ^/files/([^/]+)$ {{
      echo_sleep {latency};
      echo_exec /held/files/$1;
    }}
    location /held/simple/ {{
      internal;
      alias {content}/simple/;
      gzip on;
      default_type application/vnd.pypi.simple.v1+json;
      types {{ }}
      add_header Cache-Control "max-age=600, public";
      add_header Vary "Accept, Accept-Encoding";
    }}
    location /held/files/ {{
      internal;
      alias {content}/files/;
      limit_rate {rate};
      sendfile_max_chunk 256k;
      output_buffers 2 128k;
      add_header Cache-Control "max-age=365000000, immutable, public";
    }}
    location /large/ {{
      alias {content}/large/;
      output_buffers 2 512k;
      add_header Cache-Control "max-age=365000000, immutable, public";
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running index: where its pages and files are, whom to trust for it, and what serves it."""

    simple_url: str
    files_url: str
    large_url: str
    ca_bundle: Path
    server: str


def missing() -> str | None:
    """Say what is not installed here, None where all is."""
    if shutil.which("nginx", path=_path()) is None:
        return "nginx"
    return None if _echo_module() else "nginx's echo module"


@contextmanager
def serve(content: Path, *, latency: float = LATENCY_SECONDS, rate: int = BYTES_PER_SECOND) -> Iterator[Served]:
    """Serve the folder of a wheel set until the block ends; `latency` in seconds, `rate` in bytes a second."""
    nginx = shutil.which("nginx", path=_path()) or "nginx"
    with tempfile.TemporaryDirectory(prefix="wheelwarm-nginx-") as folder:
        home, port = Path(folder), _free_port()
        _issue_certificate(home)
        configuration = home / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                module=_echo_module(),
                user=_user(),
                home=home,
                port=port,
                content=content,
                latency=latency,
                rate=rate,
            )
        )
        command = [nginx, "-p", folder, "-c", str(configuration), "-e", str(home / "error.log")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            _wait_for(port, process, home / "error.log")
            base = f"https://localhost:{port}"
            yield Served(
                simple_url=f"{base}/simple/",
                files_url=f"{base}/files/",
                large_url=f"{base}/large/",
                ca_bundle=home / "ca.pem",
                server=_version(nginx),
            )
        finally:
            process.terminate()
            process.wait()


def _issue_certificate(home: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    issued.private_key_pem.write_to_path(str(home / "server.key"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(home / "server.pem"), append=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    process.kill()
    raise RuntimeError(f"nginx does not start: {log.read_text() if log.exists() else 'it said nothing'}")


def _echo_module() -> Path | None:
    return next((folder / _ECHO for folder in MODULES if (folder / _ECHO).exists()), None)


def _path() -> str:
    """Return where programs are, those for administrators too: a user's PATH often lacks them."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _user() -> str:
    """Let root's nginx read what root's bench wrote; for others the directive means nothing."""
    return "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _version(nginx: str) -> str:
    said = subprocess.run([nginx, "-v"], check=True, capture_output=True, text=True).stderr
    return said.strip().rpartition("nginx/")[2].split()[0]
