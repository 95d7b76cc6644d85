"""One event answered twice: by the compiled selection, and by graphql-core as a stream has it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    parse,
    validate,
)

from api import build_schema
from domain.access import Audience, Scope, UserRole
from domain.attendance.state import AttendanceState
from domain.cursors import Place
from domain.event import SessionEventKind
from domain.session import SessionKind
from domain.status import SessionStatus
from execution.answers import write_answer
from execution.context import Context
from execution.events import EventExecution
from execution.selections import Write, compile_operation
from models import Session, SessionEvent, User
from models.attendance_json import state_to_json
from schema.types.presence import PresenceChanges
from schema.types.shared import Shared

SCHEMA = build_schema()._schema
NOW = datetime(2026, 3, 2, 11, 0, 0, 123_456, tzinfo=UTC)
NONE = cast(Any, None)


def compile_text(text: str, variables: Mapping[str, Any] | None = None) -> Write:
    """Compile a valid document of one operation; NotCompiledError if that cannot be done."""
    document = parse(text)
    assert not validate(SCHEMA, document)
    (operation,) = (
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    )
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return compile_operation(SCHEMA, operation, fragments, variables or {})


def executed(text: str, event: object, variables: Mapping[str, Any] | None = None) -> bytes | None:
    """Return what graphql-core answers in the scope of the event; None for errors."""

    async def run() -> ExecutionResult:
        given, context = dict(variables or {}), Context(NONE, None, NOW)
        executor = EventExecution.build(
            SCHEMA, parse(text), raw_variable_values=given, context_value=context
        )
        assert isinstance(executor, EventExecution), executor
        of_event = cast(EventExecution, executor.build_per_event_executor(event))
        return await of_event.execute_operation(False)

    result = asyncio.run(run())
    return None if result.errors or result.data is None else write_answer({"data": result.data})


def session(**values: Any) -> Session:
    start = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    given: dict[str, Any] = {
        "id": 3,
        "version": 7,
        "version_mark": 99,
        "kind": SessionKind.QURAN,
        "status": SessionStatus.ONGOING,
        "scheduled_at": start,
        "ends_at": start.replace(hour=11),
        "ready_at": start,
        "attendance_policy": {},
    }
    return Session(**given | values)


def person(number: int = 12, **values: Any) -> User:
    given = {"first_name": "Sara", "last_name": "Ali", "role": UserRole.STUDENT}
    return User(id=number, **given | values)


def changed(state: AttendanceState, sequence: int = 7) -> SessionEvent:
    kind, told = SessionEventKind.PRESENCE_CHANGED, state_to_json(state)
    return _event(kind, told, sequence)


def removed(state: AttendanceState, sequence: int = 7) -> SessionEvent:
    told = {"participant_id": state.participant_id, "user_id": state.user_id}
    return _event(SessionEventKind.PRESENCE_REMOVED, told, sequence)


def _event(kind: SessionEventKind, told: dict[str, Any], sequence: int) -> SessionEvent:
    return SessionEvent(
        session_id=3, sequence=sequence, kind=kind, payload=told, occurred_at=NOW, mark=99
    )


def changes(
    *events: SessionEvent, roster: tuple[AttendanceState, ...] = (), people: Mapping[int, User]
) -> PresenceChanges:
    there = Place(7, 99)
    shared = Shared(Scope("session:3", Audience.STAFF))
    return PresenceChanges.of(events, 6, there, roster, session(), NOW, people, shared)
