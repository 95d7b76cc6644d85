"""`create-admin` makes the first person of an installation, `token` an access token for anybody."""

from datetime import timedelta
from typing import Annotated

import typer

import clock
import settings
from actions.academies.super_admin_create import create_super_admin
from actions.identity import access_tokens
from cli.database import opened
from cli.parts import Stop, blocking
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


@blocking
async def create_admin(email: Email, password: Password) -> None:
    """Make a super admin, who may found academies."""
    async with opened(settings.current().database_url):
        admin = await create_super_admin(email, password, clock.now())
    typer.echo(f"{admin.email} is a super admin and can sign in.")


@blocking
async def token(email: Email, academy: Slug = None, hours: Hours = 1) -> None:
    """Print an access token for somebody, and nothing else. No change of password ends it."""
    given = settings.current()
    async with opened(given.database_url):
        users = User.filter(email=email_of(email), is_active=True)
        if academy is not None:
            users = users.filter(academy__slug=academy)
        found = await users.select_related("academy").order_by("id")
        if not found:
            raise Stop("Nobody who is active has this email" + (" there." if academy else "."))
        if len(found) > 1:
            slugs = ", ".join(user.academy.slug for user in found if user.academy)
            raise Stop(f"This email is in several academies. Say which with --academy: {slugs}.")
        secret = given.jwt_secret.get_secret_value()
        typer.echo(access_tokens.issue(secret, found[0], clock.now(), timedelta(hours=hours))[0])
