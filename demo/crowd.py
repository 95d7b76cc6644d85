"""How the people of the demo's class come and go: a plan that chance makes, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Ending(StrEnum):
    GOES = "GOES"
    IS_CUT_OFF = "IS_CUT_OFF"  # killed without a goodbye
    IS_REPLACED = "IS_REPLACED"  # by a second device of the same person, at once


ENDINGS = {Ending.GOES: 6, Ending.IS_CUT_OFF: 2, Ending.IS_REPLACED: 2}


@dataclass(frozen=True, slots=True)
class Visit:
    """Comes after so many seconds outside, stays so many, and how it ends."""

    after_s: float
    for_s: float
    ending: Ending


def visits(chance: Random, place: int) -> Iterator[Visit]:
    """One person's, without end. Who has place 0 comes first, and stays the longest."""
    patience = 3.0 if place == 0 else 1.0
    ending = Ending.GOES
    # Whoever has just begun to watch sees people go, too.
    yield Visit(0.5 + place, chance.uniform(3, 8) * patience, ending)
    while True:
        is_at_once = ending is Ending.IS_REPLACED
        after_s = 0.025 if is_at_once else chance.uniform(4, 12) / patience
        (ending,) = chance.choices(list(ENDINGS), list(ENDINGS.values()))
        yield Visit(after_s, chance.uniform(6, 24) * patience, ending)
