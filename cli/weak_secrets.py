"""Finds secrets that somebody else knows or can guess, before anything is served with them."""

from cli.parts import Stop
from domain.secret import weakness
from settings import Settings, variable

DEMOS_SECRET = "a-secret-of-the-demo-that-everybody-knows"  # noqa: S105 - published on purpose
LIVEKITS_SECRET = "secret"  # noqa: S105 - what livekit-server --dev takes
OWN = "give a secret of your own, such as `openssl rand -base64 48` prints"
OWN_KEY = "give LiveKit a key and a secret of your own, and us the same"


def check_secrets(given: Settings) -> None:
    """Raise Stop if a secret is known to others, or one of ours is easy to guess."""
    if found := weak_secrets(given):
        raise Stop("\n".join(found))


def weak_secrets(given: Settings) -> list[str]:
    """Say of each secret that nothing may be served with why, and what to do."""
    theirs = set(given.webhook_keys.values())
    found: list[str] = []
    for name in ("jwt_secret", "foreign_jwt_secret", "metrics_token"):
        held = getattr(given, name)
        secret = held.get_secret_value() if held is not None else None
        if secret is None:
            continue
        if secret == DEMOS_SECRET:
            found.append(f"{variable(name)} is the demo's, which is published: {OWN}.")
        elif secret in theirs:
            found.append(f"{variable(name)} is also a secret of LiveKit's keys: {OWN}.")
        elif name != "jwt_secret" and held == given.jwt_secret:
            found.append(f"{variable(name)} is also {variable('jwt_secret')}: {OWN}.")
        elif why := weakness(secret):
            found.append(f"{variable(name)} is easy to guess, {why}: {OWN}.")
    if DEMOS_SECRET in theirs:
        found.append(f"A secret of LiveKit's keys is the demo's, which is published: {OWN_KEY}.")
    if LIVEKITS_SECRET in theirs and not given.is_local:
        found.append(f"A secret of LiveKit's keys is that of `livekit-server --dev`: {OWN_KEY}.")
    return found


def guessable_keys(given: Settings) -> list[str]:
    """Say of each of LiveKit's keys why its secret is easy to guess. Its owner may not be we."""
    reasons = {key: weakness(secret) for key, secret in given.webhook_keys.items()}
    return [f"The secret of LiveKit's key {key}: {why}." for key, why in reasons.items() if why]


def is_for_trials(given: Settings) -> bool:
    """Tell whether LiveKit has the secret of its own development mode."""
    return LIVEKITS_SECRET in given.webhook_keys.values()
