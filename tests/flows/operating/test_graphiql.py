"""GraphiQL in a browser, and the example operations it opens with."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from graphql import build_schema, parse, validate
from starlette.requests import Request

from routes.graphiql import FOLDER, GraphiQL, read_examples
from tests.support.counting import World, counting_app
from tests.support.node import alone, install_packages, run_client
from tests.support.patience import until
from tests.support.server import serve

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
COUNT = {
    "query": "subscription Count { count(to: 100000, delay: 0.1) { number } }",
    "headers": json.dumps({"Authorization": "Bearer salma"}),
}


@pytest.fixture(scope="module")
def built() -> GraphiQL:
    install_packages(FOLDER)  # skips where npm is not installed
    with alone(FOLDER):
        if not (FOLDER / "dist").exists():
            subprocess.run(["npm", "run", "build"], cwd=FOLDER, check=True)  # noqa: S607
    return GraphiQL([COUNT, {"query": "{ hello }"}])


async def test_a_subscription_runs_in_a_real_browser_and_nothing_is_loaded_from_elsewhere(
    built: GraphiQL, tmp_path: Path
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    world = World()
    app = counting_app(world, page=built.page, routes=built.routes())
    async with serve(app) as url:
        seen = await run_client("graphiql.mjs", f"{url}/graphql", chromium, str(tmp_path))
        assert [list(line) for line in seen] == [["number"]] * 3 + [["tabs"]]
        numbers = [line["number"] for line in seen[:3]]
        assert numbers == sorted(numbers)
        assert seen[3] == {"tabs": 2}
        assert world.tokens == ["salma"]
        await until(lambda: world.stopped == world.started == 1)


async def test_a_browser_gets_the_page_and_a_program_gets_json(built: GraphiQL) -> None:
    app = counting_app(World(), page=built.page, routes=built.routes())
    async with serve(app) as url, httpx.AsyncClient() as client:
        page = await client.get(f"{url}/graphql", headers=BROWSER)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "subscription Count" in page.text
        assert "//" not in page.text.replace("<!--", "")
        program = await client.get(f"{url}/graphql", headers={"accept": "*/*"})
        assert (program.status_code, program.headers["content-type"]) == (400, "application/json")
        asked = await client.get(f"{url}/graphql?query={{hello}}", headers=BROWSER)
        assert asked.json() == {"data": {"hello": "hello world"}}


async def test_an_example_cannot_break_out_of_its_script(built: GraphiQL) -> None:
    page = await GraphiQL([{"query": "# </script><b>"}]).page(Request({"type": "http"}))
    assert b"# \\u003c/script>\\u003cb>" in bytes(page.body)


async def test_without_a_build_the_page_of_the_cdn_is_shown(tmp_path: Path) -> None:
    graphiql = GraphiQL(built=tmp_path)
    assert (graphiql.is_built, graphiql.routes()) == (False, [])
    page = await graphiql.page(Request({"type": "http"}))
    assert b"unpkg.com" in bytes(page.body)


@pytest.mark.parametrize("example", read_examples(), ids=lambda example: example["title"])
def test_each_example_is_valid_against_the_printed_schema(example: dict[str, str]) -> None:
    schema = build_schema(Path("schema/schema.graphql").read_text(encoding="utf-8"))
    assert validate(schema, parse(example["query"])) == []
    for part in ("variables", "headers"):
        assert isinstance(json.loads(example.get(part, "{}")), dict)
