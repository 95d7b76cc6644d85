"""The log of webhooks that had a good signature, newest first: attendance lines and receipts.

They are two tables, each read by its own keyset; a page merges both. Of entries that arrived at
the same moment, lines stand before receipts, each table by id downwards.
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
from domain.cursors import list_cursor, list_place
from domain.errors import InvalidInputError
from domain.webhook import WebhookOutcome
from models.database import sql
from models.database.fields import utc
from models.reading.pages import Page, check_first

RECEIPT, LINE = 0, 1
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_US = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEntry:
    """One webhook. `place` is its position in the list: its arrival in µs, its table, its key."""

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
        return list_cursor(*self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFilter:
    """A choice of webhooks; None means any. One academy's leaves out webhooks without a session."""

    academy_id: int | None = None
    session_id: int | None = None
    outcomes: Collection[WebhookOutcome] | None = None

    def has(self, outcome: WebhookOutcome) -> bool:
        return self.outcomes is None or outcome in self.outcomes


async def read_entries_for(
    viewer: Viewer,
    *,
    session_id: int | None = None,
    outcomes: Collection[WebhookOutcome] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[WebhookEntry]:
    """Read a page of the viewer's academy; empty for one who may not configure it."""
    wanted = WebhookFilter(academy_id=viewer.academy_id, session_id=session_id, outcomes=outcomes)
    if viewer.may(Permit.CONFIGURE):
        return await read_entries(wanted, first=first, after=after)
    check_first(first)
    return Page([], False, after is not None)


async def read_entries(
    wanted: WebhookFilter, *, first: int | None = None, after: str | None = None
) -> Page[WebhookEntry]:
    """Read at most `first` entries (0 to 100, 20 by default) after the cursor.

    Raises INVALID_INPUT for a bad cursor.
    """
    first = check_first(first)
    place = None if after is None else _place_of(after)
    lines: list[WebhookEntry] = []
    if wanted.has(WebhookOutcome.APPLIED):
        lines = await _read_lines(wanted, place, first + 1)
    receipts = await _read_receipts(wanted, place, first + 1)
    # Entries of one moment keep the order of their table: the databases sort text differently.
    found = list(merge(lines, receipts, key=lambda entry: entry.place[:2], reverse=True))
    return Page(found[:first], len(found) > first, after is not None)


def _place_of(cursor: str) -> tuple[int, int, int | str]:
    match list_place(cursor):
        case [int(us), int(table), int(key)] if table == LINE and 0 < key < 2**63:
            if 0 <= us < END_US:
                return us, table, key
        case [int(us), int(table), str(key)] if table == RECEIPT and key.isprintable():
            if 0 <= us < END_US:
                return us, table, key
    raise InvalidInputError("`after` is not a cursor of this list.", ("after",))


class _Conditions:
    """The conditions of a WHERE clause, and their values."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        """Add a condition; `text` has a {} for each value."""
        first = len(self.values) + 1
        self.texts.append(text.format(*(f"${n}" for n in range(first, first + len(values)))))
        self.values += values

    def add_filter(self, wanted: WebhookFilter) -> None:
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


async def _read_lines(wanted: WebhookFilter, place: Any, limit: int) -> list[WebhookEntry]:
    where = _Conditions()
    where.add("told.source = 'WEBHOOK'")
    where.add_filter(wanted)
    if place is not None:
        us, table, key = place
        if table == LINE:
            where.add("(told.received_ms, told.id) < ({}, {})", us // 1000, key)
        else:  # lines stand before receipts of the same moment
            where.add("told.received_ms < {}", -(-us // 1000))
    statement = LINES.format(where=where.text, limit=limit)
    return [
        WebhookEntry(
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
        for row in await sql.query(statement, *where.values)
    ]


RECEIPTS = """
SELECT told.id, told.kind, told.outcome, told.session_id, told.user_id, told.room_name,
told.participant_sid, told.occurred_at, told.received_at, told.detail
FROM webhook_receipts told LEFT JOIN sessions ON sessions.id = told.session_id
WHERE {where} ORDER BY told.received_at DESC, told.id DESC LIMIT {limit}
"""


async def _read_receipts(wanted: WebhookFilter, place: Any, limit: int) -> list[WebhookEntry]:
    where = _Conditions()
    where.add_filter(wanted)
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
    return [
        WebhookEntry(
            place=((utc(row["received_at"]) - EPOCH) // MICROSECOND, RECEIPT, row["id"]),
            id=row["id"],
            kind=row["kind"],
            outcome=WebhookOutcome(row["outcome"]),
            session_id=row["session_id"],
            user_id=row["user_id"],
            room_name=row["room_name"],
            participant_sid=row["participant_sid"],
            occurred_at=utc(row["occurred_at"] or row["received_at"]),
            received_at=utc(row["received_at"]),
            detail=row["detail"],
        )
        for row in await sql.query(statement, *where.values)
    ]
