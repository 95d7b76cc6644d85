"""How the system is: values that a status is made of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """`skew_ms`: the database's clock less the process's. `untried_work`: what of the overdue work
    nobody has tried even once."""

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
    """`is_silent`: people come and go, and LiveKit does not tell."""

    last_received_at: datetime | None
    received_last_hour: int
    rejected_last_hour: int
    poison_last_hour: int
    is_silent: bool


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
    def components(self) -> dict[str, Component]:
        names = ("database", "message_bus", "task_queue", "livekit")
        return {name: getattr(self, name) for name in names}

    @property
    def is_healthy(self) -> bool:
        all_there = all(part.is_reachable for part in self.components.values())
        return all_there and not self._is_late and not self.webhooks.is_silent

    @property
    def _is_late(self) -> bool:
        """Work that was tried and failed is one room's trouble; untried work means that nobody
        works."""
        told = self.clock
        return not told.is_running or told.overdue_sessions > 0 or told.untried_work > 0
