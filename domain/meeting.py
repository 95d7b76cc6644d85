"""Options of a meeting, the life of its room, and the request for a room to LiveKit."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Self

from domain.status import MEETING_OUTLIVES_SESSION

_ROOM_OUTLIVES_SESSION = timedelta(minutes=30)
_LEFT_OPEN = timedelta(hours=2)  # for rooms that the academy does not close with the session


class MediaQuality(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingOptions:
    max_participants: int = 50
    recording_enabled: bool = False
    max_duration_minutes: int = 120
    empty_timeout_seconds: int = 300
    video_quality: MediaQuality = MediaQuality.HIGH
    audio_quality: MediaQuality = MediaQuality.HIGH
    screen_sharing_enabled: bool = True
    chat_enabled: bool = True
    mute_on_join: bool = False
    theme: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write the options under the API's names, for the database and the room's metadata."""
        return {api_name: getattr(self, name) for name, api_name in _API_NAMES.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what any version of `to_dict` wrote.

        An unknown option is ignored; a missing one has its default.
        """
        known = {name: stored[api] for name, api in _API_NAMES.items() if api in stored}
        for name in ("video_quality", "audio_quality"):
            if name in known:
                known[name] = MediaQuality(known[name])
        return cls(**known)


_API_NAMES = {
    "max_participants": "maxParticipants",
    "recording_enabled": "recordingEnabled",
    "max_duration_minutes": "maxDurationMinutes",
    "empty_timeout_seconds": "emptyTimeoutSeconds",
    "video_quality": "videoQuality",
    "audio_quality": "audioQuality",
    "screen_sharing_enabled": "screenSharingEnabled",
    "chat_enabled": "chatEnabled",
    "mute_on_join": "muteOnJoin",
    "theme": "theme",
}


def layered(layers: Iterable[Mapping[str, Any]], duration_minutes: int) -> MeetingOptions:
    """Take each option from the first layer that has a value for it; None is no value.

    A meeting is at least as long as its session, and at most an hour longer.
    """
    given: dict[str, Any] = {}
    for layer in layers:
        given = {name: value for name, value in layer.items() if value is not None} | given
    longest = longest_minutes(duration_minutes)
    wished = given.pop("max_duration_minutes", longest)
    minutes = min(max(wished, duration_minutes), longest)
    return MeetingOptions(max_duration_minutes=minutes, **given)


def longest_minutes(duration_minutes: int) -> int:
    """Return the most minutes that the meeting of a session may last."""
    return duration_minutes + MEETING_OUTLIVES_SESSION // timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSpec:
    """Request to LiveKit for a room. `metadata` is a JSON object."""

    name: str
    empty_timeout_s: int
    departure_timeout_s: int
    max_participants: int
    metadata: str


def room_timeout_seconds(setting_seconds: int, ends_at: datetime, now: datetime) -> int:
    """Return how long LiveKit keeps an empty room: at least until 30 minutes after the session."""
    left = ends_at + _ROOM_OUTLIVES_SESSION - now
    # At least 1: LiveKit takes 0 for the default of its server.
    return max(setting_seconds, ceil(left.total_seconds()), 1)


def room_goes_at(ends_at: datetime, now: datetime, *, is_left_open: bool) -> datetime:
    """Return when the room of an ended session closes: now, or two hours after `ends_at`."""
    return max(now, ends_at + _LEFT_OPEN) if is_left_open else now


def room_spec(
    name: str, options: MeetingOptions, *, session_id: int, ends_at: datetime, now: datetime
) -> RoomSpec:
    """Describe the room that LiveKit has to make for a session."""
    # LiveKit counts a failed join as a departure, so both timeouts have to cover the session.
    timeout_s = room_timeout_seconds(options.empty_timeout_seconds, ends_at, now)
    metadata = {"sessionId": session_id, "options": options.to_dict()}
    return RoomSpec(
        name=name,
        empty_timeout_s=timeout_s,
        departure_timeout_s=timeout_s,
        max_participants=options.max_participants,
        metadata=json.dumps(metadata, separators=(",", ":")),
    )
