"""The commands of `python main.py`, each in a process of its own."""

import json
import re
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import build_schema

import clock
from cli.weak_secrets import DEMOS_SECRET
from models import Session
from tests.conftest import Database, Template
from tests.support import make
from tests.support.command import (
    answering,
    configured,
    environment,
    free_port,
    interrupt,
    run,
    started,
)
from tests.support.environment import DEFAULTS
from tests.support.patience import see, until
from tests.support.ticking import ticking_with_stub

SIGN_IN = """mutation($email: String!, $password: String!) {
  signIn(email: $email, password: $password) { accessToken viewer { role } errors { code } }
}"""


async def ask(web: httpx.AsyncClient, query: str, token: str = "", **variables: Any) -> Any:
    answer = await web.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    return answer.json()["data"]


async def test_the_schema_is_printed_without_any_settings() -> None:
    ended = await run("schema", "print", env=environment())
    assert (ended.code, ended.err) == (0, "")
    assert build_schema(ended.out).get_type("PresenceSnapshot")


@pytest.mark.parametrize("command", ["serve", "token --email a@b.c"])
async def test_missing_settings_are_named_and_nothing_else_is_said(command: str) -> None:
    ended = await run(*command.split(), env=environment())
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert {line.split()[0] for line in lines} == set(DEFAULTS)
    assert all("is missing: give " in line for line in lines)


async def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    ended = await run("serve", env=configured(f"sqlite:///{tmp_path}/a.db", port="eighty"))
    assert ended.code == 2
    assert ended.err == "HALAQA_PORT is wrong: give a port number, 1 to 65535.\n"


@pytest.mark.parametrize("command", ["serve", "clock status"], ids=lambda words: words)
async def test_a_database_without_tables_is_not_served_but_sent_to_migrate(
    command: str, template: Template
) -> None:
    url = await template.blank()
    ended = await run(*command.split(), env=configured(url))
    assert (ended.code, ended.out) == (1, "")
    told = "The database is not migrated: run `python main.py migrate` first.\n"
    assert ended.err == told
    assert not is_file(url.removeprefix("sqlite:///"))


async def test_nothing_is_served_with_secrets_that_others_know(tmp_path: Path) -> None:
    env = configured(f"sqlite:///{tmp_path}/a.db") | {
        "HALAQA_JWT_SECRET": DEMOS_SECRET,
        "HALAQA_LIVEKIT_API_SECRET": DEMOS_SECRET,
    }
    ended = await run("serve", env=env)
    assert (ended.code, ended.out) == (1, "")
    ours, livekits = ended.err.splitlines()
    assert ours.startswith("HALAQA_JWT_SECRET is the demo's, which is published: give ")
    assert livekits.startswith(
        "A secret of LiveKit's keys is the demo's, which is published: give "
    )
    assert not is_file(f"{tmp_path}/a.db")


def is_file(path: str) -> bool:
    return Path(path).exists()


async def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    url = f"postgresql://halaqa:a-password@127.0.0.1:{free_port()}/halaqa"
    for command in ("migrate", "serve"):
        ended = await run(command, env=configured(url))
        assert ended.code == 1
        told = "The database of HALAQA_DATABASE_URL does not open: ConnectionRefusedError.\n"
        assert ended.err == told


async def test_from_nothing_to_a_super_admin_who_signs_in(template: Template) -> None:
    port = free_port()
    env = configured(await template.blank(), port=port)
    assert await is_done("migrate", env=env)
    assert await is_done("migrate", env=env)  # nothing is left to do
    admin = ("--email", "Root@example.org", "--password", "a long password")
    assert await is_done("create-admin", *admin, env=env)
    async with started("serve", env=env) as process, answering(port) as web:
        signed_in = (await ask(web, SIGN_IN, email=admin[1], password=admin[3]))["signIn"]
        assert signed_in["viewer"] == {"role": "SUPER_ADMIN"}
        printed = await run("token", "--email", "root@example.org", env=env)
        assert (printed.code, printed.err, len(printed.out.split())) == (0, "", 1)
        viewer = await ask(web, "{ viewer { email } }", printed.out.strip())
        assert viewer == {"viewer": {"email": "root@example.org"}}
        assert await interrupt(process) == 0


