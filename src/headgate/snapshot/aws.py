"""Channels of AWS: their region, their address, and keys that sign.

An access key signs for one region, so all keys of a channel belong to one.
"""

from __future__ import annotations

import re

from headgate.base.secrets import fingerprint
from headgate.providers.auth.aws_keys import AwsKey, read_key, region_of
from headgate.providers.auth.aws_sigv4 import AwsSigner
from headgate.providers.provider import Auth
from headgate.snapshot.document import Path, ProviderEntry
from headgate.snapshot.endpoints import credential
from headgate.snapshot.facts import Credential
from headgate.snapshot.report import Report

SERVICE = "bedrock"
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_SENDABLE = re.compile(r"[\x21-\x7e]+")


def channel_region(entry: ProviderEntry) -> str:
    """Find the region: as it is written, else of the address, else of the first key that says."""
    if entry.region:
        return entry.region[0] if _REGION.fullmatch(entry.region[0]) else ""
    found = region_of(entry.base_url)
    keys = (read_key(text) for text in entry.api)
    return found or next((key.region for key in keys if key is not None and key.region), "")


def aws_credentials(entry: ProviderEntry, path: Path, report: Report) -> tuple[Credential, ...]:
    """Prepare an entry's keys: its access key, then those under `api`, in any of their forms."""
    region = channel_region(entry)
    if len(entry.region) > 1:
        report.warn((*path, "region"), "a channel of AWS has one region: the first counts")
    keys: list[tuple[Path, AwsKey | None]] = []
    if entry.aws_access_key or entry.aws_secret_key:
        pair = AwsKey(
            access_key=entry.aws_access_key,
            secret_key=entry.aws_secret_key,
            session_token=entry.aws_session_token,
        )
        whole = pair.access_key and pair.secret_key
        keys.append(((*path, "aws_access_key"), pair if whole else None))
    for index, text in enumerate(entry.api):
        place = (*path, "api", index) if len(entry.api) > 1 else (*path, "api")
        if text:
            keys.append((place, read_key(text)))
        else:
            report.warn(place, "the key is empty: left out")
    found = [_credential(key, region, place, report) for place, key in keys]
    return tuple(each for each in found if each is not None)


def _credential(key: AwsKey | None, region: str, place: Path, report: Report) -> Credential | None:
    if key is None:
        report.error(
            place,
            "write aws_access_key and aws_secret_key, or under api a Bedrock API key or "
            "region|access key|secret key",
        )
    elif not _SENDABLE.fullmatch(key.api_key + key.access_key + key.session_token):
        report.error(place, "the key holds characters that no header may hold")
    elif key.region and key.region != region:
        message = f"a key for {key.region}, but the channel is in {region}: write another provider"
        report.error(place, message)
    elif key.api_key:
        return credential(Auth.BEARER, key.api_key)
    elif not region:
        report.error(place, "region is missing: write it, such as region: us-east-1")
    else:
        return Credential(
            label=fingerprint(key.secret_key),
            secret=key.secret_key,
            sign=AwsSigner(
                access_key=key.access_key,
                secret_key=key.secret_key,
                session_token=key.session_token,
                region=region,
                service=SERVICE,
            ),
        )
    return None
