"""A long list of people with passwords does not delay somebody who changes their own."""

import asyncio
import threading
import time

import pytest

from actions.identity import passwords
from domain.access import UserRole
from models import User
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.sign_ins import CHANGE, PASSWORD
from tests.support.sign_ins import person as signed_up
from tests.support.upserts import person, upsert_users

MANY = 60


class SlowHasher:
    """Notes the order in which passwords are hashed, and how many at once."""

    def __init__(self) -> None:
        self.hashed: list[str] = []
        self.has_started = threading.Event()
        self.under_way = 0
        self.most = 0

    def hash(self, password: str) -> str:
        self.has_started.set()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        time.sleep(0.01)
        self.under_way -= 1
        self.hashed.append(password)
        return f"hash of {password}"

    def verify(self, password_hash: str, password: str) -> bool:
        return True


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> SlowHasher:
    hasher = SlowHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    return hasher


async def upserting(asker: Asker, admin: User) -> None:
    people = [person(f"s{n}", password=f"password {n}") for n in range(MANY)]
    payload(await upsert_users(asker, admin, *people))


async def test_a_password_change_is_served_during_a_bulk_of_passwords(
    asker: Asker, hasher: SlowHasher
) -> None:
    admin = await make.user(await make.academy("itqan"), UserRole.ACADEMY_ADMIN)
    sara = await signed_up(await make.academy("tartil"))
    bulk = asyncio.ensure_future(upserting(asker, admin))
    assert await asyncio.to_thread(hasher.has_started.wait, 10)
    payload(await asker.ask(CHANGE, sara, current=PASSWORD, new="another one entirely"))
    assert len(hasher.hashed) < MANY
    assert not bulk.done()
    await bulk
    assert len(hasher.hashed) == MANY + 1


async def test_each_of_the_list_has_their_own_and_one_is_hashed_at_a_time(
    asker: Asker, hasher: SlowHasher
) -> None:
    admin = await make.user(await make.academy("itqan"), UserRole.ACADEMY_ADMIN)
    await upserting(asker, admin)
    assert hasher.most == 1
    for user in await User.filter(role=UserRole.STUDENT):
        assert user.password_hash == f"hash of password {str(user.external_id)[1:]}"
