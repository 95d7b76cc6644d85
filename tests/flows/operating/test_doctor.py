"""`doctor` and `settings show`: the findings that an operator reads, and no secrets."""

import json
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

import clock
from actions.clock.sweep import advance_due
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.state import to_ms
from models import (
    Academy,
    DoorClosure,
    DoorHeartbeat,
    DueWork,
    MeetingAttendanceEvent,
    WebhookRejection,
)
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import serving_app
from tests.support.classrooms import ready
from tests.support.command import Ended, configured, free_port, run
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.private_sessions import at, make_session
from tests.support.ticking import beating
from zones import RELEASE


def environment(url: str, stub: LiveKitStub, **changed: Any) -> dict[str, str]:
    addresses = {
        "HALAQA_LIVEKIT_API_URL": stub.url,
        "HALAQA_LIVEKIT_URL": stub.url.replace("http", "ws"),
    }
    given = {f"HALAQA_{name.upper()}": str(value) for name, value in changed.items()}
    return configured(url) | addresses | given


async def doctor(env: dict[str, str], *options: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code; level and sentence of each finding by its name."""
    ended = await run("doctor", "--json", *options, env=env)
    assert ended.err == ""
    told = json.loads(ended.out)
    found = {one["name"]: (one["level"], one["says"]) for one in told["findings"]}
    assert len(found) == len(told["findings"]) == sum(told[level] for level in levels())
    return ended.code, found


def levels() -> tuple[str, ...]:
    return ("ok", "warn", "fail")


async def test_a_well_installation_has_nothing_that_fails(
    template: Template, stub: LiveKitStub
) -> None:
    url = await template.fresh()
    async with serving_app(url, livekit_api_url=stub.url) as served:
        env = environment(url, stub)

        async def is_ready() -> bool:
            async with httpx.AsyncClient() as http:
                return see(await http.get(f"{served.url}/health/ready")).status_code == 200

        await until(is_ready)
        code, found = await doctor(env, "--room")
        plain = await run("doctor", env=env)
    assert code == plain.code == 0, found
    zones = f"tzdata {RELEASE}; the system's own are not read."
    assert found["time zones"] == ("ok", zones)
    for name in ("database", "database's clock", "clock", "redis", "livekit api", "livekit keys"):
        assert found[name][0] == "ok", found[name]
    assert found["livekit browser"][0] == "ok"
    assert found["livekit's clock"] == ("ok", "+0 ms to ours.")
    assert found["livekit room"] == ("ok", "Made and deleted.")
    assert found["webhooks"] == ("warn", "None has ever arrived.")
    assert found["webhook door"][0] == "ok"
    assert "livekit's times" not in found
    assert found["turn"][0] == "warn"  # the stub lets nobody in
    assert stub.rooms == {}
    assert {"CreateRoom", "DeleteRoom"} <= set(stub.calls)
    assert plain.out.splitlines()[-1] == "12 ok, 2 warn, 0 fail"


async def test_no_room_is_made_unless_asked_for(database: Database, stub: LiveKitStub) -> None:
    _, found = await doctor(environment(database.url, stub))
    assert "CreateRoom" not in stub.calls
    assert "livekit room" not in found


async def test_a_clock_that_never_ran_fails(database: Database, stub: LiveKitStub) -> None:
    code, found = await doctor(environment(database.url, stub))
    assert (code, found["clock"]) == (1, ("fail", "It has never run."))


async def test_late_work_that_nobody_has_tried_fails(database: Database, stub: LiveKitStub) -> None:
    await make_session()
    await advance_due(at(-10))
    async with beating("here:1"):
        code, found = await doctor(environment(database.url, stub))
        assert (code, found["workers"][0]) == (1, "fail")
        await DueWork.all().update(attempts=1)
        _, found = await doctor(environment(database.url, stub))
        assert "workers" not in found


async def test_wrong_keys_and_silent_addresses_fail(database: Database, stub: LiveKitStub) -> None:
    wrong = environment(
        database.url, stub, livekit_api_secret="another-secret-than-livekits-own-one"
    )
    code, found = await doctor(wrong)
    assert (code, found["livekit keys"]) == (1, ("fail", "LiveKit answered 401 unknown."))
    await stub.go_down()
    code, found = await doctor(environment(database.url, stub), "--room")
    assert code == 1
    assert [found[name][0] for name in ("livekit api", "livekit browser", "livekit room")] == [
        "fail"
    ] * 3
    assert found["livekit keys"] == ("fail", "LiveKit cannot be reached.")


async def test_a_database_that_is_not_migrated_fails_and_the_rest_is_looked_at(
    template: Template, stub: LiveKitStub
) -> None:
    code, found = await doctor(environment(await template.blank(), stub))
    assert code == 1
    assert found["database"][0] == "fail"
    assert "migrate" in found["database"][1]
    assert found["livekit keys"][0] == "ok"


async def test_silence_refusals_and_poison_are_told(database: Database, stub: LiveKitStub) -> None:
    classroom = await ready()
    now = clock.now()
    await MeetingAttendanceEvent.create(
        session_id=classroom.session.id,
        source_id="look",
        kind=EventKind.SEEN,
        source=EventSource.RECONCILER,
        occurred_ms=to_ms(now),
        received_ms=to_ms(now),
    )
    await WebhookRejection.create(minute=now - timedelta(minutes=3), number=12)
    code, found = await doctor(environment(database.url, stub))
    assert code == 1
    assert found["webhooks"] == ("fail", "People come and go, and LiveKit does not tell.")
    assert found["webhook keys"][0] == "warn"
    assert found["webhook keys"][1].startswith("12 in the last hour")


@pytest.mark.parametrize(
    ("delay_s", "level", "says"),
    [
        (0.0, "ok", "3 webhooks of the last hour fit our clock."),
        (0.9, "ok", "3 webhooks of the last hour fit our clock."),
        (4.999, "warn", "Webhooks arrive 4.0 s late or more: LiveKit's clock is behind ours, "),
        (-3.0, "warn", "+3000 ms to ours."),
        (-7.0, "fail", "+7000 ms to ours."),
    ],
)
@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_the_webhooks_tell_how_far_livekits_clock_is_from_ours(
    database: Database, stub: LiveKitStub, delay_s: float, level: str, says: str
) -> None:
    classroom = await ready()
    now = clock.now()
    for number, extra_s in enumerate((0, 10, 3600)):  # the fastest one of the last hour
        await MeetingAttendanceEvent.create(
            session_id=classroom.session.id,
            source_id=f"EV_{number}",
            kind=EventKind.JOINED,
            source=EventSource.WEBHOOK,
            occurred_ms=to_ms(now - timedelta(seconds=delay_s + extra_s)),
            received_ms=to_ms(now),
        )
    _, found = await doctor(environment(database.url, stub))
    assert found["livekit's times"][0] == level
    assert found["livekit's times"][1].startswith(says)


async def test_the_doctor_says_when_the_door_was_shut(
    database: Database, stub: LiveKitStub
) -> None:
    _, found = await doctor(environment(database.url, stub))
    says = "It is not known to have been shut in the last 30 days."
    assert found["webhook door"] == ("ok", says)
    now = clock.now()
    await DoorHeartbeat.create(name="here:1", beat_at=now)
    await DoorClosure.create(shut_from=at(0), shut_until=at(1))
    _, found = await doctor(environment(database.url, stub))
    says = "It was last shut from 2026-03-02 11:00:00Z to 2026-03-02 11:01:00Z."
    assert found["webhook door"] == ("ok", says)
    await DoorHeartbeat.all().update(beat_at=now - timedelta(hours=1))
    _, found = await doctor(environment(database.url, stub))
    since = f"It is shut since {now - timedelta(hours=1):%F %T}Z"
    assert found["webhook door"][0] == "warn"
    assert found["webhook door"][1].startswith(since)


@pytest.mark.parametrize(
    ("changed", "level", "says"),
    [
        ({}, "ok", "Nobody else's, as far as can be seen."),
        (
            {"jwt_secret": "ab" * 20},
            "fail",
            "HALAQA_JWT_SECRET is easy to guess, it repeats itself",
        ),
        ({"livekit_api_secret": "secret"}, "warn", "LiveKit's is that of `livekit-server --dev`."),
        ({"livekit_api_secret": "ab" * 20}, "warn", "The secret of LiveKit's key "),
    ],
)
async def test_secrets_that_others_know_fail(
    database: Database, stub: LiveKitStub, changed: dict[str, str], level: str, says: str
) -> None:
    # Python's JWT library warns on stderr of a secret as short as that of LiveKit's --dev.
    ended = await run("doctor", "--json", env=environment(database.url, stub, **changed))
    findings = {one["name"]: one for one in json.loads(ended.out)["findings"]}
    assert findings["secrets"]["level"] == level
    assert findings["secrets"]["says"].startswith(says)


async def test_academies_whose_links_are_not_of_an_allowed_scheme_are_named(
    database: Database, stub: LiveKitStub
) -> None:
    for slug, template in (("noor", "https"), ("itqan", "Itqan"), ("odd", "javascript")):
        row = await make.academy(slug=slug)
        row.meeting_link_template = f"{template}://class/{{room}}"
        await row.save()
    _, found = await doctor(environment(database.url, stub))
    assert found["link templates"] == ("warn", "Not of an allowed scheme: those of itqan, odd.")
    _, found = await doctor(environment(database.url, stub, link_schemes="https,itqan"))
    assert found["link templates"] == ("warn", "Not of an allowed scheme: those of odd.")
    await Academy.filter(slug="odd").delete()
    _, found = await doctor(environment(database.url, stub, link_schemes="https,itqan"))
    assert found["link templates"][0] == "ok"


async def test_a_redis_that_is_not_there_fails(stub: LiveKitStub, template: Template) -> None:
    url = await template.fresh()
    env = environment(url, stub, redis_url=f"redis://127.0.0.1:{free_port()}")
    code, found = await doctor(env)
    assert (code, found["redis"]) == (1, ("fail", "Redis cannot be reached."))


async def test_keys_of_the_sign_in_that_are_none_fail(
    database: Database, stub: LiveKitStub
) -> None:
    env = environment(database.url, stub, jwks_url=f"{stub.url}/keys")
    code, found = await doctor(env)
    assert (code, found["sign-in's keys"][0]) == (1, "fail")


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_certificate_nobody_trusts_fails_and_unverified_is_warned_of(
    database: Database, stub: LiveKitStub, tmp_path: Path
) -> None:
    async with secure(tmp_path) as address:
        env = environment(database.url, stub, livekit_url=address.replace("https", "wss"))
        code, found = await doctor(env)
        assert (code, found["livekit browser"][0]) == (1, "fail")
        assert "certificate is refused" in found["livekit browser"][1]
        env = environment(database.url, stub, livekit_api_url=address, livekit_tls_verify="false")
        _, found = await doctor(env)
    assert found["livekit api"][0] == "ok"
    assert found["livekit api tls"] == ("warn", "Not verified.")


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_doctor_warns_of_a_certificate_that_expires_soon(
    database: Database, stub: LiveKitStub, tmp_path: Path
) -> None:
    async with secure(tmp_path, days=3) as address:
        env = environment(database.url, stub, livekit_api_url=address)
        trusting = env | {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}
        _, found = await doctor(trusting)
    level, says = found["livekit api tls"]
    assert level == "warn"  # three days are not long
    assert says == f"Good until {clock.now() + timedelta(days=3):%Y-%m-%d}."


class secure:  # noqa: N801
    """An https server whose certificate it signed itself."""

    def __init__(self, folder: Path, days: int = 30) -> None:
        self._cert, self._key = folder / "cert.pem", folder / "key.pem"
        subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
        made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), *subject)
        files = ("-keyout", str(self._key), "-out", str(self._cert))
        subprocess.run(["openssl", *made, *files], check=True, capture_output=True)  # noqa: S603, S607
        self._runner: web.AppRunner

    async def __aenter__(self) -> str:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._cert, self._key)
        self._runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        return f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


# --- settings


async def shown(**values: Any) -> tuple[Ended, dict[str, dict[str, str]]]:
    ended = await run("settings", "show", "--json", env=configured("sqlite:///x.db", **values))
    return ended, json.loads(ended.out)


async def test_every_setting_is_shown_with_its_source_and_no_secret() -> None:
    from settings import Settings

    ended, told = await shown(
        livekit_webhook_keys="old:hidden-one,new:hidden-two",
        foreign_jwt_secret="hidden-three-that-is-long-enough-for-it",
        allowed_origins="https://a.example,https://b.example",
        port=8123,
    )
    assert ended.code == 0
    assert set(told) == {f"HALAQA_{name.upper()}" for name in Settings.model_fields} | {"tzdata"}
    assert told["tzdata"] == {"value": RELEASE, "source": "package"}
    assert told["HALAQA_PORT"] == {"value": "8123", "source": "environment"}
    assert told["HALAQA_LIVEKIT_TLS_VERIFY"] == {"value": "true", "source": "default"}
    assert told["HALAQA_JWT_SECRET"] == {"value": "set", "source": "environment"}
    assert told["HALAQA_FOREIGN_JWT_SECRET"]["value"] == "set"
    assert told["HALAQA_LIVEKIT_WEBHOOK_KEYS"]["value"] == "old: set, new: set"
    assert told["HALAQA_ALLOWED_ORIGINS"]["value"] == "https://a.example, https://b.example"
    assert told["HALAQA_REDIS_URL"] == {"value": "not set", "source": "default"}
    assert told["HALAQA_PUBLIC_URL"] == {"value": "http://127.0.0.1:8123", "source": "default"}
    assert "hidden" not in ended.out


async def test_an_address_is_shown_without_its_password() -> None:
    env = configured("sqlite:///x.db") | {
        "HALAQA_DATABASE_URL": "postgres://halaqa:hidden@db.example/halaqa?password=hidden&x=1",
        "HALAQA_REDIS_URL": "redis://:hidden@redis.example:6379/0",
        "HALAQA_JWKS_URL": "https://hidden@id.example/keys?apikey=hidden&v=2",
        "HALAQA_ALLOWED_ORIGINS": "https://halaqa:hidden@app.example",
        "HALAQA_METRICS_TOKEN": "hidden-metrics-token-that-is-long-enough",
    }
    plain = await run("settings", "show", env=env)
    assert plain.code == 0
    assert "hidden" not in plain.out
    assert "postgres://halaqa:***@db.example/halaqa?password=***&x=1" in plain.out
    assert "redis://:***@redis.example:6379/0" in plain.out
    assert "https://***@id.example/keys?apikey=***&v=2" in plain.out
    assert "https://halaqa:***@app.example" in plain.out


async def test_missing_settings_are_named_here_too() -> None:
    ended = await run("settings", "show", env={"PATH": "/usr/bin"})
    assert ended.code == 2
    assert "HALAQA_JWT_SECRET is missing" in ended.err
