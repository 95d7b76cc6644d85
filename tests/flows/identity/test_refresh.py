"""Refresh tokens work once each, and the end of a sign-in ends all that lives on it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

import clock
from actions.identity import refresh_tokens, sign_ins
from actions.identity.access_tokens import issue
from actions.identity.refresh_tokens import GRACE
from actions.identity.refresh_tokens import REFRESH_TOKEN_TTL as REFRESHES_FOR
from actions.identity.sign_ins import Credentials, SignedIn, sign_in
from actions.identity.viewers import Keyring, viewer_of
from domain.access import UserRole, Viewer
from domain.errors import InvalidCredentialsError, UnauthenticatedError
from models import Academy, RefreshToken, User
from schema.types.ids import Kind, encode
from settings import current
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import Served, serving_app
from tests.support.asking import Asker, code, payload
from tests.support.node import CLIENTS, client, install_packages
from tests.support.sign_ins import CHANGE, PASSWORD, REFRESH, SIGN_IN, SIGN_OUT, VIEWER, person
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.upserts import person as input_of
from tests.support.upserts import upsert_users

NOW = make.ELEVEN
LATER = NOW + timedelta(minutes=10)
NEW = "another one entirely"


@pytest.fixture
async def itqan(database: Database) -> Academy:
    return await make.academy("itqan")


@pytest.fixture
async def sara(itqan: Academy) -> User:
    return await person(itqan, external_id="s1")


def secret() -> str:
    return current().jwt_secret.get_secret_value()


async def signed_in(now: datetime = NOW) -> SignedIn:
    return await sign_in(secret(), Credentials("sara@example.org", PASSWORD), now)


async def refreshed(token: str, now: datetime = LATER) -> SignedIn:
    return await sign_ins.refresh_access_token(secret(), token, now)


async def refused(token: str, now: datetime = LATER) -> None:
    with pytest.raises(InvalidCredentialsError):
        await refreshed(token, now)


async def speaks(token: str, now: datetime = LATER) -> Viewer:
    return await viewer_of(Keyring.of(current()), token, now)


async def is_silent(token: str, now: datetime = LATER) -> None:
    with pytest.raises(UnauthenticatedError):
        await speaks(token, now)


# --- one after the other


async def test_a_sign_in_goes_on_with_a_new_pair_each_time(asker: Asker, sara: User) -> None:
    answered = payload(
        await asker.ask(SIGN_IN, now=NOW, email="sara@example.org", password=PASSWORD)
    )
    seen = {answered["refreshToken"]}
    for n in range(1, 4):
        now = NOW + timedelta(days=n)
        answered = payload(await asker.ask(REFRESH, now=now, token=answered["refreshToken"]))
        assert answered["viewer"] == {"email": "sara@example.org"}
        assert answered["expiresAt"] == f"2026-03-0{2 + n}T11:15:00.000Z"
        viewer = await speaks(answered["accessToken"], now)
        assert (viewer.user_id, viewer.academy_id) == (sara.id, sara.academy_id)
        seen.add(answered["refreshToken"])
    assert len(seen) == 4
    assert {row.family for row in await RefreshToken.all()} == {viewer.family}


async def test_refresh_tokens_are_stored_as_hashes_only(sara: User) -> None:
    made = await signed_in()
    (row,) = await RefreshToken.all()
    assert made.refresh_token.startswith("hlr_")
    assert made.refresh_token not in (row.token_hash, row.family)
    claims = jwt.decode(made.access_token, options={"verify_signature": False})
    assert claims["sid"] == row.family


async def test_a_sign_in_ends_after_thirty_days_without_a_refresh(sara: User) -> None:
    made = await signed_in()
    last = await refreshed(made.refresh_token, NOW + REFRESHES_FOR - timedelta(seconds=1))
    await refused(last.refresh_token, last.expires_at + REFRESHES_FOR)
    await refreshed(last.refresh_token, last.expires_at + REFRESHES_FOR - timedelta(days=1))


@pytest.mark.parametrize("token", ["", "hlr_", "hlr_" + "x" * 43, "\u202e", "x" * 100_000])
async def test_an_invalid_refresh_token_is_refused(asker: Asker, sara: User, token: str) -> None:
    await signed_in()
    assert code(await asker.ask(REFRESH, token=token)) == "INVALID_CREDENTIALS"
    assert code(await asker.ask(SIGN_OUT, token=token)) is None
    assert await RefreshToken.filter(revoked_at=None).count() == 1


async def test_an_access_token_is_no_refresh_token_nor_the_other_way(sara: User) -> None:
    made = await signed_in()
    await refused(made.access_token)
    await is_silent(made.refresh_token, NOW)


# --- used twice


async def test_a_token_used_again_ends_its_family_at_once_and_no_other(sara: User) -> None:
    first, other = await signed_in(), await signed_in()
    second = await refreshed(first.refresh_token, LATER)
    await speaks(second.access_token)
    await refused(first.refresh_token, LATER + GRACE + timedelta(seconds=1))
    await refused(second.refresh_token)
    await is_silent(first.access_token)
    await is_silent(second.access_token)
    assert (await speaks(other.access_token)).user_id == sara.id
    await refreshed(other.refresh_token)


async def test_a_lost_answer_is_forgiven_once_and_what_it_gave_is_taken_back(sara: User) -> None:
    first = await signed_in()
    lost = await refreshed(first.refresh_token, LATER)
    again = await refreshed(first.refresh_token, LATER + timedelta(seconds=5))
    assert await RefreshToken.filter(used_at=None, revoked_at=None).count() == 1
    await speaks(again.access_token)
    # The token was used, so one of the two users was not the person.
    await refused(lost.refresh_token, LATER + timedelta(seconds=6))
    await refused(again.refresh_token, LATER + timedelta(seconds=7))
    await is_silent(again.access_token)


async def test_nothing_is_forgiven_once_what_followed_was_used(sara: User) -> None:
    first = await signed_in()
    second = await refreshed(first.refresh_token, LATER)
    third = await refreshed(second.refresh_token, LATER + timedelta(seconds=1))
    await refused(first.refresh_token, LATER + timedelta(seconds=2))
    await refused(third.refresh_token, LATER + timedelta(seconds=3))


async def test_many_refreshes_at_once_leave_one_usable_token(sara: User) -> None:
    first = await signed_in()
    moments = [LATER + timedelta(milliseconds=n) for n in range(6)]
    made = await asyncio.gather(*(refreshed(first.refresh_token, now) for now in moments))
    good = await RefreshToken.filter(used_at=None, revoked_at=None)
    assert len(good) == 1
    for pair in made:  # all come from the same token: the family goes on
        assert (await speaks(pair.access_token)).user_id == sara.id


# --- ended


async def test_signing_out_ends_it_whichever_token_is_shown_and_twice_is_once(
    asker: Asker, sara: User
) -> None:
    first, other = await signed_in(), await signed_in()
    second = await refreshed(first.refresh_token)
    for _ in range(2):
        assert payload(await asker.ask(SIGN_OUT, now=LATER, token=first.refresh_token)) == {
            "errors": []
        }
    await is_silent(second.access_token)
    await refused(second.refresh_token)
    await speaks(other.access_token)


async def test_signing_out_while_refreshing_leaves_nothing_that_is_good(sara: User) -> None:
    for _ in range(5):
        made = await signed_in()
        await asyncio.gather(
            refreshed(made.refresh_token),
            sign_ins.sign_out(made.refresh_token, LATER),
            return_exceptions=True,
        )
        assert await RefreshToken.filter(revoked_at=None).count() == 0


async def test_a_new_password_ends_the_other_sign_ins(asker: Asker, sara: User) -> None:
    here, there = await signed_in(), await signed_in()
    viewer = await speaks(here.access_token)
    await sign_ins.change_password(viewer, PASSWORD, NEW, LATER)
    await speaks(here.access_token)
    await refreshed(here.refresh_token)
    await is_silent(there.access_token)
    await refused(there.refresh_token)
    answer = await asker.ask(SIGN_IN, now=LATER, email="sara@example.org", password=PASSWORD)
    assert code(answer) == "INVALID_CREDENTIALS"
    payload(await asker.ask(SIGN_IN, now=LATER, email="sara@example.org", password=NEW))


async def test_without_a_sign_in_of_its_own_a_new_password_ends_all(
    asker: Asker, sara: User
) -> None:
    made = await signed_in()
    payload(await asker.ask(CHANGE, sara, now=LATER, current=PASSWORD, new=NEW))
    await is_silent(made.access_token)


@pytest.mark.parametrize(
    ("typed", "new", "refusal"),
    [
        ("wrong", NEW, ("INVALID_CREDENTIALS", ["current"])),
        (PASSWORD, "seven77", ("INVALID_INPUT", ["new"])),
        (PASSWORD, "x" * 201, ("INVALID_INPUT", ["new"])),
    ],
)
async def test_changing_a_password_needs_the_current_one_and_a_valid_new_one(
    asker: Asker, sara: User, typed: str, new: str, refusal: tuple[str, list[str]]
) -> None:
    made = await signed_in()
    answer = await asker.ask(CHANGE, sara, now=LATER, current=typed, new=new)
    (error,) = answer["data"]["changePassword"]["errors"]
    assert (error["code"], error["field"]) == refusal
    await speaks(made.access_token)
    await signed_in(LATER)


@pytest.mark.parametrize("changed", [{"password": NEW}, {"isActive": False}])
async def test_an_admins_change_of_password_or_activity_ends_sign_ins(
    asker: Asker, itqan: Academy, sara: User, changed: dict[str, Any]
) -> None:
    admin = await make.user(itqan, UserRole.ACADEMY_ADMIN)
    made = await signed_in()
    payload(await upsert_users(asker, admin, input_of("s1", email="sara@example.org")))
    await speaks(made.access_token)
    payload(await upsert_users(asker, admin, input_of("s1", **changed)))
    await is_silent(made.access_token)
    payload(await upsert_users(asker, admin, input_of("s1", isActive=True)))
    await is_silent(made.access_token)
    await refused(made.refresh_token)


async def test_a_person_deactivated_in_the_database_is_refused(sara: User) -> None:
    made = await signed_in()
    await User.filter(id=sara.id).update(is_active=False)
    await refused(made.refresh_token)
    await is_silent(made.access_token)
    with pytest.raises(InvalidCredentialsError):
        await signed_in(LATER)


async def test_a_family_speaks_for_nobody_else(itqan: Academy, sara: User) -> None:
    await signed_in()
    (row,) = await RefreshToken.all()
    other = await person(itqan, "omar@example.org")
    await is_silent(issue(secret(), other, NOW, family=row.family)[0], NOW)
    await is_silent(issue(secret(), sara, NOW, family="unknown")[0], NOW)
    await speaks(issue(secret(), sara, NOW, family=row.family)[0], NOW)


async def test_expired_rows_are_cleared_away(itqan: Academy, sara: User) -> None:
    await person(itqan, "omar@example.org")
    made = await signed_in()
    await refreshed(made.refresh_token)
    long_after = LATER + REFRESHES_FOR + timedelta(days=1)
    await sign_in(secret(), Credentials("omar@example.org", PASSWORD), long_after)
    assert await RefreshToken.all().values_list("issued_at", flat=True) == [long_after]
    await refresh_tokens.forget_expired(long_after)
    assert await RefreshToken.all().count() == 1


# --- over the wire


@pytest.fixture
async def served(template: Template) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh()) as served:
        yield served


async def post(served: Served, token: str, query: str = VIEWER) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{served.url}/graphql", json={"query": query}, headers=headers)
    return answer.status_code, answer.json().get("data")


async def test_signing_out_ends_requests_and_running_streams(served: Served) -> None:
    await person(await make.academy("itqan"))
    answer = await served.ask(SIGN_IN, email="sara@example.org", password=PASSWORD)
    made = answer["data"]["signIn"]
    assert await post(served, made["accessToken"]) == (
        200,
        {"viewer": {"email": "sara@example.org"}},
    )
    async with dial(served.url) as socket:
        init = {"Authorization": f"Bearer {made['accessToken']}"}
        await socket.send(
            httpx.Request(
                "POST", served.url, json={"type": "connection_init", "payload": init}
            ).content.decode()
        )
        assert await heard(socket) == {"type": "connection_ack"}
        await socket.send(subscribe("subscription { systemStatus { isHealthy } }"))
        assert (await heard(socket))["type"] == "next"
        assert (await served.ask(SIGN_OUT, token=made["refreshToken"]))["data"]
        assert (await ended(socket))[0] == 4403
    assert (await post(served, made["accessToken"]))[0] == 401
    assert clock.now() < datetime.fromisoformat(made["expiresAt"])


FOLLOW = """
subscription ($id: ID!, $after: String) {
  sessionEvents(sessionId: $id, after: $after) { __typename sequence cursor }
}
"""
MOVE = """
mutation ($id: ID!, $at: DateTime!) {
  rescheduleSession(sessionId: $id, scheduledAt: $at) { errors { code } }
}
"""


async def test_a_socket_whose_token_expired_is_opened_again_and_misses_nothing(
    served: Served,
) -> None:
    academy = await make.academy("itqan")
    teacher = await person(academy, role=UserRole.TEACHER)
    session = await make.session(
        academy, teacher, student=await make.student(academy), at=tomorrow()
    )
    answer = await served.ask(SIGN_IN, email="sara@example.org", password=PASSWORD)
    made = answer["data"]["signIn"]
    family = jwt.decode(made["accessToken"], options={"verify_signature": False})["sid"]
    install_packages(CLIENTS)
    soon = issue(secret(), teacher, clock.now(), timedelta(seconds=4), family)[0]
    number = encode(Kind.SESSION, session.id)
    arguments = (f"{served.url}/graphql".replace("http", "ws"), soon, made["refreshToken"])
    async with client("renew.mjs", *arguments, FOLLOW, number) as app:
        assert await app.hears() == {"connected": True}
        (first,) = (await app.hears()).values()
        assert first["__typename"] == "SessionSnapshot"
        assert await app.hears() == {"closed": 4403}
        assert await app.hears() == {"renewing": True}
        # Something happens while nobody listens.
        moved = await served.ask(MOVE, teacher, id=number, at=tomorrow(2).isoformat())
        assert moved["data"]["rescheduleSession"] == {"errors": []}
        app.tells("go")
        assert await app.hears() == {"renewed": []}
        assert await app.hears() == {"connected": True}
        (second,) = (await app.hears()).values()
        assert second["__typename"] != "SessionSnapshot"
        assert second["sequence"] == first["sequence"] + 1
        moved = await served.ask(MOVE, teacher, id=number, at=tomorrow(3).isoformat())
        (third,) = (await app.hears()).values()
        assert third["sequence"] == first["sequence"] + 2


def tomorrow(days: int = 1) -> datetime:
    return clock.now().replace(microsecond=0) + timedelta(days=days)


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_an_unknown_refresh_token_is_refused_without_waiting_for_a_writer(
    database: Database, sara: User
) -> None:
    """SQLite has one writer, here a command beside the server: a guess must not be another."""
    with closing(sqlite3.connect(database.url.removeprefix("sqlite:///"))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        await asyncio.wait_for(refused("hlr_nobody-was-given-this"), 3)


async def test_a_token_that_is_forgotten_while_it_is_used_is_refused(
    sara: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials("sara@example.org", PASSWORD)
    secret = (await sign_in("s" * 32, credentials, NOW)).refresh_token
    lock_user = refresh_tokens.lock_user

    async def forget(user_id: int) -> User | None:
        await RefreshToken.all().delete()
        return await lock_user(user_id)

    monkeypatch.setattr(refresh_tokens, "lock_user", forget)
    await refused(secret)
