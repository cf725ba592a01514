"""One attempt on the wire: ask, and have the answer's head, or a `Failure`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.providers.auth.signer import Signer
from headgate.snapshot.facts import Timeouts
from headgate.upstream.classify import DecodeError, classify
from headgate.upstream.client_pool import ClientPool
from headgate.upstream.http1 import BodySource, HttpRequest, Origin, authority_of, parse_url
from headgate.upstream.response import UpstreamResponse

_MOST_ERROR_BYTES = 1024 * 1024


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, where, and how to read a refusal.

    `sign` proves the credential for this one request, if no header of `headers` does.
    """

    url: str
    model: str
    query: str
    headers: Sequence[tuple[str, str]]
    request_id: str
    body: bytes | BodySource
    timeouts: Timeouts
    proxy: str | None
    decode_error: DecodeError
    sign: Signer | None = None
    method: str = "POST"
    retry_client_errors: bool = False


async def open_upstream(pool: ClientPool, ask: Ask, now_s: float) -> UpstreamResponse:
    """Send the request; return once a successful head is there.

    Errors: RelayError with what the upstream's error answer means, or what the network did.
    """
    origin, target = address(ask.url, ask.model, ask.query)
    if ask.proxy is not None:
        origin = origin._replace(proxy=ask.proxy)
    headers = ask.headers
    own: tuple[tuple[str, str], ...] = (("x-request-id", ask.request_id),)
    if ask.sign is not None and isinstance(ask.body, bytes):  # chat bodies always are
        url = f"{origin.scheme}://{authority_of(origin.host, origin.port)}{target}"
        signed = ask.sign(ask.method, url, headers, ask.body, now_s)
        names = {name for name, _ in signed}  # these win over the operator's, as any credential
        headers = [header for header in headers if header[0] not in names]
        own += signed
    request = HttpRequest(ask.method, origin, target, headers, ask.body, own)
    response = await pool.send(request, ask.timeouts)
    if 200 <= response.status < 300:
        return response
    raise RelayError(await _refusal(response, ask, now_s))


@lru_cache(maxsize=4096)
def address(url: str, model: str, query: str) -> tuple[Origin, str]:
    """Fill the model into a URL and add the credential's query part.

    As `{model_id}` it is one segment of the path, whatever it holds (Bedrock's ARNs have slashes).
    """
    url = url.replace("{model}", quote(model, safe="-._~:@/"))
    url = url.replace("{model_id}", quote(model, safe=""))
    if query:
        url += ("&" if "?" in url else "?") + query
    return parse_url(url)


async def _refusal(response: UpstreamResponse, ask: Ask, now_s: float) -> Failure:
    try:
        body = await response.read_all(_MOST_ERROR_BYTES)
    except RelayError:
        body = b""  # an error page that breaks off is still that error
    if 300 <= response.status < 400:
        return Failure(
            kind=FailureKind.UPSTREAM_BAD_REPLY,
            message=f"The upstream redirects ({response.status}); redirects are not followed.",
        )
    return classify(
        response.status,
        dict(response.headers),
        body,
        ask.decode_error,
        now_s=now_s,
        retry_client_errors=ask.retry_client_errors,
    )
