"""A livekit-server is killed three times: nobody says goodbye, and only the next room tells."""

from domain.attendance.fold import AttendanceStatus, Confidence, CycleEnd
from domain.attendance.state import from_ms, to_ms
from models import Session
from tests.conftest import Database
from tests.support.replays import START, Replay, end, replay, tell

LEFT, STALE = CycleEnd.LEFT, CycleEnd.STALE
SURE, GUESSED = Confidence.CONFIRMED, Confidence.ESTIMATED
ABSENT, LATE = AttendanceStatus.ABSENT, AttendanceStatus.LATE

# Looks every five seconds had last seen the killed rooms at these moments.
LOOKS = {166_607: 157_400, 191_676: 187_100, 191_788: 191_722}
KILLED = ["1_Sara_Ali", "5_Huda_Ali", "12_Also_Down", "21_New_One"]


async def tell_of_the_kills(told: Replay, *, with_looks: bool) -> None:
    start_ms = to_ms(START)
    for now_ms, body in told.requests():
        seen_ms = LOOKS.get(now_ms - start_ms)
        if with_looks and seen_ms is not None:
            seen_at = from_ms(start_ms + seen_ms)
            await Session.filter(id=told.session.id).update(room_seen_at=seen_at)
        await tell([(now_ms, body)])


async def test_a_killed_server_ends_stays_when_a_look_last_saw_its_room(
    database: Database,
) -> None:
    told = await replay("sfu-killed", KILLED, minutes=60, merge_gap_seconds=0)
    await tell_of_the_kills(told, with_looks=True)
    assert {who: row[0] for who, row in (await told.rows()).items()} == {
        "1_Sara_Ali": [
            (97_810, 157_400, STALE),
            (170_009, 187_100, STALE),
            (191_799, None, None),
        ],
        "5_Huda_Ali": [(97_861, 157_400, STALE), (168_271, 187_100, STALE), (191_843, None, None)],
        # her leave came 24 s late, when the receiver was back: only its second is known
        "12_Also_Down": [(117_082, 119_999, LEFT)],
        "21_New_One": [(191_695, 191_722, STALE), (191_955, None, None)],
    }


async def test_a_killed_server_that_nobody_watched_ends_stays_where_they_started(
    database: Database,
) -> None:
    told = await replay("sfu-killed", KILLED, minutes=60, merge_gap_seconds=0)
    await tell_of_the_kills(told, with_looks=False)
    assert (await told.rows())["5_Huda_Ali"][0] == [
        (97_861, 97_861, STALE),
        (168_271, 168_271, STALE),
        (191_843, None, None),
    ]


async def test_with_the_merge_gap_a_killed_server_is_no_gap_in_anybodys_class(
    database: Database,
) -> None:
    told = await replay("sfu-killed", KILLED, minutes=60)
    await tell_of_the_kills(told, with_looks=True)
    await end(told.session)
    rows = await told.rows()
    over = 65 * 60_000
    assert rows["5_Huda_Ali"] == ([(97_861, over, STALE)], 3_502_139, GUESSED, LATE)
    assert rows["12_Also_Down"] == ([(117_082, 119_999, LEFT)], 2_917, SURE, ABSENT)
