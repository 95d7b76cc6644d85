"""What the commands about sessions share: which of them, whether it is a trial, and the counts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console

import settings
from cli.database import opened
from cli.parts import Stop
from domain.session import SessionKind
from gateways.livekit import LiveKit
from models import Academy
from models.reading.session_filter import SessionFilter

Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Slug = Annotated[str | None, typer.Option("--academy", help="Only of this academy: its slug.")]
Kind = Annotated[
    SessionKind | None, typer.Option("--kind", case_sensitive=False, help="Only of this kind.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line for each session, too.")]
# What the database's columns of numbers hold.
LARGEST = 2**31 - 1
Number = Annotated[
    int, typer.Argument(min=1, max=LARGEST, metavar="ID", help="The session's databaseId.")
]
AnyNumber = Annotated[
    int | None, typer.Argument(min=1, max=LARGEST, metavar="ID", help="The session's databaseId.")
]
OfSession = Annotated[
    int | None,
    typer.Option("--session", min=1, max=LARGEST, help="Only of this session: its databaseId."),
]
OfUser = Annotated[
    int, typer.Option("--user", min=1, max=LARGEST, help="Whose: the user's databaseId.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]

console = Console(highlight=False, soft_wrap=True, emoji=False)


@asynccontextmanager
async def choosing(slug: str | None, kind: SessionKind | None) -> AsyncIterator[SessionFilter]:
    """The database is open meanwhile; Stop for an academy that is not there."""
    async with opened(settings.current().database_url):
        academy = await Academy.get_or_none(slug=slug) if slug else None
        if slug and academy is None:
            raise Stop("There is no such academy.")
        yield SessionFilter(academy.id if academy else None, kind)


@asynccontextmanager
async def reaching() -> AsyncIterator[LiveKit]:
    given = settings.current()
    secret = given.livekit_api_secret.get_secret_value()
    livekit = LiveKit(
        given.livekit_api_url,
        given.livekit_api_key,
        secret,
        tls_verify=given.livekit_tls_verify,
    )
    try:
        yield livekit
    finally:
        await livekit.aclose()


def print_lines(lines: list[tuple[int, str]], *, is_verbose: bool) -> None:
    for number, told in lines if is_verbose else ():
        console.print(f"{number}  {told}", markup=False)


def print_counts(counts: Mapping[str, int], *, is_dry: bool = False) -> None:
    """`3 checked, 2 ended, 1 failed`; exit code 1 where anything failed."""
    said = ", ".join(f"{number} {name}" for name, number in counts.items())
    console.print(f"{said}; nothing was done." if is_dry else f"{said}.", markup=False)
    if counts.get("failed"):
        raise typer.Exit(1)
