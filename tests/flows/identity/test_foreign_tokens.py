"""The platform's own tokens speak for the people it told us of, and for no others."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

import clock
from actions.identity.access_tokens import ISSUER, issue
from actions.identity.viewers import Keyring, viewer_of
from domain.access import UserRole, Viewer
from domain.errors import UnauthenticatedError
from gateways import jwks
from models import Academy, User
from settings import current
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import serving_app
from tests.support.key_server import (
    KeyServer,
    SigningKey,
    claims,
    ec_key,
    ed_key,
    key_server,
    rsa_key,
)
from tests.support.sockets import dial, ended, heard

NOW = make.ELEVEN
SHARED = "a-secret-that-the-platform-signs-with"
RSA, EC, ED = rsa_key(), ec_key(), ed_key()
SOON = timedelta(seconds=1)


@pytest.fixture
async def sara(database: Database) -> User:
    return await make.student(await make.academy("itqan"), external_id="s1")


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server(RSA, EC, ED) as published:
        yield published


def keyring(**changed: Any) -> Keyring:
    if "foreign_jwt_secret" in changed:
        changed["foreign_jwt_secret"] = SecretStr(changed["foreign_jwt_secret"])
    return Keyring.of(current().model_copy(update=changed))


def shared(**changed: Any) -> str:
    return signed(SHARED, **changed)


def signed(secret: str, **changed: Any) -> str:
    return jwt.encode(claims(NOW, **changed), secret, algorithm="HS256")


async def speaks(keys: Keyring, token: str, now: datetime = NOW) -> Viewer:
    return await viewer_of(keys, token, now)


async def is_refused(keys: Keyring, token: str, now: datetime = NOW) -> None:
    with pytest.raises(UnauthenticatedError):
        await viewer_of(keys, token, now)


# --- whom they speak for


async def test_a_token_of_the_shared_secret_speaks_for_its_person(sara: User) -> None:
    viewer = await speaks(keyring(foreign_jwt_secret=SHARED), shared())
    assert (viewer.user_id, viewer.role, viewer.academy_id) == (
        sara.id,
        UserRole.STUDENT,
        sara.academy_id,
    )
    assert viewer.expires_at == NOW + timedelta(hours=1, seconds=30)


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=lambda key: key.algorithm)
async def test_a_token_of_a_published_key_speaks_for_its_person(
    sara: User, server: KeyServer, key: SigningKey
) -> None:
    viewer = await speaks(keyring(jwks_url=server.url), key.token(claims(NOW)))
    assert viewer.user_id == sara.id


async def test_the_same_external_id_elsewhere_is_somebody_else(sara: User) -> None:
    other = await make.student(await make.academy("another"), external_id="s1")
    keys = keyring(foreign_jwt_secret=SHARED)
    assert (await speaks(keys, shared(academy="another"))).user_id == other.id
    assert (await speaks(keys, shared())).user_id == sara.id


async def test_a_foreign_token_of_an_unknown_inactive_or_super_person_is_refused(
    sara: User,
) -> None:
    keys = keyring(foreign_jwt_secret=SHARED)
    await make.user(None, UserRole.SUPER_ADMIN, external_id="root")
    service = await make.user(await Academy.get(), UserRole.ACADEMY_ADMIN, is_service=True)
    for wrong in (
        {"sub": "s2"},
        {"academy": "nowhere"},
        {"sub": "root"},
        {"sub": "root", "academy": ""},
        {"sub": str(service.external_id)},
    ):
        await is_refused(keys, shared(**wrong))
    await User.filter(id=sara.id).update(is_active=False)
    await is_refused(keys, shared())


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": None},
        {"academy": None},
        {"exp": None},
        {"sub": 1},
        {"sub": ["s1"]},
        {"sub": "s1\0"},
        {"sub": "\ud800"},
        {"sub": "s" * 201},
        {"academy": {"slug": "itqan"}},
        {"exp": "never"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": -1},
        {"nbf": "soon"},
        {"iat": None, "nbf": 4e9},
        {"iat": 4e9},
        {"iss": ISSUER},
    ],
    ids=str,
)
async def test_claims_that_say_nothing_we_can_use_are_refused(
    sara: User, changed: dict[str, Any]
) -> None:
    await is_refused(keyring(foreign_jwt_secret=SHARED), shared(**changed))


async def test_clocks_may_differ_by_the_leeway(sara: User) -> None:
    keys = keyring(foreign_jwt_secret=SHARED)
    strict = keyring(foreign_jwt_secret=SHARED, foreign_jwt_leeway_seconds=0)
    over = NOW + timedelta(hours=1)
    await speaks(keys, shared(), over + timedelta(seconds=29))
    await is_refused(keys, shared(), over + timedelta(seconds=30))
    await is_refused(strict, shared(), over)
    for claim in ("nbf", "iat"):
        begins = int(NOW.timestamp()) + 30
        await speaks(keys, shared(**{claim: begins}))
        await is_refused(keys, shared(**{claim: begins + 1}))
        await is_refused(strict, shared(**{claim: begins}))


async def test_issuer_and_audience_are_checked_where_they_are_set(sara: User) -> None:
    named: dict[str, Any] = {
        "foreign_jwt_issuer": "https://id.example",
        "foreign_jwt_audience": "halaqa",
    }
    strict = keyring(foreign_jwt_secret=SHARED, **named)
    good: dict[str, Any] = {"iss": "https://id.example", "aud": ["other", "halaqa"]}
    await speaks(strict, shared(**good))
    for wrong in ({"iss": None}, {"iss": "https://evil.example"}, {"aud": None}, {"aud": "other"}):
        await is_refused(strict, shared(**good | wrong))
    await speaks(keyring(foreign_jwt_secret=SHARED), shared(iss="anybody", aud="anything"))


# --- how they are signed


def confused(pem: bytes, told: dict[str, Any], **header: Any) -> str:
    """An HS256 token with the public key as its secret: a library that trusts `alg` takes it."""
    parts = [{"typ": "JWT", "alg": "HS256"} | header, told]
    signed = b".".join(_text(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + _text(hmac.digest(pem, signed, hashlib.sha256))).decode()


def _text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


async def test_a_public_key_is_never_taken_for_a_secret(sara: User, server: KeyServer) -> None:
    both = keyring(jwks_url=server.url, foreign_jwt_secret=SHARED)
    for keys in (both, keyring(jwks_url=server.url)):
        await speaks(keys, RSA.token(claims(NOW)))
        for key in (RSA, EC, ED):
            for secret in (key.pem, key.pem.strip(), json.dumps(key.jwk).encode()):
                await is_refused(keys, confused(secret, claims(NOW), kid=key.kid))
                await is_refused(keys, confused(secret, claims(NOW)))
    assert (await speaks(both, shared())).user_id == sara.id
    await is_refused(keyring(jwks_url=server.url), shared())


async def test_the_token_does_not_choose_its_algorithm(sara: User, server: KeyServer) -> None:
    keys = keyring(jwks_url=server.url, foreign_jwt_secret=SHARED)
    good = claims(NOW)
    bad = [
        jwt.encode(good, "", algorithm="none"),
        jwt.encode(good, "", algorithm="none", headers={"kid": RSA.kid}),
        jwt.encode(good, SHARED * 2, algorithm="HS512"),
        jwt.encode(good, RSA.private, algorithm="RS512", headers={"kid": RSA.kid}),
        jwt.encode(good, RSA.private, algorithm="PS256", headers={"kid": RSA.kid}),
        signed("another-secret-that-is-long-enough-too"),
        RSA.token(good, kid=EC.kid),
        RSA.token(good, kid="unknown"),
        RSA.token(good, kid=None),
        rsa_key().token(good),
        ec_key().token(good),
        RSA.token(good) + "x",
        RSA.token(good)[:-8],
        # A key in the token's own header is ignored.
        rsa_key("r9").token(good, jwk=rsa_key("r9").jwk),
        rsa_key("r9").token(good, jku=server.url),
        RSA.token(good, crit=["exp"]),
        "x" * 100_000,
        "a.b.c",
        "",
        ".." * 100,
    ]
    for token in bad:
        await is_refused(keys, token)
    await is_refused(keyring(), shared())
    await is_refused(keyring(), RSA.token(good))


async def test_each_kind_is_verified_as_what_it_says_it_is(sara: User) -> None:
    """Our tokens need our secret, the platform's its own, whatever else they claim."""
    keys = keyring(foreign_jwt_secret=SHARED)
    ours = current().jwt_secret.get_secret_value()
    assert (await speaks(keys, issue(ours, sara, NOW)[0])).user_id == sara.id
    await is_refused(keys, issue(SHARED, sara, NOW)[0])
    await is_refused(keys, signed(ours))
    await is_refused(keys, shared(iss=ISSUER, sub=str(sara.id)))


