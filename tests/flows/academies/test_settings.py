"""Academies and their settings: setting and reading them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import settings
from models import Academy, VideoSettings
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.configuring import set_academy, set_policy, set_video
from tests.support.scene import Scene, dump
from tests.support.upserts import refusals

CREATE = """
mutation ($input: AcademyInput!) {
  createAcademy(input: $input) {
    academy {
      slug name timezone locale isActive meetingLinkTemplate
      videoSettings {
        autoCreateMeetings autoEndMeetings readyMinutesBefore meetingCreationMinutesBefore
        meetingCreationTimeStart meetingCreationTimeEnd meetingCreationBlockedDays
        completionBufferMinutes maxOvertimeMinutes defaultMaxParticipants maxDurationMinutes
        emptyTimeoutSeconds recordByDefault tokenTtlMinutes teachersJoinAnySession
        teachersScheduleSessions refuseConflicts
      }
      attendancePolicy {
        presentFromPercent partialFromPercent lateAfterMinutes lateBeforePartial minimumHeldMinutes
        mergeGapSeconds staleAfterMinutes
      }
    }
    errors { code field }
  }
}
"""
NEW = {"slug": "itqan-academy", "name": "Itqan", "timezone": "Asia/Riyadh"}


# --- a new academy


async def test_a_new_academy_has_every_setting_at_its_default(asker: Asker, there: Scene) -> None:
    answer = payload(await asker.ask(CREATE, there["super"], input=NEW))
    assert answer["academy"] == {
        **NEW,
        "locale": "ar",
        "isActive": True,
        "meetingLinkTemplate": None,
        "videoSettings": {
            "autoCreateMeetings": True,
            "autoEndMeetings": True,
            "readyMinutesBefore": 10,
            "meetingCreationMinutesBefore": 15,
            "meetingCreationTimeStart": None,
            "meetingCreationTimeEnd": None,
            "meetingCreationBlockedDays": [],
            "completionBufferMinutes": 5,
            "maxOvertimeMinutes": 0,
            "defaultMaxParticipants": 50,
            "maxDurationMinutes": 120,
            "emptyTimeoutSeconds": 300,
            "recordByDefault": False,
            "tokenTtlMinutes": 180,
            "teachersJoinAnySession": False,
            "teachersScheduleSessions": True,
            "refuseConflicts": False,
        },
        "attendancePolicy": {
            "presentFromPercent": 80,
            "partialFromPercent": 30,
            "lateAfterMinutes": 15,
            "lateBeforePartial": False,
            "minimumHeldMinutes": 15,
            "mergeGapSeconds": 120,
            "staleAfterMinutes": 30,
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
        ("timezone", "localtime"),
        ("timezone", "Factory"),
        ("locale", "arabic please"),
        ("meetingLinkTemplate", "https://example.org/class"),
        ("meetingLinkTemplate", "no url {room}"),
        ("meetingLinkTemplate", "https://example.org/{room}" + "x" * 400),
    ],
)
async def test_creating_an_academy_with_an_invalid_value_is_refused(
    asker: Asker, there: Scene, field: str, value: str
) -> None:
    before = await dump()
    answer = await asker.ask(CREATE, there["super"], input=NEW | {field: value})
    assert refusals(answer) == [("INVALID_INPUT", [field])]
    assert await dump() == before


@pytest.fixture
def schemes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Links may also lead to an app."""
    monkeypatch.setenv("HALAQA_LINK_SCHEMES", "https,Itqan")
    settings.current.cache_clear()
    yield
    monkeypatch.undo()
    settings.current.cache_clear()


@pytest.mark.usefixtures("schemes")
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


@pytest.mark.parametrize(
    "link",
    [
        "itqan://class/{room}",
        "JAVASCRIPT://%0aalert(1)//{room}",
        "java\tscript://{room}",
        " https://example.org/{room}",
        "https://example.org/\x01{room}",
        "https://example.org/{room}\n",
    ],
)
async def test_a_template_has_an_allowed_scheme_and_nothing_that_hides_another(
    asker: Asker, there: Scene, link: str
) -> None:
    before = await dump()
    for answer in (
        await asker.ask(CREATE, there["super"], input=NEW | {"meetingLinkTemplate": link}),
        await set_academy(asker, there, meetingLinkTemplate=link),
    ):
        assert refusals(answer) == [("INVALID_INPUT", ["meetingLinkTemplate"])]
    assert await dump() == before
    upper = payload(
        await set_academy(asker, there, meetingLinkTemplate="HTTPS://example.org/{room}")
    )
    assert upper["academy"]["meetingLinkTemplate"] == "HTTPS://example.org/{room}"


@pytest.mark.usefixtures("schemes")
async def test_http_is_only_allowed_where_the_setting_says_so(asker: Asker, there: Scene) -> None:
    plain = await set_academy(asker, there, meetingLinkTemplate="http://example.org/{room}")
    assert refusals(plain) == [("INVALID_INPUT", ["meetingLinkTemplate"])]


