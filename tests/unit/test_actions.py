"""A mutation is found by its name: one action, called as the field of the root."""

import ast
import inspect
from pathlib import Path

import pytest
from strawberry.types import get_object_definition

import resolvers
from schema.root import Mutation

ROOT = Path(__file__).parents[2]
FIELDS = get_object_definition(Mutation, strict=True).fields
MUTATIONS = [field.python_name for field in FIELDS]


def places() -> dict[str, list[str]]:
    """The files of each public function of actions/, by its name."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "actions").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_one_action_of_its_name(name: str) -> None:
    files = places().get(name, [])
    assert len(files) == 1, files
    assert not files[0].startswith("actions/writing/")


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_resolver_calls_the_action_of_its_name(name: str) -> None:
    (field,) = (field for field in FIELDS if field.python_name == name)
    assert field.base_resolver is not None
    wrapped = field.base_resolver.wrapped_func
    assert inspect.isfunction(wrapped)
    resolver = inspect.unwrap(wrapped)
    assert resolver.__name__ == name
    assert resolver.__module__.startswith(resolvers.__name__)
    assert name in resolver.__code__.co_names