# --- where keys come from


async def test_keys_are_fetched_once_and_again_after_an_hour(sara: User, server: KeyServer) -> None:
    keys = keyring(jwks_url=server.url)
    for minutes in (0, 1, 59):
        now = NOW + timedelta(minutes=minutes)
        await asyncio.gather(*(speaks(keys, RSA.token(claims(now)), now) for _ in range(5)))
    assert server.asked == 1
    later = NOW + timedelta(hours=1)
    await asyncio.gather(*(speaks(keys, RSA.token(claims(later)), later) for _ in range(5)))
    assert server.asked == 2


@pytest.mark.parametrize("hours", [1, 5])
async def test_a_key_that_is_withdrawn_is_good_for_an_hour_and_no_longer(
    sara: User, server: KeyServer, hours: int
) -> None:
    keys = keyring(jwks_url=server.url)
    await speaks(keys, RSA.token(claims(NOW)))
    server.keys = [EC]
    within, later = NOW + timedelta(minutes=59), NOW + timedelta(hours=hours)
    await speaks(keys, RSA.token(claims(within)), within)
    await is_refused(keys, RSA.token(claims(later)), later)
    await speaks(keys, EC.token(claims(later)), later)
    assert server.asked == 2


async def test_an_address_that_hangs_after_an_hour_holds_nobody_up_for_long(
    sara: User, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_WITHIN_S", 0.05)
    keys, later = keyring(jwks_url=server.url), NOW + timedelta(hours=1)
    await speaks(keys, RSA.token(claims(NOW)))
    server.held.clear()
    for seconds in (0, 1, 29):
        now = later + timedelta(seconds=seconds)
        await speaks(keys, RSA.token(claims(now)), now)
    server.held.set()
    assert server.asked == 2


async def test_a_new_key_is_fetched_when_it_is_first_used(sara: User, server: KeyServer) -> None:
    keys, new = keyring(jwks_url=server.url), rsa_key("r2")
    await speaks(keys, RSA.token(claims(NOW)))
    server.keys.append(new)
    await is_refused(keys, new.token(claims(NOW)), NOW + jwks.TRY_EVERY - SOON)
    assert (await speaks(keys, new.token(claims(NOW)), NOW + jwks.TRY_EVERY)).user_id == sara.id
    assert server.asked == 2


async def test_unknown_keys_do_not_make_us_ask_again_and_again(
    sara: User, server: KeyServer
) -> None:
    keys = keyring(jwks_url=server.url)
    for n in range(50):
        await is_refused(keys, RSA.token(claims(NOW), kid=f"made-up-{n}"))
    assert server.asked == 1
    await speaks(keys, RSA.token(claims(NOW)))
    await is_refused(keys, RSA.token(claims(NOW), kid="made-up"), NOW + jwks.TRY_EVERY)
    assert server.asked == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (302, None),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": 1}'),
        (200, b"[" * 100_000),
        (200, json.dumps({"keys": [ec_key().jwk]}).encode() + b" " * jwks.MAX_BYTES),
    ],
)
async def test_known_keys_are_kept_while_the_address_does_not_answer(
    sara: User, server: KeyServer, status: int, body: bytes | None
) -> None:
    keys = keyring(jwks_url=server.url)
    await speaks(keys, RSA.token(claims(NOW)))
    server.status, server.body = status, body
    for hours in (1, 2, 30):
        later = NOW + timedelta(hours=hours)
        await is_refused(keys, RSA.token(claims(later), kid="unknown"), later)
        await speaks(keys, RSA.token(claims(later)), later)
    assert server.asked == 4
    server.status, server.body, new = 200, None, rsa_key("r2")
    server.keys = [new]
    assert await speaks(keys, new.token(claims(later)), later + jwks.TRY_EVERY)


