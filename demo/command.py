"""`demo`, which `make run` calls: makes the academy and serves it. Needs no environment."""

import asyncio
import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import typer

import clock
import settings
import telemetry
from actions.identity import access_tokens
from cli.database import alone, migrate, opened
from cli.parts import Example, Parts
from cli.serving import Port, check_fits, serve_on_port
from cli.weak_secrets import DEMOS_SECRET, check_secrets
from demo import academy as demos
from demo.academy import Demo
from demo.banner import Pass, print_passes, print_places, print_session
from demo.simulation import simulate_sessions
from domain.errors import LiveKitUnavailableError
from gateways.livekit_simulation import Sender
from models import Session
from settings import Settings

Serves = Annotated[bool, typer.Option("--serve", help="Serve it too, and let people come and go.")]

TOKENS_LAST = timedelta(days=2)
EXAMPLE_STARTS_IN = timedelta(hours=1)
DEFAULTS = {
    "database_url": "sqlite:///./halaqa-demo.db",
    "livekit_url": "ws://127.0.0.1:7880",
    "livekit_api_url": "http://127.0.0.1:7880",
    "livekit_api_key": "demo",
    "livekit_api_secret": DEMOS_SECRET,
    "jwt_secret": DEMOS_SECRET,
}


def demo(context: typer.Context, serve: Serves = False, port: Port = None) -> None:
    """Make the demo academy and print its tokens; with --serve, run it."""
    settings.supply(**DEFAULTS)
    settings.overrule(port=port)
    given = settings.current()
    check_fits(given)
    if not given.is_local:
        check_secrets(given)
    telemetry.start_logging(logging.WARNING)
    if not serve:
        migrate()
        print_passes(asyncio.run(_prepare(context.obj, given)).passes)
        return

    def is_news(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], LiveKitUnavailableError))

    with alone(given.database_url):
        migrate()
        run = asyncio.run(_prepare(context.obj, given))
        # The banner says once that LiveKit is not there; the log must not repeat it all the time.
        logging.getLogger("halaqa.loops").addFilter(is_news)
        for name in ("halaqa.work", "halaqa.tokens"):
            logging.getLogger(name).setLevel(logging.ERROR)
        serve_on_port(context.obj, given, run.examples, run.go)


@dataclass(slots=True)
class Run:
    """One start of the demo. `examples` name the running session, and change with it in place."""

    parts: Parts
    given: Settings
    demo: Demo
    passes: list[Pass]
    session: Session
    next_session: Session
    examples: list[Example] = field(init=False)

    def __post_init__(self) -> None:
        self.examples = self._filled_examples()

    async def go(self) -> None:
        """Print what to open, and simulate sessions until cancelled."""
        has_tabs = self.parts.has_own_graphiql()
        print_places(self.given, self.session, self.next_session, has_tabs=has_tabs)
        print_passes(self.passes)
        url = f"http://127.0.0.1:{self.given.port}/webhooks/livekit"
        secret = self.given.livekit_api_secret.get_secret_value()
        sender = Sender(url, self.given.livekit_api_key, secret)
        try:
            await simulate_sessions(self.demo, sender, self.change_session)
        finally:
            await sender.aclose()

    def change_session(self, session: Session) -> None:
        """Announce the session that runs from now on, and fill the examples with it."""
        if session.id != self.session.id:
            print_session(session)
        self.session = session
        self.examples[:] = self._filled_examples()

    def _filled_examples(self) -> list[Example]:
        """Fill the examples with variables by name, and with the token of their role."""
        teacher = self.demo.people["teacher"]
        known = {
            "sessionId": self.parts.global_id("Session", self.session.id),
            "academyId": self.parts.global_id("Academy", self.demo.academy.id),
            "teacherId": self.parts.global_id("User", teacher.id),
            "groupId": self.parts.global_id("Group", self.demo.circle.id),
            "scheduledAt": f"{clock.now() + EXAMPLE_STARTS_IN:%Y-%m-%dT%H:%M:00Z}",
            "email": str(teacher.email),
            "password": demos.PASSWORD,
        }
        tokens = {one.user.role.value: one.token for one in self.passes}
        filled = []
        for example in map(dict, self.parts.examples()):
            if "variables" in example:
                variables = _replaced(json.loads(example["variables"]), known)
                example["variables"] = json.dumps(variables, indent=2, ensure_ascii=False)
            if role := example.pop("role", None):
                headers = {"Authorization": f"Bearer {tokens[role]}"}
                example["headers"] = json.dumps(headers, indent=2)
            filled.append(example)
        # The examples that have a token come first: with them nobody needs to sign in.
        return sorted(filled, key=lambda example: "headers" not in example)


async def _prepare(parts: Parts, given: Settings) -> Run:
    now = clock.now()
    async with opened(given.database_url):
        demo = await demos.prepare_academy(now)
        session = await demos.running_session(demo, now)
        next_session = await demos.coming_session(demo, now)
    secret = given.jwt_secret.get_secret_value()
    passes = [
        Pass(user, *access_tokens.issue(secret, user, now, TOKENS_LAST))
        for user in demo.of_each_role
    ]
    return Run(parts, given, demo, passes, session=session, next_session=next_session)


def _replaced(values: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """Replace the values whose names are known, on every level."""
    return {
        name: _replaced(value, known) if isinstance(value, dict) else known.get(name, value)
        for name, value in values.items()
    }
