"""Meetings: made ahead of their time, made where they are missing, ended where they are over."""

import asyncio

import typer

import clock
from actions.clock.manual_run import Done, create_scheduled
from actions.clock.safety_net import Caught, catch_forgotten
from actions.rooms.cleanup import Cleaned, clean_up
from cli.choosing import (
    Dry,
    Kind,
    Slug,
    Verbose,
    choosing,
    console,
    print_counts,
    print_lines,
    reaching,
)
from cli.parts import Stop
from domain.session import SessionKind

SILENT = "LiveKit does not answer: its rooms were not looked at."

meeting_commands = typer.Typer(no_args_is_help=True, help="Meetings: ahead, and over.")


@meeting_commands.command("create-scheduled")
def create(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Make the meetings of sessions that begin soon, as their academies look ahead."""
    done = asyncio.run(_create(academy, kind, is_dry=dry_run))
    print_lines(done.lines, is_verbose=verbose)
    counts = {"checked": done.checked, "created": done.changed, "failed": done.failed}
    print_counts(counts, is_dry=dry_run)


async def _create(slug: str | None, kind: SessionKind | None, *, is_dry: bool) -> Done:
    async with choosing(slug, kind) as which:
        return await create_scheduled(clock.now(), which, is_dry=is_dry)


@meeting_commands.command("cleanup-expired")
def cleanup(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """Complete sessions whose time is up, and close the rooms of those that are over."""
    done = asyncio.run(_cleanup(academy, kind, is_dry=dry_run))
    _print_cleaned(done, is_dry=dry_run, is_verbose=verbose)
    _check(done)


async def _cleanup(slug: str | None, kind: SessionKind | None, *, is_dry: bool) -> Cleaned:
    async with choosing(slug, kind) as which, reaching() as livekit:
        return await clean_up(livekit, clock.now(), which, is_dry=is_dry)


def manage(
    academy: Slug = None, kind: Kind = None, dry_run: Dry = False, verbose: Verbose = False
) -> None:
    """All about meetings in one: make those to come and those that are missing, end the expired."""
    ahead, behind, cleaned = asyncio.run(_manage(academy, kind, is_dry=dry_run))
    print_lines(ahead.lines, is_verbose=verbose)
    console.print(f"ahead: {ahead.checked} checked, {ahead.changed} created.")
    told = f"{behind.checked} checked, {behind.made} made, {behind.finalised} to be finalised"
    console.print(f"missing: {told}.")
    _print_cleaned(cleaned, is_dry=dry_run, is_verbose=verbose)
    if ahead.failed or behind.failed:
        raise typer.Exit(1)
    _check(cleaned)


async def _manage(
    slug: str | None, kind: SessionKind | None, *, is_dry: bool
) -> tuple[Done, Caught, Cleaned]:
    async with choosing(slug, kind) as which, reaching() as livekit:
        now = clock.now()
        return (
            await create_scheduled(now, which, is_dry=is_dry),
            await catch_forgotten(now, which, is_dry=is_dry),
            await clean_up(livekit, now, which, is_dry=is_dry),
        )


def _print_cleaned(done: Cleaned, *, is_dry: bool, is_verbose: bool) -> None:
    lines = [(one.id, f"{one.status}, its end was {one.ends_at:%F %T}Z") for one in done.expired]
    print_lines(lines, is_verbose=is_verbose)
    counts = {"checked": done.checked, "ended": done.ended, "failed": done.failed}
    print_counts(counts, is_dry=is_dry)


def _check(done: Cleaned) -> None:
    if done.is_silent:
        raise Stop(SILENT)
