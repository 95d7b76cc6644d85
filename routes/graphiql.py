"""GraphiQL for browsers: our own build where there is one, else the page that loads from a CDN."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from strawberry.http.ides import get_graphql_ide_html

FOLDER = Path(__file__).parent.parent / "graphiql"
EMPTY_EXAMPLES = '<script id="examples" type="application/json">[]</script>'

# A tab of the editor: `query`, and where it needs them `variables` and `headers`, all as text.
Example = Mapping[str, str]


class GraphiQL:
    """What `GET /graphql` shows a browser; `examples` are the tabs it opens with, as they are
    when it is asked for: a demo's change with its class."""

    def __init__(
        self, examples: Sequence[Example] | None = None, *, built: Path = FOLDER / "dist"
    ) -> None:
        self._built = built
        self._examples = read_examples() if examples is None else examples

    @property
    def is_built(self) -> bool:
        return (self._built / "index.html").is_file()

    async def page(self, request: Request) -> Response:
        # The examples may carry a demo's tokens.
        return HTMLResponse(self._page(), headers={"Cache-Control": "no-store"})

    def routes(self) -> list[BaseRoute]:
        """The built page's scripts and styles, under /graphiql."""
        return [Mount("/graphiql", StaticFiles(directory=self._built))] if self.is_built else []

    def _page(self) -> str:
        if not self.is_built:
            return get_graphql_ide_html(graphql_ide="graphiql")
        html = (self._built / "index.html").read_text(encoding="utf-8")
        examples = EMPTY_EXAMPLES.replace("[]", _script_json(self._examples))
        return html.replace(EMPTY_EXAMPLES, examples)


def read_examples() -> list[dict[str, str]]:
    """graphiql/examples.json, written against the schema; a caller may fill in ids and tokens."""
    examples: list[dict[str, str]] = json.loads((FOLDER / "examples.json").read_text("utf-8"))
    return examples


def _script_json(examples: Sequence[Example]) -> str:
    # "</script>" inside a string would end the element.
    return json.dumps([dict(example) for example in examples]).replace("<", "\\u003c")
