"""GraphQL over HTTP, by https://graphql.github.io/graphql-over-http/draft/."""

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
from execution.refusals import ClientSafeSchema, RequestCode, is_temporary, refuse_fault
from routes.headers import PRIVATE

MAX_BODY_BYTES = 1024 * 1024

RESPONSE_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"

OPERATIONS = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
CODES = {401: RequestCode.UNAUTHENTICATED, 413: RequestCode.LIMIT_EXCEEDED}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET, POST"}}

ContextFor = Callable[[Request], Awaitable[object]]
Page = Callable[[Request], Awaitable[Response]]


class _Reply(Response):
    """Carries the request to create_response, in Strawberry's object for response headers."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request
        self.query = ""  # set once the body is read
        self.operation_name: str | None = None
        self.status_code = 0  # 0 lets Strawberry decide
        del self.headers["content-length"]


class GraphQLOverHTTP(GraphQL[object, None]):
    """Answers GraphQL requests: JSON in and out, queries by GET, `page` for browsers.

    `context_for` makes the context of one request. Its UnauthenticatedError becomes a 401, any
    other error a masked 503 or 500.
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
            accepts_html = "text/html" in request.headers.get("accept", "")
            has_query = request.method != "GET" or "query" in request.query_params
            if self._page and accepts_html and not has_query:
                response = await self._page(request)
            else:
                response = await self.run(request)
        except UnauthenticatedError as error:
            response = _refusal(401, str(error) or "Sign in first.")
        except HTTPException as error:
            response = _refusal(error.status_code, error.reason)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            refused = refuse_fault(error)
            # 503 means that the database does not answer and a retry helps; 500 is our fault.
            status = 503 if is_temporary(error) else 500
            response = _error_response(status, refused.message, refused.extensions)
        await response(scope, receive, send)

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
            body = await request.get_body()
            # Any web page can post a form without asking; for JSON the browser asks us first.
            content_type = (request.content_type or "").partition(";")[0].strip().lower()
            if content_type != PLAIN_JSON:
                raise HTTPException(415, f"The body must be {PLAIN_JSON}.")
            data = self.parse_json(body)
            if not isinstance(data, dict):
                raise HTTPException(400, "The body must be one JSON object; batches are not taken.")
        return GraphQLRequestData(
            query=_typed(data, "query", str),
            variables=_typed(data, "variables", dict),
            operation_name=_typed(data, "operationName", str),
            extensions=_typed(data, "extensions", dict),
        )

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
                allowed_operation_types=OPERATIONS[request.method],
                operation_extensions=request_data.extensions,
            )
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION:
                message = "Subscriptions need a WebSocket to this address (graphql-transport-ws)."
                raise HTTPException(400, message) from None
            raise HTTPException(405, "Mutations must be sent by POST.") from None
        except CannotGetOperationTypeError as error:
            raise HTTPException(400, error.as_http_error_reason()) from None
        except MissingQueryError:
            raise HTTPException(400, "The request has no query.") from None

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        payload = process_result(result)
        errors = result.errors or []
        is_executed = result.data is not None or any(error.path is not None for error in errors)
        if errors and not is_executed:  # the document, its variables or its operation was refused
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
            error = refuse_answer(reply.query, reply.operation_name)
            refused: GraphQLHTTPResponse = {"data": None, "errors": [error.formatted]}
            response = super().create_response(refused, reply)
        response.headers.update(PRIVATE)
        accept = reply.request.headers.get("accept", "")
        if _wants_response_json(accept):
            response.headers["content-type"] = f"{RESPONSE_JSON}; charset=utf-8"
            if "data" not in response_data:
                response.status_code = 400
        return response


def _bounded(receive: Receive) -> Receive:
    """Refuse the request with 413 once its body exceeds MAX_BODY_BYTES."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body must not exceed {MAX_BODY_BYTES} bytes.")
        return message

    return bounded


def _typed(data: dict[str, Any], key: str, kind: type) -> Any:
    value = data.get(key)
    if value is not None and not isinstance(value, kind):
        name = "a string" if kind is str else "an object"
        raise HTTPException(400, f"`{key}` must be {name}, or left out.")
    return value


def _wants_response_json(accept: str) -> bool:
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type in (RESPONSE_JSON, PLAIN_JSON):
            return media_type == RESPONSE_JSON
    return False  # clients from before the specification expect plain JSON


def _refusal(status: int, message: str) -> Response:
    code = CODES.get(status, RequestCode.BAD_USER_INPUT)
    telemetry.count_refusal(code)
    return _error_response(status, message, {"code": code})


def _error_response(status: int, message: str, extensions: object) -> Response:
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return Response(json.dumps(body), status, PRIVATE | HEADERS.get(status, {}), PLAIN_JSON)
