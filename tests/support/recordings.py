"""Webhooks that a real livekit-server 1.13.5 sent, ready to be folded or to be sent again.

`class`: one class with most of what people do, in three rooms after one another.
`sfu-killed`: a receiver that is down for 40 s, then the server killed three times.
All times are milliseconds since the epoch."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from domain.attendance.fold import EventKind, EventSource, Line

FOLDER = Path(__file__).parent.parent / "recordings"
KINDS = {
    "participant_joined": EventKind.JOINED,
    "participant_left": EventKind.LEFT,
    "participant_connection_aborted": EventKind.CONNECTION_ABORTED,
    "room_started": EventKind.ROOM_STARTED,
    "room_finished": EventKind.ROOM_FINISHED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request: its arrival, the receiver's answer then, and its body (do not change it)."""

    received_ms: int
    answered: int
    body: dict[str, Any]


@cache
def deliveries(name: str) -> tuple[Delivery, ...]:
    """Every request as it came; a request answered with 503 comes again with the same id."""
    recording = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return tuple(
        Delivery(told["receivedAtMs"], told["answered"], told["body"])
        for told in recording["deliveries"]
    )


def lines(name: str, *, shift_ms: int = 0) -> dict[str, list[Line]]:
    """The lines to fold for each identity: those of the person, and all room lines.

    Only requests answered with 200 were stored, so every line is there once, without `alive_ms`."""
    rooms: list[Line] = []
    people: dict[str, list[Line]] = defaultdict(list)
    for delivery in deliveries(name):
        if delivery.answered == 200 and delivery.body["event"] in KINDS:
            identity = delivery.body.get("participant", {}).get("identity")
            own = people[identity] if identity else rooms
            own.append(shifted(_line(delivery), shift_ms))
    return {identity: [*rooms, *own] for identity, own in people.items()}


def shifted(line: Line, shift_ms: int) -> Line:
    """The same line, so much later."""
    return replace(
        line,
        occurred_ms=line.occurred_ms + shift_ms,
        received_ms=line.received_ms + shift_ms,
        room_created_ms=_later(line.room_created_ms, shift_ms),
        joined_ms=_later(line.joined_ms, shift_ms),
        alive_ms=_later(line.alive_ms, shift_ms),
    )


def shift_onto(name: str, at_ms: int) -> int:
    """The whole-second shift that brings the first delivery to `at_ms`, or up to 1 s before it."""
    return (at_ms - deliveries(name)[0].received_ms) // 1000 * 1000


def bodies(
    name: str,
    shift_ms: int,
    room_name: str,
    *,
    tag: str = "",
    identities: Mapping[str, str] | None = None,
) -> list[tuple[int, bytes]]:
    """The arrival and raw body of each request, in order, for a session whose room is `room_name`.

    `identities` renames the recorded identities to people of this session.

    Repeats are in it: a request that got 503 when it was recorded comes again, the same bytes with
    the same id. Two replays share all ids, so a second is all duplicates; another `tag`, added
    to the ids and sids, makes them different events. `shift_ms` must be whole seconds, because
    LiveKit's createdAt is. Sign the bytes before you send them."""
    if shift_ms % 1000:
        raise ValueError(f"shift_ms must be whole seconds, got {shift_ms}")
    moved = (shift_ms, room_name, tag)
    return [
        (delivery.received_ms + shift_ms, _raw(_named(delivery.body, identities or {}), *moved))
        for delivery in deliveries(name)
    ]


def _named(told: dict[str, Any], identities: Mapping[str, str]) -> dict[str, Any]:
    person = told.get("participant")
    if person is None:
        return told
    own = identities.get(person["identity"], person["identity"])
    return told | {"participant": person | {"identity": own}}


def _raw(told: dict[str, Any], shift_ms: int, room_name: str, tag: str) -> bytes:
    body = told | {"id": told["id"] + tag, "createdAt": _text(told["createdAt"], shift_ms // 1000)}
    body["room"] = _moved(told["room"], shift_ms, tag) | {"name": room_name}
    if "participant" in told:
        body["participant"] = _moved(told["participant"], shift_ms, tag)
    return json.dumps(body, separators=(",", ":")).encode()


def _moved(told: dict[str, Any], shift_ms: int, tag: str) -> dict[str, Any]:
    seconds = {
        key: _text(told[key], shift_ms // 1000) for key in _known(told, "joinedAt", "creationTime")
    }
    millis = {
        key: _text(told[key], shift_ms) for key in _known(told, "joinedAtMs", "creationTimeMs")
    }
    return told | seconds | millis | {"sid": told["sid"] + tag}


def _known(told: dict[str, Any], *keys: str) -> list[str]:
    return [key for key in keys if key in told]


def _text(number: str, more: int) -> str:
    return str(int(number) + more)


def _later(ms: int | None, shift_ms: int) -> int | None:
    return None if ms is None else ms + shift_ms


def _line(delivery: Delivery) -> Line:
    body = delivery.body
    room, person = body["room"], body.get("participant", {})
    kind = KINDS[body["event"]]
    return Line(
        source_id=body["id"],
        kind=kind,
        source=EventSource.WEBHOOK,
        occurred_ms=int(body["createdAt"]) * 1000,
        received_ms=delivery.received_ms,
        room_sid=room["sid"],
        room_created_ms=int(room["creationTimeMs"]),
        participant_sid=person.get("sid"),
        joined_ms=int(person["joinedAtMs"]) if person else None,
        is_disconnected=kind is EventKind.JOINED and person["state"] == "DISCONNECTED",
        disconnect_reason=person.get("disconnectReason"),
    )
