"""Judges secrets by themselves: whether somebody could guess them."""

import re
from itertools import pairwise

DISTINCT_MIN = 8  # characters; a random secret of 32 hexadecimal digits has about 14
LEFT_MIN = 16  # characters beside well-known words

# Parts of the secrets that examples and templates show.
WORDS = re.compile(
    "change|replace|your|this|please|secret|password|passwd|default|example|access|private"
    "|token|halaqa|livekit|admin|test|jwt|key|me(?![a-z])"
)
ROWS = ("abcdefghijklmnopqrstuvwxyz0123456789", "1234567890qwertyuiopasdfghjklzxcvbnm")
NEIGHBOURS = {pair for row in ROWS for line in (row, row[::-1]) for pair in pairwise(line)}


def weakness(secret: str) -> str | None:
    """Say why a secret is easy to guess; None where nothing is found."""
    if any(secret[n:] == secret[:-n] for n in range(1, len(secret) // 2 + 1)):
        return "it repeats itself"
    if len(set(secret)) < DISTINCT_MIN:
        return "it has few different characters"
    text = secret.casefold()
    following = sum(pair in NEIGHBOURS for pair in pairwise(text))
    if following > len(text) / 2:
        return "its characters follow each other as in an alphabet or on a keyboard"
    beside, words = WORDS.subn("", text)
    if words and len(re.sub(r"[\W_]", "", beside)) < LEFT_MIN:
        return "it is made of words that many use"
    return None
