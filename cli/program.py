"""`python main.py …`: puts the commands together and turns errors into exit codes."""

import contextlib
import io
import sys
from collections.abc import Callable

import typer

from cli import people
from cli.attendance import attendance_commands
from cli.database import migrate
from cli.doctor import doctor
from cli.meetings import meeting_commands
from cli.parts import Parts, Stop
from cli.serving import clock_commands, serve, worker
from cli.sessions import session_commands
from cli.settings import settings_commands
from cli.webhook_trial import simulations
from cli.webhooks import webhook_commands
from domain.errors import DomainError, RefusedError
from settings import SettingsError
from zones import ZoneDataError, check_zone_data

program = typer.Typer(
    help="Halaqa: live classes over GraphQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a pretty traceback shows the values of variables
)
schema_commands = typer.Typer(no_args_is_help=True, help="The GraphQL schema.")


@schema_commands.command("print")
def print_schema(context: typer.Context) -> None:
    """Print the schema, sorted. Needs no settings."""
    typer.echo(context.obj.printed_schema())


@schema_commands.callback()
def _schema() -> None:
    """Keep `schema` a group although it has one command."""


program.command("serve")(serve)
program.command("worker")(worker)
program.add_typer(clock_commands, name="clock")
program.command("migrate")(migrate)
program.command("create-admin")(people.create_admin)
program.command("token")(people.token)
program.add_typer(session_commands, name="sessions")
program.add_typer(meeting_commands, name="meetings")
webhook_commands.add_typer(simulations, name="simulate")
program.add_typer(attendance_commands, name="attendance")
program.add_typer(webhook_commands, name="webhooks")
program.command("doctor")(doctor)
program.add_typer(settings_commands, name="settings")
program.add_typer(schema_commands, name="schema")


def run(parts: Parts, *more: Callable[..., None]) -> None:
    """Run the command that was asked for, ours or one of `more`.

    Wrong settings end with exit code 2, other refusals with 1.
    """
    for command in more:
        program.command()(command)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # for terminals without Arabic letters
    try:
        check_zone_data()
        with contextlib.suppress(BrokenPipeError):
            program(obj=parts, prog_name="main.py")
    except SettingsError as error:
        _end(str(error), 2)
    except (Stop, ZoneDataError) as error:
        _end(str(error), 1)
    except DomainError as error:
        _end(error.message, 1)
    except RefusedError as error:
        _end("\n".join(refusal.message for refusal in error.errors), 1)


def _end(sentence: str, code: int) -> None:
    typer.echo(sentence, err=True)
    raise SystemExit(code)
