"""The commands that stay: the server, and the clock alone."""

import asyncio
import errno
import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import clock
import settings
import telemetry
from cli.database import alone, check_migrated, is_sqlite, opened
from cli.parts import Beside, Example, Parts, Stop
from domain.system import ClockStatus
from models.reading.clock_status import read_clock_status
from settings import Settings

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of HALAQA_PORT.")]
MetricsPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Instead of HALAQA_METRICS_PORT.")
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="So many processes; PostgreSQL only.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]

ONE_PROCESS = (
    "SQLite takes only one process at a time: leave out --workers, "
    "or give a PostgreSQL in HALAQA_DATABASE_URL."
)
NO_REDIS = (
    "HALAQA_REDIS_URL is for several processes, and SQLite takes only one at a time: "
    "leave it out, or give a PostgreSQL in HALAQA_DATABASE_URL."
)

NO_WORKERS = (
    "A worker needs PostgreSQL and Redis: give a PostgreSQL in HALAQA_DATABASE_URL "
    "and a Redis in HALAQA_REDIS_URL."
)

SIGNALS = (signal.SIGINT, signal.SIGTERM)

clock_commands = typer.Typer()


def serve(context: typer.Context, port: Port = None, workers: Workers = 1) -> None:
    """Serve the API. Without HALAQA_REDIS_URL the clock and the tasks run in the same process."""
    settings.overrule(port=port)
    given = settings.current()
    check_fits(given, workers)
    check_migrated(given.database_url)
    telemetry.start_logging()
    with alone(given.database_url):
        if workers > 1:
            with taking_port(given.port):
                context.obj.serve_many(given, workers)
        else:
            serve_on_port(context.obj, given)


def check_fits(given: Settings, processes: int = 1) -> None:
    """Stop where several processes are wanted on a database that takes one."""
    if not is_sqlite(given.database_url):
        return
    if processes > 1:
        raise Stop(ONE_PROCESS)
    if given.redis_url is not None:
        raise Stop(NO_REDIS)


def serve_on_port(
    parts: Parts,
    given: Settings,
    examples: Sequence[Example] | None = None,
    beside: Beside | None = None,
) -> None:
    with taking_port(given.port):
        parts.serve(given, examples, beside)


@contextmanager
def taking_port(port: int, setting: str = "HALAQA_PORT") -> Iterator[None]:
    """Stop where the port is not to be had."""
    try:
        yield
    except OSError as error:
        why = {errno.EADDRINUSE: "is taken", errno.EACCES: "is not ours to use"}
        if error.errno not in why:
            raise
        raise Stop(f"Port {port} {why[error.errno]}: give another in {setting}.") from None


@clock_commands.callback(invoke_without_command=True)
def run_clock(context: typer.Context, metrics_port: MetricsPort = None) -> None:
    """Run the clock alone, beside servers on PostgreSQL. `clock status` says how it does."""
    if context.invoked_subcommand is not None:
        return
    settings.overrule(metrics_port=metrics_port)
    given = settings.current()
    check_fits(given)
    check_migrated(given.database_url)
    telemetry.start_logging()
    with alone(given.database_url), _showing_numbers(given.metrics_port):
        asyncio.run(_until_told(context.obj.ticking(given)))


def worker(context: typer.Context, metrics_port: MetricsPort = None) -> None:
    """Run the clock and do the work that is due, one of any number on PostgreSQL and Redis."""
    settings.overrule(metrics_port=metrics_port)
    given = settings.current()
    if is_sqlite(given.database_url) or given.redis_url is None:
        raise Stop(NO_WORKERS)
    check_migrated(given.database_url)
    telemetry.start_logging()
    with _showing_numbers(given.metrics_port):
        asyncio.run(_until_told(context.obj.working(given)))


@contextmanager
def _showing_numbers(port: int | None) -> Iterator[None]:
    """What this process counts, where a port is given for it."""
    with ExitStack() as stack:
        if port is not None:
            with taking_port(port, "HALAQA_METRICS_PORT"):
                stack.enter_context(telemetry.showing_numbers(port))
        yield


async def _until_told(ticking: AbstractAsyncContextManager[None]) -> None:
    """Till the first signal, which asks; a second one ends the process wherever it is."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, told.set)
    async with ticking:
        await told.wait()
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@clock_commands.command("status")
def clock_status(as_json: AsJson = False) -> None:
    """Say whether the clock runs and what is late; exit code 1 if it does not or anything is."""
    now = clock.now()
    status = asyncio.run(_read(now))
    if as_json:
        typer.echo(json.dumps(asdict(status), default=_zulu))
    else:
        Console(highlight=False).print(_table(status, now))
    if not _is_well(status):
        raise typer.Exit(1)


async def _read(now: datetime) -> ClockStatus:
    async with opened(settings.current().database_url):
        return await read_clock_status(now)


def _zulu(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_well(status: ClockStatus) -> bool:
    return status.is_running and not (status.overdue_sessions or status.overdue_work)


def _table(status: ClockStatus, now: datetime) -> Table:
    table = Table.grid(padding=(0, 2))
    state = "[green]runs[/]" if status.is_running else "[red]does not run[/]"
    table.add_row("clock", state)
    table.add_row("last beat", _ago(status.last_beat_at, now))
    table.add_row("overdue sessions", _late(status))
    table.add_row("overdue work", _count(status.overdue_work))
    table.add_row("failed work", _count(status.failed_work))
    table.add_row("database's clock", f"{status.skew_ms:+d} ms")
    return table


def _ago(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{(now - moment).total_seconds():.1f} s ago"


def _late(status: ClockStatus) -> str:
    number = _count(status.overdue_sessions)
    oldest = f", the oldest by {status.oldest_overdue_seconds} s" if status.overdue_sessions else ""
    return number + oldest


def _count(number: int) -> str:
    return f"[red]{number}[/]" if number else "0"
