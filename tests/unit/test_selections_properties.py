"""Whatever is selected of whatever happens, a compiled selection writes what graphql-core does."""

from collections import Counter
from typing import Any

import pytest
from graphql import DocumentNode, OverlappingFieldsCanBeMergedRule, parse, validate
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execution.selections import NotCompiledError
from tests.support.compiled import SCHEMA, compile_document, executed
from tests.support.documents import subscriptions
from tests.support.watched import attendance_updates, presence_events, session_events

Watched = tuple[object, DocumentNode, dict[str, bool]]


@st.composite
def watched(draw: Any, root: str, arguments: str, events: st.SearchStrategy[object]) -> Watched:
    """An event, a document about it, and the document's variables."""
    event = draw(events)
    parts = (event, getattr(event, "session", None))
    types = {type(part).__name__ for part in parts}
    text, variables = draw(subscriptions(SCHEMA, root, arguments, types))
    document = parse(text)
    # Only names that are given twice can make what is drawn invalid.
    assume(not validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule]))
    return event, document, variables


@pytest.mark.parametrize(
    ("root", "arguments", "events"),
    [
        ("sessionPresence", 'sessionId: "s"', presence_events()),
        ("sessionEvents", 'sessionId: "s"', session_events()),
        ("attendance", 'sessionId: "s", userId: "u"', attendance_updates()),
    ],
)
def test_what_is_written_is_what_graphql_core_answers(
    root: str, arguments: str, events: st.SearchStrategy[object]
) -> None:
    seen = Counter[str]()

    @settings(max_examples=100)
    @given(watched(root, arguments, events))
    def check(drawn: Watched) -> None:
        event, document, variables = drawn
        try:
            written = compile_document(document, variables)(event)
        except NotCompiledError:
            seen["left"] += 1
        else:
            seen["written"] += 1
            assert written == executed(document, event, variables)

    check()
    assert seen["written"] > seen["left"], seen
