"""The guide for clients shows the code that the tests run."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_client_that_gives_a_silent_socket_up_is_the_one_that_is_tested() -> None:
    code = (ROOT / "tests/support/graphql_clients/lively.mjs").read_text()
    assert f"```js\n{code}```\n" in (ROOT / "docs/clients.md").read_text()
