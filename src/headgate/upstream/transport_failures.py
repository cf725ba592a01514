"""What the network did, as failures in the words that uni-api's users know.

No message holds an address, a path or a key. Source: uni-api.md 3.4 (transport), reliability.md
2.2. Until the first byte of the body has been handed over the failures are of the kinds that may
be tried elsewhere; after it they are `UPSTREAM_INTERRUPTED`.
"""

from __future__ import annotations

import ssl

from headgate.base.failure import Failure, FailureKind

_UNABLE = "Unable to connect to service"


def unreachable(code: str | None = None, detail: str = "") -> Failure:
    """Nobody answers there: refused, unresolvable, not allowed."""
    return Failure(
        kind=FailureKind.UPSTREAM_UNREACHABLE,
        message=f"{_UNABLE} ({detail})" if detail else _UNABLE,
        code=code,
    )


def tls_failed(error: OSError) -> Failure:
    """The connection is not the private one that was asked for; plain is never tried instead."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
    elif isinstance(error, ssl.SSLError) and error.reason:
        reason = error.reason.replace("_", " ").lower()
    else:
        reason = "closed during the handshake"
    return unreachable("upstream_tls_error", f"TLS: {reason}")


def proxy_failed(reason: str) -> Failure:
    """The proxy does not take us to the upstream."""
    return unreachable("upstream_proxy_error", f"proxy: {reason}")


def connect_timed_out() -> Failure:
    """No connection within `connect_s`."""
    return Failure(kind=FailureKind.UPSTREAM_TIMEOUT, message="Connection timed out")


def timed_out(bound_s: float, *, has_begun: bool) -> Failure:
    """One of the bounds passed. `has_begun`: some of the body has been handed over."""
    return Failure(
        kind=FailureKind.UPSTREAM_INTERRUPTED if has_begun else FailureKind.UPSTREAM_TIMEOUT,
        message=f"Request timed out after {bound_s:.10g} seconds",
    )


def cut(*, has_begun: bool) -> Failure:
    """The connection ended before the answer did."""
    return Failure(
        kind=FailureKind.UPSTREAM_INTERRUPTED if has_begun else FailureKind.UPSTREAM_ERROR,
        message="Connection closed unexpectedly",
    )


def bad_reply(message: str, *, has_begun: bool) -> Failure:
    """What came is not an answer that we can read."""
    return Failure(
        kind=FailureKind.UPSTREAM_INTERRUPTED if has_begun else FailureKind.UPSTREAM_BAD_REPLY,
        message=message,
    )
