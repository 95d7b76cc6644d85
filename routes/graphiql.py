"""Serves GraphiQL to browsers: our own build if there is one, else the page from a CDN."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from strawberry.http.ides import get_graphql_ide_html

from routes.headers import NOSNIFF, page_headers

FOLDER = Path(__file__).parent.parent / "graphiql"
EMPTY_EXAMPLES = '<script id="examples" type="application/json">[]</script>'

# A tab of the editor: `query`, and `variables` and `headers` if it needs them, all as text.
Example = Mapping[str, str]


class GraphiQL:
    """Answers `GET /graphql` in a browser; with 404 unless it `is_on`.

    `examples` are the tabs it opens with. They are read at each request, because the demo changes
    its examples.
    """

    def __init__(
        self,
        examples: Sequence[Example] | None = None,
        *,
        built: Path = FOLDER / "dist",
        is_on: bool = True,
    ) -> None:
        self._built = built
        self._is_on = is_on
        self._examples = read_examples() if examples is None else examples

    @property
    def is_built(self) -> bool:
        return (self._built / "index.html").is_file()

    async def page(self, request: Request) -> Response:
        if not self._is_on:
            return Response(status_code=404)
        if self.is_built:
            html = (self._built / "index.html").read_text(encoding="utf-8")
            examples = json.dumps([dict(example) for example in self._examples])
            # "</script>" inside a string would end the element.
            script = EMPTY_EXAMPLES.replace("[]", examples.replace("<", "\\u003c"))
            html = html.replace(EMPTY_EXAMPLES, script)
        else:
            html = get_graphql_ide_html(graphql_ide="graphiql")
        # The examples may contain a demo's tokens, so no cache may keep the page either.
        return HTMLResponse(html, headers=page_headers(html))

    def routes(self) -> list[BaseRoute]:
        """Return the route of the built page's scripts and styles; the page itself is no file."""
        if not (self._is_on and self.is_built):
            return []
        return [Mount("/graphiql/assets", _Files(directory=self._built / "assets"))]


class _Files(StaticFiles):
    """Files of the build, each of the type that its name says and no other."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers.update(NOSNIFF)
        return response


def read_examples() -> list[dict[str, str]]:
    """Read graphiql/examples.json; a caller may fill in ids and tokens."""
    examples: list[dict[str, str]] = json.loads((FOLDER / "examples.json").read_text("utf-8"))
    return examples
