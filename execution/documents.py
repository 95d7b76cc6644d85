"""Keeps valid documents, so that a document sent again is not parsed and validated again."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    StringValueNode,
    ValidationRule,
    parse,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from domain.text import is_storable
from execution.costs import CostLimit, IntrospectionLimit, NameLimit

# A parsed document takes some hundred times the memory of its text, and anyone can send one. So
# the length of all texts together is bounded, not their number.
CACHE_MAX_CHARS = 512 * 1024
DOCUMENT_MAX_TOKENS = 10_000

Limits = Sequence[type[ValidationRule]]

NOT_STORABLE = "Text must not contain the character U+0000, nor half a surrogate pair."


class StorableStrings(ValidationRule):
    """Refuses text in a document that the database cannot store."""

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        if not is_storable(node.value):
            self.report_error(GraphQLError(NOT_STORABLE, node))


# These rules are cheap. What they refuse would make the errors of the other rules long.
CHEAP_RULES = (NameLimit, IntrospectionLimit, StorableStrings)


def are_storable(value: object) -> bool:
    """Return whether the database can store every text in the value of a variable, or of all."""
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, dict):
        return all(map(are_storable, value.values()))
    return not isinstance(value, list) or all(map(are_storable, value))


class KnownDocuments:
    """Keeps valid documents by text and drops the least recently used. One text is one object."""

    def __init__(self, max_chars: int = CACHE_MAX_CHARS) -> None:
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()
        self._max_chars = max_chars
        self._chars = 0

    def __len__(self) -> int:
        return len(self._documents)

    def find(self, text: str) -> DocumentNode | None:
        if text in self._documents:
            self._documents.move_to_end(text)
        return self._documents.get(text)

    def add(self, text: str, document: DocumentNode) -> None:
        if text in self._documents or len(text) > self._max_chars // 4:
            return
        self._documents[text] = document
        self._chars += len(text)
        while self._chars > self._max_chars:
            dropped, _ = self._documents.popitem(last=False)
            self._chars -= len(dropped)


class DocumentCache(SchemaExtension):
    """Parses and validates a text once.

    Strawberry's own cache hides syntax errors on sockets.
    """

    def __init__(self, known: KnownDocuments, limits: Limits) -> None:
        self._known = known
        self._limits = limits

    def on_parse(self) -> Iterator[None]:
        text = self.execution_context.query or ""
        self.execution_context.parse_options["max_tokens"] = DOCUMENT_MAX_TOKENS
        try:
            document = self._known.find(text) or parse(text, max_tokens=DOCUMENT_MAX_TOKENS)
        except GraphQLError:
            document = None  # Strawberry then parses the text again and reports the error
        self.execution_context.graphql_document = document
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._errors(self.execution_context)
        yield

    def _errors(self, execution: ExecutionContext) -> list[GraphQLError]:
        text, document = execution.query or "", execution.graphql_document
        if document is None:
            return []
        if not are_storable(execution.variables):
            return [GraphQLError(NOT_STORABLE)]
        if self._known.find(text) is not document:
            schema = execution.schema._schema
            rules = [*execution.validation_rules, *self._limits]
            errors = validate(schema, document, CHEAP_RULES) or validate(schema, document, rules)
            if errors:
                return errors
            self._known.add(text, document)
        operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
        if operations > 1 and not execution._provided_operation_name:
            # Strawberry would run the first operation; the specification asks for an error.
            message = "Must provide operation name if query contains multiple operations."
            return [GraphQLError(message)]
        return []


def document_cache(
    known: KnownDocuments | None = None, limits: Limits = (CostLimit,)
) -> Callable[[], DocumentCache]:
    """Return the extension for one schema: one cache and one set of rules for all operations."""
    documents = KnownDocuments() if known is None else known
    return lambda: DocumentCache(documents, limits)
