"""`doctor`: checks everything that a class needs before it can be held."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

import clock
import settings
from cli.database import opened
from cli.doctor_links import check_links
from cli.doctor_livekit import check_addresses, check_keys, check_room
from cli.doctor_report import Level, Report
from cli.doctor_webhooks import check_webhooks
from cli.parts import Stop, blocking
from cli.weak_secrets import OWN_KEY, guessable_keys, is_for_trials, weak_secrets
from domain.system import ClockStatus
from gateways.jwks import JwksError, read_keys
from gateways.probes import ProbeError, get
from gateways.queue import JobQueue
from gateways.redis_server import RedisServer
from models.database.connection import dialect
from models.database.installation import installation
from models.reading.clock_status import read_clock_status
from settings import Settings
from zones import check_zone_data

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
Room = Annotated[
    bool, typer.Option("--room", help="Make a real room at LiveKit, go in, and delete it.")
]


@blocking
async def doctor(room: Room = False, as_json: AsJson = False) -> None:
    """Look at everything a class needs, and say what to do; exit code 1 if anything fails."""
    given = settings.current()
    report = Report(is_quiet=as_json)
    _check_secrets(report, given)
    report.good("time zones", f"tzdata {check_zone_data()}; the system's own are not read.")
    await _check_database(report, given)
    if given.redis_url is None:
        report.good("redis", "None is configured: bus and tasks are in the server's memory.")
    else:
        await _check_redis(report, given.database_url, given.redis_url)
    await check_addresses(report, given)
    await check_keys(report)
    if room:
        await check_room(report, given)
    else:
        report.warn("turn", "Only who goes into a room is told of it.", "Ask with --room.")
    if given.jwks_url is not None:
        try:
            keys = read_keys((await get(given.jwks_url)).body)
            report.good("sign-in's keys", f"{len(keys)} can be used.")
        except (ProbeError, JwksError) as error:
            report.fail("sign-in's keys", f"{error}.", "Correct HALAQA_JWKS_URL.")
    counts = report.counts()
    if as_json:
        findings = [asdict(finding) for finding in report.findings]
        typer.echo(json.dumps({"findings": findings, **counts}))
    else:
        typer.echo(", ".join(f"{number} {level}" for level, number in counts.items()))
    if counts[Level.FAIL]:
        raise typer.Exit(1)


def _check_secrets(report: Report, given: Settings) -> None:
    if found := weak_secrets(given):
        report.fail("secrets", " ".join(found), "`serve` does not start with these.")
    elif is_for_trials(given):
        says = "LiveKit's is that of `livekit-server --dev`."
        report.warn("secrets", says, "Only for trials: everybody knows it.")
    elif guessed := guessable_keys(given):
        advice = f"They are easy to guess: {OWN_KEY}."
        report.warn("secrets", " ".join(guessed), advice)
    else:
        report.good("secrets", "Nobody else's, as far as can be seen.")


async def _check_database(report: Report, given: Settings) -> None:
    """Check the database, and what it says of the clock, due work, webhooks and links."""
    try:
        async with opened(given.database_url):
            report.good("database", f"{dialect()}, migrated.")
            now = clock.now()
            _check_clock(report, await read_clock_status(now))
            await check_webhooks(report, now)
            await check_links(report, given.link_schemes)
    except Stop as error:
        report.fail("database", str(error), "Nothing that is kept in it could be looked at.")


def _check_clock(report: Report, status: ClockStatus) -> None:
    report.skew("database's clock", status.skew_ms)
    if not status.is_running:
        what = "has never run" if status.last_beat_at is None else "has stopped"
        report.fail("clock", f"It {what}.", "Start a server, a worker or `clock`.")
        return
    report.good("clock", "It runs.")
    if status.overdue_sessions:
        late = f"{status.overdue_sessions} sessions are late."
        report.fail("sessions", late, "`sessions stuck` says why.")
    if status.untried_work:
        late = f"{status.untried_work} pieces of work are late, and nobody has tried them."
        advice = "Is there a worker? A `clock` beside Redis does no work."
        report.fail("workers", late, advice)
    if status.failed_work:
        failed = f"{status.failed_work} pieces of work failed again and again."
        report.warn("work", failed, "due_work.last_error says why.")


async def _check_redis(report: Report, database_url: str, url: str) -> None:
    """Check Redis and the task queue. The database says which keys in Redis are ours."""
    try:
        async with opened(database_url):
            redis = RedisServer.of(url, await installation())
    except Exception:  # the database has a finding of its own
        redis = RedisServer(url)
    queue = JobQueue()
    queue.open(redis)
    try:
        health = await queue.health()
    finally:
        await queue.close()
    if health.is_reachable:
        report.good("redis", "It answers.")
        report.good("task queue", f"{health.detail}.")
    else:
        report.fail("redis", health.detail, "Start it, or correct HALAQA_REDIS_URL.")
