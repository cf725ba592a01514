"""What a request passes through: the stages of one process, joined in `app.py`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headgate.admission.admit import Gate
from headgate.base.clock import Clock
from headgate.relay.remembering import Stores
from headgate.routing.credentials import CredentialPool
from headgate.routing.health import Health
from headgate.routing.plan import Router
from headgate.settlement.ledger import Ledger
from headgate.settlement.usage_record import UsageSink
from headgate.snapshot.facts import Snapshot
from headgate.upstream.client_pool import ClientPool


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """The ports and the state behind every request. `facts` gives the current snapshot."""

    facts: Callable[[], Snapshot]
    clock: Clock
    gate: Gate
    ledger: Ledger
    router: Router
    health: Health
    credentials: CredentialPool
    client: ClientPool
    sink: UsageSink
    stores: Stores = msgspec.field(default_factory=Stores)
