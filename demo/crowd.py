"""Plans by chance how the people of the demo's session come and go."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Ending(StrEnum):
    GOES = "GOES"
    IS_CUT_OFF = "IS_CUT_OFF"  # the connection ends without a goodbye
    IS_REPLACED = "IS_REPLACED"  # a second device of the same person takes over at once


ENDING_WEIGHTS = {Ending.GOES: 6, Ending.IS_CUT_OFF: 2, Ending.IS_REPLACED: 2}
REPLACED_AFTER_S = 0.025


@dataclass(frozen=True, slots=True)
class PlannedStay:
    """One stay: it starts after `after_s` seconds outside, and lasts `for_s` seconds."""

    after_s: float
    for_s: float
    ending: Ending


def planned_stays(chance: Random, place: int) -> Iterator[PlannedStay]:
    """Plan one person's stays, without end. Place 0 comes first and stays the longest."""
    patience = 3.0 if place == 0 else 1.0
    ending = Ending.GOES
    # The first stays are short, so that a new watcher soon sees people leave.
    yield PlannedStay(0.5 + place, chance.uniform(3, 8) * patience, ending)
    while True:
        is_at_once = ending is Ending.IS_REPLACED
        after_s = REPLACED_AFTER_S if is_at_once else chance.uniform(4, 12) / patience
        (ending,) = chance.choices(list(ENDING_WEIGHTS), list(ENDING_WEIGHTS.values()))
        yield PlannedStay(after_s, chance.uniform(6, 24) * patience, ending)
