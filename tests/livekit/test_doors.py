"""Tokens and grants at a real LiveKit: who gets in, what they may do, and what counts."""

import asyncio
from typing import Any

import pytest
from livekit import rtc

from tests.livekit.school import School
from tests.livekit.stays import check_cycles
from tests.livekit.together import together
from tests.support.livekit_people import knock
from tests.support.patience import until

pytestmark = [pytest.mark.livekit, pytest.mark.asyncio(loop_scope="session")]

OWN_ROOM = "a-room-of-my-own"
OUT_WITHIN_S = 10
TWO_LOOKS_S = 11


@together("sara", "omar")
async def test_only_a_teacher_administers_the_room_and_only_their_own(
    school: School,
) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        school.classroom(starts_in_s=-60, minutes=30) as other,
    ):
        sara, omar = await classroom.enter("sara"), await classroom.enter("omar")
        student, teacher = await classroom.token("sara"), await classroom.token("teacher")
        omars = {"identity": (await classroom.token("omar"))["participantIdentity"]}
        ask = school.campus.rooms.ask
        for method, body in (administration := calls(omars)).items():
            for token, room in ((student, classroom.room), (teacher, other.room)):
                answer = await ask(method, token["accessToken"], **{"room": room} | body)
                assert answer.status_code == 401, method
        for method in ("ListParticipants", "RemoveParticipant"):
            body = {"room": classroom.room} | administration[method]
            assert (await ask(method, teacher["accessToken"], **body)).status_code == 200
        await until(omar.is_out.is_set, "omar is out", within_s=10)
        assert not sara.is_out.is_set()
        assert set(await school.campus.rooms.all()) >= {classroom.room, other.room}
        assert OWN_ROOM not in await school.campus.rooms.all()


def calls(victim: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The calls to LiveKit that only a room's administrator may make."""
    return {
        "ListRooms": {},
        "CreateRoom": {"name": OWN_ROOM},
        "DeleteRoom": {},
        "ListParticipants": {},
        "RemoveParticipant": victim,
        "MutePublishedTrack": victim | {"muted": True},
        "UpdateParticipant": victim | {"metadata": "{}"},
        "UpdateRoomMetadata": {"metadata": "{}"},
        "SendData": {"data": "aGk="},
    }


@together("salma", "badr")  # these people change, so the school is their own
async def test_a_person_without_the_right_is_put_out_and_a_former_teacher_returns_as_guest(
    school: School,
) -> None:
    async with school.classroom(starts_in_s=-60, minutes=30) as classroom:
        salma, badr, teacher = [
            await classroom.enter(name) for name in ("salma", "badr", "teacher")
        ]
        await school.deactivate("salma", "STUDENT")
        await until(salma.is_out.is_set, "salma is out", within_s=OUT_WITHIN_S)
        await school.set_video(teachersJoinAnySession=True)
        await classroom.substitute(await school.enrol("substitute", "TEACHER"))
        await until(teacher.is_out.is_set, "teacher is out", within_s=OUT_WITHIN_S)
        guests = [await classroom.enter(name) for name in ("teacher", "substitute")]
        await asyncio.sleep(TWO_LOOKS_S)
        assert not any(guest.is_out.is_set() for guest in (badr, *guests))
        await school.set_video(teachersJoinAnySession=False)
        await until(guests[0].is_out.is_set, "the guest is out", within_s=OUT_WITHIN_S)
        assert guests[0].reason == "PARTICIPANT_REMOVED"
        assert not any(guest.is_out.is_set() for guest in (badr, guests[1]))


@together("sara", "omar")
async def test_a_parent_hears_and_says_nothing(school: School) -> None:
    async with school.classroom(starts_in_s=-60, minutes=30) as classroom:
        teacher, sara, parent = [
            await classroom.enter(name) for name in ("teacher", "sara", "parent")
        ]
        await sara.speak(within_s=10)
        with pytest.raises(TimeoutError):
            await parent.speak(within_s=4)
        await parent.say(b"from the parent")
        await sara.say(b"from the student")

        async def is_heard() -> bool:
            return b"from the student" in teacher.heard

        await until(is_heard, "the student is heard", within_s=10)
        assert teacher.heard == [b"from the student"]
        inside = await school.campus.rooms.inside(classroom.room)
        tracks = {number: len(person["tracks"]) for number, person in inside.items()}
        assert tracks == {
            school["teacher"].number: 0,
            school["sara"].number: 1,
            school["parent"].number: 0,
        }


@together("sara", "omar")
async def test_nobody_gets_a_token_before_a_session_opens_or_after_it_is_over(
    school: School,
) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        school.classroom(starts_in_s=3600, minutes=30) as later,
    ):
        assert await later.refusals("sara") == ["NOT_JOINABLE_YET"]
        old = await classroom.token("sara")
        sara = await classroom.enter("sara", old)
        await classroom.end()
        await until(sara.is_out.is_set, "sara is out", within_s=10)
        await classroom.room_is_gone()
        for name in ("sara", "teacher", "parent", "admin"):
            assert await classroom.refusals(name) == ["SESSION_OVER"], name
        for _ in range(3):
            with pytest.raises(rtc.ConnectError):
                await classroom.enter("sara", old)
        assert await school.campus.rooms.find(classroom.room) is None
        rows = await classroom.final()
        check_cycles(rows["sara"], (sara.joined, sara.left))


@together("sara", "zain", gap_s=0)
async def test_short_visits_count_and_a_mere_connection_does_not(
    school: School,
) -> None:
    async with (
        school.classroom(starts_in_s=-60, minutes=30) as classroom,
        classroom.watched() as watcher,
    ):
        visits = []
        for number in (1, 2, 3):
            visit = await classroom.enter("sara")
            await visit.leave()
            # A goodbye that follows so soon is lost now and then: LiveKit tells of it 21 s later.
            await watcher.sees(school["sara"], presence="LEFT", leaveCount=number)
            visits.append((visit.joined, visit.left))

        token = await classroom.token("zain")
        await knock(token["serverUrl"], token["accessToken"])
        await classroom.delivered("participant_connection_aborted", "zain")
        await classroom.end()
        rows = await classroom.final()
        check_cycles(rows["sara"], *visits)
        assert (rows["zain"]["presence"], rows["zain"]["cycles"]) == ("NOT_JOINED", [])
        # A person ended it in its first minutes: it did not take place, and nobody was absent.
        assert {row["status"] for row in rows.values()} == {None}
