"""Remembers whose rights came into doubt lately, for people who are being read meanwhile."""

from collections import OrderedDict

KEPT_PEOPLE = 4096


class RecentDoubts:
    """Tells whether a person was doubted since a count of doubts.

    Of the people doubted longest ago it forgets who they were, and then says yes of everybody.
    """

    def __init__(self, kept: int = KEPT_PEOPLE) -> None:
        self._kept = kept
        self._count = 0
        self._forgotten = 0  # the count at the last doubt that is not kept
        self._doubted: OrderedDict[int, int] = (
            OrderedDict()
        )  # the count at each person's last doubt

    @property
    def count(self) -> int:
        """Return the number of doubts so far; take it before somebody is read."""
        return self._count

    def note(self, user_id: int) -> None:
        self._count += 1
        self._doubted[user_id] = self._count
        self._doubted.move_to_end(user_id)
        if len(self._doubted) > self._kept:
            self._forgotten = self._doubted.popitem(last=False)[1]

    def note_gap(self) -> None:
        """Note that anybody may have been doubted: hints were missed."""
        self._count += 1
        self._doubted.clear()
        self._forgotten = self._count

    def since(self, count: int, user_id: int) -> bool:
        return count < self._forgotten or count < self._doubted.get(user_id, 0)
