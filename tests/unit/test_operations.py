"""A subscription may take its person from memory: nothing else may pass for one."""

import pytest

from subscriptions.operations import only_subscribes


@pytest.mark.parametrize(
    ("query", "is_sure"),
    [
        ("subscription { systemStatus { isHealthy } }", True),
        ("\n  subscription Watch($id: ID!) { sessionEvents(sessionId: $id) { sequence } }", True),
        ("subscription A { a } subscription B { b }", True),
        ("{ viewer { role } }", False),
        ("query { viewer { role } }", False),
        ("mutation { signOut }", False),
        ("subscription A { a } mutation B { b }", False),
        ("subscription A { a } query B { b }", False),
        ("# query\nsubscription { a }", False),  # it may be one: it is only read anew
        ("fragment F on Session { id } subscription { a }", False),
        ("", False),
    ],
)
def test_a_document_only_subscribes(query: str, is_sure: bool) -> None:
    assert only_subscribes(query) is is_sure
