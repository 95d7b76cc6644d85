from datetime import datetime
from functools import partial
from typing import Self

import strawberry

from domain import system
from schema.types.shared import Shared


@strawberry.type
class ClockStatus:
    is_running: bool
    last_beat_at: datetime | None
    skew_milliseconds: int
    overdue_sessions: int
    oldest_overdue_seconds: int
    overdue_work: int
    failed_work: int

    @classmethod
    def of(cls, status: system.ClockStatus) -> Self:
        return cls(
            is_running=status.is_running,
            last_beat_at=status.last_beat_at,
            skew_milliseconds=status.skew_ms,
            overdue_sessions=status.overdue_sessions,
            oldest_overdue_seconds=status.oldest_overdue_seconds,
            overdue_work=status.overdue_work,
            failed_work=status.failed_work,
        )


@strawberry.type
class WebhookStatus:
    last_received_at: datetime | None
    received_last_hour: int
    rejected_last_hour: int
    poison_last_hour: int
    is_silent: bool

    @classmethod
    def of(cls, status: system.WebhookStatus) -> Self:
        return cls(**{name: getattr(status, name) for name in cls.__annotations__})


@strawberry.type
class ComponentStatus:
    is_reachable: bool
    detail: str

    @classmethod
    def of(cls, part: system.Component, *, is_detailed: bool) -> Self:
        return cls(is_reachable=part.is_reachable, detail=part.detail if is_detailed else "")


@strawberry.type
class SystemStatus:
    is_healthy: bool
    as_of: datetime
    clock: ClockStatus
    webhooks: WebhookStatus
    database: ComponentStatus
    message_bus: ComponentStatus
    task_queue: ComponentStatus
    livekit: ComponentStatus
    shared: strawberry.Private[Shared | None] = None

    @classmethod
    def of(cls, state: system.SystemState, *, is_detailed: bool) -> Self:
        """Return the state; `is_detailed` keeps the details of the components."""
        part = partial(ComponentStatus.of, is_detailed=is_detailed)
        return cls(
            is_healthy=state.is_healthy,
            as_of=state.as_of,
            clock=ClockStatus.of(state.clock),
            webhooks=WebhookStatus.of(state.webhooks),
            database=part(state.database),
            message_bus=part(state.message_bus),
            task_queue=part(state.task_queue),
            livekit=part(state.livekit),
        )
