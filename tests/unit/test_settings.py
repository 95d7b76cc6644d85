"""The environment's settings, and the message when one of them is wrong."""

import pytest

from settings import Settings, SettingsError, load

ENOUGH = {
    "HALAQA_LIVEKIT_URL": "wss://live.example.org",
    "HALAQA_LIVEKIT_API_URL": "http://127.0.0.1:7880",
    "HALAQA_LIVEKIT_API_KEY": "devkey",
    "HALAQA_LIVEKIT_API_SECRET": "a-livekit-secret",
    "HALAQA_JWT_SECRET": "0123456789abcdef0123456789abcdef",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HALAQA_{name.upper()}", raising=False)
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_livekit_and_the_secrets_are_the_only_required_settings() -> None:
    settings = load()
    assert settings.database_url == "sqlite:///./halaqa.db"
    assert settings.redis_url is None
    assert settings.livekit_tls_verify is True
    assert settings.port == 8000
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.allowed_origins == ()


@pytest.mark.parametrize("name", ENOUGH)
def test_a_missing_setting_is_named_in_one_sentence(
    name: str, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv(name)
    with pytest.raises(SettingsError, match=f"^{name} is missing: give [^\n]+\\.$"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HALAQA_DATABASE_URL", "mysql://localhost/halaqa"),
        ("HALAQA_REDIS_URL", "localhost:6379"),
        ("HALAQA_REDIS_URL", "redis://localhost:a-port/0"),
        ("HALAQA_REDIS_URL", "redis://localhost/zero"),
        ("HALAQA_REDIS_URL", "redis://localhost/0?protocol=3"),
        ("HALAQA_REDIS_URL", "redis://localhost/0?decode_responses=true"),
        ("HALAQA_REDIS_URL", "redis://localhost/0?max_connections=1"),
        ("HALAQA_REDIS_URL", "redis://localhost/0?bogus"),
        ("HALAQA_REDIS_URL", "rediss://localhost/0?ssl_ca_certs=/ca.pem&db=1"),
        ("HALAQA_LIVEKIT_URL", "https://live.example.org"),
        ("HALAQA_LIVEKIT_API_URL", "ws://127.0.0.1:7880"),
        ("HALAQA_LIVEKIT_API_KEY", ""),
        ("HALAQA_LIVEKIT_API_SECRET", ""),
        ("HALAQA_LIVEKIT_TLS_VERIFY", "perhaps"),
        ("HALAQA_LIVEKIT_WEBHOOK_KEYS", "only-a-key"),
        ("HALAQA_JWT_SECRET", "31-characters-are-not-quite-it."),
        ("HALAQA_FOREIGN_JWT_SECRET", "31-characters-are-not-quite-it."),
        ("HALAQA_FOREIGN_JWT_SECRET", ENOUGH["HALAQA_JWT_SECRET"]),
        ("HALAQA_FOREIGN_JWT_ISSUER", "halaqa"),
        ("HALAQA_FOREIGN_JWT_ISSUER", ""),
        ("HALAQA_FOREIGN_JWT_AUDIENCE", ""),
        ("HALAQA_FOREIGN_JWT_LEEWAY_SECONDS", "301"),
        ("HALAQA_FOREIGN_JWT_LEEWAY_SECONDS", "-1"),
        ("HALAQA_JWKS_URL", "id.example.org/keys"),
        ("HALAQA_PUBLIC_URL", "example.org"),
        ("HALAQA_ALLOWED_ORIGINS", "https://app.example.org,app.example.org"),
        ("HALAQA_GRAPHIQL", "perhaps"),
        ("HALAQA_LINK_SCHEMES", ""),
        ("HALAQA_LINK_SCHEMES", "https,JavaScript"),
        ("HALAQA_LINK_SCHEMES", "https,data"),
        ("HALAQA_LINK_SCHEMES", "https,file"),
        ("HALAQA_LINK_SCHEMES", "https,vbscript"),
        ("HALAQA_LINK_SCHEMES", "https://"),
        ("HALAQA_LINK_SCHEMES", "my app"),
        ("HALAQA_PORT", "eighty"),
        ("HALAQA_PORT", "70000"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    name: str, value: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name} is wrong: give [^\n]+\\.$") as caught:
        load()
    assert not value or value not in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("HALAQA_JWT_SECRET")
    environment.setenv("HALAQA_PORT", "eighty")
    with pytest.raises(SettingsError) as caught:
        load()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "HALAQA_JWT_SECRET",
        "HALAQA_PORT",
    ]


def test_webhooks_may_be_signed_with_the_api_key_and_with_others(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("HALAQA_LIVEKIT_WEBHOOK_KEYS", "old:secret-1, cloud:secret:2,")
    assert load().webhook_keys == {
        "devkey": "a-livekit-secret",
        "old": "secret-1",
        "cloud": "secret:2",
    }


def test_origins_are_a_comma_list(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HALAQA_ALLOWED_ORIGINS", "https://a.example.org, http://localhost:3000/")
    assert load().allowed_origins == ("https://a.example.org", "http://localhost:3000")


def test_graphiql_can_be_turned_off(environment: pytest.MonkeyPatch) -> None:
    assert load().graphiql is True
    environment.setenv("HALAQA_GRAPHIQL", "false")
    assert load().graphiql is False
    environment.setenv("HALAQA_GRAPHIQL", "off")  # as it was documented once
    assert load().graphiql is False


def test_schemes_are_a_comma_list_in_small_letters(environment: pytest.MonkeyPatch) -> None:
    assert load().link_schemes == ("http", "https")
    environment.setenv("HALAQA_LINK_SCHEMES", "https, Itqan, itqan,")
    assert load().link_schemes == ("https", "itqan")


def test_the_public_address_follows_the_port(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HALAQA_PORT", "9000")
    assert load().public_url == "http://127.0.0.1:9000"


def test_the_platforms_own_sign_in_is_told_by_its_secret_or_its_keys(
    environment: pytest.MonkeyPatch,
) -> None:
    assert (load().foreign_jwt_secret, load().jwks_url) == (None, None)
    environment.setenv("HALAQA_FOREIGN_JWT_SECRET", "a-secret-that-the-platform-signs-with")
    environment.setenv("HALAQA_JWKS_URL", "https://id.example.org/keys")
    told = load()
    assert told.foreign_jwt_secret
    assert told.jwks_url == "https://id.example.org/keys"
    assert told.foreign_jwt_leeway_seconds == 30
    assert "that-the-platform" not in repr(told)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    shown = repr(load())
    assert ENOUGH["HALAQA_JWT_SECRET"] not in shown
    assert ENOUGH["HALAQA_LIVEKIT_API_SECRET"] not in shown