async def is_done(*arguments: str, env: dict[str, str]) -> bool:
    ended = await run(*arguments, env=env)
    return (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_refusal_is_printed_in_one_sentence(database: Database) -> None:
    env = configured(database.url)
    admin = ("create-admin", "--email", "root@example.org", "--password")
    short = await run(*admin, "short", env=env)
    assert (short.code, short.err) == (1, "A password has 8 to 200 characters.\n")
    assert await is_done(*admin, "long enough", env=env)
    again = await run(*admin, "long enough", env=env)
    assert (again.code, again.err) == (1, "Somebody else has this email.\n")


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_token_is_for_one_person_of_one_academy(database: Database) -> None:
    env = configured(database.url)
    for slug in ("north", "south"):
        await make.teacher(await make.academy(slug), email="layla@example.org")
    await make.student(await make.academy("west"), email="gone@example.org", is_active=False)
    token = ("token", "--email")
    several = await run(*token, "layla@example.org", env=env)
    assert (several.code, several.out) == (1, "")
    assert several.err.endswith("--academy: north, south.\n")
    assert await is_done(*token, "Layla@Example.org", "--academy", "south", env=env)
    for nobody in ("gone@example.org", "else@example.org"):
        refused = await run(*token, nobody, env=env)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err == "Nobody who is active has this email.\n"


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_the_clocks_status_says_that_it_never_ran(database: Database) -> None:
    ended = await run("clock", "status", env=configured(database.url))
    assert ended.code == 1
    assert "does not run" in ended.out
    assert "never" in ended.out


async def test_the_clocks_status_is_good_while_it_runs_and_nothing_is_late(
    database: Database,
) -> None:
    async with ticking_with_stub() as (running, _):
        await until(lambda: running.sweeps > 0)
        ended = await run("clock", "status", env=configured(database.url))
        assert ended.code == 0, ended.out
        told = await run("clock", "status", "--json", env=configured(database.url))
    status = json.loads(told.out)
    assert status["is_running"] is True
    assert status["overdue_sessions"] == status["overdue_work"] == 0
    assert status["last_beat_at"].endswith("Z")


async def test_an_overdue_session_makes_the_clock_status_bad(
    database: Database,
) -> None:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    session = await make.session(academy, teacher, student=student, at=now, now=now)
    late = {"next_transition_at": now - timedelta(minutes=2)}
    # It is parked because its last move failed: the running clock leaves it alone.
    await Session.filter(id=session.id).update(**late, parked_until=now + timedelta(hours=1))
    async with ticking_with_stub() as (running, _):
        await until(lambda: running.sweeps > 0)
        ended = await run("clock", "status", env=configured(database.url))
    assert ended.code == 1
    told = re.search(r"1, the oldest by (\d+)", ended.out)
    assert told is not None, ended.out
    assert int(told[1]) >= 120


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_the_clock_runs_alone_beside_another_on_postgresql(database: Database) -> None:
    env = configured(database.url)
    async with started("clock", env=env) as one, started("clock", env=env) as other:

        async def is_well() -> bool:
            return see(await run("clock", "status", env=env)).code == 0

        await until(is_well)
        assert [await interrupt(process) for process in (one, other)] == [0, 0]


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_served_sqlite_database_takes_neither_a_second_server_nor_a_clock(
    template: Template,
) -> None:
    port = free_port()
    env = configured(await template.fresh(), port=port)
    async with started("serve", env=env) as process, answering(port):
        for command in ("serve", "clock"):
            ended = await run(command, env=env | {"HALAQA_PORT": str(free_port())})
            assert ended.code == 1
            last = ended.err.splitlines()[-1]
            assert last.startswith("Another process serves this SQLite database")
        process.kill()
        await process.wait()
    async with started("serve", env=env) as process, answering(port):
        assert await interrupt(process) == 0  # the lock is gone with its holder


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_port_that_is_taken_is_told(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = await run("serve", "--port", str(port), env=configured(database.url))
    assert ended.code == 1
    told = f"Port {port} is taken: give another in HALAQA_PORT."
    assert ended.err.splitlines()[-1] == told
