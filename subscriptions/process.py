"""What subscriptions know of the process they run in, beside what every operation knows."""

from dataclasses import dataclass

import strawberry

from execution.context import Context, Services
from subscriptions.hubs import Hubs
from subscriptions.system_watch import SystemWatch
from subscriptions.watchers import Watchers


@dataclass(frozen=True, slots=True)
class ServingProcess(Services):
    """Has the watched sessions, the system's state, and the people who watch."""

    hubs: Hubs
    system: SystemWatch
    watchers: Watchers


Info = strawberry.Info[Context[ServingProcess], None]
