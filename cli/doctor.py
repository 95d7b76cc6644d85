"""`doctor`: everything that has to fit together before a class can be held, looked at once."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import clock
import settings
from actions.clock.system_status import webhook_status
from cli.checkup import Finding, Level, fail, good, skew, warn
from cli.checkup_livekit import check_livekit
from cli.database import opened
from cli.parts import Stop
from domain.system import WebhookStatus
from gateways.jwks import JwksError, read_keys
from gateways.probes import ProbeError, get
from gateways.queue import JobQueue
from gateways.redis_server import RedisServer
from models.database.connection import dialect
from models.database.installation import installation
from models.reading.clock_status import read_clock_status
from settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
Room = Annotated[
    bool, typer.Option("--room", help="Make a real room at LiveKit, go in, and delete it.")
]

MARKS = {Level.OK: "[green]ok  [/]", Level.WARN: "[yellow]warn[/]", Level.FAIL: "[red]fail[/]"}


def doctor(room: Room = False, as_json: AsJson = False) -> None:
    """Look at everything a class needs, and say what to do; exit code 1 if anything fails."""
    found = asyncio.run(_all(settings.current(), is_with_room=room, is_quiet=as_json))
    worst = [finding for finding in found if finding.level is Level.FAIL]
    counts = {level.value: sum(f.level is level for f in found) for level in Level}
    if as_json:
        typer.echo(json.dumps({"findings": [asdict(f) for f in found], **counts}))
    else:
        typer.echo(", ".join(f"{number} {level}" for level, number in counts.items()))
    if worst:
        raise typer.Exit(1)


async def _all(given: Settings, *, is_with_room: bool, is_quiet: bool) -> list[Finding]:
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    found = []
    async with aclosing(_findings(given, is_with_room=is_with_room)) as findings:
        async for finding in findings:
            found.append(finding)
            if not is_quiet:
                says = f"{finding.says} {finding.advice}".rstrip()
                console.print(f"{MARKS[finding.level]}  {finding.name:<18}  {escape(says)}")
    return found


async def _findings(given: Settings, *, is_with_room: bool) -> AsyncGenerator[Finding, None]:
    for finding in await _of_database(given):
        yield finding
    async for finding in _of_redis(given):
        yield finding
    async for finding in check_livekit(given, is_with_room=is_with_room):
        yield finding
    if given.jwks_url is not None:
        yield await _of_jwks(given.jwks_url)


async def _of_database(given: Settings) -> list[Finding]:
    try:
        async with opened(given.database_url):
            found = [good("database", f"{dialect()}, migrated.")]
            return found + await _of_clock(clock.now()) + _of_webhooks(await _told())
    except Stop as error:
        return [fail("database", str(error), "Nothing that is kept in it could be looked at.")]


async def _of_clock(now: datetime) -> list[Finding]:
    status = await read_clock_status(now)
    found = [skew("database's clock", status.skew_ms)]
    if not status.is_running:
        what = "has never run" if status.last_beat_at is None else "has stopped"
        return [*found, fail("clock", f"It {what}.", "Start a server, a worker or `clock`.")]
    found.append(good("clock", "It runs."))
    if status.overdue_sessions:
        late = f"{status.overdue_sessions} sessions are late."
        found.append(fail("sessions", late, "`sessions stuck` says why."))
    if status.untried_work:
        what = f"{status.untried_work} pieces of work are late, and nobody has tried them."
        found.append(
            fail("workers", what, "Is there a worker? A `clock` beside Redis does no work.")
        )
    if status.failed_work:
        what = f"{status.failed_work} pieces of work failed again and again."
        found.append(warn("work", what, "due_work.last_error says why."))
    return found


async def _told() -> WebhookStatus:
    return await webhook_status(clock.now())


def _of_webhooks(told: WebhookStatus) -> list[Finding]:
    door = "Give LiveKit the address of /webhooks/livekit, and a key of ours to sign with."
    found = []
    if told.is_silent:
        found.append(fail("webhooks", "People come and go, and LiveKit does not tell.", door))
    elif told.last_received_at is None:
        found.append(warn("webhooks", "None has ever arrived.", door))
    else:
        says = (
            f"{told.received_last_hour} in the last hour, the last {told.last_received_at:%F %T}Z."
        )
        found.append(good("webhooks", says))
    if told.rejected_last_hour:
        says = f"{told.rejected_last_hour} in the last hour were not signed by a key of ours."
        found.append(warn("webhook keys", says, "Compare HALAQA_LIVEKIT_WEBHOOK_KEYS."))
    if told.poison_last_hour:
        says = f"{told.poison_last_hour} in the last hour were of nothing we know."
        found.append(warn("webhook contents", says, "`webhooks activity` shows them."))
    return found


async def _of_redis(given: Settings) -> AsyncIterator[Finding]:
    if given.redis_url is None:
        yield good("redis", "None is configured: bus and tasks are in the server's memory.")
        return
    queue = JobQueue()
    queue.open(await _redis(given.database_url, given.redis_url))
    try:
        health = await queue.health()
    finally:
        await queue.close()
    if health.is_reachable:
        yield good("redis", "It answers.")
        yield good("task queue", f"{health.detail}.")
    else:
        yield fail("redis", health.detail, "Start it, or correct HALAQA_REDIS_URL.")


async def _redis(database_url: str, url: str) -> RedisServer:
    """With the names of this installation, if its database says which it is."""
    try:
        async with opened(database_url):
            return RedisServer.of(url, await installation())
    except Exception:  # what is wrong with it is a finding of its own
        return RedisServer(url)


async def _of_jwks(url: str) -> Finding:
    try:
        number = len(read_keys((await get(url)).body))
    except (ProbeError, JwksError) as error:
        return fail("sign-in's keys", f"{error}.", "Correct HALAQA_JWKS_URL.")
    return good("sign-in's keys", f"{number} can be used.")
