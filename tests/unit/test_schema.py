"""The schema is the promised one, printed, and described to the last argument."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLSchema,
    GraphQLUnionType,
    is_introspection_type,
    is_specified_scalar_type,
)
from graphql import build_schema as read_schema
from graphql.utilities import find_breaking_changes, find_schema_changes

from api import build_schema
from domain.access import UserRole
from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    CycleEnd,
    CycleStart,
    EventKind,
    EventSource,
    Presence,
)
from domain.configuration import POLICY_BOUNDS, VIDEO_BOUNDS
from domain.errors import ErrorCode
from domain.event import SessionEventKind
from domain.meeting import MediaQuality
from domain.session import GroupKind, MembershipSource, SessionFormat, SessionKind
from domain.status import SessionStatus, TransitionCause
from domain.stuck import StuckReason
from domain.warning import SessionWarningCode
from domain.webhook import WebhookOutcome
from domain.window import Weekday
from execution.refusals import ClientSafeSchema
from models import AttendancePolicy, VideoSettings
from schema.descriptions import describe, read_texts
from schema.types.enums import SessionOrder
from schema.types.room import RoomInfoSource

ROOT = Path(__file__).parents[2]
PRINTED = ROOT / "schema" / "schema.graphql"
CONTRACT = ROOT / "tests" / "contract.graphql"
PENDING = ROOT / "tests" / "contract_pending.txt"

# Removals are compared with the pending names; additions break nobody.
REMOVALS = {"TYPE_REMOVED", "FIELD_REMOVED", "VALUE_REMOVED_FROM_ENUM", "ARG_REMOVED"}
ADDITIONS = {
    "TYPE_ADDED",
    "FIELD_ADDED",
    "VALUE_ADDED_TO_ENUM",
    "IMPLEMENTED_INTERFACE_ADDED",
    "OPTIONAL_ARG_ADDED",
    "OPTIONAL_INPUT_FIELD_ADDED",
    "DESCRIPTION_CHANGED",
}

ENUMS: dict[str, type[StrEnum]] = {
    "AttendanceConfidence": Confidence,
    "AttendanceEventKind": EventKind,
    "AttendanceEventSource": EventSource,
    "AttendanceStatus": AttendanceStatus,
    "CycleEnd": CycleEnd,
    "CycleStart": CycleStart,
    "ErrorCode": ErrorCode,
    "GroupKind": GroupKind,
    "MediaQuality": MediaQuality,
    "MembershipSource": MembershipSource,
    "PresenceState": Presence,
    "RoomInfoSource": RoomInfoSource,
    "SessionFormat": SessionFormat,
    "SessionKind": SessionKind,
    "SessionOrder": SessionOrder,
    "SessionStatus": SessionStatus,
    "SessionWarningCode": SessionWarningCode,
    "StuckReason": StuckReason,
    "TransitionCause": TransitionCause,
    "UserRole": UserRole,
    "WebhookOutcome": WebhookOutcome,
    "Weekday": Weekday,
}


@pytest.fixture(scope="module")
def built() -> ClientSafeSchema:
    return build_schema()


@pytest.fixture(scope="module")
def printed(built: ClientSafeSchema) -> GraphQLSchema:
    return read_schema(built.as_str())


@pytest.fixture(scope="module")
def contract() -> GraphQLSchema:
    return read_schema(CONTRACT.read_text())


def elements(schema: GraphQLSchema) -> dict[str, Any]:
    """All names of the schema: `Type`, `Type.field`, `Enum.VALUE`, `Type.field.argument`."""
    found: dict[str, Any] = {}
    for kind in schema.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        found[kind.name] = kind
        members = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        for name, member in members.items():
            found[f"{kind.name}.{name}"] = member
            for argument, value in getattr(member, "args", {}).items():
                found[f"{kind.name}.{name}.{argument}"] = value
    return found


def missing_names(contract: GraphQLSchema, printed: GraphQLSchema) -> set[str]:
    """Names of the contract that the schema lacks, without those inside something missing."""
    missing = elements(contract).keys() - elements(printed).keys()
    return {name for name in missing if name.rpartition(".")[0] not in missing}


def test_the_schema_is_printed(built: ClientSafeSchema) -> None:
    is_printed = PRINTED.read_text() == built.as_str() + "\n"
    assert is_printed, "schema/schema.graphql is not the schema the code builds: run `make schema`"


def test_names_missing_from_the_contract_are_listed_as_pending(
    contract: GraphQLSchema, printed: GraphQLSchema
) -> None:
    pending = PENDING.read_text().splitlines()
    missing = missing_names(contract, printed)
    assert sorted(missing.difference(pending)) == [], "the contract promises these"
    built_or_unknown = sorted(set(pending) - missing)
    assert built_or_unknown == [], "these are built, or never were promised: take them off the list"
    assert pending == sorted(set(pending))


def test_nothing_of_the_contract_is_broken(contract: GraphQLSchema, printed: GraphQLSchema) -> None:
    changes = find_breaking_changes(contract, printed)
    assert [change for change in changes if change.type.name not in REMOVALS] == []


def test_the_schema_agrees_with_the_contract(
    contract: GraphQLSchema, printed: GraphQLSchema
) -> None:
    """This includes changes that break nobody: nullability and defaults are part of the promise."""
    changes = find_schema_changes(contract, printed)
    assert [change for change in changes if change.type.name not in REMOVALS | ADDITIONS] == []


def test_optional_arguments_have_no_null_as_default(built: ClientSafeSchema) -> None:
    assert "= null" not in built.as_str()


def test_everything_is_described(printed: GraphQLSchema) -> None:
    silent = [name for name, element in elements(printed).items() if not element.description]
    assert silent == []


def test_no_description_is_unused(built: ClientSafeSchema) -> None:
    words = read_texts()
    entries = {(table, key) for table, texts in words.items() for key in texts}
    assert entries - describe(built, words) == set()


def test_a_description_names_only_what_there_is(printed: GraphQLSchema) -> None:
    known = {part for name in elements(printed) for part in name.split(".")}
    texts = [element.description or "" for element in elements(printed).values()]
    named = {name for text in texts for name in re.findall(r"`([A-Za-z]+)`", text)}
    assert named - known == set()


@pytest.mark.parametrize(
    ("settings", "bounds"),
    [(VideoSettings, VIDEO_BOUNDS), (AttendancePolicy, POLICY_BOUNDS)],
    ids=["VideoSettingsInput", "AttendancePolicyInput"],
)
def test_a_setting_is_described_with_its_bounds_and_its_default(
    printed: GraphQLSchema,
    settings: type[VideoSettings | AttendancePolicy],
    bounds: dict[str, tuple[int, int]],
) -> None:
    fields = elements(printed)
    for name, (low, high) in bounds.items():
        first, *rest = name.split("_")
        path = f"{settings.__name__}Input.{first}{''.join(map(str.capitalize, rest))}"
        default = settings._meta.fields_map[name].default
        text = " ".join(fields[path].description.split())
        assert re.search(rf": {low} to {high}, default {default}\b", text), path


def test_enums_are_in_step_with_the_domain(printed: GraphQLSchema) -> None:
    found = {
        kind.name: set(kind.values)
        for name, kind in elements(printed).items()
        if isinstance(kind, GraphQLEnumType)
    }
    assert found == {name: {word.value for word in words} for name, words in ENUMS.items()}


@pytest.mark.parametrize("name", ENUMS)
def test_enum_inputs_are_the_domains_own_members(built: ClientSafeSchema, name: str) -> None:
    """A string that only looks like the member is not enough: rules compare with `is`."""
    kind = built._schema.type_map[name]
    assert isinstance(kind, GraphQLEnumType)
    said = [kind.coerce_input_value(word.value) for word in ENUMS[name]]
    assert [type(word) for word in said] == [ENUMS[name]] * len(said)


@pytest.mark.parametrize("kind", SessionEventKind)
def test_every_kind_of_event_has_a_type(printed: GraphQLSchema, kind: SessionEventKind) -> None:
    name = "".join(word.capitalize() for word in kind.split("_"))
    union = printed.type_map["SessionEvent"]
    assert isinstance(union, GraphQLInterfaceType | GraphQLUnionType)
    events = printed.get_possible_types(union)
    assert {name, f"Session{name}"} & {event.name for event in events}
