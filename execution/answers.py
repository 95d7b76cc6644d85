"""Writes answers as JSON and refuses an answer that is too long for the client and the process."""

from collections.abc import Mapping
from typing import Any

import orjson
from graphql import GraphQLError, parse
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from execution.refusals import ClientError, RequestCode, refuse_all

ANSWER_MAX_BYTES = 8 * 1024 * 1024


class AnswerTooLongError(Exception):
    """The answer has more than ANSWER_MAX_BYTES bytes, so nothing of it is sent."""


def write_answer(answer: Mapping[str, Any]) -> bytes:
    """Return the answer as JSON, or raise AnswerTooLongError.

    The length is estimated first, never too high: the real one is at most six times as much. Rows
    share field names and texts in memory but not in JSON, so a small answer in memory can need more
    memory as JSON than the machine has.
    """
    characters = 0
    waiting: list[Any] = [answer]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            characters += sum(map(len, value))
            inside = value.values()
        else:
            inside = value
        for one in inside:
            kind = type(one)
            if kind is str:
                characters += len(one)
            elif issubclass(kind, (list, dict)):
                waiting.append(one)
        characters += 2 * len(value)  # each value takes at least one character and a comma
        if characters > ANSWER_MAX_BYTES:
            raise AnswerTooLongError
    written = orjson.dumps(answer)
    if len(written) > ANSWER_MAX_BYTES:
        raise AnswerTooLongError
    return written


def refuse_answer(query: str, operation_name: str | None) -> ClientError:
    """Return the error that replaces a too long answer. A mutation was carried out all the same."""
    message = f"The answer has more than {ANSWER_MAX_BYTES:,} bytes: ask for less at once."
    if get_operation_type(parse(query), operation_name) is OperationType.MUTATION:
        message += " What the mutation did stands."
    extensions = {"code": RequestCode.LIMIT_EXCEEDED}
    (refused,) = refuse_all([GraphQLError(message, extensions=extensions)])
    return refused
