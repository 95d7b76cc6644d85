"""Keeps the words by which users, groups and sessions are found, as their rows are now."""

from collections.abc import Iterable

from domain.search import WordKind, Words, words_of_group, words_of_session, words_of_user
from models import Group, SearchWord, Session, User
from models.database import sql
from models.search import NO_ACADEMY

KINDS = {
    User: (WordKind.USER_NAME, WordKind.USER_KEY),
    Group: (WordKind.GROUP_NAME, WordKind.GROUP_KEY),
    Session: (WordKind.SESSION,),
}


async def write_words(rows: Iterable[User | Group | Session]) -> None:
    """Write the words of rows of one table, in the transaction that writes the rows.

    Who calls it holds locks on the rows or on their academy: two writers of one row would meet.
    """
    for some in sql.batches(list(rows)):
        kept = SearchWord.filter(
            kind__in=KINDS[type(some[0])], subject__in=[row.id for row in some]
        )
        old = {(word.kind, word.word, word.subject): word.id for word in await kept}
        new = {
            (*word, row.id): row.academy_id or NO_ACADEMY for row in some for word in _words(row)
        }
        for stale in sql.batches([number for word, number in old.items() if word not in new]):
            await SearchWord.filter(id__in=list(stale)).delete()
        await SearchWord.bulk_create(
            SearchWord(kind=kind, word=word, subject=subject, academy_id=academy_id)
            for (kind, word, subject), academy_id in sorted(new.items())
            if (kind, word, subject) not in old
        )


def _words(row: User | Group | Session) -> Words:
    match row:
        case User():
            return words_of_user(row.first_name, row.last_name, row.email, row.external_id)
        case Group():
            return words_of_group(row.name, row.external_id)
    return words_of_session(row.title, row.subject)
