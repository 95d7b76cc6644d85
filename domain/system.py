"""Values that make up the system's status."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """State of the clock and of its work.

    `skew_ms` is the database's clock minus the process's clock. `untried_work` counts the overdue
    work that nobody has tried even once.
    """

    is_running: bool
    last_beat_at: datetime | None
    skew_ms: int
    overdue_sessions: int
    oldest_overdue_seconds: int
    overdue_work: int
    untried_work: int
    failed_work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatus:
    """Counts of LiveKit's webhooks. `is_silent`: people come and go, and no webhook says so."""

    last_received_at: datetime | None
    received_last_hour: int
    rejected_last_hour: int
    poison_last_hour: int
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Component:
    """One thing the system depends on; `detail` is a message for operators."""

    is_reachable: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemState:
    as_of: datetime
    clock: ClockStatus
    webhooks: WebhookStatus
    database: Component
    message_bus: Component
    task_queue: Component
    livekit: Component

    @property
    def components(self) -> dict[str, Component]:
        names = ("database", "message_bus", "task_queue", "livekit")
        return {name: getattr(self, name) for name in names}

    @property
    def is_healthy(self) -> bool:
        clock = self.clock
        # Work that failed is the trouble of one room; untried work means that no worker runs.
        is_late = not clock.is_running or clock.overdue_sessions > 0 or clock.untried_work > 0
        all_reachable = all(part.is_reachable for part in self.components.values())
        return all_reachable and not is_late and not self.webhooks.is_silent
