"""What all connections of the process share."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING

from headgate.base.clock import Clock
from headgate.edge.body import Budget
from headgate.edge.limits import Limits
from headgate.edge.site import Site

if TYPE_CHECKING:  # a connection knows this, this only keeps connections
    from headgate.edge.protocol import HeadgateProtocol


class Shared:
    """The site, the bounds, and who is connected."""

    def __init__(self, site: Site, limits: Limits, clock: Clock, *, has_app: bool) -> None:
        self.site = site
        self.limits = limits
        self.clock = clock
        self.has_app = has_app
        self.budget = Budget(limits.body_budget_bytes)
        self.disk = Budget(limits.upload_budget_bytes)
        self.draining = False
        self.date_line = b""
        self.empty = asyncio.Event()  # set once draining has nobody left
        self.connections: set[HeadgateProtocol] = set()
        self.tell_time()

    def tell_time(self) -> None:
        """Renew the `Date` header; it has a resolution of a second."""
        self.date_line = f"date: {formatdate(self.clock.wall_s(), usegmt=True)}\r\n".encode()

    def forget(self, connection: HeadgateProtocol) -> None:
        """A connection is closed, and its task is over."""
        self.connections.discard(connection)
        if self.draining and not self.connections:
            self.empty.set()
