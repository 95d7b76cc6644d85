"""Conditions of a search: for each of its words, a word or a key of the row begins with it.

A condition only narrows: another one says what the viewer may see. `academy_id` is the academy that
is searched; None is all of them.
"""

from functools import reduce
from operator import or_
from typing import Any

from pypika_tortoise.context import SqlContext
from tortoise.expressions import Q, RawSQL, Subquery
from tortoise.queryset import ValuesQuery

from domain.search import WordKind, sought_in
from models.search import SearchWord
from models.session import Session

LAST_LETTER = "\U0010ffff"  # stands behind every letter that a word can have

# All academies, so that each is one range of the index; 0 stands for the super admins.
EVERYWHERE = RawSQL("(SELECT id FROM academies UNION ALL SELECT 0)")


def users_found(text: str, academy_id: int | None) -> Q:
    """Match users by their names, their email and their external id."""
    return _named_or_keyed(text, WordKind.USER_NAME, WordKind.USER_KEY, academy_id)


def groups_found(text: str, academy_id: int | None) -> Q:
    """Match groups by their name and their external id."""
    return _named_or_keyed(text, WordKind.GROUP_NAME, WordKind.GROUP_KEY, academy_id)


def sessions_found(text: str, academy_id: int | None) -> Q:
    """Match sessions by title and subject, and by their teacher's, student's and group's names."""
    condition = Q()
    for sought in sought_in(text):
        people = Subquery(_subjects(_begins(WordKind.USER_NAME, sought.word), academy_id))
        groups = Subquery(_subjects(_begins(WordKind.GROUP_NAME, sought.word), academy_id))
        condition &= Q(
            id__in=_Union(
                _subjects(_begins(WordKind.SESSION, sought.word), academy_id),
                Session.filter(teacher_id__in=people).values("id"),
                Session.filter(student_id__in=people).values("id"),
                Session.filter(group_id__in=groups).values("id"),
            )
        )
    return condition


class _Union(Subquery):
    """Selects what any of the queries selects.

    PostgreSQL joins the result with the sessions. If the conditions were put together by OR, it
    would check each session against lists of all rows with the word, which can be long.
    """

    def __init__(self, *queries: ValuesQuery[Any]) -> None:
        super().__init__(queries[0])
        self._queries = [Subquery(query) for query in queries]

    def get_sql(self, ctx: SqlContext) -> str:
        inner = ctx.copy(subquery=False, with_alias=False)
        return f"({' UNION ALL '.join(query.get_sql(inner) for query in self._queries)})"


def _named_or_keyed(text: str, names: WordKind, keys: WordKind, academy_id: int | None) -> Q:
    condition = Q()
    for sought in sought_in(text):
        begun = [_begins(names, sought.word), *(_begins(keys, key) for key in sorted(sought.keys))]
        condition &= Q(id__in=Subquery(_subjects(reduce(or_, begun), academy_id)))
    return condition


def _begins(kind: WordKind, start: str) -> Q:
    return Q(kind=kind, word__gte=start, word__lt=start + LAST_LETTER)


def _subjects(which: Q, academy_id: int | None) -> ValuesQuery[Any]:
    """Select the ids of the rows that have such a word."""
    where = Q(academy_id__in=EVERYWHERE) if academy_id is None else Q(academy_id=academy_id)
    return SearchWord.filter(where, which).values("subject")
