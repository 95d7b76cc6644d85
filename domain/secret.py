"""Judges secrets by themselves: whether somebody could guess them."""

DISTINCT_MIN = 8  # characters; a random secret of 32 hexadecimal digits has about 14


def has_variety(secret: str) -> bool:
    """Tell whether a secret is neither few characters nor one text again and again."""
    halves = range(1, len(secret) // 2 + 1)
    is_repeated = any(secret[length:] == secret[:-length] for length in halves)
    return len(set(secret)) >= DISTINCT_MIN and not is_repeated
