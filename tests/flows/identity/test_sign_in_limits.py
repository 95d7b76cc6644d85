"""Guessing passwords takes long, and a real person still gets in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from actions.identity import attempts
from actions.identity.attempts import ADDRESS_LIMIT, PAIR_LIMIT, PERSON_LIMIT
from domain.errors import InvalidInputError
from models import Academy, SignInFailure, User
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import Served, serving_app
from tests.support.asking import Asker, code
from tests.support.guessing import CAFE, HOME, NEW, NOW, SARA, attempt, fail, seconds, told
from tests.support.sign_ins import CHANGE, PASSWORD, SIGN_IN, person


@pytest.fixture
async def sara(database: Database) -> User:
    return await person(await make.academy("itqan"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare passwords as plain text: these tests try hundreds."""

    async def fits(password_hash: str | None, password: str) -> bool:
        return password_hash is not None and password == PASSWORD

    monkeypatch.setattr("actions.identity.sign_ins.verify_password", fits)


async def test_after_five_failures_each_attempt_waits_longer(sara: User, quick: None) -> None:
    await fail(PAIR_LIMIT)
    now, waits = NOW, []
    for _ in range(8):
        waits.append(seconds(await told(now=now)))
        now += timedelta(seconds=waits[-1])
        await fail(1, now)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


async def test_the_message_says_when_and_means_it(sara: User, quick: None) -> None:
    await fail(PAIR_LIMIT)
    message = await told(PASSWORD, NOW + timedelta(seconds=12.5))
    assert message == "Too many attempts: try again in 18 s, at 2026-03-02T11:00:30Z."
    assert seconds(await told(PASSWORD, NOW + timedelta(seconds=29.9))) == 1
    await attempt(PASSWORD, NOW + timedelta(seconds=30))


async def test_an_attempt_during_the_wait_does_not_prolong_it(sara: User, quick: None) -> None:
    await fail(PAIR_LIMIT)
    for _ in range(20):
        assert seconds(await told(PASSWORD)) == 30
    await attempt(PASSWORD, NOW + timedelta(seconds=30))


async def test_a_successful_sign_in_resets_the_failures(sara: User, quick: None) -> None:
    await fail(PAIR_LIMIT - 1)
    await attempt(PASSWORD)
    await fail(PAIR_LIMIT)
    assert seconds(await told()) == 30


async def test_a_day_without_failures_resets_the_wait(sara: User, quick: None) -> None:
    await fail(PAIR_LIMIT)
    await fail(PAIR_LIMIT, NOW + timedelta(days=1))


async def test_unknown_people_are_limited_as_known_ones_are(sara: User, quick: None) -> None:
    nobody = "nobody@example.org"
    for email in (SARA, nobody):
        await fail(PAIR_LIMIT, email=email)
    assert await told(PASSWORD) == await told(PASSWORD, email=nobody)
    assert await told() == await told(email=nobody)


async def test_a_person_is_the_same_however_it_is_typed(sara: User, quick: None) -> None:
    for email in (SARA, "SARA@example.org", f"  {SARA}", f"{SARA} ", SARA):
        await fail(1, email=email)
    seconds(await told(PASSWORD))


async def test_many_at_once_are_no_more_guesses_than_one_after_the_other(
    sara: User, quick: None
) -> None:
    messages = await asyncio.gather(*(told() for _ in range(30)))
    assert len([message for message in messages if "wrong" in message]) == PAIR_LIMIT


# --- by address


async def test_guesses_from_another_address_do_not_lock_a_person_out(
    sara: User, quick: None
) -> None:
    await fail(PAIR_LIMIT, address=CAFE)
    seconds(await told(PASSWORD, address=CAFE))
    await attempt(PASSWORD, address=HOME)


