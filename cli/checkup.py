"""What a look at one thing finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`says` is what was found, `advice` what to do about it."""

    name: str
    level: Level
    says: str
    advice: str = ""


def good(name: str, says: str) -> Finding:
    return Finding(name, Level.OK, says)


def warn(name: str, says: str, advice: str = "") -> Finding:
    return Finding(name, Level.WARN, says, advice)


def fail(name: str, says: str, advice: str = "") -> Finding:
    return Finding(name, Level.FAIL, says, advice)


SKEW_OK_MS, SKEW_BAD_MS = 1000, 5000


def skew(name: str, milliseconds: float) -> Finding:
    """How far a clock is from ours."""
    says = f"{milliseconds:+.0f} ms to ours."
    if abs(milliseconds) <= SKEW_OK_MS:
        return good(name, says)
    advice = "Set both by NTP: tokens and attendance depend on it."
    return (fail if abs(milliseconds) > SKEW_BAD_MS else warn)(name, says, advice)
