"""The lifetime of a room, and the request to LiveKit."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from domain.meeting import (
    MediaQuality,
    MeetingOptions,
    room_spec,
    room_timeout_seconds,
)

STARTS = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
ENDS = STARTS + timedelta(minutes=45)


@pytest.mark.parametrize(
    ("setting_s", "minutes_before_end", "timeout_s"),
    [
        (300, 55, 85 * 60),  # ready ten minutes early: to the end and half an hour
        (300, 0, 30 * 60),
        (300, -28, 300),  # two minutes left: the setting is longer
        (300, -60, 300),
        (7200, 55, 7200),
        (0, -60, 1),  # never 0, which LiveKit reads as its own default
    ],
)
def test_a_room_is_not_closed_as_empty_before_the_end_and_half_an_hour(
    setting_s: int, minutes_before_end: int, timeout_s: int
) -> None:
    now = ENDS - timedelta(minutes=minutes_before_end)
    assert room_timeout_seconds(setting_s, ENDS, now) == timeout_s


def test_a_part_of_a_second_is_rounded_up() -> None:
    assert room_timeout_seconds(0, ENDS, ENDS - timedelta(milliseconds=1)) == 30 * 60 + 1


def test_options_are_stored_under_the_names_of_the_api() -> None:
    options = MeetingOptions(max_participants=12, video_quality=MediaQuality.LOW, theme="dark")
    stored = json.loads(json.dumps(options.to_dict()))
    assert stored == {
        "maxParticipants": 12,
        "recordingEnabled": False,
        "maxDurationMinutes": 120,
        "emptyTimeoutSeconds": 300,
        "videoQuality": "LOW",
        "audioQuality": "HIGH",
        "screenSharingEnabled": True,
        "chatEnabled": True,
        "muteOnJoin": False,
        "theme": "dark",
    }
    read = MeetingOptions.from_dict(stored)
    assert read == options
    assert read.video_quality is MediaQuality.LOW


def test_options_of_another_version_are_read() -> None:
    stored = {"maxParticipants": 7, "holograms": True}
    assert MeetingOptions.from_dict(stored) == MeetingOptions(max_participants=7)


def test_a_room_is_asked_for_with_both_timeouts_and_what_clients_need_to_know() -> None:
    options = MeetingOptions(max_participants=12)
    spec = room_spec("a-quran-session-121", options, session_id=121, ends_at=ENDS, now=STARTS)
    assert spec.name == "a-quran-session-121"
    assert spec.empty_timeout_s == spec.departure_timeout_s == 75 * 60
    assert spec.max_participants == 12
    assert json.loads(spec.metadata) == {"sessionId": 121, "options": options.to_dict()}
