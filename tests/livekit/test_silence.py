"""Nothing is heard of people in a class: because LiveKit's API is away, or because we are."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from domain.attendance.state import to_ms
from tests.conftest import PostgresTemplate
from tests.livekit import measured
from tests.livekit.classroom import Classroom, moment
from tests.livekit.evidence import Stored, Told, log_of, results_of
from tests.livekit.production import Production, in_production
from tests.livekit.school import School, open_school
from tests.livekit.stays import check_cycles
from tests.livekit.watcher import Watcher
from tests.support.livekit_people import Guest, Moment
from tests.support.patience import until

pytestmark = [pytest.mark.livekit, pytest.mark.asyncio(loop_scope="session")]

INSIDE = ("teacher", "sara", "omar")
LOOK_EVERY_S = 0.5
HUDA_LEAVES_AT_S = 70.0  # after the start: she was silent for longer than `staleAfterMinutes`
DEAD_AT_S = 25.0
DEAD_AFTER_THE_END_S = 3.0
BEATS_EVERY_MS = 2000
SLACK_MS = 1000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def production(
    postgres_template: PostgresTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Production]:
    url, folder = await postgres_template.copy(), tmp_path_factory.mktemp("silence")
    async with in_production(url, folder, by_road=True) as production:
        yield production


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def school(production: Production) -> School:
    """Its stays become stale as soon as a policy can say."""
    return await open_school(production, "quiet", "sara", "omar", "huda", staleAfterMinutes=1)


async def test_livekits_api_is_away_for_a_whole_class_and_nobody_loses_a_second(
    school: School, production: Production
) -> None:
    async with (
        school.classroom(starts_in_s=12, minutes=2) as classroom,
        classroom.watched() as watcher,
    ):
        await classroom.room_is_there()
        async with production.road.away():
            huda = await all_stay_but_huda(classroom, watcher)
            rows = await classroom.final()
            results = await results_of(production, classroom)
        check_cycles(rows["huda"], (huda.joined, huda.left))
        check_heard(await log_of(production, classroom), results, classroom)
        check_left(results["huda"], huda.left, classroom)


async def all_stay_but_huda(classroom: Classroom, watcher: Watcher) -> Guest:
    """Everybody is there before it starts, and until it is over; Huda leaves in its middle."""
    people = classroom.people
    for name in INSIDE:
        await classroom.enter(name)
    huda = await classroom.enter("huda")
    assert not (await classroom.token("huda"))["roomEnsured"]
    for name in (*INSIDE, "huda"):
        await watcher.sees(people[name], presence="IN_MEETING")
    assert seconds_into(classroom) < 0
    await asyncio.sleep(HUDA_LEAVES_AT_S - seconds_into(classroom))
    assert watcher.row(people["huda"])["presence"] == "IN_MEETING"
    await huda.leave()
    await watcher.sees(people["huda"], presence="LEFT")
    await stay_until_the_end(classroom, watcher)
    return huda


async def stay_until_the_end(classroom: Classroom, watcher: Watcher) -> None:
    """Look all the time: nobody is ever taken for gone."""
    while True:
        presences = {watcher.row(classroom.people[name])["presence"] for name in INSIDE}
        if (await classroom.state())["status"] != "ONGOING":
            return
        assert presences == {"IN_MEETING"}
        await asyncio.sleep(LOOK_EVERY_S)


def check_heard(told: list[Told], results: dict[str, Stored], classroom: Classroom) -> None:
    """Webhooks alone made the log, and who was there all the time has all of it for sure."""
    assert {line.kind for line in told} <= {"ROOM_STARTED", "JOINED", "LEFT"}
    for name in INSIDE:
        result = results[name]
        measured.spans_s["counted without LiveKit's API"].append(result.closed_ms / 1000)
        assert result.closed_ms == to_ms(ends_at(classroom)) - to_ms(starts_at(classroom))
        assert (result.bounds, result.needs_review) == (None, False)
        assert result.status == (None if name == "teacher" else "PRESENT")


def check_left(result: Stored, left: Moment, classroom: Classroom) -> None:
    """LiveKit's webhook told when she left."""
    attended_s = (left.started_at - starts_at(classroom)).total_seconds()
    measured.spans_s["counted of who left"].append(result.closed_ms / 1000)
    measured.spans_s["attended by who left"].append(attended_s)
    assert abs(result.closed_ms - attended_s * 1000) <= SLACK_MS
    assert (result.bounds, result.needs_review) == (None, False)
    assert (result.status, result.confidence) == ("PARTIAL", "CONFIRMED")


