"""A real livekit-server's webhooks, folded person by person; the cycles are worked out by hand.

`class` starts at 1795233900 s and `sfu-killed` at 1795234000 s: the times below are after that."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from domain.attendance.fold import (
    Confidence,
    CycleEnd,
    CycleStart,
    EventKind,
    Facts,
    Line,
    Policy,
    Presence,
    Result,
    fold,
)
from tests.support.recordings import bodies, deliveries, lines, shift_onto

BASE = {"class": 1_795_233_900_000, "sfu-killed": 1_795_234_000_000}
ROOM_2, ROOM_3, ROOM_4 = "RM_3ca57WMXkFYW", "RM_GCPES5irDoTx", "RM_DaSuwGvr5PKm"
# The last sign of life that looks every 5 s had when each room of `sfu-killed` started.
ALIVE = {ROOM_2: 157_400, ROOM_3: 187_100, ROOM_4: 191_722}
LEFT, REPLACED, REMOVED = CycleEnd.LEFT, CycleEnd.REPLACED, CycleEnd.REMOVED
FINISHED, LOST, STALE = CycleEnd.ROOM_FINISHED, CycleEnd.CONNECTION_LOST, CycleEnd.STALE
Visit = tuple[int, int | None, CycleEnd | None]


def folded(
    name: str, who: str, *, gap: int = 0, ended: int | None = None, alive: Mapping[str, int] = ALIVE
) -> Result:
    base = BASE[name]
    facts = Facts(
        scheduled_ms=base,
        ends_ms=base + 3_600_000,
        ended_ms=None if ended is None else base + ended,
        is_final=False,
        is_expected=True,
        was_joinable=True,
        policy=Policy(merge_gap_seconds=gap),
    )
    return fold([stamped(line, base, alive) for line in lines(name)[who]], facts)


def stamped(line: Line, base: int, alive: Mapping[str, int]) -> Line:
    if line.kind is not EventKind.ROOM_STARTED or line.room_sid is None:
        return line
    told = alive.get(line.room_sid)
    return line if told is None else replace(line, alive_ms=base + told)


def visits(name: str, found: Result) -> list[Visit]:
    base = BASE[name]
    assert {cycle.opened_by for cycle in found.cycles} == {CycleStart.JOINED}
    lefts = [None if cycle.left_ms is None else cycle.left_ms - base for cycle in found.cycles]
    return [
        (cycle.joined_ms - base, left, cycle.closed_by)
        for cycle, left in zip(found.cycles, lefts, strict=True)
    ]


@pytest.mark.parametrize(
    ("who", "expected", "confidence"),
    [
        ("1_Sara_Ali", [(49_479, 121_799, FINISHED)], Confidence.CONFIRMED),
        ("20_Quick_Leaver", [(62_343, 62_382, LEFT)], Confidence.CONFIRMED),
        ("21_Quick_Leaver", [(62_411, 62_448, LEFT)], Confidence.CONFIRMED),
        ("22_Quick_Leaver", [(62_491, 62_535, LEFT)], Confidence.CONFIRMED),
        # killed and frozen: LiveKit said so 20.3 s later, as it does after 20 to 22
        ("7_Omar_Drop", [(63_830, 65_915, LOST)], Confidence.ESTIMATED),
        ("8_Frozen_Net", [(87_357, 89_438, LOST)], Confidence.ESTIMATED),
        # told at the fourth attempt, 7 s late
        ("11_Retry_Me", [(110_725, 120_782, LEFT)], Confidence.CONFIRMED),
        (
            "5_Huda_Ali",
            [
                (50_560, 51_613, LEFT),
                (52_631, 59_258, REMOVED),  # taken over by another device on the way
                (61_280, 121_802, FINISHED),
                (125_827, 126_365, LEFT),  # the second room
                (132_388, 135_420, LEFT),  # the third, when the server was shut down
            ],
            Confidence.CONFIRMED,
        ),
    ],
)
def test_the_class_folds_to_what_people_did(
    who: str, expected: list[Visit], confidence: Confidence
) -> None:
    found = folded("class", who)
    assert visits("class", found) == expected
    assert found.confidence is confidence
    assert found.presence is Presence.LEFT


def test_with_the_merge_gap_all_of_hudas_comings_and_goings_are_one_cycle() -> None:
    found = folded("class", "5_Huda_Ali", gap=120)
    assert visits("class", found) == [(50_560, 135_420, LEFT)]
    assert found.closed_ms == 84_860
    assert folded("class", "5_Huda_Ali").closed_ms == 1_053 + 6_627 + 60_522 + 538 + 3_032


@pytest.mark.parametrize(
    ("who", "expected", "confidence"),
    [
        # her leave came 24 s late, when the receiver was back: only its second is known
        ("12_Also_Down", [(117_082, 119_999, LEFT)], Confidence.CONFIRMED),
        (
            "1_Sara_Ali",
            [(97_810, 157_400, STALE), (170_009, 187_100, STALE), (191_799, None, None)],
            Confidence.ESTIMATED,
        ),
        (
            "5_Huda_Ali",
            [(97_861, 157_400, STALE), (168_271, 187_100, STALE), (191_843, None, None)],
            Confidence.ESTIMATED,
        ),
        ("21_New_One", [(191_695, 191_722, STALE), (191_955, None, None)], Confidence.ESTIMATED),
    ],
)
def test_a_killed_server_ends_stays_when_somebody_last_saw_them(
    who: str, expected: list[Visit], confidence: Confidence
) -> None:
    found = folded("sfu-killed", who)
    assert visits("sfu-killed", found) == expected
    assert found.confidence is confidence


def test_a_killed_server_that_nobody_watched_ends_stays_where_they_started() -> None:
    found = folded("sfu-killed", "1_Sara_Ali", alive={})
    assert visits("sfu-killed", found) == [
        (97_810, 97_810, STALE),
        (170_009, 170_009, STALE),
        (191_799, None, None),
    ]


def test_with_the_merge_gap_a_killed_server_is_no_gap_in_anybodys_class() -> None:
    for alive in (ALIVE, {}):
        found = folded("sfu-killed", "1_Sara_Ali", gap=120, alive=alive)
        assert visits("sfu-killed", found) == [(97_810, None, None)]
        assert found.presence is Presence.IN_MEETING
    ended = folded("sfu-killed", "1_Sara_Ali", gap=120, ended=600_000)
    assert visits("sfu-killed", ended) == [(97_810, 600_000, STALE)]


@pytest.mark.parametrize("name", ["class", "sfu-killed"])
def test_a_recording_told_at_another_time_folds_to_the_same_times_later(name: str) -> None:
    shift = shift_onto(name, BASE[name] + 86_400_500)
    assert shift % 1000 == 0
    for who, own in lines(name, shift_ms=shift).items():
        earlier = lines(name)[who]
        assert [line.received_ms - shift for line in own] == [e.received_ms for e in earlier]
        assert [line.occurred_ms - shift for line in own] == [e.occurred_ms for e in earlier]


def test_bodies_are_the_recorded_requests_moved_to_another_session() -> None:
    sent = bodies("class", 3_600_000, "demo-quran-session-7", tag="-b")
    assert len(sent) == len(deliveries("class")) == 36
    received_ms, raw = sent[9]
    told = json.loads(raw)
    assert (received_ms, told["createdAt"]) == (1_795_237_559_258, "1795237559")
    assert told["id"] == "EV_i3BhcegzmGSY-b"
    assert (told["room"]["name"], told["room"]["sid"]) == (
        "demo-quran-session-7",
        "RM_syXp3Bnky8mm-b",
    )
    assert (told["room"]["creationTime"], told["room"]["creationTimeMs"]) == (
        "1795237548",
        "1795237548950",
    )
    assert (told["participant"]["joinedAt"], told["participant"]["joinedAtMs"]) == (
        "1795237553",
        "1795237553689",
    )
    assert told["participant"]["sid"] == "PA_LqJ9NW6rEA3Y-b"


def test_a_refused_webhook_is_sent_again_byte_for_byte() -> None:
    sent = bodies("class", 0, "demo-quran-session-7")
    refused = [raw for _, raw in sent if json.loads(raw)["id"] == "EV_Wp2Gb4oWFHd8"]
    assert len(refused) == 4
    assert len(set(refused)) == 1


def test_bodies_move_by_whole_seconds_only() -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        bodies("class", 1_500, "demo-quran-session-7")
