"""Prints what the demo says: with colours in a terminal, as plain lines elsewhere."""

from dataclasses import dataclass
from datetime import datetime

from rich.console import Console

from demo import academy as demo
from models import Session, User
from settings import Settings


@dataclass(frozen=True, slots=True)
class Pass:
    """An access token of one user."""

    user: User
    token: str
    expires_at: datetime


def print_places(given: Settings, session: Session, coming: Session, *, has_tabs: bool) -> None:
    _print("\n[bold]Halaqa[/] · a demo academy, a class in which people come and go\n")
    _line("Open", f"[cyan underline]http://127.0.0.1:{given.port}/graphql[/]")
    if has_tabs:
        _line("", "GraphiQL; its tabs are filled in. Press ▶ in the first and watch.")
    else:
        _line("", "GraphiQL from a CDN, without filled tabs: there is no build of our own (npm).")
    print_session(session)
    _line("Later", f"{coming.title}, {_hour(coming.scheduled_at)}")
    _line("LiveKit", "is not there, as systemStatus will say: the people are simulated.")
    _line("Stop", "Ctrl-C. The next start goes on with the same academy.")


def print_passes(passes: list[Pass]) -> None:
    until = passes[0].expires_at.astimezone()
    _print(f"\n[bold]Sign in[/] with the password [bold]{demo.PASSWORD}[/], ", end="")
    _print(f"or with these tokens until {until:%d %B %H:%M}:\n")
    for one in passes:
        _print(f"[bold]{one.user.role.value}[/]  {one.user.email}")
        _print(f"[dim]{one.token}[/]\n")


def print_session(session: Session) -> None:
    _line("Class", f"{session.title}, {_hour(session.scheduled_at)} to {_hour(session.ends_at)}")


def _line(name: str, text: str) -> None:
    _print(f"  [bold]{name:<9}[/]{text}")


def _print(text: str, end: str = "\n") -> None:
    # Only the terminal wraps lines: a token with line ends in it could not be copied.
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    console.print(text, end=end)
    console.file.flush()


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M}"
