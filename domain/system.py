"""How the system is: values that a status is made of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """`skew_ms`: the database's clock less the process's."""

    is_running: bool
    last_beat_at: datetime | None
    skew_ms: int
    overdue_sessions: int
    oldest_overdue_seconds: int
    overdue_work: int
    failed_work: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatus:
    last_received_at: datetime | None
    received_last_hour: int
    poison_last_hour: int


@dataclass(frozen=True, slots=True)
class Component:
    """`detail` is for operators."""

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
    def is_healthy(self) -> bool:
        parts = (self.database, self.message_bus, self.task_queue, self.livekit)
        on_time = self.clock.is_running and not self.clock.overdue_sessions
        return on_time and all(part.is_reachable for part in parts)
