"""Writes answers as JSON, and no more of one than a client and this process can hold."""

from collections.abc import Mapping
from typing import Any

import orjson
from graphql import GraphQLError, parse
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from execution.refusals import ClientError, RequestCode, refuse_all

MOST_BYTES = 8 * 1024 * 1024


class AnswerTooLongError(Exception):
    """The answer has more than MOST_BYTES bytes; it was not written to its end."""


def write_answer(answer: Mapping[str, Any]) -> bytes:
    """The answer as JSON; AnswerTooLongError.

    Weighed before it is written: names of fields and texts that stand in many rows are shared in
    memory, in JSON they are not, so what is small here can be more than there is memory.
    """
    _weigh(answer)
    written = orjson.dumps(answer)
    if len(written) > MOST_BYTES:
        raise AnswerTooLongError
    return written


def refuse_answer(query: str, operation_name: str | None) -> ClientError:
    """The error that stands in an answer's place. It says of a mutation that it was carried out."""
    message = f"The answer has more than {MOST_BYTES:,} bytes: ask for less at once."
    if get_operation_type(parse(query), operation_name) is OperationType.MUTATION:
        message += " What the mutation did stands."
    extensions = {"code": RequestCode.LIMIT_EXCEEDED}
    (refused,) = refuse_all([GraphQLError(message, extensions=extensions)])
    return refused


def _weigh(answer: Mapping[str, Any]) -> None:
    """Counts too little, never too much; what it lets pass takes at most six times the limit."""
    weight = 0
    waiting: list[Any] = [answer]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            weight += sum(map(len, value))
            inside = value.values()
        else:
            inside = value
        for one in inside:
            if isinstance(one, str):
                weight += len(one)
            elif isinstance(one, (list, dict)):
                waiting.append(one)
        weight += 2 * len(value)  # at least a character, and a comma
        if weight > MOST_BYTES:
            raise AnswerTooLongError
