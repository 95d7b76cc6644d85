"""`settings show`: what this process would run with, and where each value comes from."""

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

import settings
from settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
SECRET_NAMES = ("password", "secret", "token")

settings_commands = typer.Typer(no_args_is_help=True, help="The environment variables.")


@settings_commands.callback()
def _settings() -> None:
    """A group although it has one command."""


@settings_commands.command("show")
def show(as_json: AsJson = False) -> None:
    """Print every setting, its value and where that comes from. Secrets are never printed."""
    rows = told(settings.current())
    if as_json:
        names = ("value", "source")
        plain = {name: dict(zip(names, rest, strict=True)) for name, *rest in rows}
        typer.echo(json.dumps(plain))
        return
    width = max(len(name) for name, *_ in rows)
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for name, value, source in rows:
        console.print(f"{name:<{width}}  [dim]{source:<11}[/]  {escape(value)}")
    typer.echo(f"{len(rows)} settings.")


def told(given: Settings) -> list[tuple[str, str, str]]:
    """Name, value without anything secret, source."""
    return [
        (settings.variable(name), _shown(getattr(given, name)), _source(name))
        for name in Settings.model_fields
    ]


def _source(name: str) -> str:
    return "environment" if settings.is_in_environment(name) else "default"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case SecretStr():
            return "set" if value.get_secret_value() else "not set"
        case dict():
            return ", ".join(f"{key}: {_shown(one)}" for key, one in value.items()) or "not set"
        case list() | tuple():
            return ", ".join(map(str, value)) or "not set"
        case bool():
            return str(value).lower()
    return _without_password(str(value))


def _without_password(text: str) -> str:
    """An address may carry a password, or ask with one."""
    if "://" not in text or text.startswith("sqlite:"):
        return text
    parts = urlsplit(text)
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:***"
    asked = [_plain(pair) for pair in parts.query.split("&") if pair]
    return parts._replace(netloc=f"{user}{at}{host}", query="&".join(asked)).geturl()


def _plain(pair: str) -> str:
    name = pair.partition("=")[0]
    return f"{name}=***" if any(word in name.lower() for word in SECRET_NAMES) else pair
