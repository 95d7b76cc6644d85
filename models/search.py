"""The words by which users, groups and sessions are found."""

from tortoise import fields
from tortoise.models import Model

from domain.search import WORD_MAX_CHARS, WordKind
from models.database.fields import ShortText

NO_ACADEMY = 0  # a super admin has none


class SearchWord(Model):
    """One word of one row's names. It is kept with the row, in the same transaction.

    `subject` is the id of a user, a group or a session, as the kind says. Words are compared by
    their bytes, so that a word's beginning is a range of the index.
    """

    id = fields.BigIntField(primary_key=True)
    academy_id = fields.IntField()  # or NO_ACADEMY
    kind = fields.CharEnumField(WordKind, max_length=12)
    word = ShortText(max_length=WORD_MAX_CHARS)
    subject = fields.IntField()

    class Meta:
        table = "search_words"
        unique_together = (("kind", "subject", "word"),)
