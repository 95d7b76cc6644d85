"""GraphQL over HTTP on a real server."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.counting import World, counting_app
from tests.support.node import run_client
from tests.support.server import serve

JSON = "application/json"
RESPONSE_JSON = "application/graphql-response+json"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve(counting_app(World())) as url:
        yield f"{url}/graphql"


async def post(url: str, body: object, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
    async with httpx.AsyncClient() as client:
        return await client.post(url, content=content, headers=headers)


async def get(url: str, **parameters: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url, params=parameters)


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


async def test_an_answer_comes_in_the_media_type_the_client_lists_first(url: str) -> None:
    for accept, media_type in [
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (JSON, JSON),
        ("*/*", JSON),
    ]:
        response = await post(url, {"query": "{ hello }"}, accept=accept)
        assert response.status_code == 200
        assert response.headers["content-type"].partition(";")[0] == media_type
        assert response.json() == {"data": {"hello": "hello world"}}
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{ hel"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query($t: DateTime!) { at(time: $t) }"}, "BAD_USER_INPUT"),
        ({"query": "query A { hello } query B { hello }"}, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_a_refused_document_is_a_400_without_data(
    body: dict[str, str], code: str, url: str
) -> None:
    response = await post(url, body, accept=RESPONSE_JSON)
    assert (response.status_code, codes(response)) == (400, [code])
    assert "data" not in response.json()
    legacy = await post(url, body, accept=JSON)
    assert (legacy.status_code, codes(legacy)) == (200, [code])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b"null", 400),
        (b"1", 400),
        (b'"x"', 400),
        (b"[]", 400),
        (b'[{"query": "{ hello }"}]', 400),
        ({}, 400),
        ({"query": None}, 400),
        ({"query": 1}, 400),
        ({"query": "{ hello }", "variables": []}, 400),
        ({"query": "{ hello }", "variables": "{}"}, 400),
        ({"query": "{ hello }", "operationName": 1}, 400),
        ({"query": "{ hello }", "extensions": 1}, 400),
        ({"query": "query A { hello }", "operationName": "B"}, 400),
        ({"query": "subscription { idle }"}, 400),
    ],
)
async def test_a_malformed_request_is_answered_in_json(body: object, status: int, url: str) -> None:
    response = await post(url, body)
    assert (response.status_code, response.headers["content-type"]) == (status, JSON)
    assert codes(response) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
async def test_content_types_that_a_foreign_page_can_post_without_preflight_are_refused(
    content_type: str, url: str
) -> None:
    response = await post(url, {"query": "mutation { raiseNumber }"}, content_type=content_type)
    assert (response.status_code, codes(response)) == (415, ["BAD_USER_INPUT"])


async def test_a_mutation_by_get_is_refused(url: str) -> None:
    response = await get(url, query="mutation { raiseNumber }")
    assert (response.status_code, codes(response)) == (405, ["BAD_USER_INPUT"])
    assert (await get(url, query="{ hello }")).json() == {"data": {"hello": "hello world"}}


async def test_a_method_that_means_nothing_is_refused(url: str) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.delete(url)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_a_body_above_a_megabyte_is_refused(url: str) -> None:
    response = await post(url, {"query": "{ hello }", "extensions": {"x": "x" * 1024 * 1024}})
    assert (response.status_code, codes(response)) == (413, ["LIMIT_EXCEEDED"])


async def test_a_bad_token_is_a_401_and_none_is_nobody(url: str) -> None:
    response = await post(url, {"query": "{ viewer }"}, authorization="Bearer bad")
    assert (response.status_code, codes(response)) == (401, ["UNAUTHENTICATED"])
    assert response.headers["www-authenticate"] == "Bearer"
    assert (await post(url, {"query": "{ viewer }"})).json() == {"data": {"viewer": "nobody"}}


async def test_a_fault_is_masked_and_logged_once(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await post(url, {"query": "{ hello broken }"}, accept=RESPONSE_JSON)
    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "hello world", "broken": None}
    assert response.json()["errors"][0]["message"] == "Internal error."
    assert codes(response) == ["INTERNAL"]
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == ["execution failed"]


async def test_the_audits_of_graphql_over_http_pass(url: str) -> None:
    audit = await run_client("audit.mjs", url)
    assert [line for line in audit if line["status"] != "ok"] == []
    assert len(audit) == 61
