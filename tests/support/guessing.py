"""Sign-in attempts with wrong and right passwords, and their refusals."""

import re
from datetime import datetime

import pytest

from actions.identity.sign_ins import Credentials, SignedIn, sign_in
from domain.errors import InvalidCredentialsError
from tests.support import make

NOW = make.ELEVEN
SARA = "sara@example.org"
HOME, CAFE = "198.51.100.7", "203.0.113.9"
NEW = "another one entirely"


async def attempt(
    password: str = "wrong",
    now: datetime = NOW,
    *,
    email: str = SARA,
    address: str | None = None,
) -> SignedIn:
    return await sign_in("s" * 32, Credentials(email, password, None, address), now)


async def told(
    password: str = "wrong",
    now: datetime = NOW,
    *,
    email: str = SARA,
    address: str | None = None,
) -> str:
    with pytest.raises(InvalidCredentialsError) as refused:
        await attempt(password, now, email=email, address=address)
    return refused.value.message


async def fail(
    times: int, now: datetime = NOW, *, email: str = SARA, address: str | None = None
) -> None:
    for _ in range(times):
        assert "wrong" in await told(now=now, email=email, address=address)


def seconds(message: str) -> int:
    found = re.search(r"try again in (\d+) s, at (\S+)\.$", message)
    assert found, message
    return int(found[1])
