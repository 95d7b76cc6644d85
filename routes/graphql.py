"""GraphQL over HTTP, as https://graphql.github.io/graphql-over-http/draft/ has it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.http.base import BaseRequestProtocol
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

import telemetry
from domain.errors import UnauthenticatedError
from execution.answers import AnswerTooLongError, refuse_answer, write_answer
from execution.refusals import ClientSafeSchema, RequestCode, is_passing, refuse_fault

MAX_BODY_BYTES = 1024 * 1024

RESPONSE_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"

ALLOWED = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
CODES = {401: RequestCode.UNAUTHENTICATED, 413: RequestCode.LIMIT_EXCEEDED}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET, POST"}}

ContextFor = Callable[[Request], Awaitable[object]]
Page = Callable[[Request], Awaitable[Response]]


class _Reply(Response):
    """Strawberry's place for response headers; it carries what the answer's shape depends on."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request
        self.query = ""  # not read yet
        self.operation_name: str | None = None
        self.status_code = 0  # not decided yet
        del self.headers["content-length"]


class GraphQLOverHTTP(GraphQL[object, None]):
    """An ASGI endpoint for `Route`: JSON in and out, queries by GET, `page` for browsers.

    `context_for` makes one request's context; its UnauthenticatedError becomes a 401, what else it
    raises a masked 503 or 500.
    """

    def __init__(
        self, schema: ClientSafeSchema, *, context_for: ContextFor, page: Page | None = None
    ) -> None:
        super().__init__(schema, graphql_ide=None, subscription_protocols=())
        self._context_for = context_for
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, _bounded(receive))
        try:
            response = await self._answer(request)
        except UnauthenticatedError as error:
            response = _refusal(401, str(error) or "Sign in first.")
        except HTTPException as error:
            response = _refusal(error.status_code, error.reason)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            response = _failure(error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self._page and _is_browser(request):
            return await self._page(request)
        return await self.run(request)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> object:
        if not isinstance(request, Request):
            raise TypeError("sockets have their own endpoint")
        return await self._context_for(request)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        if not isinstance(request, Request):
            raise TypeError("sockets have their own endpoint")
        return _Reply(request)

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        return False

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str | bytes:
        return write_answer(cast(dict[str, Any], data))

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            data = self.parse_query_params(request.query_params)
        else:
            data = self._posted(request.content_type, await request.get_body())
        return GraphQLRequestData(
            query=_typed(data, "query", str),
            variables=_typed(data, "variables", dict),
            operation_name=_typed(data, "operationName", str),
            extensions=_typed(data, "extensions", dict),
        )

    def _posted(self, content_type: str | None, body: str | bytes) -> dict[str, Any]:
        # A form can be posted from any page without asking; JSON makes the browser ask first.
        if (content_type or "").partition(";")[0].strip().lower() != PLAIN_JSON:
            raise HTTPException(415, f"The body must be {PLAIN_JSON}.")
        data = self.parse_json(body)
        if not isinstance(data, dict):
            raise HTTPException(400, "The body must be one JSON object; batches are not taken.")
        return data

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: object,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        reply = cast(_Reply, sub_response)
        reply.query, reply.operation_name = request_data.query or "", request_data.operation_name
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=ALLOWED[request.method],
                operation_extensions=request_data.extensions,
            )
        except InvalidOperationTypeError as error:
            raise _wrong_method(error.operation_type) from None
        except CannotGetOperationTypeError as error:
            raise HTTPException(400, error.as_http_error_reason()) from None
        except MissingQueryError:
            raise HTTPException(400, "The request has no query.") from None

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        payload = process_result(result)
        if _is_request_error(result):
            del payload["data"]
        return payload

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        reply = cast(_Reply, sub_response)
        try:
            response = super().create_response(response_data, reply)
        except AnswerTooLongError:
            response = super().create_response(_refused(reply), reply)
        accept = reply.request.headers.get("accept", "")
        if _wants_response_json(accept):
            response.headers["content-type"] = f"{RESPONSE_JSON}; charset=utf-8"
            if "data" not in response_data:
                response.status_code = 400
        return response


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body must not exceed {MAX_BODY_BYTES} bytes.")
        return message

    return bounded


def _refused(reply: _Reply) -> GraphQLHTTPResponse:
    """What takes the place of an answer that is too long."""
    error = refuse_answer(reply.query, reply.operation_name)
    return {"data": None, "errors": [error.formatted]}


def _is_browser(request: Request) -> bool:
    wants_html = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and wants_html and "query" not in request.query_params


def _typed(data: dict[str, Any], key: str, kind: type) -> Any:
    value = data.get(key)
    if value is not None and not isinstance(value, kind):
        name = "a string" if kind is str else "an object"
        raise HTTPException(400, f"`{key}` must be {name}, or left out.")
    return value


def _wrong_method(kind: OperationType) -> HTTPException:
    if kind is OperationType.SUBSCRIPTION:
        message = "Subscriptions need a WebSocket to this address (graphql-transport-ws)."
        return HTTPException(400, message)
    return HTTPException(405, "Mutations must be sent by POST.")


def _is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed: the document, its variables or its operation were refused."""
    errors = result.errors or []
    return result.data is None and bool(errors) and all(error.path is None for error in errors)


def _wants_response_json(accept: str) -> bool:
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type in (RESPONSE_JSON, PLAIN_JSON):
            return media_type == RESPONSE_JSON
    return False  # what clients from before the specification expect


def _refusal(status: int, message: str) -> Response:
    code = CODES.get(status, RequestCode.BAD_USER_INPUT)
    telemetry.count_refusal(code)
    return _told(status, message, {"code": code})


def _failure(error: Exception) -> Response:
    """503: the database is away, ask again; 500: our mistake."""
    told = refuse_fault(error)
    return _told(503 if is_passing(error) else 500, told.message, told.extensions)


def _told(status: int, message: str, extensions: object) -> Response:
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return Response(json.dumps(body), status, HEADERS.get(status), PLAIN_JSON)
