"""Sessions changed over GraphQL: names, ids, and the field of a refusal."""

from datetime import timedelta

import pytest

from domain.access import UserRole
from domain.session import SessionKind
from models import Session
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import asking, code, payload
from tests.support.scene import dump, scene

pytestmark = pytest.mark.usefixtures("database")

UPDATE = """mutation ($id: ID!, $input: UpdateSessionInput!) {
  updateSession(sessionId: $id, input: $input) {
    session { title teacher { databaseId } student { databaseId }
      ... on AcademicSession { subject } }
    errors { code field } } }"""


async def test_clients_give_ids_and_clear_with_an_empty_text() -> None:
    academy = await make.academy()
    teacher, substitute = await make.teacher(academy), await make.teacher(academy)
    session = await make.session(
        academy,
        teacher,
        student=await make.student(academy),
        kind=SessionKind.ACADEMIC,
        subject="Algebra",
    )
    admin = await make.user(academy, UserRole.ACADEMY_ADMIN)
    async with asking() as asker:
        input = {
            "title": "  Session 2 ",
            "subject": "",
            "teacherId": encode(Kind.USER, substitute.id),
        }
        now = make.ELEVEN - timedelta(hours=1)
        number = encode(Kind.SESSION, session.id)
        answer = payload(await asker.ask(UPDATE, admin, now=now, id=number, input=input))
        assert answer["session"]["title"] == "Session 2"
        assert answer["session"]["subject"] is None
        assert answer["session"]["teacher"] == {"databaseId": substitute.id}
        assert answer["session"]["student"] == {"databaseId": session.student_id}


KEEP = "mutation ($id: ID!, $m: Int) { keepSessionOpen(sessionId: $id, minutes: $m) { %s } }"
STATE = "session { keptOpen { since until by { databaseId } } } errors { code field }"


async def test_keptopen_tells_who_keeps_a_session_open_and_until_when() -> None:
    there = await scene()
    async with asking() as asker:
        mine = there.id("mine")
        answer = await asker.ask(KEEP % STATE, there["teacher"], now=there.now, id=mine, m=120)
        told = payload(answer)["session"]["keptOpen"]
        assert told == {
            "since": "2026-03-02T11:00:00.000Z",
            "until": "2026-03-02T13:00:00.000Z",
            "by": {"databaseId": there["teacher"].id},
        }
        history = """query ($id: ID!) { session(id: $id) { keptOpen { until } history(first: 100) {
          nodes { ... on KeptOpenChanged { keptOpen { until } actor { databaseId } } } } } }"""
        seen = payload(await asker.ask(history, there["student"], id=mine, now=there.now))
        assert seen["keptOpen"]["until"] == told["until"]
        assert {"keptOpen": {"until": told["until"]}, "actor": told["by"]} in seen["history"][
            "nodes"
        ]
        await asker.ask(
            "mutation ($id: ID!) { releaseSession(sessionId: $id) { errors { code } } }",
            there["teacher"],
            id=mine,
            now=there.now,
        )
        seen = payload(await asker.ask(history, there["student"], id=mine, now=there.now))
        assert seen["keptOpen"] is None
        assert seen["history"]["nodes"][-1]["keptOpen"] is None
        bad = await asker.ask(KEEP % STATE, there["teacher"], now=there.now, id=mine, m=1000)
        assert code(bad) == "INVALID_INPUT"


CANCEL = """mutation ($ids: [ID!]!) {
  cancelSessions(sessionIds: $ids, reason: "Eid") {
    sessions { databaseId status cancellationReason } errors { code field } } }"""


async def test_a_whole_day_is_cancelled_or_nothing_of_it() -> None:
    there = await scene()
    ids = [there.id("others"), there.id("mine")]
    async with asking() as asker:
        before = await dump()
        bad = [ids[0], there.id("foreign"), "nonsense", ids[1]]
        answer = await asker.ask(CANCEL, there["admin"], now=there.now, ids=bad)
        assert answer["data"]["cancelSessions"] == {
            "sessions": [],
            "errors": [
                {"code": "NOT_FOUND", "field": ["sessionIds", "1"]},
                {"code": "NOT_FOUND", "field": ["sessionIds", "2"]},
            ],
        }
        assert await dump() == before
        answer = await asker.ask(CANCEL, there["admin"], now=there.now, ids=[*ids, ids[0]])
        rows = payload(answer)["sessions"]
        numbers = [there["others"].id, there["mine"].id, there["others"].id]
        assert [row["databaseId"] for row in rows] == numbers
        assert {(row["status"], row["cancellationReason"]) for row in rows} == {
            ("CANCELLED", "Eid")
        }
        again = await asker.ask(CANCEL, there["admin"], now=there.now, ids=[*ids, ids[0]])
        assert payload(again)["sessions"] == rows


STUCK = "query ($id: ID!) { session(id: $id) { stuck { reason since detail } } }"


async def test_the_reason_of_a_stuck_session_is_shown_in_detail_to_managers_only() -> None:
    there = await scene()
    await Session.filter(id=there["mine"].id).update(room_error="LiveKit cannot be reached.")
    async with asking() as asker:
        for who, detail in (("teacher", "LiveKit cannot be reached."), ("student", None)):
            answer = await asker.ask(STUCK, there[who], now=there.now, id=there.id("mine"))
            assert payload(answer)["stuck"] == {
                "reason": "ROOM_NOT_MADE",
                "since": "2026-03-02T10:58:00.000Z",
                "detail": detail,
            }
        listed = "{ stuckSessions(first: 1) { nodes { databaseId stuck { detail } } } }"
        answer = payload(await asker.ask(listed, there["admin"], now=there.now))
        assert answer["nodes"] == [
            {
                "databaseId": there["mine"].id,
                "stuck": {"detail": "LiveKit cannot be reached."},
            }
        ]
