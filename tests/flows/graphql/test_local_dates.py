"""Sessions of a day: of the academy's own, which may be longer or shorter than others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.access import UserRole
from models import Academy, Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Answer, Asker, payload

QUERY = "query ($f: SessionFilter) { sessions(first: 100, filter: $f) { nodes { title } } }"


@pytest.fixture
async def academy(database: Database) -> Academy:
    return await make.academy()


@pytest.fixture
async def admin(academy: Academy) -> User:
    return await make.user(academy, UserRole.ACADEMY_ADMIN)


async def hourly(academy: Academy, zone: str, start: str, hours: int) -> None:
    """Put a session at each full hour in UTC; its title is that hour."""
    await Academy.filter(id=academy.id).update(timezone=zone)
    teacher, student = await make.teacher(academy), await make.student(academy)
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    one = await make.session(academy, teacher, student=student, at=first, title=f"{first:%dT%H}")
    for n in range(1, hours):
        at = first + timedelta(hours=n)
        copy = Session(**{name: getattr(one, name) for name in one._meta.db_fields - {"id"}})
        copy.scheduled_at, copy.title = at, f"{at:%dT%H}"
        copy.next_transition_at = copy.meeting_id = copy.room_name = None
        await copy.save(force_create=True)


async def titles(asker: Asker, as_: User, day: str, **more: Any) -> list[str]:
    answer = payload(await asker.ask(QUERY, as_, f={"localDate": day} | more))
    return [node["title"] for node in answer["nodes"]]


@pytest.mark.parametrize(
    ("zone", "start", "day", "found"),
    [
        # three hours ahead
        ("Asia/Riyadh", "2026-03-01 19:00", "2026-03-02", ("01T21", "02T20", 24)),
        # forward at midnight, so it starts at one o'clock
        ("Africa/Cairo", "2026-04-23 19:00", "2026-04-24", ("23T22", "24T20", 23)),
        # back from midnight to eleven
        ("Africa/Cairo", "2026-10-28 19:00", "2026-10-29", ("28T21", "29T21", 25)),
        # +00 since 2026-09-20
        ("Africa/Casablanca", "2026-11-29 22:00", "2026-11-30", ("30T00", "30T23", 24)),
    ],
)
async def test_a_day_is_the_academys_own(
    asker: Asker,
    academy: Academy,
    admin: User,
    zone: str,
    start: str,
    day: str,
    found: tuple[str, str, int],
) -> None:
    await hourly(academy, zone, start, 29)
    told = await titles(asker, admin, day)
    assert (told[0], told[-1], len(told)) == found


async def test_from_and_to_hold_besides(asker: Asker, academy: Academy, admin: User) -> None:
    await hourly(academy, "Asia/Riyadh", "2026-03-01 19:00", 29)
    told = await titles(
        asker, admin, "2026-03-02", **{"from": "2026-03-02T18:00:00Z", "to": "2026-03-03T18:00:00Z"}
    )
    assert told == ["02T18", "02T19", "02T20"]
    assert await titles(asker, admin, "2026-03-05") == []


async def ask(asker: Asker, as_: User, day: str | None, **more: Any) -> Answer:
    return await asker.ask(QUERY, as_, f={"localDate": day} | more)


def refused(answer: Answer) -> tuple[str, list[str]]:
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["extensions"]["field"]


BAD_DATES = (
    "",
    "2026-02-30",
    "2026-3-2",
    "20260302",
    "2026-W10-1",
    "02.03.2026",
    " 2026-03-02",
    "٢٠٢٦-03-02",
    "2026-03-02T00:00:00Z",
    "0001-01-01",
    "9999-12-31",
)


@pytest.mark.parametrize("day", BAD_DATES)
async def test_a_malformed_date_is_refused_by_its_path(
    asker: Asker, academy: Academy, admin: User, day: str
) -> None:
    assert refused(await ask(asker, admin, day)) == ("INVALID_INPUT", ["filter", "localDate"])


async def test_who_has_several_academies_says_which(asker: Asker, academy: Academy) -> None:
    await hourly(academy, "Asia/Riyadh", "2026-03-01 19:00", 3)
    root = await make.user(None, UserRole.SUPER_ADMIN)
    answer = await ask(asker, root, "2026-03-02")
    assert refused(answer) == ("INVALID_INPUT", ["filter", "academyId"])
    assert refused(await ask(asker, root, "nonsense"))[1] == ["filter", "localDate"]
    own, other = (encode(Kind.ACADEMY, id) for id in (academy.id, (await make.academy()).id))
    assert await titles(asker, root, "2026-03-02", academyId=own) == ["01T21"]
    for nowhere in (other, "nonsense"):
        assert await titles(asker, root, "2026-03-02", academyId=nowhere) == []
    assert payload(await ask(asker, root, None))["nodes"]  # null sets no condition


async def test_a_foreign_academy_tells_nothing_not_even_its_zone(
    asker: Asker, academy: Academy, admin: User
) -> None:
    foreign = encode(Kind.ACADEMY, (await make.academy()).id)
    assert await titles(asker, admin, "2026-03-02", academyId=foreign) == []
