"""What attendance was computed from, and computing it again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live

import clock
import settings
from actions.attendance import recalculation
from actions.clock.manual_run import Done
from cli.attendance_tables import overview, whole
from cli.choosing import (
    AnyNumber,
    Dry,
    Kind,
    Slug,
    Verbose,
    choosing,
    print_counts,
    print_lines,
)
from cli.database import opened
from cli.parts import Stop
from domain.session import SessionKind
from domain.status import SessionStatus
from models import Session
from models.reading.session_filter import SessionFilter

EVERY_S = 1.0
WIDE = 160
NEVER_OPENED = (SessionStatus.SCHEDULED, SessionStatus.CANCELLED)

Watch = Annotated[bool, typer.Option("--watch", help="Draw it again every second, until Ctrl-C.")]
Lines = Annotated[int, typer.Option(min=1, max=10_000, help="How much of the log's end to show.")]

attendance_commands = typer.Typer(no_args_is_help=True, help="Who was there, and why we say so.")


@attendance_commands.command()
def debug(session: AnyNumber = None, watch: Watch = False, lines: Lines = 50) -> None:
    """Print who is in the live sessions; of one session rows, cycles and the log behind them."""

    async def draw() -> RenderableType:
        now = clock.now()
        return await (overview(now) if session is None else whole(await _find(session), now, lines))

    asyncio.run(_watch(draw) if watch else _print(draw))


Draw = Callable[[], Awaitable[RenderableType]]


def _console() -> Console:
    """As wide as the terminal; where there is none, wide enough for every column."""
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=WIDE)


async def _print(draw: Draw) -> None:
    async with opened(settings.current().database_url):
        _console().print(await draw())


async def _watch(draw: Draw) -> None:
    console = _console()
    async with opened(settings.current().database_url):
        with Live(console=console, auto_refresh=False) as live:
            while True:
                show = live.update if console.is_terminal else console.print
                show(await draw())
                live.refresh()
                await asyncio.sleep(EVERY_S)


async def _find(number: int) -> Session:
    session = await Session.get_or_none(id=number)
    if session is None:
        raise Stop(f"There is no session {number}.")
    return session


@attendance_commands.command()
def recalculate(
    session: AnyNumber = None,
    academy: Slug = None,
    kind: Kind = None,
    dry_run: Dry = False,
    verbose: Verbose = False,
) -> None:
    """Compute attendance again from the log: of one session, or of all that ever opened."""
    done = asyncio.run(_recalculate(session, academy, kind, is_dry=dry_run))
    print_lines(done.lines, is_verbose=verbose)
    word = "would change" if dry_run else "changed"
    print_counts({"checked": done.checked, word: done.changed, "failed": done.failed})


async def _recalculate(
    number: int | None, slug: str | None, kind: SessionKind | None, *, is_dry: bool
) -> Done:
    done = Done()
    async with choosing(slug, kind) as which:
        for session_id in await _wanted(number, which):
            done.checked += 1
            await _repair(session_id, done, is_dry=is_dry)
    return done


async def _wanted(number: int | None, which: SessionFilter) -> list[int]:
    if number is not None:
        if not await which.rows().filter(id=number).exists():
            raise Stop(f"There is no session {number} of these.")
        return [number]
    rows = which.rows().exclude(status__in=NEVER_OPENED).order_by("id")
    return await rows.values_list("id", flat=True)  # type: ignore[return-value]


async def _repair(session_id: int, done: Done, *, is_dry: bool) -> None:
    """What one session meets keeps no other from being computed."""
    try:
        repair = await recalculation.recalculate_session(session_id, clock.now(), is_trial=is_dry)
    except Exception as error:
        done.failed += 1
        done.lines.append((session_id, f"failed: {error!r}"))
        return
    if repair.rows or repair.facts:
        done.changed += 1
        done.lines.append((session_id, f"{repair.rows} rows, {repair.facts} facts"))