async def test_a_stored_template_stays_valid(asker: Asker, there: Scene) -> None:
    template = "itqan://class/{room}"
    await Academy.filter(id=there["academy"].id).update(meeting_link_template=template)
    again = {"name": "Noor", "meetingLinkTemplate": template}
    renamed = payload(await set_academy(asker, there, **again))["academy"]
    assert (renamed["name"], renamed["meetingLinkTemplate"]) == ("Noor", template)
    academy = await Academy.get(id=there["academy"].id)
    at = there.now + timedelta(minutes=5)
    session = await make.session(
        academy, there["teacher"], student=there["student"], at=at, now=there.now
    )
    assert str(session.meeting_link).startswith("itqan://class/")


# --- how settings are set


async def test_settings_left_out_or_null_are_kept(asker: Asker, there: Scene) -> None:
    payload(await set_video(asker, there, readyMinutesBefore=20, tokenTtlMinutes=60))
    kept = payload(await set_video(asker, there, completionBufferMinutes=0, tokenTtlMinutes=None))
    assert kept["academy"]["videoSettings"] == {
        "readyMinutesBefore": 20,
        "completionBufferMinutes": 0,
        "tokenTtlMinutes": 60,
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
        ("meetingCreationMinutesBefore", -1),
        ("meetingCreationMinutesBefore", 121),
        ("meetingCreationTimeStart", "24:00"),
        ("meetingCreationTimeStart", "8:00"),
        ("meetingCreationTimeStart", "08:00:00"),
        ("meetingCreationTimeStart", "\u0660\u0668:\u0660\u0660"),
        ("meetingCreationTimeEnd", ""),
        ("meetingCreationTimeEnd", "08:60"),
    ],
)
async def test_a_setting_out_of_bounds_is_refused(
    asker: Asker, there: Scene, setting: str, value: Any
) -> None:
    before = await dump()
    answer = await set_video(asker, there, **{"completionBufferMinutes": 7, setting: value})
    assert refusals(answer) == [("INVALID_INPUT", [setting])]
    assert await dump() == before


async def test_a_window_has_a_start_and_an_end(asker: Asker, there: Scene) -> None:
    start, end = "meetingCreationTimeStart", "meetingCreationTimeEnd"
    assert refusals(await set_video(asker, there, **{start: "08:00"})) == [("INVALID_INPUT", [end])]
    assert refusals(await set_video(asker, there, **{end: "08:00"})) == [("INVALID_INPUT", [start])]
    payload(await set_video(asker, there, **{start: "22:00", end: "02:00"}))
    payload(await set_video(asker, there, **{start: "23:00"}))
    assert refusals(await set_video(asker, there, **{end: None})) == [("INVALID_INPUT", [end])]
    row = await VideoSettings.get(academy_id=there["academy"].id)
    assert (row.meeting_creation_time_start, row.meeting_creation_time_end) == ("23:00", "02:00")
    payload(await set_video(asker, there, **{start: None, end: None}))


async def test_days_are_kept_once_and_in_the_order_of_the_week(asker: Asker, there: Scene) -> None:
    days = {"meetingCreationBlockedDays": ["FRIDAY", "MONDAY", "FRIDAY"]}
    payload(await set_video(asker, there, **days))
    query = "query ($id: ID!) { academy(id: $id) { videoSettings { meetingCreationBlockedDays } } }"

    async def blocked() -> list[str]:
        answer = await asker.ask(query, there["student"], id=there.id("academy"))
        found: list[str] = payload(answer)["videoSettings"]["meetingCreationBlockedDays"]
        return found

    assert await blocked() == ["MONDAY", "FRIDAY"]
    unknown = await set_video(asker, there, meetingCreationBlockedDays=["Friday"])
    assert code(unknown) == "BAD_USER_INPUT"
    payload(await set_video(asker, there, meetingCreationBlockedDays=[]))
    assert await blocked() == []


# --- an academy that changes


async def test_the_name_time_zone_and_locale_of_an_academy_can_change(
    asker: Asker, there: Scene
) -> None:
    wish = {"name": " Noor ", "timezone": "Africa/Cairo", "locale": "en", "isActive": False}
    link = {"meetingLinkTemplate": "https://example.org/{room}"}
    changed = payload(await set_academy(asker, there, **wish, **link))["academy"]
    assert changed == wish | link | {"name": "Noor"}
    kept = payload(await set_academy(asker, there, isActive=True, locale=None))["academy"]
    assert kept == changed | {"isActive": True}
    assert payload(await set_academy(asker, there))["academy"] == kept
    cleared = payload(await set_academy(asker, there, meetingLinkTemplate=""))["academy"]
    assert cleared["meetingLinkTemplate"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "  "),
        ("name", "x" * 201),
        ("timezone", "Riyadh"),
        ("timezone", "localtime"),
        ("timezone", "Factory"),
        ("locale", "arabic please"),
        ("meetingLinkTemplate", "https://example.org/class"),
        ("meetingLinkTemplate", "javascript://{room}"),
    ],
)
async def test_updating_an_academy_to_an_invalid_value_is_refused(
    asker: Asker, there: Scene, field: str, value: str
) -> None:
    before = await dump()
    answer = await set_academy(asker, there, **{"isActive": False, field: value})
    assert refusals(answer) == [("INVALID_INPUT", [field])]
    assert await dump() == before


async def test_partial_cannot_start_above_present(asker: Asker, there: Scene) -> None:
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
