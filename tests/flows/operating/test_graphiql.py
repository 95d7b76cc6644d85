"""GraphiQL in a browser, and the example operations it opens with."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from graphql import build_schema, parse, validate
from starlette.requests import Request

from main import App
from routes.graphiql import FOLDER, GraphiQL, read_examples
from settings import current
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


def policy_of(answer: httpx.Response) -> dict[str, list[str]]:
    policy = answer.headers["content-security-policy"].split("; ")
    return {name: sources for name, *sources in (part.split() for part in policy)}


@pytest.fixture
def looks_built(tmp_path: Path) -> GraphiQL:
    """A page that looks like our build, where nobody has built one."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "page-1.js").write_text("export {}")
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    (tmp_path / "index.html").write_text(page.replace("/page.js", "/graphiql/assets/page-1.js"))
    return GraphiQL([{"query": "# <script>alert(1)</script>"}], built=tmp_path)


async def test_our_page_runs_only_our_scripts_and_stands_in_no_frame(
    looks_built: GraphiQL,
) -> None:
    app = counting_app(World(), page=looks_built.page, routes=looks_built.routes())
    async with serve(app) as url, httpx.AsyncClient() as client:
        page = await client.get(f"{url}/graphql", headers=BROWSER)
        script = await client.get(f"{url}/graphiql/assets/page-1.js")
        # As a file the page would have none of these headers.
        assert (await client.get(f"{url}/graphiql/index.html")).status_code == 404
    policy = policy_of(page)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert policy["script-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.text.count("<script") == 2  # the examples, and the one from our files
    for answer in (page, script):
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert script.headers["content-type"].startswith("text/javascript")


async def test_the_page_of_the_cdn_runs_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    answer = await GraphiQL(built=tmp_path).page(Request({"type": "http"}))
    page = bytes(answer.body).decode()
    policy = policy_of(httpx.Response(200, headers=dict(answer.headers)))
    inline = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in inline
    ]
    loaded = re.findall(r'src="(https://unpkg\.com/[^"]+)"', page)
    assert len(inline) == 1
    assert len(loaded) >= 3
    assert policy["script-src"] == ["'self'", *hashes, *loaded]
    styles = re.findall(r'href="(https://unpkg\.com/[^"]+\.css)"', page)
    assert policy["style-src"] == ["'self'", "'unsafe-inline'", *styles]
    assert "'unsafe-inline'" not in policy["script-src"]


async def test_graphiql_can_be_turned_off_and_requests_are_answered_as_before(
    tmp_path: Path, looks_built: GraphiQL
) -> None:
    graphiql = GraphiQL(built=tmp_path, is_on=False)
    assert graphiql.routes() == []
    app = counting_app(World(), page=graphiql.page, routes=graphiql.routes())
    async with serve(app) as url, httpx.AsyncClient() as client:
        page = await client.get(f"{url}/graphql", headers=BROWSER)
        assert (page.status_code, page.text) == (404, "")
        asked = await client.get(f"{url}/graphql?query={{hello}}", headers=BROWSER)
        assert asked.json() == {"data": {"hello": "hello world"}}
        posted = await client.post(f"{url}/graphql", json={"query": "{hello}"}, headers=BROWSER)
        assert posted.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize("is_on", [True, False])
async def test_the_setting_turns_it_off(is_on: bool) -> None:
    app = App(current().model_copy(update={"graphiql": is_on}))
    page = await app.graphiql.page(Request({"type": "http"}))
    assert page.status_code == (200 if is_on else 404)


@pytest.mark.parametrize("example", read_examples(), ids=lambda example: example["title"])
def test_each_example_is_valid_against_the_printed_schema(example: dict[str, str]) -> None:
    schema = build_schema(Path("schema/schema.graphql").read_text(encoding="utf-8"))
    assert validate(schema, parse(example["query"])) == []
    for part in ("variables", "headers"):
        assert isinstance(json.loads(example.get(part, "{}")), dict)
