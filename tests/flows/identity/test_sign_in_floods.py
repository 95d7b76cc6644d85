"""Many sign-ins at once: a bounded number are checked, and an unchecked one is no failure."""

import asyncio

import pytest

from actions.identity import passwords
from actions.identity.attempts import ADDRESS_LIMIT, PAIR_LIMIT
from domain.errors import InvalidCredentialsError
from models import SignInFailure, User
from tests.conftest import Database
from tests.support import make
from tests.support.asking import asking, code
from tests.support.guessing import CAFE, HOME, NEW, NOW, attempt, fail, seconds, told
from tests.support.patience import within
from tests.support.sign_ins import CHANGE, PASSWORD, person


@pytest.fixture
async def sara(database: Database) -> User:
    return await person(await make.academy("itqan"))


async def test_a_flood_of_sign_ins_stops_nobody_else(sara: User) -> None:
    """A bounded number wait for the few threads, the rest is refused: others' threads are free."""
    hashed = await passwords.hash_password(PASSWORD)
    many = passwords.MAX_WAITING + 50
    flood = [asyncio.ensure_future(passwords.verify_password(hashed, "wrong")) for _ in range(many)]
    await asyncio.sleep(0)
    assert await asyncio.to_thread(lambda: "a thread of its own") == "a thread of its own"
    assert not all(one.done() for one in flood)
    for one in flood[4:]:
        one.cancel()
    told = await asyncio.gather(*flood, return_exceptions=True)
    assert len([one for one in told if isinstance(one, InvalidCredentialsError)]) == 50
    assert await passwords.verify_password(hashed, PASSWORD)


async def test_a_sign_in_that_was_never_checked_does_not_count_as_a_failure(
    sara: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asking() as asker:
        monkeypatch.setattr(passwords, "MAX_WAITING", 0)
        for _ in range(2 * PAIR_LIMIT):
            assert "at once" in await told(PASSWORD, address=HOME)
            answer = await asker.ask(CHANGE, sara, now=NOW, current=PASSWORD, new=NEW)
            assert code(answer) == "INVALID_CREDENTIALS"
    monkeypatch.undo()
    assert not await SignInFailure.exists()
    await attempt(PASSWORD, address=HOME)


async def test_failures_checked_before_a_flood_still_count(
    sara: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(PAIR_LIMIT - 1):
        await told(address=HOME)
    with monkeypatch.context() as full:
        full.setattr(passwords, "MAX_WAITING", 0)
        assert "at once" in await told(PASSWORD, address=HOME)
    await fail(1, address=HOME)
    seconds(await told(PASSWORD, address=HOME))


async def test_a_school_signs_in_all_at_once(sara: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """More people than may fail at one address sign in together, all with the right password."""
    children = ADDRESS_LIMIT + 20
    under_way, all_there = 0, asyncio.Event()

    async def fits(password_hash: str | None, password: str) -> bool:
        nonlocal under_way
        under_way += 1
        if under_way == children:
            all_there.set()
        await all_there.wait()
        return password == PASSWORD

    monkeypatch.setattr("actions.identity.sign_ins.verify_password", fits)
    academy = await make.academy("school")
    emails = [str((await person(academy, f"c{n}@example.org")).email) for n in range(children)]
    async with within(120, "an answer to every attempt"):
        await asyncio.gather(*(attempt(PASSWORD, email=email, address=CAFE) for email in emails))
    await fail(1, address=CAFE)
