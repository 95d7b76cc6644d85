"""What a meeting is allowed, how long its room lives, and what LiveKit is asked for."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Self

_ROOM_OUTLIVES_SESSION = timedelta(minutes=30)
_MEETING_OUTLIVES_SESSION = timedelta(minutes=60)
_LEFT_OPEN = timedelta(hours=2)  # rooms that their academy does not have closed with the session


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
        """As stored and as clients read it in the room's metadata, under the API's names."""
        return {api_name: getattr(self, name) for name, api_name in _API_NAMES.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote, by whatever version: unknown is ignored, missing is the default."""
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
    """Each option as the first layer has it that says anything of it; None says nothing.

    No meeting is to be shorter than its session, nor longer than an hour more.
    """
    said: dict[str, Any] = {}
    for layer in layers:
        said = {name: value for name, value in layer.items() if value is not None} | said
    longest = longest_minutes(duration_minutes)
    wished = said.pop("max_duration_minutes", longest)
    lasting = min(max(wished, duration_minutes), longest)
    return MeetingOptions(max_duration_minutes=lasting, **said)


def longest_minutes(duration_minutes: int) -> int:
    return duration_minutes + _MEETING_OUTLIVES_SESSION // timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSpec:
    """The room LiveKit is asked to make. Timeouts in seconds; `metadata` is a JSON object."""

    name: str
    empty_timeout_s: int
    departure_timeout_s: int
    max_participants: int
    metadata: str


def room_timeout_seconds(setting_seconds: int, ends_at: datetime, now: datetime) -> int:
    """How long a room may stand empty: never closed before the session's end and half an hour."""
    left = ends_at + _ROOM_OUTLIVES_SESSION - now
    # LiveKit reads 0 as "the server's default".
    return max(setting_seconds, ceil(left.total_seconds()), 1)


def room_goes_at(ends_at: datetime, now: datetime, *, is_left_open: bool) -> datetime:
    """When the room of a session that is over closes: now, or two hours past its scheduled end."""
    return max(now, ends_at + _LEFT_OPEN) if is_left_open else now


def room_spec(
    name: str, options: MeetingOptions, *, session_id: int, ends_at: datetime, now: datetime
) -> RoomSpec:
    # A join that fails counts as a departure, so both timeouts have to cover the session.
    timeout_s = room_timeout_seconds(options.empty_timeout_seconds, ends_at, now)
    metadata = {"sessionId": session_id, "options": options.to_dict()}
    return RoomSpec(
        name=name,
        empty_timeout_s=timeout_s,
        departure_timeout_s=timeout_s,
        max_participants=options.max_participants,
        metadata=json.dumps(metadata, separators=(",", ":")),
    )
