"""Serve a checkout of Halaqa with something to watch; run as a script, with the checkout imported.

`fill` makes an academy on a new SQLite database and writes who may watch what. `serve` serves it
with `main.serve`. Each byte on the control port publishes one event in every session: of memory, so
that the write path is out. With `is_written` that port is another process's, which posts webhooks.
"""

import asyncio
import json
import socket
import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clock
import main
import models
import settings
import telemetry
from actions.identity.access_tokens import issue
from domain.access import UserRole
from domain.attendance.fold import Presence
from domain.event import SessionEventKind
from gateways.changes import publish_version
from models.attendance_json import state_to_json
from models.database.connection import close_database, open_database
from models.database.migration_runner import migrate
from models.reading.rosters import read_rosters
from schema.types.ids import Kind, encode
from settings import Settings
from subscriptions import hub
from tests.support import make

SECRETS: dict[str, object] = {
    "jwt_secret": "a-secret-of-benchmarks-that-is-long-enough",
    "livekit_url": "ws://127.0.0.1:7880",
    "livekit_api_url": "http://127.0.0.1:7880",
    "livekit_api_key": "devkey",
    "livekit_api_secret": "0123456789abcdef0123456789abcdef",
}
TOKENS_LAST = timedelta(hours=6)
SMALL_BUFFER_BYTES = 16 * 1024


def fill(asked: dict[str, Any]) -> None:
    """Write a line for each watcher, the session's id and a token; and what the poster reads."""
    lines, room = asyncio.run(make_sessions(asked))
    Path(asked["who"]).write_text("".join(lines))
    Path(asked["room"]).write_text(json.dumps(room))


async def make_sessions(asked: dict[str, Any]) -> tuple[list[str], list[Any]]:
    await migrate(asked["database_url"])
    await open_database(asked["database_url"])
    now = clock.now()
    academy = await make.academy()
    # Not due before the measurement ends, unless it is to be joined.
    begins = now if asked["is_written"] else now + timedelta(days=1)
    teachers = await _people(academy, UserRole.TEACHER, asked["sessions"])
    students = await _people(academy, UserRole.STUDENT, asked["students"])
    circle = await make.group(academy, teachers[0], *students)
    who: dict[str, Any] = {"group": circle}
    sessions = []
    for number, teacher in enumerate(teachers):
        if len(teachers) > 1:  # private ones
            who = {"student": students[number % len(students)]}
        sessions.append(await make.session(academy, teacher, at=begins, now=now, **who))
    watchers = teachers
    if len(teachers) == 1:
        watchers = await _people(academy, UserRole.SUPERVISOR, asked["watchers"])
    lines = []
    for number, watcher in enumerate(watchers):
        told = encode(Kind.SESSION, sessions[number % len(sessions)].id)
        token = issue(str(SECRETS["jwt_secret"]), watcher, now, TOKENS_LAST)[0]
        lines.append(f"{told} {token}\n")
    await close_database()
    people = [[one.id, one.first_name, one.last_name] for one in students]
    return lines, [sessions[0].room_name, people, SECRETS["livekit_api_secret"]]


async def _people(academy: models.Academy, role: UserRole, count: int) -> list[models.User]:
    rows = [
        models.User(
            academy_id=academy.id,
            role=role,
            external_id=f"{role}-{number}",
            first_name="Sara",
            last_name=f"Ali No {number}",
            created_at=make.ELEVEN,
        )
        for number in range(count)
    ]
    await models.User.bulk_create(rows, batch_size=500)
    return list(await models.User.filter(academy_id=academy.id, role=role).order_by("id"))


