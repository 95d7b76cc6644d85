"""Builds the schema that is served: the three roots, run by `execution`, with descriptions."""

from execution.compiled_streams import ServedSchema
from execution.costs import CostLimit
from execution.documents import KnownDocuments, Limits, document_cache
from execution.events import EventExecution
from execution.tally import OperationTally
from schema.descriptions import describe
from schema.root import Mutation, Query, Subscription
from schema.types.events import EVENT_TYPES, SessionSnapshot
from schema.types.presence import PresenceChanges, PresenceSnapshot
from schema.types.scalars import CONFIG
from schema.types.session_kinds import (
    AcademicSession,
    InteractiveCourseSession,
    QuranSession,
)

# Fields name only the interfaces of these types, so Strawberry does not find them by itself.
IMPLEMENTATIONS = (
    QuranSession,
    AcademicSession,
    InteractiveCourseSession,
    SessionSnapshot,
    PresenceSnapshot,
    PresenceChanges,
    *EVENT_TYPES,
)


def build_schema(limits: Limits = (CostLimit,)) -> ServedSchema:
    known = KnownDocuments()
    schema = ServedSchema(
        known=known,
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=IMPLEMENTATIONS,
        config=CONFIG,
        extensions=[document_cache(known, limits), OperationTally],
        execution_context_class=EventExecution,
    )
    describe(schema)
    return schema
