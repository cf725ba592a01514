"""Check AWS's Signature Version 4 as Bedrock does, against keys that everybody knows.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from msgspec import Struct

from headgate.lab.wires.question import Fault

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "bedrock"
SECRETS: Mapping[str, str] = {"AKIALAB": "lab-secret"}
SKEW_MAX_S = 300
DATE = "%Y%m%dT%H%M%SZ"
UNRESERVED = "-_.~"
AUTHORIZATION = re.compile(
    ALGORITHM + r" +Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, *SignedHeaders=(?P<signed>[^,]+), *Signature=(?P<signature>[0-9a-f]{64})"
)

MISSING = Fault(403, "Missing Authentication Token", "MissingAuthenticationTokenException")
INCOMPLETE = Fault(
    403,
    "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
    "IncompleteSignatureException",
)
UNKNOWN_KEY = Fault(
    403, "The security token included in the request is invalid.", "UnrecognizedClientException"
)
WRONG = Fault(
    403,
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method. Consult the service documentation for details.",
    "InvalidSignatureException",
)
EXPIRED = Fault(
    403, "Signature expired: the date of the request is not now.", "InvalidSignatureException"
)
SCOPE = Fault(
    403,
    f"Credential should be scoped to correct service: '{SERVICE}'.",
    "InvalidSignatureException",
)


class Signed(Struct, frozen=True):
    """What a signature covers. `target` is the path with its query, as it was sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def refusal(request: Signed, now_s: float) -> Fault | None:
    """Why a request is not let in; None if it is. Any bearer token is good."""
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return None
    if scheme != ALGORITHM:
        return MISSING
    parts = AUTHORIZATION.fullmatch(authorization)
    date = request.headers.get("x-amz-date", "")
    if parts is None or not _signs_enough(parts["signed"]):
        return INCOMPLETE
    if parts["service"] != SERVICE:
        return SCOPE
    if parts["key"] not in SECRETS:
        return UNKNOWN_KEY
    if date[:8] != parts["date"] or abs(_seconds(date) - now_s) > SKEW_MAX_S:
        return EXPIRED
    right = any(
        hmac.compare_digest(_signature(request, parts, date, path), parts["signature"])
        for path in _canonical_paths(request.target)
    )
    return None if right else WRONG


def _signs_enough(signed: str) -> bool:
    return {"host", "x-amz-date"} <= set(signed.split(";"))


def _seconds(date: str) -> float:
    """The moment of a date; long ago if it is none."""
    try:
        return datetime.strptime(date, DATE).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0


def _canonical_paths(target: str) -> tuple[str, ...]:
    """The path with every segment encoded once more, as AWS has it; or as it was sent.

    Some clients sign what they send, and Bedrock takes that too.
    """
    path = target.partition("?")[0]
    return quote(path, safe="/" + UNRESERVED), path


def _signature(request: Signed, parts: re.Match[str], date: str, path: str) -> str:
    query = "&".join(
        f"{quote(name, safe=UNRESERVED)}={quote(value, safe=UNRESERVED)}"
        for name, value in sorted(
            parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
        )
    )
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n"
        for name in parts["signed"].split(";")
    )
    canonical = "\n".join(
        (request.method, path, query, headers, parts["signed"], _hash(request.body))
    )
    scope = f"{parts['date']}/{parts['region']}/{SERVICE}/aws4_request"
    to_sign = "\n".join((ALGORITHM, date, scope, _hash(canonical.encode())))
    key = ("AWS4" + SECRETS[parts["key"]]).encode()
    for piece in scope.split("/"):
        key = hmac.digest(key, piece.encode(), hashlib.sha256)
    return hmac.digest(key, to_sign.encode(), hashlib.sha256).hex()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