async def guess_from_everywhere(network: str = "203.0.113") -> None:
    for n in range(PERSON_LIMIT // PAIR_LIMIT):
        await fail(PAIR_LIMIT, address=f"{network}.{n}")


async def test_guesses_from_everywhere_do_not_lock_a_person_out(sara: User, quick: None) -> None:
    await attempt(PASSWORD, address=HOME)
    await guess_from_everywhere()
    await attempt(PASSWORD, address="192.0.2.1")
    await guess_from_everywhere("198.18.0")
    await attempt(PASSWORD, address=HOME)


async def test_guesses_from_everywhere_are_slowed_but_not_at_a_known_address(
    sara: User, quick: None
) -> None:
    await attempt(PASSWORD, address=HOME)
    await guess_from_everywhere()
    for address in ("192.0.2.1", "192.0.2.2"):
        await fail(1, address=address)
        assert seconds(await told(PASSWORD, address=address)) == 30
    await fail(PAIR_LIMIT, address=HOME)
    seconds(await told(address=HOME))
    await attempt(PASSWORD, NOW + timedelta(seconds=30), address="192.0.2.1")


async def test_a_day_after_the_last_guess_all_is_as_before(sara: User, quick: None) -> None:
    await guess_from_everywhere()
    await fail(PAIR_LIMIT, NOW + timedelta(days=1), address="192.0.2.1")


async def test_an_address_of_earlier_sign_ins_is_forgotten_after_a_month(
    sara: User, quick: None
) -> None:
    await attempt(PASSWORD, NOW - timedelta(days=30), address=HOME)
    await guess_from_everywhere()
    await fail(1, address=HOME)
    seconds(await told(PASSWORD, address=HOME))


async def test_an_address_that_tries_many_people_waits_but_for_who_is_known_there(
    sara: User, quick: None
) -> None:
    omar = await person(await Academy.get(id=sara.academy_id), "omar@example.org")
    await attempt(PASSWORD, address=CAFE)
    for n in range(ADDRESS_LIMIT):
        await fail(1, email=f"p{n}@example.org", address=CAFE)
    seconds(await told(PASSWORD, email=str(omar.email), address=CAFE))
    await attempt(PASSWORD, address=CAFE)
    await attempt(PASSWORD, email=str(omar.email), address=HOME)


async def test_an_account_of_ones_own_does_not_clear_an_address(sara: User, quick: None) -> None:
    for n in range(ADDRESS_LIMIT):
        if n % 10 == 0:
            await attempt(PASSWORD, address=CAFE)
        await fail(1, email=f"p{n}@example.org", address=CAFE)
    seconds(await told(email="last@example.org", address=CAFE))


async def test_the_failures_of_an_address_are_reset_each_day(sara: User, quick: None) -> None:
    """Children who mistype a few times a day do not add up."""
    for n in range(ADDRESS_LIMIT):
        await fail(1, email=f"p{n}@example.org", address=CAFE)
    seconds(await told(address=CAFE))
    await attempt(PASSWORD, NOW + timedelta(hours=13), address=CAFE)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::5", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::5", "2001:db8:1:3::5", False),
        ("203.0.113.1", "203.0.113.2", False),
        ("no address", "no address", True),
    ],
)
def test_a_place_is_an_address_or_a_network_of_one_owner(
    one: str, other: str, is_same: bool
) -> None:
    places = [
        attempts.sign_in_attempt(SARA, None, address, NOW).network for address in (one, other)
    ]
    assert (places[0] == places[1]) is is_same


async def test_rows_of_failures_are_cleared_away_and_bounded(
    sara: User, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MAX_ROWS", 20)
    for n in range(100):
        await fail(1, NOW + timedelta(seconds=n), email=f"p{n}@example.org")
    assert 20 <= await SignInFailure.all().count() < 90
    later = NOW + timedelta(days=2)
    for n in range(100):
        await fail(1, later, email=f"q{n}@example.org")
    assert not await SignInFailure.filter(last_failed_at__lt=later).exists()


# --- changing a password


async def test_guessing_the_current_password_is_limited_alike(
    asker: Asker, sara: User, quick: None
) -> None:
    for _ in range(PAIR_LIMIT):
        answer = await asker.ask(CHANGE, sara, now=NOW, current="wrong", new=NEW)
        assert code(answer) == "INVALID_CREDENTIALS"
    answer = await asker.ask(CHANGE, sara, now=NOW, current=PASSWORD, new=NEW)
    (error,) = answer["data"]["changePassword"]["errors"]
    assert error["code"] == "INVALID_CREDENTIALS"
    assert seconds(error["message"]) == 30
    await attempt(PASSWORD)  # signing in is counted apart
    answer = await asker.ask(
        CHANGE, sara, now=NOW + timedelta(seconds=30), current=PASSWORD, new=NEW
    )
    assert code(answer) is None


# --- as main has it


@pytest.fixture
async def served(template: Template) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh()) as served:
        yield served


async def test_the_address_is_the_one_that_the_proxy_beside_us_tells(served: Served) -> None:
    await person(await make.academy("itqan"))

    async def sign_in_from(address: str, password: str) -> list[dict[str, str]]:
        variables = {"email": SARA, "password": password}
        async with httpx.AsyncClient(headers={"X-Forwarded-For": address}) as client:
            answer = await client.post(
                f"{served.url}/graphql", json={"query": SIGN_IN, "variables": variables}
            )
        errors: list[dict[str, str]] = answer.json()["data"]["signIn"]["errors"]
        return errors

    for _ in range(PAIR_LIMIT):
        await sign_in_from(CAFE, "wrong")
    (error,) = await sign_in_from(CAFE, PASSWORD)
    assert "try again in" in error["message"]
    assert await sign_in_from(HOME, PASSWORD) == []


async def test_an_ipv4_address_within_ipv6_is_that_address(sara: User, quick: None) -> None:
    """Otherwise all people who connect like this would share one /64."""
    for number in range(PAIR_LIMIT):
        await told(address=f"::ffff:{CAFE[:-1]}{number}")
    assert await attempt(PASSWORD, address=f"::ffff:{HOME}")
    for _ in range(PAIR_LIMIT):
        await told(address=CAFE)
    assert "Too many" in await told(PASSWORD, address=f"::ffff:{CAFE}")


async def test_a_right_password_in_two_academies_is_no_failure(sara: User, quick: None) -> None:
    await person(await make.academy("tartil"))
    for _ in range(2 * PAIR_LIMIT):
        with pytest.raises(InvalidInputError):
            await attempt(PASSWORD, address=HOME)
    assert not await SignInFailure.filter(failures__gt=0).exists()
