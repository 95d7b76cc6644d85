"""`settings show`: the settings that this process would run with, and their sources."""

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

import settings
from settings import Settings
from zones import check_zone_data

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
SECRET_NAMES = ("auth", "credential", "key", "pass", "secret", "sig", "token")

settings_commands = typer.Typer(no_args_is_help=True, help="The environment variables.")


@settings_commands.callback()
def _settings() -> None:
    """Keep `settings` a group although it has one command."""


@settings_commands.command("show")
def show(as_json: AsJson = False) -> None:
    """Print every setting, its value and where that comes from, and the release of the time zones.
    Secrets are never printed."""
    given = settings.current()
    rows = [
        (
            settings.variable(name),
            _shown(getattr(given, name)),
            "environment" if settings.is_in_environment(name) else "default",
        )
        for name in Settings.model_fields
    ]
    zones = ("tzdata", check_zone_data(), "package")
    if as_json:
        by_name = {
            name: {"value": value, "source": source} for name, value, source in [*rows, zones]
        }
        typer.echo(json.dumps(by_name))
        return
    width = max(len(name) for name, *_ in rows)
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for name, value, source in [*rows, zones]:
        console.print(f"{name:<{width}}  [dim]{source:<11}[/]  {escape(value)}")
    typer.echo(f"{len(rows)} settings.")


def _shown(value: Any) -> str:
    """Write a value without its secrets: an address may hold one in its user or its query."""
    match value:
        case None:
            return "not set"
        case SecretStr():
            return "set" if value.get_secret_value() else "not set"
        case dict():
            return ", ".join(f"{key}: {_shown(one)}" for key, one in value.items()) or "not set"
        case list() | tuple():
            return ", ".join(map(_shown, value)) or "not set"
        case bool():
            return str(value).lower()
    text = str(value)
    if "://" not in text or text.startswith("sqlite:"):
        return text
    address = urlsplit(text)
    user, at, host = address.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:***"
    elif user and not address.scheme.startswith("postgres"):
        user = "***"  # a token may stand there alone; a database's user is a name
    query = []
    for pair in filter(None, address.query.split("&")):
        name = pair.partition("=")[0]
        is_secret = any(word in name.lower() for word in SECRET_NAMES)
        query.append(f"{name}=***" if is_secret else pair)
    return address._replace(netloc=f"{user}{at}{host}", query="&".join(query)).geturl()
