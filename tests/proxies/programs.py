"""The proxies of docs/proxies.md, run with the very files that it shows.

Caddy comes from a wheel; the others are programs of Debian, taken from the path or from where
``make proxies`` has unpacked them.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.patience import PATIENCE_S
from tests.server_process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
VENV = Path(sys.prefix)
DEBIAN = VENV / "debian"
STOP_S = 10.0
NAME = "localhost"

# What a proxy on its own machine has, and one in a test must be told.
CADDY_OPTIONS = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
NGINX_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Launch:
    """How to start a proxy, and the certificate by which its own is known."""

    command: list[str]
    authority: Path
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    name: str
    port: int
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"


def caddy(folder: Path, upstream: str, port: int) -> Launch:
    config = folder / "Caddyfile"
    config.write_text(CADDY_OPTIONS + (DEPLOY / "Caddyfile").read_text())
    return Launch(
        [str(VENV / "bin" / "caddy"), "run", "--config", str(config), "--adapter", "caddyfile"],
        folder / "caddy" / "pki" / "authorities" / "local" / "root.crt",
        {
            "SITE_ADDRESS": f"{NAME}:{port}",
            "UPSTREAM": upstream,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        },
    )


def nginx(folder: Path, upstream: str, port: int) -> Launch:
    authority = certify(folder)
    text = (DEPLOY / "nginx.conf").read_text()
    folders = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in NGINX_FOLDERS)
    for shown, real in {
        "server app:3001;": f"server {upstream};",
        "listen 443 ssl": f"listen {port} ssl",
        "server_name api.example.com;": f"server_name {NAME};",
        "/etc/nginx/certificate.pem": f"{folder}/certificate.pem",
        "/etc/nginx/certificate.key": f"{folder}/certificate.key",
        "http {\n": f"http {{\n{folders}",
    }.items():
        assert text.count(shown) == 1, shown
        text = text.replace(shown, real)
    config = folder / "nginx.conf"
    config.write_text(text)
    switches = f"daemon off; pid {folder}/nginx.pid; error_log stderr warn;"
    switches += " user root;" if os.geteuid() == 0 else ""
    return Launch(
        [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config), "-g", switches],
        authority,
        libraries(),
    )


def haproxy(folder: Path, upstream: str, port: int) -> Launch:
    authority = certify(folder)
    pair = folder / "pair.pem"
    pair.write_text(
        (folder / "certificate.pem").read_text() + (folder / "certificate.key").read_text()
    )
    environ = {"BIND": f"127.0.0.1:{port}", "CERTIFICATE": str(pair), "UPSTREAM": upstream}
    return Launch(
        [program("haproxy"), "-db", "-f", str(DEPLOY / "haproxy.cfg")],
        authority,
        libraries() | environ,
    )


PROXIES: dict[str, Callable[[Path, str, int], Launch]] = {
    "caddy": caddy,
    "nginx": nginx,
    "haproxy": haproxy,
}
OF_DEBIAN = ("nginx", "haproxy")


@contextmanager
def running(name: str, folder: Path, upstream: str) -> Iterator[Proxy]:
    """Run a proxy before ``upstream`` until the end."""
    port = free_port()
    launch = PROXIES[name](folder, upstream, port)
    log = folder / "proxy.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            launch.command,
            env={"PATH": os.environ["PATH"]} | dict(launch.environ),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Proxy(name, port, wait_listening(process, launch.authority, port, log))
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_listening(
    process: subprocess.Popen[bytes], authority: Path, port: int, log: Path
) -> ssl.SSLContext:
    """Wait until a handshake works; return what trusts the proxy."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            context = ssl.create_default_context(cafile=str(authority))
            with (
                socket.create_connection(("127.0.0.1", port), timeout=1.0) as line,
                context.wrap_socket(line, server_hostname=NAME),
            ):
                return context
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError(f"{process.args} does not listen:\n{log.read_text()}")


def certify(folder: Path) -> Path:
    """Make a certificate; return that of its authority."""
    authority = trustme.CA()
    made = authority.issue_cert(NAME, "127.0.0.1")
    made.private_key_pem.write_to_path(str(folder / "certificate.key"))
    (folder / "certificate.pem").write_bytes(
        b"".join(each.bytes() for each in made.cert_chain_pems)
    )
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return folder / "authority.pem"


def program(name: str) -> str:
    """Return the path of a program of Debian."""
    places = (os.environ["PATH"], "/usr/sbin", str(DEBIAN / "usr/sbin"), str(DEBIAN / "usr/bin"))
    found = shutil.which(name, path=os.pathsep.join(places))
    assert found, f"{name} is missing: make proxies gets it from Debian's packages"
    return found


def libraries() -> dict[str, str]:
    """Return the environment in which unpacked programs find their libraries."""
    folders = sorted({str(each.parent) for each in DEBIAN.glob("usr/lib/**/*.so*")})
    return {"LD_LIBRARY_PATH": os.pathsep.join(folders)} if folders else {}
