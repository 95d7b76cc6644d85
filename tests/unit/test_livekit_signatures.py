"""Signatures of LiveKit's webhooks: accepted and refused ones."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from livekit import api

from gateways.livekit_webhooks import (
    BadSignatureError,
    verify,
)
from tests.support.webhooks import KEY, SECRET, sign

NOW = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
OTHER = "fedcba9876543210fedcba9876543210"
KEYS = {KEY: SECRET, "rotated": OTHER}
BODY = b'{"event":"room_started","id":"EV_1"}'


def token(**changes: Any) -> str:
    claims = {
        "iss": KEY,
        "exp": int(NOW.timestamp()) + 300,
        "nbf": int(NOW.timestamp()),
        "sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    } | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, SECRET, algorithm="HS256")


@pytest.mark.parametrize(("key", "secret"), list(KEYS.items()))
def test_each_of_our_keys_is_accepted(key: str, secret: str) -> None:
    verify(BODY, sign(BODY, key, secret, now=NOW), KEYS, NOW)


def test_a_signature_of_livekits_own_library_is_accepted() -> None:
    now = datetime.now(UTC)
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    verify(BODY, api.AccessToken(KEY, SECRET).with_sha256(digest).to_jwt(), KEYS, now)


@pytest.mark.parametrize("late_s", [-60, 0, 300, 359])
def test_clocks_may_differ_by_a_minute(late_s: int) -> None:
    verify(BODY, sign(BODY, now=NOW), KEYS, NOW + timedelta(seconds=late_s))


@pytest.mark.parametrize("late_s", [-61, 360, 100_000])
def test_a_signature_from_another_time_is_refused(late_s: int) -> None:
    with pytest.raises(BadSignatureError):
        verify(BODY, sign(BODY, now=NOW), KEYS, NOW + timedelta(seconds=late_s))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "junk",
        "a.b.c",
        "é.é.é",
        "x" * 100_000,
        "Bearer " + token(),
        token() + "x",
        token(iss="stranger"),
        token(iss="rotated"),  # a known key, another one's secret
        token(iss=None),
        token(sha256=None),  # a join token
        token(sha256=7),
        token(sha256=""),
        token(sha256="not base64 !"),
        token(sha256="\ud800"),
        token(sha256="é"),
        token(exp=None),
        token(nbf=float("nan")),
        jwt.encode({"iss": KEY, "exp": 1e300}, SECRET, algorithm="HS256"),
        jwt.encode({"iss": KEY}, "", algorithm="none"),
        jwt.encode(jwt.decode(token(), options={"verify_signature": False}), OTHER),
    ],
)
def test_a_bad_signature_is_refused(authorization: str | None) -> None:
    with pytest.raises(BadSignatureError):
        verify(BODY, authorization, KEYS, NOW)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    claims = jwt.decode(token(), options={"verify_signature": False})
    secret = "" if algorithm == "none" else SECRET * 2
    with pytest.raises(BadSignatureError):
        verify(BODY, jwt.encode(claims, secret, algorithm=algorithm), {KEY: SECRET * 2}, NOW)


def test_a_key_without_a_secret_lets_nobody_in() -> None:
    with pytest.raises(BadSignatureError):
        verify(BODY, token(), {KEY: ""}, NOW)


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"1", b"2")])
def test_one_changed_byte_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignatureError):
        verify(body, sign(BODY, now=NOW), KEYS, NOW)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
@example(base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.x")
def test_no_authorization_is_an_error_of_another_kind(junk: str) -> None:
    for header in (junk, f"{junk}.{junk}.{junk}", token().replace(".", f".{junk}.", 1)):
        with pytest.raises(BadSignatureError):
            verify(BODY, header, KEYS, NOW)
