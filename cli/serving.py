"""The commands that run until a signal: `serve`, `worker`, `clock`; and `clock status`."""

import asyncio
import errno
import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import clock
import settings
import telemetry
from cli.database import alone, check_migrated, is_sqlite, opened
from cli.parts import Beside, Example, Parts, Stop, blocking
from cli.weak_secrets import check_secrets
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
    check_secrets(given)
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
    """Raise Stop if the settings want several processes on SQLite, which takes only one."""
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
    """Raise Stop if the block cannot take its port, and name the setting that gives it."""
    try:
        yield
    except OSError as error:
        reasons = {errno.EADDRINUSE: "is taken", errno.EACCES: "is not ours to use"}
        if error.errno not in reasons:
            raise
        raise Stop(f"Port {port} {reasons[error.errno]}: give another in {setting}.") from None


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
    with alone(given.database_url), _serving_metrics(given.metrics_port):
        asyncio.run(_run_until_signal(context.obj.ticking(given)))


def worker(context: typer.Context, metrics_port: MetricsPort = None) -> None:
    """Run the clock and do the work that is due, one of any number on PostgreSQL and Redis."""
    settings.overrule(metrics_port=metrics_port)
    given = settings.current()
    if is_sqlite(given.database_url) or given.redis_url is None:
        raise Stop(NO_WORKERS)
    check_migrated(given.database_url)
    telemetry.start_logging()
    with _serving_metrics(given.metrics_port):
        asyncio.run(_run_until_signal(context.obj.working(given)))


@contextmanager
def _serving_metrics(port: int | None) -> Iterator[None]:
    """Serve this process's metrics on a port, if the settings give one."""
    with ExitStack() as stack:
        if port is not None:
            with taking_port(port, "HALAQA_METRICS_PORT"):
                stack.enter_context(telemetry.serving_metrics(port))
        yield


async def _run_until_signal(running: AbstractAsyncContextManager[None]) -> None:
    """Run until the first signal, then stop in order; a second signal ends the process at once."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    async with running:
        await stopped.wait()
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@clock_commands.command("status")
@blocking
async def clock_status(as_json: AsJson = False) -> None:
    """Say whether the clock runs and what is late; exit code 1 if it does not or anything is."""
    now = clock.now()
    async with opened(settings.current().database_url):
        status = await read_clock_status(now)
    beat_at = status.last_beat_at
    if as_json:
        beat = beat_at and beat_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        typer.echo(json.dumps(asdict(status) | {"last_beat_at": beat}))
    else:
        late = _red(status.overdue_sessions)
        if status.overdue_sessions:
            late += f", the oldest by {status.oldest_overdue_seconds} s"
        ago = "never" if beat_at is None else f"{(now - beat_at).total_seconds():.1f} s ago"
        table = Table.grid(padding=(0, 2))
        table.add_row("clock", "[green]runs[/]" if status.is_running else "[red]does not run[/]")
        table.add_row("last beat", ago)
        table.add_row("overdue sessions", late)
        table.add_row("overdue work", _red(status.overdue_work))
        table.add_row("failed work", _red(status.failed_work))
        table.add_row("database's clock", f"{status.skew_ms:+d} ms")
        Console(highlight=False).print(table)
    if not status.is_running or status.overdue_sessions or status.overdue_work:
        raise typer.Exit(1)


def _red(number: int) -> str:
    return f"[red]{number}[/]" if number else "0"
