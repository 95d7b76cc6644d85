#!/usr/bin/env bash
# ariadne-codegen 0.19.0 and sgqlc 18: a server that adds an implementation or an enum value.
#
# Guess: a query that asks an interface for fields of the interface alone, without any fragment, can
# read whatever implements it; a new enum value is an error in both.
# Seen: ariadne-codegen adds `__typename` to the query by itself and lists the implementations that
# it knew when the code was made. A new one refuses the whole answer, also where no fragment asks
# for a type. sgqlc reads a new implementation as the interface. A new enum value refuses the whole
# answer in both, not only the field.
# Meets us: our interfaces and enums grow. docs/clients.md says what each client needs.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  ariadne-codegen==0.19.0 sgqlc==18 graphql-core==3.2.14 pydantic==2.14.4
cat >schema.graphql <<'GRAPHQL'
type Query { session: Session }
interface Session { id: ID! title: String! status: Status! }
type Circle implements Session { id: ID! title: String! status: Status! }
type Lecture implements Session { id: ID! title: String! status: Status! }
enum Status { READY ONGOING }
GRAPHQL
echo 'query Board { session { id title status } }' >board.graphql
cat >pyproject.toml <<'TOML'
[tool.ariadne-codegen]
schema_path = "schema.graphql"
queries_path = "board.graphql"
target_package_name = "typed"
TOML
venv/bin/ariadne-codegen client >/dev/null
venv/bin/python - >schema.json <<'PYTHON'
import json, pathlib
from graphql import build_schema, introspection_from_schema
schema = build_schema(pathlib.Path("schema.graphql").read_text())
print(json.dumps({"data": introspection_from_schema(schema)}))
PYTHON
venv/bin/sgqlc-codegen schema schema.json selected.py
venv/bin/python - <<'PYTHON' | tee seen
import selected, typed
from sgqlc.operation import Operation

def by_ariadne(answer):
    return typed.Board.model_validate(answer).session.title

def by_sgqlc(answer):
    asked = Operation(selected.Query)
    session = asked.session()
    session.id(), session.title(), session.status(), session.__typename__()
    return (asked + {"data": answer}).session.title

for case, kind, status in (("known", "Circle", "READY"), ("new type", "Webinar", "READY"), ("new value", "Circle", "HELD")):
    answer = {"session": {"__typename": kind, "id": "1", "title": "Tajwid", "status": status}}
    for client in (by_ariadne, by_sgqlc):
        try:
            print(f"{case}, {client.__name__}: {client(answer)}")
        except ValueError as error:
            print(f"{case}, {client.__name__}: {type(error).__name__}")
PYTHON
diff seen - <<'SEEN'
known, by_ariadne: Tajwid
known, by_sgqlc: Tajwid
new type, by_ariadne: ValidationError
new type, by_sgqlc: Tajwid
new value, by_ariadne: ValidationError
new value, by_sgqlc: ValueError
SEEN
echo "as described"
