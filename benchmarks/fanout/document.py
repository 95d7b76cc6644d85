"""The document that every client subscribes with, and an answer of its shape for peers to send.

It is one of the contract: an interface, its two types, and a person nested in each row.
"""

import json
from pathlib import Path
from typing import Any

DOCUMENT = """
subscription Presence($id: ID!) {
  sessionPresence(sessionId: $id) {
    __typename cursor version asOf
    ... on PresenceSnapshot { session { id status } attendances { ...Row } }
    ... on PresenceChanges { fromVersion changes { ...Row } removedIds }
  }
}
fragment Row on Attendance {
  id presence role isExpected joinCount leaveCount status isFinal user { id displayName }
}
"""
ROSTER = 20  # students of the one session; a private one has one
FIRST_VERSION = 1_000_000  # of peers


def snapshot() -> dict[str, Any]:
    return {
        **_event("PresenceSnapshot", FIRST_VERSION),
        "session": {"id": "U2Vzc2lvbjox", "status": "ONGOING"},
        "attendances": [_row(number, "NOT_JOINED") for number in range(ROSTER)],
    }


def change() -> dict[str, Any]:
    return {
        **_event("PresenceChanges", FIRST_VERSION + 1),
        "fromVersion": FIRST_VERSION,
        "changes": [_row(1, "IN_MEETING")],
        "removedIds": [],
    }


def _event(name: str, version: int) -> dict[str, Any]:
    return {
        "__typename": name,
        "cursor": "WyJzMSIsMSwxMDAwMDAxXQ",
        "version": version,
        "asOf": "2026-03-02T11:00:00.123456Z",
    }


def _row(number: int, presence: str) -> dict[str, Any]:
    return {
        "id": f"QXR0ZW5kYW5jZTox{number}",
        "presence": presence,
        "role": "STUDENT",
        "isExpected": True,
        "joinCount": 1,
        "leaveCount": 0,
        "status": "PRESENT",
        "isFinal": False,
        "user": {"id": f"VXNlcjox{number}", "displayName": f"Sara Ali No {number}"},
    }


def write_document(path: Path) -> None:
    """Write it as a JSON string, as it stands in a `subscribe` message."""
    path.write_text(json.dumps(DOCUMENT.strip()))


def write_answers(path: Path) -> None:
    """Write both events for the peers that execute the document."""
    path.write_text(json.dumps({"snapshot": snapshot(), "change": change()}))


def write_message(path: Path, event: dict[str, Any]) -> None:
    """Write a whole `next` message, for the loop that only writes bytes."""
    payload = {"data": {"sessionPresence": event}}
    message = {"id": "9e3779b1-5f3b-4c1e-9d2a-000000000001", "type": "next", "payload": payload}
    path.write_text(json.dumps(message, separators=(",", ":")))
