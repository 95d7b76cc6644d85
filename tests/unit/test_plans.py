"""A plan tells who may share an answer, and compiles a selection once for all sessions."""

from typing import Any

import pytest

from execution import sharing
from execution.selections import Render, compile_operation
from execution.sharing import RENDERERS_MAX, Fragments, Plan, make_plan
from tests.support.compiled import SCHEMA, parts_of, read
from tests.support.watched import changes

WATCHED = """
subscription ($id: ID!, $after: String, $names: Boolean!, $all: Boolean = true) {
  sessionPresence(sessionId: $id, after: $after) { version @include(if: $all) ...Rows }
}
fragment Rows on PresenceChanges { fromVersion @skip(if: $names) }
"""


def plan_of(text: str) -> tuple[Plan, Fragments]:
    operation, fragments = parts_of(read(text))
    return make_plan(SCHEMA, operation, fragments), fragments


def asked(number: int = 1, **values: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "after": None, "names": True, "all": True} | values


def test_variables_are_known_by_where_they_stand() -> None:
    plan, _ = plan_of(WATCHED)
    assert plan.cursors == {"after"}
    assert plan.inner == {"names", "all"}


def test_a_variable_of_the_root_field_may_stand_below_it_too() -> None:
    text = "subscription ($id: ID!, $is: Boolean!) { attendance(sessionId: $id, userId: $id) "
    plan, _ = plan_of(text + "{ version @skip(if: $is) } }")
    assert plan.inner == {"is"}


def test_an_answer_is_shared_by_all_who_differ_in_their_cursor_alone() -> None:
    plan, other = plan_of(WATCHED)[0], plan_of(WATCHED)[0]
    key = plan.answer_key(asked())
    assert key == plan.answer_key(asked(after="cursor"))
    assert key != plan.answer_key(asked(2))
    assert key != plan.answer_key(asked(names=False))
    assert key != other.answer_key(asked())  # another operation, whatever it asks


def test_a_thousand_sessions_compile_a_document_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[dict[str, Any]] = []

    def counted(*given: Any) -> Render:
        compiled.append(given[-1])
        return compile_operation(*given)

    monkeypatch.setattr(sharing, "compile_operation", counted)
    plan, fragments = plan_of(WATCHED)
    renderers = {plan.renderer(SCHEMA, fragments, asked(number)) for number in range(1000)}
    assert len(renderers) == len(compiled) == 1
    names = plan.renderer(SCHEMA, fragments, asked(names=False))
    assert len(compiled) == 2
    (renderer,) = renderers
    assert renderer
    assert names
    assert renderer.render(changes([], [], {})) == b'{"data":{"sessionPresence":{"version":7}}}'
    assert names.render(changes([], [], {})).endswith(b'{"version":7,"fromVersion":6}}}')


def test_few_renderers_of_a_document_are_kept() -> None:
    declared = " ".join(f"$v{n}: Boolean!" for n in range(5))
    fields = " ".join(f"v{n}: version @skip(if: $v{n})" for n in range(5))
    root = f"sessionPresence(sessionId: 1) {{ __typename {fields} }}"
    plan, fragments = plan_of(f"subscription ({declared}) {{ {root} }}")
    for number in range(32):
        values = {f"v{n}": bool(number >> n & 1) for n in range(5)}
        assert plan.renderer(SCHEMA, fragments, values)
    assert len(plan._renderers) == RENDERERS_MAX


def test_a_renderer_that_was_dropped_equals_its_successor() -> None:
    plan, fragments = plan_of(WATCHED)
    first = plan.renderer(SCHEMA, fragments, asked())
    plan._renderers.clear()
    again = plan.renderer(SCHEMA, fragments, asked(2))
    assert first is not again
    assert first == again != plan.renderer(SCHEMA, fragments, asked(names=False))


@pytest.mark.parametrize("field", ["myAttendance { id }", "teacher { email }"])
def test_what_is_for_one_viewer_is_not_compiled(field: str) -> None:
    text = f"sessionEvents(sessionId: 1) {{ ... on SessionSnapshot {{ session {{ {field} }} }} }}"
    plan, fragments = plan_of(f"subscription {{ {text} }}")
    assert not plan.is_shareable
    assert plan.renderer(SCHEMA, fragments, {}) is None


def test_what_cannot_be_compiled_is_tried_once() -> None:
    text = "subscription { attendance(sessionId: 1, userId: 1) { attendance { session { id } } } }"
    plan, fragments = plan_of(text)
    assert plan.is_shareable
    assert plan.renderer(SCHEMA, fragments, {}) is None
    assert list(plan._renderers.values()) == [None]
