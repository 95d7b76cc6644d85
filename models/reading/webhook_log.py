"""Every webhook that was let in, the newest first: lines of the attendance logs, and receipts.

Two tables, each by its own keyset; a page is the first of both together. What arrived at the same
moment: lines before receipts, each by its id downwards.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any

from domain.access import Permit, Viewer
from domain.attendance.fold import EventKind
from domain.attendance.lines import WEBHOOK_NAMES
from domain.attendance.state import from_ms
from domain.cursors import key_cursor, key_of
from domain.errors import InvalidInputError
from domain.webhook import WebhookOutcome
from models.database import sql
from models.database.fields import utc
from models.reading.pages import Page, check_first

RECEIPT, LINE = 0, 1
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_US = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEntry:
    """`place` is where it is in the list: when it arrived in µs, its table, its key there."""

    place: tuple[int, int, int | str]
    id: str
    kind: str
    outcome: WebhookOutcome
    session_id: int | None
    user_id: int | None
    room_name: str | None
    participant_sid: str | None
    occurred_at: datetime
    received_at: datetime
    detail: str | None

    @property
    def cursor(self) -> str:
        return key_cursor(*self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """None asks for all; of one academy also leaves out what is of no session."""

    academy_id: int | None = None
    session_id: int | None = None
    outcomes: Collection[WebhookOutcome] | None = None

    def has(self, outcome: WebhookOutcome) -> bool:
        return self.outcomes is None or outcome in self.outcomes


async def entries_for(
    viewer: Viewer,
    *,
    session_id: int | None = None,
    outcomes: Collection[WebhookOutcome] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[WebhookEntry]:
    """A page of what the viewer may read: who runs no academy's settings reads nothing."""
    wanted = Wanted(academy_id=viewer.academy_id, session_id=session_id, outcomes=outcomes)
    if viewer.may(Permit.CONFIGURE):
        return await entries(wanted, first=first, after=after)
    check_first(first)
    return Page([], False, after is not None)


async def entries(
    wanted: Wanted, *, first: int | None = None, after: str | None = None
) -> Page[WebhookEntry]:
    """At most `first` (0 to 100, 20 by default) after the cursor; INVALID_INPUT for a bad one."""
    first = check_first(first)
    place = None if after is None else _place(after)
    lines = await _lines(wanted, place, first + 1) if wanted.has(WebhookOutcome.APPLIED) else []
    receipts = await _receipts(wanted, place, first + 1)
    # The tables' own order of equal moments is kept: the databases compare text in their own ways.
    found = list(merge(lines, receipts, key=lambda entry: entry.place[:2], reverse=True))
    return Page(found[:first], len(found) > first, after is not None)


def _place(cursor: str) -> tuple[int, int, int | str]:
    match key_of(cursor):
        case [int(us), int(table), int(key)] if table == LINE and 0 < key < 2**63:
            if 0 <= us < LAST_US:
                return us, table, key
        case [int(us), int(table), str(key)] if table == RECEIPT and key.isprintable():
            if 0 <= us < LAST_US:
                return us, table, key
    raise InvalidInputError("`after` is not a cursor of this list.", ("after",))


class _Conditions:
    """What a row must be, and the values for it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        """`text` has a {} for each value."""
        first = len(self.values) + 1
        self.texts.append(text.format(*(f"${n}" for n in range(first, first + len(values)))))
        self.values += values

    def of(self, wanted: Wanted) -> None:
        if wanted.academy_id is not None:
            self.add("sessions.academy_id = {}", wanted.academy_id)
        if wanted.session_id is not None:
            self.add("told.session_id = {}", wanted.session_id)

    @property
    def text(self) -> str:
        return " AND ".join(self.texts) or "1 = 1"


LINES = """
SELECT told.id, told.source_id, told.kind, told.session_id, told.user_id, sessions.room_name,
told.participant_sid, told.occurred_ms, told.received_ms
FROM meeting_attendance_events told JOIN sessions ON sessions.id = told.session_id
WHERE {where} ORDER BY told.received_ms DESC, told.id DESC LIMIT {limit}
"""


async def _lines(wanted: Wanted, place: Any, limit: int) -> list[WebhookEntry]:
    where = _Conditions()
    where.add("told.source = 'WEBHOOK'")
    where.of(wanted)
    if place is not None:
        us, table, key = place
        if table == LINE:
            where.add("(told.received_ms, told.id) < ({}, {})", us // 1000, key)
        else:  # lines stand before receipts of the same moment
            where.add("told.received_ms < {}", -(-us // 1000))
    statement = LINES.format(where=where.text, limit=limit)
    return [_line(row) for row in await sql.query(statement, *where.values)]


def _line(row: dict[str, Any]) -> WebhookEntry:
    return WebhookEntry(
        place=(row["received_ms"] * 1000, LINE, row["id"]),
        id=row["source_id"],
        kind=WEBHOOK_NAMES[EventKind(row["kind"])],
        outcome=WebhookOutcome.APPLIED,
        session_id=row["session_id"],
        user_id=row["user_id"],
        room_name=row["room_name"],
        participant_sid=row["participant_sid"],
        occurred_at=from_ms(row["occurred_ms"]),
        received_at=from_ms(row["received_ms"]),
        detail=None,
    )


RECEIPTS = """
SELECT told.id, told.kind, told.outcome, told.session_id, told.user_id, told.room_name,
told.participant_sid, told.occurred_at, told.received_at, told.detail
FROM webhook_receipts told LEFT JOIN sessions ON sessions.id = told.session_id
WHERE {where} ORDER BY told.received_at DESC, told.id DESC LIMIT {limit}
"""


async def _receipts(wanted: Wanted, place: Any, limit: int) -> list[WebhookEntry]:
    where = _Conditions()
    where.of(wanted)
    if wanted.outcomes is not None:
        outcomes = [o.value for o in set(wanted.outcomes) - {WebhookOutcome.APPLIED}]
        if not outcomes:
            return []
        where.add(f"told.outcome IN ({', '.join('{}' for _ in outcomes)})", *outcomes)
    if place is not None:
        us, table, key = place
        moment = EPOCH + us * MICROSECOND
        if table == RECEIPT:
            where.add("(told.received_at, told.id) < ({}, {})", moment, key)
        else:
            where.add("told.received_at <= {}", moment)
    statement = RECEIPTS.format(where=where.text, limit=limit)
    return [_receipt(row) for row in await sql.query(statement, *where.values)]


def _receipt(row: dict[str, Any]) -> WebhookEntry:
    received_at = utc(row["received_at"])
    occurred_at = row["occurred_at"]
    return WebhookEntry(
        place=((received_at - EPOCH) // MICROSECOND, RECEIPT, row["id"]),
        id=row["id"],
        kind=row["kind"],
        outcome=WebhookOutcome(row["outcome"]),
        session_id=row["session_id"],
        user_id=row["user_id"],
        room_name=row["room_name"],
        participant_sid=row["participant_sid"],
        occurred_at=utc(occurred_at) if occurred_at else received_at,
        received_at=received_at,
        detail=row["detail"],
    )