async def test_a_cancelled_request_does_not_cancel_the_fetch_of_keys_for_others(
    sara: User, server: KeyServer
) -> None:
    keys = keyring(jwks_url=server.url)
    server.held.clear()
    impatient = asyncio.ensure_future(speaks(keys, RSA.token(claims(NOW))))
    assert await asyncio.to_thread(server.reached.wait, 10)
    patient = asyncio.ensure_future(speaks(keys, EC.token(claims(NOW))))
    impatient.cancel()
    server.held.set()
    assert (await patient).user_id == sara.id
    assert server.asked == 1


async def test_an_address_that_hangs_is_given_up(
    sara: User, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_WITHIN_S", 0.05)
    server.held.clear()
    await is_refused(keyring(jwks_url=server.url), RSA.token(claims(NOW)))
    server.held.set()


async def test_a_foreign_token_is_refused_when_the_key_server_is_gone(sara: User) -> None:
    with key_server() as gone:
        pass
    await is_refused(keyring(jwks_url=gone.url), RSA.token(claims(NOW)))


def test_only_public_keys_for_signatures_are_usable() -> None:
    pair = rsa.generate_private_key(65537, 2048)
    private = json.loads(str(jwt.algorithms.RSAAlgorithm.to_jwk(pair))) | {"kid": "private"}
    others = [
        private,
        RSA.jwk | {"kid": "for-encryption", "use": "enc"},
        RSA.jwk | {"kid": "another-algorithm", "alg": "RS512"},
        RSA.jwk | {"kid": ["not a name"]},
        rsa_key("short", 1024).jwk,
        {"kid": "shared", "kty": "oct", "k": "c2VjcmV0"},
        {"kid": "strange", "kty": "strange"},
        {"kid": "half", "kty": "RSA", "n": "AQAB"},
        {"kid": "curve", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        "no key",
    ]
    body = json.dumps({"keys": [*others, RSA.jwk]}).encode()
    assert list(jwks.read_keys(body)) == ["r1"]


async def test_a_single_key_needs_no_name(sara: User) -> None:
    with key_server(RSA) as server:
        keys = keyring(jwks_url=server.url)
        await speaks(keys, jwt.encode(claims(NOW), RSA.private, algorithm="RS256"))


# --- over the wire


async def test_foreign_tokens_work_over_http_and_on_the_socket(
    template: Template, server: KeyServer
) -> None:
    async with serving_app(await template.fresh(), jwks_url=server.url) as served:
        await make.student(await make.academy("itqan"), external_id="s1", email="sara@example.org")
        good = ED.token(claims(clock.now()))
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {good}"}) as client:
            answer = await client.post(
                f"{served.url}/graphql", json={"query": "{ viewer { email } }"}
            )
        assert answer.json() == {"data": {"viewer": {"email": "sara@example.org"}}}
        over = ED.token(claims(clock.now() - timedelta(hours=2)))
        for token, expected in ((good, None), (over, 4403)):
            async with dial(served.url) as socket:
                payload = {"Authorization": f"Bearer {token}"}
                await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                if expected:
                    assert (await ended(socket))[0] == expected
                else:
                    assert await heard(socket) == {"type": "connection_ack"}
