"""Holds what the commands about sessions share: options, their selection, printed counts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console

import settings
from cli.database import opened
from cli.parts import Stop
from domain.session import SessionKind
from models import Academy
from models.reading.session_filter import SessionFilter

DATABASE_ID_MAX = 2**31 - 1  # the largest number that fits an id's column

Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Slug = Annotated[str | None, typer.Option("--academy", help="Only of this academy: its slug.")]
Kind = Annotated[
    SessionKind | None, typer.Option("--kind", case_sensitive=False, help="Only of this kind.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line for each session, too.")]
SessionId = Annotated[
    int, typer.Argument(min=1, max=DATABASE_ID_MAX, metavar="ID", help="The session's databaseId.")
]
OptionalSessionId = Annotated[
    int | None,
    typer.Argument(min=1, max=DATABASE_ID_MAX, metavar="ID", help="The session's databaseId."),
]
SessionOption = Annotated[
    int | None,
    typer.Option(
        "--session", min=1, max=DATABASE_ID_MAX, help="Only of this session: its databaseId."
    ),
]
UserOption = Annotated[
    int, typer.Option("--user", min=1, max=DATABASE_ID_MAX, help="Whose: the user's databaseId.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]

console = Console(highlight=False, soft_wrap=True, emoji=False)


@asynccontextmanager
async def selected_sessions(
    slug: str | None, kind: SessionKind | None
) -> AsyncIterator[SessionFilter]:
    """Open the database and select the sessions. Raises Stop if there is no such academy."""
    async with opened(settings.current().database_url):
        academy = await Academy.get_or_none(slug=slug) if slug else None
        if slug and academy is None:
            raise Stop("There is no such academy.")
        yield SessionFilter(academy.id if academy else None, kind)


def print_lines(lines: list[tuple[int, str]], *, is_verbose: bool) -> None:
    for number, text in lines if is_verbose else ():
        console.print(f"{number}  {text}", markup=False)


def print_counts(counts: Mapping[str, int], *, is_dry: bool = False) -> None:
    """Print a line like `3 checked, 2 ended, 1 failed.`; exit code 1 if anything failed."""
    text = ", ".join(f"{number} {name}" for name, number in counts.items())
    console.print(f"{text}; nothing was done." if is_dry else f"{text}.", markup=False)
    if counts.get("failed"):
        raise typer.Exit(1)
