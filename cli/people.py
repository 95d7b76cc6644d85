"""The first person of an installation, and a token for anybody."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

import clock
import settings
from actions.academies import user_upsert as people
from actions.identity import access_tokens
from cli.database import opened
from cli.parts import Stop
from domain.text import email_of
from models import User

Email = Annotated[str, typer.Option(help="Their email address.")]
Password = Annotated[
    str,
    typer.Option(
        prompt=True, hide_input=True, confirmation_prompt=True, help="8 to 200 characters."
    ),
]
Slug = Annotated[
    str | None, typer.Option("--academy", help="The academy's slug, where the email is in several.")
]
Hours = Annotated[int, typer.Option(min=1, max=24 * 365, help="How long it is good for.")]


def create_admin(email: Email, password: Password) -> None:
    """Make a super admin, who may found academies."""
    asyncio.run(_create_admin(email, password))


async def _create_admin(email: str, password: str) -> None:
    async with opened(settings.current().database_url):
        admin = await people.create_super_admin(email, password, clock.now())
    typer.echo(f"{admin.email} is a super admin and can sign in.")


def token(email: Email, academy: Slug = None, hours: Hours = 1) -> None:
    """Print an access token for somebody, and nothing else. No change of password ends it."""
    asyncio.run(_token(email, academy, timedelta(hours=hours)))


async def _token(email: str, slug: str | None, ttl: timedelta) -> None:
    given = settings.current()
    async with opened(given.database_url):
        user = await _find(email, slug)
        secret = given.jwt_secret.get_secret_value()
        typer.echo(access_tokens.issue(secret, user, clock.now(), ttl)[0])


async def _find(email: str, slug: str | None) -> User:
    people = User.filter(email=email_of(email), is_active=True)
    if slug is not None:
        people = people.filter(academy__slug=slug)
    found = await people.select_related("academy").order_by("id")
    if not found:
        raise Stop("Nobody who is active has this email" + (" there." if slug else "."))
    if len(found) > 1:
        slugs = ", ".join(person.academy.slug for person in found if person.academy)
        raise Stop(f"This email is in several academies. Say which with --academy: {slugs}.")
    return found[0]
