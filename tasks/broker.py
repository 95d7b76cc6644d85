"""Where jobs are sent: for now to this very process."""

from taskiq import AsyncBroker, InMemoryBroker
from taskiq.result_backends.dummy import DummyResultBackend


def open_broker() -> AsyncBroker:
    """Start it with `startup()`, end it with `shutdown()`.

    Sending lasts as long as the job does, so whoever sends knows how much is under way. A broker
    with a queue of its own takes a job and returns at once: nothing else in `tasks` changes.
    """
    return InMemoryBroker(await_inplace=True).with_result_backend(DummyResultBackend())