class Memory:
    """Answers what a hub reads when it catches up: the session, its new events, their people.

    One person of each session joins and leaves in turn. Everything else is read from the tables; so
    a hub that learns to ask in another way gets no events, until this knows that way too.
    """

    def __init__(self) -> None:
        self._sessions: dict[int, models.Session] = {}
        self._events: dict[int, list[models.SessionEvent]] = {}
        self._people: dict[int, models.User] = {}

    async def read(self) -> None:
        self._sessions = {session.id: session for session in await models.Session.all()}
        rosters = await read_rosters(list(self._sessions))
        for number, states in rosters.items():
            states = [state for state in states if state.role is UserRole.STUDENT]
            self._events[number] = [
                _event(states[0], presence) for presence in (Presence.IN_MEETING, Presence.LEFT)
            ]
            self._people |= await models.User.in_bulk([state.user_id for state in states[:1]], "id")
        at_once = getattr(hub, "read_unread", None)  # an older build reads for one hub at a time
        self._stand_in_for_unread(at_once) if at_once else self._stand_in_for_rows()

    def publish(self) -> None:
        for number, session in self._sessions.items():
            session.version += 1
            publish_version(number, session.version)

    def _stand_in_for_unread(self, read: Any) -> None:
        """Put this memory before the tables, where all that is asked for is in it."""

        def unread(since: Any) -> Any:
            session = self._sessions[since.session_id]
            between = range(since.version + 1, session.version + 1)
            events = [self._event(session.id, number) for number in between]
            subjects = {event.payload["user_id"] for event in events}
            people = {number: self._people[number] for number in subjects}
            told = {"session": session, "events": events, "subjects": subjects, "people": people}
            return SimpleNamespace(**told)

        async def read_unread(asked: Any) -> Any:
            if any(one.user_ids or one.session_id not in self._events for one in asked):
                return await read(asked)
            return {one.session_id: unread(one) for one in asked}

        hub.__dict__["read_unread"] = read_unread

    def _stand_in_for_rows(self) -> None:
        get, some, in_bulk = models.Session.get, models.SessionEvent.filter, models.User.in_bulk

        def session(*args: Any, **asked: Any) -> Any:
            known = self._sessions.get(asked["id"]) if set(asked) == {"id"} else None
            return _Answer(known) if known else get(*args, **asked)

        def events(*args: Any, **asked: Any) -> Any:
            if set(asked) != {"session_id", "sequence__gt", "sequence__lte"}:
                return some(*args, **asked)
            between = range(asked["sequence__gt"] + 1, asked["sequence__lte"] + 1)
            return _Answer([self._event(asked["session_id"], number) for number in between])

        def users(ids: Any, name: str) -> Any:
            if set(ids) <= self._people.keys():
                return _Answer({number: self._people[number] for number in ids})
            return in_bulk(set(ids), name)

        models.Session.get = session  # type: ignore[method-assign]
        models.SessionEvent.filter = events  # type: ignore[method-assign]
        models.User.in_bulk = users  # type: ignore[method-assign, assignment]

    def _event(self, session_id: int, sequence: int) -> models.SessionEvent:
        """Copy a prepared row past the model's bookkeeping, which would cost what is measured."""
        event = models.SessionEvent.__new__(models.SessionEvent)
        event.__dict__.update(self._events[session_id][sequence % 2].__dict__)
        event.__dict__.update(id=sequence, sequence=sequence, occurred_at=clock.now())
        return event


class _Answer:
    """Something that is there already, for those who await it or order it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Any:
        return self._value
        yield

    def order_by(self, *names: str) -> "_Answer":
        return self


def _event(state: Any, presence: Presence) -> models.SessionEvent:
    is_in = presence is Presence.IN_MEETING
    now_ms = int(clock.now().timestamp() * 1000)
    result = replace(
        state.result,
        presence=presence,
        join_count=1,
        leave_count=0 if is_in else 1,
        first_joined_ms=now_ms,
        joined_since_ms=now_ms if is_in else None,
    )
    payload = state_to_json(replace(state, result=result))
    kind = SessionEventKind.PRESENCE_CHANGED
    return models.SessionEvent(
        session_id=state.session_id, kind=kind, payload=payload, occurred_at=clock.now()
    )


async def feed(port: int) -> None:
    """Take orders on the control port: one event in every session for each byte."""
    memory = Memory()
    await memory.read()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while orders := await reader.read(64):
            for _ in orders:
                memory.publish()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", port) as server:
        await server.serve_forever()


def _listen_with_small_buffers(settings: Settings) -> socket.socket:
    """Listen so that a client who does not read is noticed after kilobytes, not megabytes."""
    listener = socket.create_server(("127.0.0.1", settings.port))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
    return listener


def serve(asked: dict[str, Any]) -> None:
    if asked["has_small_buffers"]:
        main._listener = _listen_with_small_buffers
    beside = None if asked["is_written"] else partial(feed, asked["control"])
    main.serve(settings.load(), None, beside)


def run(step: str, asked: dict[str, Any]) -> None:
    settings.overrule(**SECRETS, database_url=asked["database_url"], port=asked["port"])
    telemetry.start_logging()
    if step == "fill":
        fill(asked)
    else:
        serve(asked)


if __name__ == "__main__":
    run(sys.argv[1], json.loads(sys.argv[2]))
