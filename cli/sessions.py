"""Sessions as an operator sees them: one, those that are stuck, and those that are late."""

import asyncio
import json

import typer

import clock
from actions.clock.by_hand import Done, update_statuses
from cli.choosing import (
    AsJson,
    Dry,
    Kind,
    Number,
    Slug,
    Verbose,
    choosing,
    console,
    print_counts,
    print_lines,
)
from cli.meetings import manage
from cli.parts import Stop
from cli.session_page import page_of
from domain.session import SessionKind
from domain.stuck import Stuck
from models import Session
from models.reading.stuck import find_stuck

session_commands = typer.Typer(no_args_is_help=True, help="Sessions: one, the stuck, the late.")


@session_commands.command()
def show(number: Number) -> None:
    """Print all there is to know about a session."""
    asyncio.run(_show(number))


async def _show(number: int) -> None:
    async with choosing(None, None):
        session = await Session.get_or_none(id=number).select_related("academy", "teacher")
        if session is None:
            raise Stop("There is no such session.")
        for line in await page_of(session, clock.now()):
            console.print(line, markup=False)


@session_commands.command()
def stuck(academy: Slug = None, kind: Kind = None, as_json: AsJson = False) -> None:
    """List the sessions with which something is wrong; exit code 1 if there are any."""
    found = asyncio.run(_stuck(academy, kind))
    if as_json:
        told = [
            {"session": row.id, "reason": one.reason, "since": f"{one.since:%FT%TZ}"}
            | {"detail": one.detail}
            for row, one in found
        ]
        typer.echo(json.dumps({"stuck": told}))
    else:
        for row, one in found:
            said = f"{row.id}  {one.reason}  since {one.since:%F %T}Z  {one.detail or ''}"
            console.print(said.rstrip(), markup=False)
        print_counts({"stuck": len(found)})
    if found:
        raise typer.Exit(1)


async def _stuck(slug: str | None, kind: SessionKind | None) -> list[tuple[Session, Stuck]]:
    async with choosing(slug, kind) as which:
        all_of_them = find_stuck(0, clock.now(), which.academy_id or 0)
        return [found async for found in all_of_them if kind in (None, found[0].kind)]


@session_commands.command("update-statuses")
def update(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Make every change of status that is due, as the clock would, also of parked sessions."""
    done = asyncio.run(_update(academy, kind, is_dry=dry_run))
    print_lines(done.lines, is_verbose=verbose)
    counts = {"checked": done.checked, "updated": done.changed, "failed": done.failed}
    print_counts(counts, is_dry=dry_run)


async def _update(slug: str | None, kind: SessionKind | None, *, is_dry: bool) -> Done:
    async with choosing(slug, kind) as which:
        return await update_statuses(clock.now(), which, is_dry=is_dry)


session_commands.command("manage-meetings")(manage)
