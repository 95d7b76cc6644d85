"""Academies, and their settings as they are set and read."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models import Academy
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, asking, code, payload
from tests.support.configuring import set_policy, set_video
from tests.support.scene import Scene, dump, scene
from tests.support.upserts import refusals

CREATE = """
mutation ($input: AcademyInput!) {
  createAcademy(input: $input) {
    academy {
      slug name timezone locale isActive meetingLinkTemplate
      videoSettings { readyMinutesBefore completionBufferMinutes maxOvertimeMinutes
        defaultMaxParticipants maxDurationMinutes emptyTimeoutSeconds tokenTtlMinutes }
      attendancePolicy { presentFromPercent partialFromPercent lateAfterMinutes mergeGapSeconds }
    }
    errors { code field }
  }
}
"""
NEW = {"slug": "itqan-academy", "name": "Itqan", "timezone": "Asia/Riyadh"}


@pytest.fixture
async def there(database: Database) -> Scene:
    return await scene()


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    async with asking() as asker:
        yield asker


# --- a new academy


async def test_a_new_academy_has_every_setting_at_its_default(asker: Asker, there: Scene) -> None:
    answer = payload(await asker.ask(CREATE, there["super"], input=NEW))
    assert answer["academy"] == {
        **NEW,
        "locale": "ar",
        "isActive": True,
        "meetingLinkTemplate": None,
        "videoSettings": {
            "readyMinutesBefore": 10,
            "completionBufferMinutes": 5,
            "maxOvertimeMinutes": 0,
            "defaultMaxParticipants": 50,
            "maxDurationMinutes": 120,
            "emptyTimeoutSeconds": 300,
            "tokenTtlMinutes": 180,
        },
        "attendancePolicy": {
            "presentFromPercent": 80,
            "partialFromPercent": 30,
            "lateAfterMinutes": 15,
            "mergeGapSeconds": 120,
        },
    }
    again = await asker.ask(CREATE, there["super"], input=NEW)
    assert refusals(again) == [("ALREADY_EXISTS", ["slug"])]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "Itqan"),
        ("slug", "itqan--academy"),
        ("slug", "-itqan"),
        ("slug", "إتقان"),
        ("slug", ""),
        ("slug", "x" * 64),
        ("name", "  "),
        ("name", "x" * 201),
        ("timezone", "Riyadh"),
        ("timezone", "../etc/passwd"),
        ("locale", "arabic please"),
        ("meetingLinkTemplate", "https://example.org/class"),
        ("meetingLinkTemplate", "no url {room}"),
        ("meetingLinkTemplate", "https://example.org/{room}" + "x" * 400),
    ],
)
async def test_what_an_academy_cannot_be_is_refused(
    asker: Asker, there: Scene, field: str, value: str
) -> None:
    before = await dump()
    answer = await asker.ask(CREATE, there["super"], input=NEW | {field: value})
    assert refusals(answer) == [("INVALID_INPUT", [field])]
    assert await dump() == before


async def test_links_are_made_from_the_academys_template(asker: Asker, there: Scene) -> None:
    template = "itqan://class/{room}?source=halaqa"
    wish = NEW | {"meetingLinkTemplate": template, "locale": "en-GB"}
    payload(await asker.ask(CREATE, there["super"], input=wish))
    academy = await Academy.get(slug="itqan-academy")
    teacher, student = await make.teacher(academy), await make.student(academy)
    at = there.now + timedelta(minutes=5)
    session = await make.session(academy, teacher, student=student, at=at, now=there.now)
    room = f"itqan-academy-quran-session-{session.id}"
    assert session.meeting_link == f"itqan://class/{room}?source=halaqa"


# --- how settings are set


async def test_what_is_left_out_is_kept_and_null_is_the_default_again(
    asker: Asker, there: Scene
) -> None:
    payload(await set_video(asker, there, readyMinutesBefore=20, tokenTtlMinutes=60))
    kept = payload(await set_video(asker, there, completionBufferMinutes=0, tokenTtlMinutes=None))
    assert kept["academy"]["videoSettings"] == {
        "readyMinutesBefore": 20,
        "completionBufferMinutes": 0,
        "tokenTtlMinutes": 180,
    }
    payload(await set_policy(asker, there, lateAfterMinutes=5))
    assert payload(await set_policy(asker, there, presentFromPercent=90))["academy"] == {
        "attendancePolicy": {
            "presentFromPercent": 90,
            "partialFromPercent": 30,
            "lateAfterMinutes": 5,
        }
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("readyMinutesBefore", -1),
        ("readyMinutesBefore", 121),
        ("completionBufferMinutes", -1),
        ("maxOvertimeMinutes", -1),
        ("defaultMaxParticipants", 0),
        ("maxDurationMinutes", 0),
        ("emptyTimeoutSeconds", 0),
        ("tokenTtlMinutes", 0),
        ("tokenTtlMinutes", 181),
    ],
)
async def test_a_setting_out_of_bounds_is_refused(
    asker: Asker, there: Scene, setting: str, value: int
) -> None:
    before = await dump()
    answer = await set_video(asker, there, **{"completionBufferMinutes": 7, setting: value})
    assert refusals(answer) == [("INVALID_INPUT", [setting])]
    assert await dump() == before


async def test_partial_cannot_begin_above_present(asker: Asker, there: Scene) -> None:
    before = await dump()
    answer = await set_policy(asker, there, partialFromPercent=81)
    assert refusals(answer) == [("INVALID_INPUT", ["partialFromPercent"])]
    for value in (-1, 101):
        answer = await set_policy(asker, there, presentFromPercent=value)
        assert refusals(answer) == [("INVALID_INPUT", ["presentFromPercent"])]
    assert await dump() == before


async def test_settings_are_read_by_everybody_of_the_academy(asker: Asker, there: Scene) -> None:
    query = "query ($id: ID!) { academy(id: $id) { videoSettings { readyMinutesBefore } "
    query += "attendancePolicy { lateAfterMinutes } } }"
    for who in ("admin", "teacher", "student", "parent"):
        answer = await asker.ask(query, there[who], id=there.id("academy"))
        assert payload(answer)["videoSettings"] == {"readyMinutesBefore": 10}
    assert code(await asker.ask(query, id=there.id("academy"))) == "UNAUTHENTICATED"
