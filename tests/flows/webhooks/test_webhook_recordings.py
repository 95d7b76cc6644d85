"""A real livekit-server's webhooks, sent to our door again: the rows are worked out by hand.

Times are milliseconds after the session's start, which stands for the recording's own second 0."""

import json
import random
from collections.abc import Callable

import pytest

from domain.attendance.fold import AttendanceStatus, Confidence, CycleEnd, Presence
from domain.status import SessionStatus
from domain.webhook import WebhookOutcome
from models import MeetingAttendanceEvent, Session, WebhookReceipt
from tests.conftest import Database
from tests.support.attendance_rows import state, stream
from tests.support.replays import Cycle, Request, Row, end, replay, tell

LEFT, REMOVED = CycleEnd.LEFT, CycleEnd.REMOVED
FINISHED, LOST, STALE = CycleEnd.ROOM_FINISHED, CycleEnd.CONNECTION_LOST, CycleEnd.STALE
SURE, GUESSED = Confidence.CONFIRMED, Confidence.ESTIMATED
ABSENT, PARTIAL = AttendanceStatus.ABSENT, AttendanceStatus.PARTIAL
LATE, PRESENT = AttendanceStatus.LATE, AttendanceStatus.PRESENT

# Cycles, counted milliseconds, confidence and final status of each.
CLASS: dict[str, Row] = {
    "1_Sara_Ali": ([(49_479, 121_799, FINISHED)], 72_320, SURE, None),  # the teacher
    "5_Huda_Ali": ([(50_560, 135_420, LEFT)], 84_860, SURE, PRESENT),
    "20_Quick_Leaver": ([(62_343, 62_382, LEFT)], 39, SURE, ABSENT),
    "21_Quick_Leaver": ([(62_411, 62_448, LEFT)], 37, SURE, ABSENT),
    "22_Quick_Leaver": ([(62_491, 62_535, LEFT)], 44, SURE, None),  # a visitor
    "7_Omar_Drop": ([(63_830, 65_915, LOST)], 2_085, GUESSED, PARTIAL),
    "8_Frozen_Net": ([(87_357, 89_438, LOST)], 2_081, GUESSED, PARTIAL),
    "11_Retry_Me": ([(110_725, 120_782, LEFT)], 10_057, SURE, LATE),
    "0_Never_Came": ([], 0, SURE, ABSENT),
}
HUDA_APART: list[Cycle] = [
    (50_560, 51_613, LEFT),
    (52_631, 59_258, REMOVED),  # taken over by another device on the way
    (61_280, 121_802, FINISHED),
    (125_827, 126_365, LEFT),
    (132_388, 135_420, LEFT),
]
FIRST_ROOM = 29  # requests, from its start to its finish


def in_order(requests: list[Request]) -> list[Request]:
    return requests


def doubled(requests: list[Request]) -> list[Request]:
    """Each request twice, and all of them once more at the end."""
    at_once = [request for request in requests for _ in range(2)]
    return at_once + [(requests[-1][0] + 1_000, body) for _, body in requests]


def shuffled(seed: int) -> Callable[[list[Request]], list[Request]]:
    def shuffle(requests: list[Request]) -> list[Request]:
        # a repeat arrives later
        last = {body: now_ms for now_ms, body in reversed(requests)}
        return random.Random(seed).sample([(at, body) for body, at in last.items()], len(last))

    return shuffle


def without(*kinds: str) -> Callable[[list[Request]], list[Request]]:
    def lose(requests: list[Request]) -> list[Request]:
        return [(at, body) for at, body in requests if json.loads(body)["event"] not in kinds]

    return lose


@pytest.mark.parametrize(
    "way",
    [
        in_order,
        doubled,
        shuffled(1),
        shuffled(2),
        shuffled(3),
        without("room_started"),
        without("room_started", "room_finished", "track_published"),
        without("participant_joined"),  # a leave alone is enough
    ],
)
async def test_a_class_ends_as_people_lived_it(
    database: Database, way: Callable[[list[Request]], list[Request]]
) -> None:
    told = await replay("class", list(CLASS))
    await tell(way(told.requests()))
    await end(told.session)
    assert await told.rows() == CLASS
    session = await Session.get(id=told.session.id)
    assert session.version == len(await stream(session.id))
    assert session.status is SessionStatus.COMPLETED


async def test_without_merging_every_coming_and_going_is_a_cycle(database: Database) -> None:
    told = await replay("class", list(CLASS), merge_gap_seconds=0)
    await tell(told.requests())
    rows = await told.rows()
    assert rows["5_Huda_Ali"][:2] == (HUDA_APART, 1_053 + 6_627 + 60_522 + 538 + 3_032)
    for who in set(CLASS) - {"5_Huda_Ali", "0_Never_Came"}:
        assert rows[who][:3] == CLASS[who][:3]


async def test_every_line_is_kept_once_and_tracks_are_receipts(database: Database) -> None:
    told = await replay("class", list(CLASS))
    await tell(doubled(told.requests()))
    kept = await MeetingAttendanceEvent.all().order_by("id").values_list("source_id", flat=True)
    assert len(kept) == len(set(kept)) == 31
    again = WebhookOutcome.DUPLICATE.value
    others = WebhookReceipt.exclude(outcome=again).order_by("received_at")
    assert [row.kind for row in await others] == ["track_published", "track_unpublished"]
    assert await WebhookReceipt.filter(outcome=again).count() == 31 + 2  # one for each


async def test_without_leaves_the_end_of_the_room_closes_the_stays(database: Database) -> None:
    told = await replay("class", list(CLASS))
    await tell(without("participant_left")(told.requests()[:FIRST_ROOM]))
    await end(told.session)
    rows = await told.rows()
    finished = 121_807
    assert rows["1_Sara_Ali"] == ([(49_479, finished, FINISHED)], 72_328, GUESSED, None)
    assert rows["7_Omar_Drop"] == ([(63_830, finished, FINISHED)], 57_977, GUESSED, LATE)
    assert rows["5_Huda_Ali"] == ([(50_560, finished, FINISHED)], 71_247, GUESSED, PRESENT)


async def test_without_leaves_and_the_rooms_end_the_sessions_end_closes_the_stays(
    database: Database,
) -> None:
    told = await replay("class", list(CLASS))
    await tell(without("participant_left", "room_finished")(told.requests()[:FIRST_ROOM]))
    # She connected anew, and the leave of her first connection is lost.
    assert (await told.rows())["5_Huda_Ali"] == ([(50_560, None, None)], 0, GUESSED, None)
    await end(told.session)
    over = 480_000  # the status completes five minutes after the scheduled end
    assert (await told.rows())["5_Huda_Ali"] == (
        [(50_560, over, STALE)],
        180_000 - 50_560,
        GUESSED,
        PRESENT,
    )


async def test_presence_is_told_as_it_changes(database: Database) -> None:
    told = await replay("class", list(CLASS))
    requests = told.requests()
    huda = told.people["5_Huda_Ali"]
    seen: list[Presence] = []
    for now_ms, body in requests:
        await tell([(now_ms, body)])
        presence = (await state(told.session.id, huda)).result.presence
        if not seen or seen[-1] is not presence:
            seen.append(presence)
    inside, gone = Presence.IN_MEETING, Presence.LEFT
    # join, second device (24 ms away), removal, return, the room's end, two more rooms
    assert seen == [
        Presence.NOT_JOINED,
        *(inside, gone, inside, gone, inside, gone, inside, gone, inside, gone, inside, gone),
    ]
    events = await stream(told.session.id)
    assert (await Session.get(id=told.session.id)).version == len(events)
