"""AWS Signature Version 4, as Amazon Bedrock wants it.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html;
`providers.md` 3.1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

import msgspec

from headgate.providers.auth.signer import Signed

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BLANKS = re.compile(r"\s+")
_UNRESERVED = "-_.~"


class AwsSigner(msgspec.Struct, frozen=True, kw_only=True):
    """An access key of AWS for one region and service. See `Signer`."""

    access_key: str
    secret_key: str
    region: str
    service: str
    session_token: str = ""

    def __call__(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        now_s: float,
    ) -> Signed:
        """Give `authorization`, `x-amz-date` and, with temporary keys, `x-amz-security-token`.

        Signed are the host, the content type and AWS's own headers: a proxy on the way may change
        any other.
        """
        date = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        added = {"x-amz-date": date}
        if self.session_token:
            added["x-amz-security-token"] = self.session_token
        signed = {
            name: value
            for name, value in headers
            if name == "content-type" or name.startswith("x-amz-")
        }
        signed = signed | added | {"host": _host(url)}
        return (*added.items(), ("authorization", self._authorization(method, url, signed, body)))

    def _authorization(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> str:
        date = headers["x-amz-date"]
        scope = f"{date[:8]}/{self.region}/{self.service}/aws4_request"
        canonical = canonical_request(method, url, headers, body)
        to_sign = f"{_ALGORITHM}\n{date}\n{scope}\n{_digest(canonical.encode())}"
        key = signing_key(self.secret_key, date[:8], self.region, self.service)
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        names = ";".join(sorted(headers))
        return (
            f"{_ALGORITHM} Credential={self.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )


def canonical_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Write a request as both sides do before they sign it; `headers` are those to be signed."""
    parts = urlsplit(url)
    lines = [
        method,
        _path(parts.path),
        _query(parts.query),
        *(f"{name}:{_BLANKS.sub(' ', headers[name].strip())}" for name in sorted(headers)),
        "",
        ";".join(sorted(headers)),
        _digest(body),
    ]
    return "\n".join(lines)


@lru_cache(maxsize=256)
def signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """Derive the key of a day ("20150830"), a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def _path(path: str) -> str:
    """Write the path as it is sent, every segment encoded once more, without dots and empty ones.

    Only S3 does not encode twice: `%3A` of a model's id becomes `%253A`, a bare `:` becomes `%3A`.
    """
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(quote(segment, safe=_UNRESERVED))
    ends_open = bool(kept) and path.endswith(("/", "/.", "/.."))
    return "/" + "/".join(kept) + ("/" if ends_open else "")


def _query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=_UNRESERVED)


def _host(url: str) -> str:
    """Write the `host` header as the client does: the port only where it is not the scheme's."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)):
        return host
    return f"{host}:{parts.port}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
