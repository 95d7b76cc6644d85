"""Reads every environment variable, once. No other file reads the environment."""

import os
import re
from functools import cache, cached_property
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.links import FORBIDDEN_SCHEMES, SCHEME

PREFIX = "HALAQA_"

DatabaseUrl = Annotated[str, StringConstraints(pattern=r"^(sqlite:///.|postgres(ql)?://)")]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/]")]
SocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[^/]")]
RedisUrl = Annotated[str, StringConstraints(pattern=r"^rediss?://[^/]")]
Name = Annotated[str, StringConstraints(min_length=1)]


class SettingsError(Exception):
    """Names each wrong variable in a sentence that says what it should be, never its value."""


def is_this_machine(host: str) -> bool:
    """Tell whether a host's name or address reaches only the machine that uses it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Settings(BaseSettings):
    """The settings. A field's description completes the sentence "HALAQA_X is missing: give …"."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    database_url: DatabaseUrl = Field(
        "sqlite:///./halaqa.db",
        description="sqlite:///path or postgresql://user:password@host/name",
    )
    redis_url: RedisUrl | None = Field(
        None, description="redis://host:port/number, with no options but ssl_…"
    )
    livekit_url: SocketUrl = Field(
        description="the address at which browsers reach LiveKit, ws:// or wss://"
    )
    livekit_api_url: HttpUrl = Field(
        description="the address at which this server reaches LiveKit, http:// or https://"
    )
    livekit_api_key: Name = Field(description="the name of a key in LiveKit's configuration")
    livekit_api_secret: SecretStr = Field(
        min_length=1, description="the secret of HALAQA_LIVEKIT_API_KEY"
    )
    livekit_tls_verify: bool = Field(True, description="true or false")
    livekit_webhook_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default={}, description="key:secret,key2:secret2, for webhooks signed with other keys"
    )
    jwt_secret: SecretStr = Field(
        min_length=32, description="a secret of at least 32 characters, for access tokens"
    )
    foreign_jwt_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="a secret of at least 32 characters, other than HALAQA_JWT_SECRET, that the "
        "platform's own sign-in signs with",
    )
    jwks_url: HttpUrl | None = Field(
        None,
        description="the address at which the platform's own sign-in publishes its keys, https://",
    )
    foreign_jwt_issuer: Name | None = Field(
        None, description="what `iss` says in the platform's tokens, and not in ours"
    )
    foreign_jwt_audience: Name | None = Field(
        None, description="what `aud` says in the platform's tokens"
    )
    foreign_jwt_leeway_seconds: int = Field(
        30, ge=0, le=300, description="by how many seconds clocks may differ, 0 to 300"
    )
    public_url: HttpUrl = Field(
        "", description="the address at which browsers reach this server, http:// or https://"
    )
    allowed_origins: Annotated[tuple[HttpUrl, ...], NoDecode] = Field(
        (), description="https://app.example.org,https://other.example.org"
    )
    link_schemes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http", "https"),
        min_length=1,
        description="the schemes that links to meetings may have, as in http,https,myapp; "
        "never javascript, data, file, vbscript, blob or about",
    )
    graphiql: bool = Field(True, description="true or false")
    port: int = Field(8000, ge=1, le=65535, description="a port number, 1 to 65535")
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="a port number, 1 to 65535, for /metrics of a worker or of a clock alone",
    )

    metrics_token: SecretStr | None = Field(
        None,
        min_length=32,
        description="a secret of at least 32 characters, with which Prometheus asks for /metrics",
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if parts.port == 0 or not re.fullmatch(r"(/[0-9]{0,4})?", parts.path):
            raise ValueError
        # The connection's options are ours, but for the certificates that TLS trusts.
        options = parse_qs(parts.query, keep_blank_values=True)
        if not all(name.startswith("ssl_") for name in options):
            raise ValueError
        return value

    @field_validator("livekit_webhook_keys", mode="before")
    @classmethod
    def _split_webhook_keys(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.strip().partition(":") for pair in value.split(",") if pair.strip()]
        if not all(key and secret for key, _, secret in pairs):
            raise ValueError
        return {key: secret for key, _, secret in pairs}

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [origin.strip().rstrip("/") for origin in value.split(",") if origin.strip()]

    @field_validator("link_schemes", mode="before")
    @classmethod
    def _split_schemes(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        schemes = [scheme.strip().lower() for scheme in value.split(",") if scheme.strip()]
        if not all(SCHEME.fullmatch(one) and one not in FORBIDDEN_SCHEMES for one in schemes):
            raise ValueError
        return list(dict.fromkeys(schemes))

    @field_validator("foreign_jwt_secret")
    @classmethod
    def _check_foreign_secret(
        cls, value: SecretStr | None, info: ValidationInfo
    ) -> SecretStr | None:
        # With our own secret the platform's sign-in could issue tokens of ours.
        if value is not None and value == info.data.get("jwt_secret"):
            raise ValueError
        return value

    @field_validator("foreign_jwt_issuer")
    @classmethod
    def _check_foreign_issuer(cls, value: str | None) -> str | None:
        if value == "halaqa":
            raise ValueError
        return value

    @model_validator(mode="before")
    @classmethod
    def _default_public_url(cls, values: dict[str, object]) -> dict[str, object]:
        home = f"http://127.0.0.1:{values.get('port', 8000)}"
        return {**values, "public_url": values.get("public_url") or home}

    @property
    def is_local(self) -> bool:
        """True if browsers reach this server only from its own machine."""
        return is_this_machine(urlsplit(self.public_url).hostname or "")

    @cached_property
    def webhook_keys(self) -> dict[str, str]:
        """The secret of each key that may sign webhooks, among them the API's own key."""
        others = {
            key: secret.get_secret_value() for key, secret in self.livekit_webhook_keys.items()
        }
        return {**others, self.livekit_api_key: self.livekit_api_secret.get_secret_value()}


def overrule(**values: object) -> None:
    """Set a command's options above the environment, before the settings are read.

    None means that the option was not given.
    """
    os.environ.update(_variables(values))  # noqa: TID251


def supply(**values: object) -> None:
    """Set values that the environment does not have, before the settings are read."""
    for name, value in _variables(values).items():
        os.environ.setdefault(name, value)  # noqa: TID251


def variable(field: str) -> str:
    """Return the name that a setting has in the environment."""
    return PREFIX + field.upper()


def is_in_environment(field: str) -> bool:
    return variable(field) in {name.upper() for name in os.environ}  # noqa: TID251


def _variables(values: dict[str, object]) -> dict[str, str]:
    return {variable(name): str(value) for name, value in values.items() if value is not None}


@cache
def current() -> Settings:
    """Return the settings of this process, read once."""
    return load()


def load() -> Settings:
    """Read the environment. Raises SettingsError if something is missing or wrong."""
    try:
        return Settings()  # type: ignore[call-arg]  # the fields come from the environment
    except ValidationError as error:
        problems: dict[str, str] = {}
        for problem in error.errors(include_input=False, include_context=False):
            field = str(problem["loc"][0]).lower().removeprefix(PREFIX.lower())
            problems[field] = "is missing" if problem["type"] == "missing" else "is wrong"
        sentences = [
            f"{variable(field)} {problem}: give {Settings.model_fields[field].description}."
            for field, problem in problems.items()
        ]
        raise SettingsError("\n".join(sentences)) from None
