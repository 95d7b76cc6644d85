"""One event answered twice: by the compiled selection, and by graphql-core as a stream has it."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    parse,
    validate,
)

from api import build_schema
from execution.answers import write_answer
from execution.context import Context
from execution.events import EventExecution
from execution.selections import Render, compile_operation
from execution.sharing import Fragments
from tests.support.watched import NOW

SCHEMA = build_schema()._schema
NONE = cast(Any, None)


def read(text: str) -> DocumentNode:
    document = parse(text)
    assert not validate(SCHEMA, document)
    return document


def parts_of(document: DocumentNode) -> tuple[OperationDefinitionNode, Fragments]:
    """Return the one operation of a document, and its fragments by name."""
    (operation,) = (
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    )
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return operation, fragments


def compile_document(document: DocumentNode, variables: Mapping[str, Any] | None = None) -> Render:
    """Compile a valid document of one operation; NotCompiledError if that cannot be done."""
    operation, fragments = parts_of(document)
    return compile_operation(SCHEMA, operation, fragments, variables or {})


def executed(
    document: DocumentNode, event: object, variables: Mapping[str, Any] | None = None
) -> bytes | None:
    """Return what graphql-core answers in the scope of the event; None for errors."""

    async def run() -> ExecutionResult:
        given, context = dict(variables or {}), Context(NONE, None, NOW)
        executor = EventExecution.build(
            SCHEMA, document, raw_variable_values=given, context_value=context
        )
        assert isinstance(executor, EventExecution), executor
        of_event = cast(EventExecution, executor.build_per_event_executor(event))
        return await of_event.execute_operation(False)

    result = asyncio.run(run())
    return None if result.errors or result.data is None else write_answer({"data": result.data})