async def test_all_our_processes_are_dead_at_the_end_and_who_left_is_in_doubt(
    school: School, production: Production
) -> None:
    await school.sign_in()
    services = (*production.apis, production.worker)
    async with (
        school.classroom(starts_in_s=8, minutes=1) as classroom,
        classroom.watched() as watcher,
    ):
        sara, huda = await classroom.enter("sara"), await classroom.enter("huda")
        for name in ("sara", "huda"):
            await watcher.sees(school[name], presence="IN_MEETING")
        await asyncio.sleep(DEAD_AT_S - seconds_into(classroom))
        dying_at = datetime.now(UTC)
        await asyncio.gather(*(service.kill() for service in services))
        killed = Moment.since(dying_at)
        await sara.leave()
        ends_in_s = (ends_at(classroom) - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(ends_in_s + DEAD_AFTER_THE_END_S)

        back_at = datetime.now(UTC)
        await asyncio.gather(*(service.start() for service in services))
        await asyncio.gather(*(production.is_ready(n) for n in range(len(production.apis))))
        back = Moment.since(back_at)
        await until(huda.is_out.is_set, "huda is out", within_s=30)
        assert huda.reason == "ROOM_DELETED"
        rows = await classroom.final()
        assert len(rows["sara"]["cycles"]) == 1
        results = await results_of(production, classroom)
        away = check_away(await log_of(production, classroom), killed, back)
        check_doubted(results["sara"], away, classroom)
        check_cycles(rows["huda"], (huda.joined, huda.left), kind="room deleted after the end")
        assert results["huda"].closed_ms == 60_000
        assert (results["huda"].bounds, results["huda"].needs_review) == (None, False)
        assert results["huda"].status == "PRESENT"


def check_away(told: list[Told], killed: Moment, back: Moment) -> Told:
    """One line about everybody: from the last beat before the kill to the first one after it."""
    (away,) = [line for line in told if line.kind == "AWAY"]
    assert away.user_id is None
    early_ms = to_ms(killed.started_at) - away.occurred_ms
    late_ms = away.received_ms - to_ms(back.started_at)
    measured.spans_s["away noted from, before the kill"].append(early_ms / 1000)
    measured.spans_s["away noted until, after the restart began"].append(late_ms / 1000)
    assert to_ms(killed.started_at) - away.occurred_ms <= BEATS_EVERY_MS + SLACK_MS
    assert away.occurred_ms <= to_ms(killed.done)
    assert to_ms(back.started_at) <= away.received_ms <= to_ms(back.done) + SLACK_MS
    return away


def check_doubted(result: Stored, away: Told, classroom: Classroom) -> None:
    """She was there until the last sign of life at least, and until the end at most."""
    at_least_ms = away.occurred_ms - to_ms(starts_at(classroom))
    scheduled_ms = to_ms(ends_at(classroom)) - to_ms(starts_at(classroom))
    measured.spans_s["in doubt: at least, at most"] += [at_least_ms / 1000, scheduled_ms / 1000]
    assert result.bounds is not None
    assert result.bounds["at_least_ms"] == result.closed_ms == at_least_ms
    assert result.bounds["at_most_ms"] == scheduled_ms
    assert result.last_left_ms == away.occurred_ms
    assert (result.confidence, result.status) == ("ESTIMATED", "PARTIAL")
    assert result.needs_review


def starts_at(classroom: Classroom) -> datetime:
    return moment(classroom.scheduled["scheduledAt"])


def ends_at(classroom: Classroom) -> datetime:
    return moment(classroom.scheduled["endsAt"])


def seconds_into(classroom: Classroom) -> float:
    return (datetime.now(UTC) - starts_at(classroom)).total_seconds()
