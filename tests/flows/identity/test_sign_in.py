"""Signing in, and the person a token speaks for: over HTTP and on the socket."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher

import clock
from actions.identity.access_tokens import ISSUER, issue
from domain.access import UserRole
from models import Academy, User
from settings import current
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import Served, serving_app, token
from tests.support.asking import asking, code, payload
from tests.support.sockets import dial, ended, heard, subscribe

PASSWORD = "correct horse battery"
HASH = PasswordHasher().hash(PASSWORD)
SIGN_IN = """
mutation ($email: String!, $password: String!, $slug: String) {
  signIn(email: $email, password: $password, academySlug: $slug) {
    accessToken expiresAt viewer { email role academy { slug } } errors { code field }
  }
}
"""


async def ask(email: str, password: str = PASSWORD, slug: str | None = None) -> dict[str, Any]:
    async with asking() as asker:
        return await asker.ask(SIGN_IN, now=clock.now(), email=email, password=password, slug=slug)


async def person(academy: Academy | None, email: str = "sara@example.org", **values: Any) -> User:
    role = values.pop("role", UserRole.STUDENT)
    return await make.user(academy, role, **{"email": email, "password_hash": HASH} | values)


@pytest.fixture
async def itqan(database: Database) -> Academy:
    return await make.academy("itqan")


async def test_signing_in_gives_a_token_and_the_viewer(itqan: Academy) -> None:
    sara = await person(itqan)
    answered = payload(await ask("  Sara@Example.ORG "))
    assert answered["viewer"] == {
        "email": "sara@example.org",
        "role": "STUDENT",
        "academy": {"slug": "itqan"},
    }
    claims = jwt.decode(answered["accessToken"], options={"verify_signature": False})
    assert (claims["iss"], claims["sub"]) == (ISSUER, str(sara.id))
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize(
    ("email", "password", "slug"),
    [
        ("sara@example.org", "wrong horse battery", None),
        ("sara@example.org", "", None),
        ("sara@example.org", PASSWORD + " ", None),
        ("sara@example.org", PASSWORD, "another"),
        ("sara@example.org", PASSWORD, "nowhere"),
        ("sara@example.org", PASSWORD, ""),
        ("nobody@example.org", PASSWORD, None),
        ("", "", None),
        ("sara%", PASSWORD, None),
        ("no-password@example.org", "", None),
        ("no-password@example.org", PASSWORD, None),
        ("gone@example.org", PASSWORD, None),
        ("spoilt@example.org", PASSWORD, None),
    ],
)
async def test_every_failed_sign_in_gets_the_same_answer(
    itqan: Academy, email: str, password: str, slug: str | None
) -> None:
    await make.academy("another")
    await person(itqan)
    await person(itqan, "no-password@example.org", password_hash=None)
    await person(itqan, "gone@example.org", is_active=False)
    await person(itqan, "spoilt@example.org", password_hash="not a hash")
    answer = await ask(email, password, slug)
    assert code(answer) == "INVALID_CREDENTIALS"
    refused = answer["data"]["signIn"]
    assert (refused["accessToken"], refused["viewer"]) == (None, None)


async def test_an_email_of_several_academies_needs_the_slug_once_the_password_fits_both(
    itqan: Academy,
) -> None:
    another = await make.academy("another")
    await person(itqan)
    await person(another)
    refused = (await ask("sara@example.org"))["data"]["signIn"]
    assert refused["errors"] == [{"code": "INVALID_INPUT", "field": ["academySlug"]}]
    assert refused["accessToken"] is None
    for slug in ("itqan", "another"):
        answered = payload(await ask("sara@example.org", slug=slug))
        assert answered["viewer"]["academy"] == {"slug": slug}
    # A wrong password does not reveal that there are two.
    assert code(await ask("sara@example.org", "wrong")) == "INVALID_CREDENTIALS"


async def test_with_two_passwords_the_password_says_which_academy(itqan: Academy) -> None:
    another = await make.academy("another")
    await person(itqan)
    await person(another, password_hash=PasswordHasher().hash("something else"))
    answered = payload(await ask("sara@example.org", "something else"))
    assert answered["viewer"]["academy"] == {"slug": "another"}


async def test_a_super_admin_signs_in_without_an_academy(itqan: Academy) -> None:
    await person(None, "root@example.org", role=UserRole.SUPER_ADMIN)
    answered = payload(await ask("root@example.org"))
    assert answered["viewer"]["academy"] is None
    assert code(await ask("root@example.org", slug="itqan")) == "INVALID_CREDENTIALS"


async def test_refusing_an_unknown_email_takes_as_long_as_a_known_one(itqan: Academy) -> None:
    await person(itqan)
    somebody = await fastest("sara@example.org")
    nobody = await fastest("nobody@example.org")
    assert 0.5 < nobody / somebody < 2


async def fastest(email: str) -> float:
    took = []
    for _ in range(5):
        started = time.perf_counter()
        assert code(await ask(email, "wrong")) == "INVALID_CREDENTIALS"
        took.append(time.perf_counter() - started)
    return min(took)


# --- whom a token speaks for


@pytest.fixture
async def served(template: Template) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh()) as served:
        yield served


@pytest.fixture
async def sara(served: Served) -> User:
    return await person(await make.academy("itqan"))


async def status(served: Served, authorization: str | None) -> tuple[int, Any]:
    """The HTTP status, and the viewer or the code of the refusal."""
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx.AsyncClient() as client:
        body = {"query": "{ viewer { email } }"}
        answer = await client.post(f"{served.url}/graphql", json=body, headers=headers)
    told = answer.json()
    if "errors" in told:
        return answer.status_code, told["errors"][0]["extensions"]["code"]
    return answer.status_code, told["data"]["viewer"]


async def closed(served: Served, authorization: str) -> int:
    async with dial(served.url) as socket:
        init = {"type": "connection_init", "payload": {"Authorization": authorization}}
        await socket.send(httpx.Request("POST", served.url, json=init).content.decode())
        return (await ended(socket))[0]


SECRET = "a-secret-of-tests-that-is-long-enough"
REFUSED = (401, "UNAUTHENTICATED")


def forged(user: User, *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(clock.now().timestamp())
    told = {"iss": ISSUER, "sub": str(user.id), "iat": now, "exp": now + 3600} | claims
    present = {name: value for name, value in told.items() if value is not None}
    key = "" if algorithm == "none" else secret
    return "Bearer " + jwt.encode(present, key, algorithm=algorithm)


async def test_a_token_speaks_for_its_person(served: Served, sara: User) -> None:
    assert current().jwt_secret.get_secret_value() == SECRET
    assert await status(served, None) == (200, None)
    assert await status(served, f"Bearer {token(sara)}") == (200, {"email": "sara@example.org"})
    assert await status(served, f"bearer {token(sara)}") == (200, {"email": "sara@example.org"})
    assert await status(served, forged(sara)) == (200, {"email": "sara@example.org"})


async def test_an_invalid_access_token_is_refused_at_every_door(served: Served, sara: User) -> None:
    bad = [
        forged(sara, secret="another-secret-that-is-long-enough-too"),
        forged(sara, algorithm="none"),
        forged(sara, iss="somebody-else"),
        forged(sara, iss=None),
        forged(sara, exp=None),
        forged(sara, exp="never"),
        forged(sara, sub=None),
        forged(sara, sub="sara"),
        forged(sara, sub="0"),
        forged(sara, sub=str(2**40)),
        forged(sara, exp=int(clock.now().timestamp()) - 60),
        "Bearer",
        "Bearer  x",
        "Bearer a.b.c",
        f"Basic {token(sara)}",
        token(sara),
    ]
    for authorization in bad:
        assert await status(served, authorization) == REFUSED, authorization
    for authorization in (bad[0], bad[1], forged(sara, exp=1)):
        assert await closed(served, authorization) == 4403


async def test_a_deactivated_persons_token_is_refused_from_that_moment(
    served: Served, sara: User
) -> None:
    issued = f"Bearer {token(sara)}"
    assert (await status(served, issued))[0] == 200
    await User.filter(id=sara.id).update(is_active=False)
    assert await status(served, issued) == REFUSED
    assert await closed(served, issued) == 4403
    await User.filter(id=sara.id).update(is_active=True)
    assert (await status(served, issued))[0] == 200


async def test_a_changed_role_counts_for_a_token_issued_before(served: Served, sara: User) -> None:
    await User.filter(id=sara.id).update(role=UserRole.ACADEMY_ADMIN)
    await make.student(await Academy.get())
    everybody = "{ users { nodes { id } } }"
    assert len((await served.ask(everybody, as_=sara))["data"]["users"]["nodes"]) == 2
    await User.filter(id=sara.id).update(role=UserRole.STUDENT)
    assert len((await served.ask(everybody, as_=sara))["data"]["users"]["nodes"]) == 1


async def test_a_socket_closes_with_4403_when_its_token_expires(served: Served, sara: User) -> None:
    soon, _ = issue(SECRET, sara, clock.now(), timedelta(seconds=2))
    async with dial(served.url) as socket:
        init = {"type": "connection_init", "payload": {"authorization": f"Bearer {soon}"}}
        await socket.send(httpx.Request("POST", served.url, json=init).content.decode())
        assert await heard(socket) == {"type": "connection_ack"}
        await socket.send(subscribe("subscription { systemStatus { isHealthy } }"))
        assert await ended(socket) == (4403, "Token expired")
