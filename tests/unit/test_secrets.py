"""Secrets that others know or can guess are told from good ones."""

import secrets

import pytest

from cli.parts import Stop
from cli.weak_secrets import (
    DEMOS_SECRET,
    check_secrets,
    guessable_keys,
    is_for_trials,
    weak_secrets,
)
from demo.command import DEFAULTS
from domain.secret import weakness
from settings import Settings

GOOD = "kX3vPq8ZtR1mWs6YbN4cHf7LdG2jUe9a"


def given(**changed: str) -> Settings:
    values = {
        "livekit_url": "ws://127.0.0.1:7880",
        "livekit_api_url": "http://127.0.0.1:7880",
        "livekit_api_key": "devkey",
        "livekit_api_secret": "a-livekit-secret",
        "jwt_secret": GOOD,
    }
    return Settings(**values | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("a" * 32, "it repeats itself"),
        ("ab" * 16, "it repeats itself"),
        ("1234567" * 5, "it repeats itself"),
        ("changeme" * 4, "it repeats itself"),
        ("change-me-please-" * 2, "it repeats itself"),
        (("0123456789abcdefg" * 3)[:40], "it repeats itself"),  # cut off
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaabcd", "it has few different characters"),
        ("abcdefghijklmnopqrstuvwxyz012345", "its characters follow each other"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ-987654321", "its characters follow each other"),
        ("qwertyuiopasdfghjklzxcvbnm123456", "its characters follow each other"),
        ("abcdefgh12345678ABCDEFGH87654321", "its characters follow each other"),
        ("your-secret-key-changeme-changeme", "it is made of words"),
        ("your-256-bit-secret-change-this-key!", "it is made of words"),
        ("My_Super_Secret_JWT_Key_Replace_Me", "it is made of words"),
    ],
)
def test_a_secret_that_is_easy_to_guess_is_told_with_the_reason(secret: str, why: str) -> None:
    assert (weakness(secret) or "").startswith(why)


def test_nothing_is_said_of_random_secrets() -> None:
    for make in (secrets.token_hex, secrets.token_urlsafe):
        assert not any(weakness(make(size)) for _ in range(200) for size in (24, 32))
    assert weakness(f"halaqa-jwt-secret-{GOOD}") is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"jwt_secret": DEMOS_SECRET}, ["HALAQA_JWT_SECRET is the demo's"]),
        ({"jwt_secret": "x" * 40}, ["HALAQA_JWT_SECRET is easy to guess"]),
        ({"livekit_api_secret": GOOD}, ["HALAQA_JWT_SECRET is also a secret of LiveKit's"]),
        ({"livekit_webhook_keys": f"old:{GOOD}"}, ["HALAQA_JWT_SECRET is also a secret"]),
        ({"foreign_jwt_secret": "y" * 40}, ["HALAQA_FOREIGN_JWT_SECRET is easy to guess"]),
        ({"foreign_jwt_secret": DEMOS_SECRET}, ["HALAQA_FOREIGN_JWT_SECRET is the demo's"]),
        ({"metrics_token": "z" * 40}, ["HALAQA_METRICS_TOKEN is easy to guess"]),
        ({"metrics_token": GOOD}, ["HALAQA_METRICS_TOKEN is also HALAQA_JWT_SECRET"]),
        ({"livekit_api_secret": DEMOS_SECRET}, ["A secret of LiveKit's keys is the demo's"]),
        (
            {"livekit_api_secret": DEMOS_SECRET, "jwt_secret": DEMOS_SECRET},
            ["HALAQA_JWT_SECRET is the demo's", "A secret of LiveKit's keys is the demo's"],
        ),
        (
            {"livekit_api_secret": "secret", "public_url": "https://halaqa.example.org"},
            ["A secret of LiveKit's keys is that of `livekit-server --dev`"],
        ),
        ({"livekit_api_secret": "secret"}, []),
        ({"livekit_api_secret": "secret", "public_url": "http://localhost:8000"}, []),
        ({"livekit_api_secret": "secret", "public_url": "http://[::1]:8000"}, []),
        ({}, []),
    ],
)
def test_each_weak_secret_is_named_with_what_to_do(
    changed: dict[str, str], named: list[str]
) -> None:
    settings = given(**changed)
    found = weak_secrets(settings)
    assert [sentence.startswith(start) for sentence, start in zip(found, named, strict=True)] == [
        True
    ] * len(named)
    assert all(": give " in sentence and "\n" not in sentence for sentence in found)
    assert not any(secret in " ".join(found) for secret in (GOOD, "x" * 40, "y" * 40, "z" * 40))
    if named:
        with pytest.raises(Stop):
            check_secrets(settings)
    else:
        check_secrets(settings)


def test_a_guessable_secret_of_livekits_keys_is_named_and_served_with() -> None:
    weak = given(livekit_api_secret="qwertyuiopasdfghjklzxcvbnm123456")
    (said,) = guessable_keys(weak)
    assert said.startswith("The secret of LiveKit's key devkey: its characters follow each other")
    check_secrets(weak)
    assert guessable_keys(given(livekit_api_secret=GOOD[::-1])) == []


def test_livekits_development_mode_is_for_trials() -> None:
    assert is_for_trials(given(livekit_api_secret="secret"))
    assert not is_for_trials(given())


def test_the_demos_secrets_are_the_published_one() -> None:
    assert DEFAULTS["jwt_secret"] == DEFAULTS["livekit_api_secret"] == DEMOS_SECRET
