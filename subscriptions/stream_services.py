"""The process that subscriptions run in: the parts they need beyond those of every operation."""

from dataclasses import dataclass

import strawberry

from execution.context import Context, Services
from subscriptions.hubs import Hubs
from subscriptions.system_watch import SystemWatch
from subscriptions.watchers import Watchers


@dataclass(frozen=True, slots=True)
class StreamServices(Services):
    """A process that serves clients: its watched sessions, system state and watchers."""

    hubs: Hubs
    system: SystemWatch
    watchers: Watchers


Info = strawberry.Info[Context[StreamServices], None]
