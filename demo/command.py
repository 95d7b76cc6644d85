"""`make run`: an academy, a class that runs, and what to open. Needs no environment."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

import clock
import settings
import telemetry
from actions.identity import access_tokens
from cli.database import alone, migrate, opened
from cli.parts import Example, Parts
from cli.serving import Port, check_fits, serve_on_port
from demo import academy as demos
from demo.academy import Demo
from demo.banner import Pass, print_class, print_passes, print_places
from demo.simulation import keep_going
from domain.errors import LiveKitUnavailableError
from gateways.livekit_simulation import Sender
from models import Session, User
from settings import Settings

Serves = Annotated[bool, typer.Option("--serve", help="Serve it too, and let people come and go.")]

TOKENS_FOR = timedelta(days=2)
SCHEDULES_IN = timedelta(hours=1)
VALUES = {
    "database_url": "sqlite:///./halaqa-demo.db",
    "livekit_url": "ws://127.0.0.1:7880",
    "livekit_api_url": "http://127.0.0.1:7880",
    "livekit_api_key": "demo",
    "livekit_api_secret": "a-secret-of-the-demo-that-everybody-knows",
    "jwt_secret": "a-secret-of-the-demo-that-everybody-knows",
}


def demo(context: typer.Context, serve: Serves = False, port: Port = None) -> None:
    """Make the demo academy and print its tokens; with --serve, run it."""
    settings.supply(**VALUES)
    settings.overrule(port=port)
    given = settings.current()
    check_fits(given)
    telemetry.start_logging(logging.WARNING)
    if not serve:
        migrate()
        print_passes(asyncio.run(_prepare(context.obj, given)).passes)
        return
    with alone(given.database_url):
        migrate()
        run = asyncio.run(_prepare(context.obj, given))
        _expect_no_livekit()
        serve_on_port(context.obj, given, run.examples, run.go)


def _expect_no_livekit() -> None:
    """The banner says that LiveKit is not there: nobody has to read it again every few seconds."""

    def is_news(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], LiveKitUnavailableError))

    logging.getLogger("halaqa.clock").addFilter(is_news)
    for name in ("halaqa.work", "halaqa.tokens"):
        logging.getLogger(name).setLevel(logging.ERROR)


@dataclass(slots=True)
class Run:
    """One start of the demo. `examples` follow the class: when the next begins, they are of it."""

    parts: Parts
    given: Settings
    demo: Demo
    passes: list[Pass]
    session: Session
    later: Session
    examples: list[Example] = field(init=False)

    def __post_init__(self) -> None:
        self.examples = self._filled()

    async def go(self) -> None:
        has_tabs = self.parts.has_own_graphiql()
        print_places(self.given, self.session, self.later, has_tabs=has_tabs)
        print_passes(self.passes)
        url = f"http://127.0.0.1:{self.given.port}/webhooks/livekit"
        secret = self.given.livekit_api_secret.get_secret_value()
        sender = Sender(url, self.given.livekit_api_key, secret)
        try:
            await keep_going(self.demo, sender, self.hear)
        finally:
            await sender.aclose()

    def hear(self, session: Session) -> None:
        """Of the class that runs from now on."""
        if session.id != self.session.id:
            print_class(session)
        self.session = session
        self.examples[:] = self._filled()

    def _filled(self) -> list[Example]:
        tokens = {made.user.role.value: made.token for made in self.passes}
        known = self._known()
        filled = [_fill(example, known, tokens) for example in self.parts.examples()]
        # Whoever has tokens need not sign in first.
        return sorted(filled, key=lambda example: "headers" not in example)

    def _known(self) -> dict[str, str]:
        """Values for the examples' variables, by name."""
        teacher = self.demo.people["teacher"]
        return {
            "sessionId": self.parts.global_id("Session", self.session.id),
            "academyId": self.parts.global_id("Academy", self.demo.academy.id),
            "teacherId": self.parts.global_id("User", teacher.id),
            "groupId": self.parts.global_id("Group", self.demo.circle.id),
            "scheduledAt": f"{clock.now() + SCHEDULES_IN:%Y-%m-%dT%H:%M:00Z}",
            "email": str(teacher.email),
            "password": demos.PASSWORD,
        }


async def _prepare(parts: Parts, given: Settings) -> Run:
    now = clock.now()
    async with opened(given.database_url):
        demo = await demos.found(now)
        session = await demos.class_now(demo, now)
        later = await demos.session_to_come(demo, now)
    passes = _passes(demo.of_each_role, given, now)
    return Run(parts, given, demo, passes, session=session, later=later)


def _passes(users: Sequence[User], given: Settings, now: datetime) -> list[Pass]:
    secret = given.jwt_secret.get_secret_value()
    return [Pass(user, *access_tokens.issue(secret, user, now, TOKENS_FOR)) for user in users]


def _fill(example: Example, known: dict[str, str], tokens: dict[str, str]) -> Example:
    """With what is known by its variables' names, and the token of the role it is for."""
    filled = dict(example)
    if "variables" in example:
        variables = _with(json.loads(example["variables"]), known)
        filled["variables"] = json.dumps(variables, indent=2, ensure_ascii=False)
    if role := filled.pop("role", None):
        filled["headers"] = json.dumps({"Authorization": f"Bearer {tokens[role]}"}, indent=2)
    return filled


def _with(values: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    return {
        name: _with(value, known) if isinstance(value, dict) else known.get(name, value)
        for name, value in values.items()
    }
