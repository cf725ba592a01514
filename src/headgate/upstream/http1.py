"""What is asked of an upstream, and how HTTP/1.1 writes it down: URLs, origins, request heads.

Source: RFC 9110 5.5 (field values), RFC 9112 3 (request line), RFC 3986 (URLs);
reliability.md S-41 (one strict parser) and S-58 (header values).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple, Protocol
from urllib.parse import quote, unquote

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.upstream.transport_failures import unreachable

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_URL = re.compile(r"(?P<scheme>[a-z0-9+.-]+)://(?P<authority>[^/?#]*)(?P<target>[^#]*)", re.I)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_-]{1,63})*\.?")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))

_MOST_KEPT = 4096
_LONGEST_KEPT_BYTES = 2048

_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(rb"[^\x00\r\n]*")
# Written by us, or meaning this one hop only (RFC 9110 7.6.1).
_OURS = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_ACCEPT_ENCODING = b"\r\naccept-encoding:"
_NO_COMPRESSION = b"accept-encoding: identity\r\n"

Text = str | bytes
Headers = Sequence[tuple[Text, Text]]
_BLOCKS: dict[Headers, bytes] = {}


class Origin(NamedTuple):
    """Whom to connect to, and through which proxy: what decides if a connection can be shared."""

    scheme: str
    host: str
    port: int
    proxy: str | None = None


class ProxyAddress(NamedTuple):
    """A proxy URL, taken apart. `socks5h` resolves names at the proxy, `socks5` here."""

    scheme: str
    host: str
    port: int
    user: str
    password: str


class BodySource(Protocol):
    """A body that lies somewhere else than in memory, and can be sent any number of times."""

    def __len__(self) -> int:
        """How many bytes it has."""

    def pieces(self) -> Iterator[bytes]:
        """Give it from the start, in pieces of a size that a socket takes at once.

        Errors: RelayError when it cannot be read back.
        """


class HttpRequest(NamedTuple):
    """One request, whole: a body is never made while it is being sent.

    `headers` as a tuple are written once and kept for the next request with the same ones; `own`
    are this request's alone.
    """

    method: str
    origin: Origin
    target: str
    headers: Headers
    body: bytes | BodySource
    own: Headers = ()


@lru_cache(maxsize=4096)
def parse_url(url: str) -> tuple[Origin, str]:
    """Take an http(s) URL apart; only the parsed form is ever used.

    Shape: the target is path and query, never empty; a fragment is dropped.
    Errors: RelayError naming the fault, without the URL (its query may hold a key).
    """
    scheme, authority, target = _split(url, "URL")
    if scheme not in _DEFAULT_PORTS:
        raise RelayError(_unreadable("the URL is neither http nor https"))
    if "@" in authority:
        raise RelayError(_unreadable("the URL holds a user name"))
    host, port = _host_and_port(authority, _DEFAULT_PORTS[scheme])
    target = quote(target, safe=_PRINTABLE)  # non-ASCII only; what is encoded stays as it is
    return Origin(scheme, host, port), target if target.startswith("/") else "/" + target


@lru_cache(maxsize=256)
def parse_proxy(url: str) -> ProxyAddress:
    """Take a proxy's URL apart.

    Errors: RelayError naming the fault, without the URL (it may hold a password).
    """
    scheme, authority, _ = _split(url, "proxy URL")
    if scheme not in _PROXY_PORTS:
        raise RelayError(_unreadable("the proxy URL is none of http, https, socks5, socks5h"))
    credentials, _, authority = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    host, port = _host_and_port(authority, _PROXY_PORTS[scheme])
    return ProxyAddress(scheme, host, port, unquote(user), unquote(password))


def _split(url: str, name: str) -> tuple[str, str, str]:
    if _FORBIDDEN.search(url):
        raise RelayError(
            _unreadable(f"the {name} holds a blank, a control character or a backslash")
        )
    parts = _URL.match(url)
    if parts is None:
        raise RelayError(_unreadable(f"the {name} has no scheme and host"))
    return parts["scheme"].lower(), parts["authority"], parts["target"]


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise RelayError(_unreadable("the URL's host and port cannot be read"))
    port = int(parts["port"] or default_port)
    if not 0 < port < 65536:
        raise RelayError(_unreadable("the URL's port is out of range"))
    return _host(parts["host"]), port


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except AddressValueError:
            raise RelayError(_unreadable("the URL's host is not an IPv6 address")) from None
        if address.scope_id is not None:
            raise RelayError(
                _unreadable("the URL's host has a zone, which means something on one machine only")
            )
        return str(address)
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            raise RelayError(_unreadable("the URL's host is not a name")) from None
    host = text.lower()
    if not _HOST.fullmatch(host):
        raise RelayError(_unreadable("the URL's host is not a name"))
    return host


def authority_of(host: str, port: int, default_port: int | None = None) -> str:
    """Write host and port as URLs and Host headers do."""
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"


def basic_credentials(proxy: ProxyAddress) -> str:
    """Write user and password as the Proxy-Authorization header wants them (RFC 7617)."""
    return "Basic " + b64encode(f"{proxy.user}:{proxy.password}".encode()).decode("ascii")


def encode_head(request: HttpRequest) -> bytes:
    """Write everything up to the body.

    Host and Content-Length are ours, and so is what concerns the connection; unless the headers
    say otherwise the answer is asked for uncompressed.

    Errors: RelayError if a header or the target holds what HTTP does not allow; it names the
    header, not its value.
    """
    method, origin, target, headers, body, own = request
    block = _kept_block(headers) if isinstance(headers, tuple) else _block(headers)
    head = _start(method, origin, target) + block
    for name, value in own:
        head += _line(name, value)
    if _ACCEPT_ENCODING not in head:
        head += _NO_COMPRESSION
    if not body and method in ("GET", "HEAD"):
        return head + b"\r\n"
    return b"%bcontent-length: %d\r\n\r\n" % (head, len(body))


@lru_cache(maxsize=4096)
def _start(method: str, origin: Origin, target: str) -> bytes:
    """Write the request line and the Host header, and what a plain HTTP proxy needs to know."""
    if not target.isascii() or _FORBIDDEN.search(target) or not method.isalpha():
        raise RelayError(_not_allowed("The request's address"))
    host = authority_of(origin.host, origin.port, _DEFAULT_PORTS[origin.scheme])
    extra = ""
    if origin.proxy is not None and origin.scheme == "http":
        proxy = parse_proxy(origin.proxy)
        if proxy.scheme in ("http", "https"):  # no tunnel: the proxy is asked itself
            target = f"http://{host}{target}"
            if proxy.user:
                extra = f"proxy-authorization: {basic_credentials(proxy)}\r\n"
    return f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n{extra}".encode("ascii")


def _block(headers: Headers) -> bytes:
    return b"".join([_line(name, value) for name, value in headers])


def _kept_block(headers: Headers) -> bytes:
    """Write headers, or remember them.

    Callers' own, which may be large and never twice the same, are not worth the room.
    """
    block = _BLOCKS.get(headers)
    if block is None:
        block = _block(headers)
        if len(block) <= _LONGEST_KEPT_BYTES:
            if len(_BLOCKS) >= _MOST_KEPT:
                _BLOCKS.clear()
            _BLOCKS[headers] = block
    return block


def _line(name: Text, value: Text) -> bytes:
    """Write one header."""
    try:
        raw_name = name.encode("ascii").lower() if isinstance(name, str) else name.lower()
        raw_value = value.encode("latin-1") if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise RelayError(_not_allowed(f"The header {_shown(name)}")) from None
    if not _HEADER_NAME.fullmatch(raw_name) or not _HEADER_VALUE.fullmatch(raw_value):
        raise RelayError(_not_allowed(f"The header {_shown(name)}"))
    return b"" if raw_name in _OURS else b"%b: %b\r\n" % (raw_name, raw_value)


def _shown(name: Text) -> str:
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return ascii(text[:64])


def _unreadable(fault: str) -> Failure:
    return unreachable("invalid_url", fault)


def _not_allowed(what: str) -> Failure:
    return Failure(
        kind=FailureKind.UPSTREAM_REJECTED,
        message=f"{what} for the upstream holds characters that HTTP does not allow.",
        code="invalid_header",
    )
