"""What attendance was computed from, and computing it again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live

import clock
import settings
from actions.attendance import folding as attendance
from cli.attendance_tables import overview, whole
from cli.database import opened
from cli.parts import Stop
from domain.session import SessionKind
from domain.status import SessionStatus
from models import Session

EVERY_S = 1.0
WIDE = 160
NEVER_OPENED = (SessionStatus.SCHEDULED, SessionStatus.CANCELLED)

Number = Annotated[int | None, typer.Argument(metavar="[ID]", help="The session's number.")]
Watch = Annotated[bool, typer.Option("--watch", help="Draw it again every second, until Ctrl-C.")]
Lines = Annotated[int, typer.Option(min=1, max=10_000, help="How much of the log's end to show.")]
AcademySlug = Annotated[str | None, typer.Option("--academy", help="Only of this academy: slug.")]
Kind = Annotated[SessionKind | None, typer.Option(help="Only sessions of this kind.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Name each session that changes.")]

attendance_commands = typer.Typer(no_args_is_help=True, help="Who was there, and why we say so.")


@attendance_commands.command()
def debug(session: Number = None, watch: Watch = False, lines: Lines = 50) -> None:
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
    session: Number = None,
    academy: AcademySlug = None,
    kind: Kind = None,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Compute attendance again from the log: of one session, or of all that ever opened."""
    asyncio.run(_recalculate(session, academy, kind, is_trial=dry_run, is_verbose=verbose))


async def _recalculate(
    number: int | None,
    slug: str | None,
    kind: SessionKind | None,
    *,
    is_trial: bool,
    is_verbose: bool,
) -> None:
    async with opened(settings.current().database_url):
        wanted = await _wanted(number, slug, kind)
        changed = [one for one in wanted if await _changes(one, clock.now(), is_trial, is_verbose)]
    word = "would change" if is_trial else "changed"
    typer.echo(f"{len(wanted)} checked, {len(changed)} {word}.")


async def _wanted(number: int | None, slug: str | None, kind: SessionKind | None) -> list[int]:
    if number is not None:
        return [(await _find(number)).id]
    rows = Session.exclude(status__in=NEVER_OPENED)
    if slug is not None:
        rows = rows.filter(academy__slug=slug)
    if kind is not None:
        rows = rows.filter(kind=kind)
    found: list[int] = await rows.order_by("id").values_list("id", flat=True)  # type: ignore[assignment]
    return found


async def _changes(session_id: int, now: datetime, is_trial: bool, is_verbose: bool) -> bool:
    facts = await attendance.recalculate(session_id, now, is_trial=is_trial)
    if facts and is_verbose:
        typer.echo(f"session {session_id}: {facts} facts")
    return bool(facts)
