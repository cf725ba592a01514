"""Keys of AWS as operators write them, and the region that a host belongs to.

Source: `providers.md` 3.1 and 3.11; docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+){1,3}-\d{1,2}")


class AwsKey(msgspec.Struct, frozen=True, kw_only=True):
    """Either an access key, which signs, or an API key of Bedrock, which is sent as a bearer."""

    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    api_key: str = ""
    region: str = ""


def read_key(text: str) -> AwsKey | None:
    """Read one key; None if its parts make no sense.

    Shape: an API key alone, or parts between bars, with the region first or last as other gateways
    have it: `region|access key|secret key`, `access key|secret key|region`, either with a session
    token behind the secret key, `region|API key`, `API key|region`; without a region
    `access key|secret key`.
    """
    parts = text.split("|")
    region = ""
    if len(parts) > 1 and _REGION.fullmatch(parts[0]):
        region = parts.pop(0)
    elif len(parts) > 1 and _REGION.fullmatch(parts[-1]):
        region = parts.pop()
    if not all(parts):
        return None
    match parts:
        case [api_key]:
            return AwsKey(api_key=api_key, region=region)
        case [access_key, secret_key]:
            return AwsKey(access_key=access_key, secret_key=secret_key, region=region)
        case [access_key, secret_key, token]:
            return AwsKey(
                access_key=access_key, secret_key=secret_key, session_token=token, region=region
            )
    return None


def region_of(base_url: str) -> str:
    """Tell the region from a host such as `bedrock-runtime.us-east-1.amazonaws.com`; "" if none."""
    host = (urlsplit(base_url).hostname or "").lower()
    labels = host.split(".") if "amazonaws.com" in host else []
    return next((label for label in labels if _REGION.fullmatch(label)), "")
