"""Documents a client has sent before are neither parsed nor validated again."""

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

# A parsed document takes some hundred times the memory of its text, and anyone can send one:
# what is kept is bounded by the length of all texts together, not by their number.
KEPT_CHARACTERS = 512 * 1024
MAX_TOKENS = 10_000


Limits = Sequence[type[ValidationRule]]

NO_TEXT = "Text must not contain the character U+0000, nor half a surrogate pair."


class StorableStrings(ValidationRule):
    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        if not is_storable(node.value):
            self.report_error(GraphQLError(NO_TEXT, node))


AT_SIGHT = (NameLimit, IntrospectionLimit, StorableStrings)


def _is_storable(value: object) -> bool:
    """With everything in it."""
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, dict):
        return all(map(_is_storable, value.values()))
    return not isinstance(value, list) or all(map(_is_storable, value))


class KnownDocuments:
    """Valid documents by text, the least recently used dropped first; one text is one object."""

    def __init__(self, kept_characters: int = KEPT_CHARACTERS) -> None:
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()
        self._kept_characters = kept_characters
        self._characters = 0

    def __len__(self) -> int:
        return len(self._documents)

    def find(self, text: str) -> DocumentNode | None:
        if text in self._documents:
            self._documents.move_to_end(text)
        return self._documents.get(text)

    def add(self, text: str, document: DocumentNode) -> None:
        if text in self._documents or len(text) > self._kept_characters // 4:
            return
        self._documents[text] = document
        self._characters += len(text)
        while self._characters > self._kept_characters:
            dropped, _ = self._documents.popitem(last=False)
            self._characters -= len(dropped)


class DocumentCache(SchemaExtension):
    """Parses and validates a text once; strawberry's own cache hides syntax errors on sockets."""

    def __init__(self, known: KnownDocuments, limits: Limits) -> None:
        self._known = known
        self._limits = limits

    def on_parse(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        self.execution_context.graphql_document = self._document(self.execution_context.query or "")
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._errors(self.execution_context)
        yield

    def _document(self, text: str) -> DocumentNode | None:
        try:
            return self._known.find(text) or parse(text, max_tokens=MAX_TOKENS)
        except GraphQLError:
            return None  # strawberry then parses again, and reports

    def _errors(self, execution: ExecutionContext) -> list[GraphQLError]:
        text, document = execution.query or "", execution.graphql_document
        if document is None:
            return []
        if not _is_storable(execution.variables):
            return [GraphQLError(NO_TEXT)]
        if self._known.find(text) is not document:
            schema = execution.schema._schema
            # First what is cheap to see, and would make all other errors long.
            errors = validate(schema, document, AT_SIGHT)
            errors = errors or validate(
                schema, document, [*execution.validation_rules, *self._limits]
            )
            if errors:
                return errors
            self._known.add(text, document)
        return _ambiguity(execution, document)


def document_cache(
    known: KnownDocuments | None = None, limits: Limits = (CostLimit,)
) -> Callable[[], DocumentCache]:
    """The extension to hand to one schema: a cache for all operations, under one set of rules."""
    documents = KnownDocuments() if known is None else known
    return lambda: DocumentCache(documents, limits)


def _ambiguity(execution: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
    # Strawberry would run the first of several operations; the specification asks for an error.
    operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
    if operations < 2 or execution._provided_operation_name:
        return []
    return [GraphQLError("Must provide operation name if query contains multiple operations.")]
