#!/usr/bin/env bash
# gql 4.4.0 (Python): a server's `ping` before its `connection_ack`.
#
# Guess: it is answered like any other. The protocol lets either side send a ping "at any time within
# the established socket", and gql's transport answers pings by default.
# Seen: gql gives the connection up, "did not return a connection ack": until the ack it takes nothing
# else, but `ka` of the older protocol. After the ack it answers each ping, without its payload.
# Meets us: a server that pings what was silent for some seconds must not count from the opening, or
# clients with a slow sign-in are lost.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'gql[websockets]==4.4.0' websockets==17.4
timeout 60 venv/bin/python - <<'PYTHON' | tee seen
import asyncio, json
from gql import Client, gql
from gql.transport.exceptions import TransportProtocolError
from gql.transport.websockets import WebsocketsTransport
from websockets import ConnectionClosed, serve

ACK, PING = '{"type": "connection_ack"}', '{"type": "ping", "payload": {"at": 1}}'

async def answer(socket, opening, heard):
    """Acknowledges with `opening`, and answers a subscription once the ping was answered."""
    try:
        await socket.recv()
        for message in opening:
            await socket.send(message)
        subscribed, pong = [json.loads(await socket.recv()) for _ in opening]
        if subscribed["type"] == "pong":
            subscribed, pong = pong, subscribed
        heard.append(pong)
        told = {"id": subscribed["id"], "type": "next", "payload": {"data": {"told": 1}}}
        await socket.send(json.dumps(told))
        await socket.wait_closed()
    except ConnectionClosed:
        heard.append("no pong")

async def follow(port):
    transport = WebsocketsTransport(
        f"ws://127.0.0.1:{port}", subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL]
    )
    try:
        async with Client(transport=transport) as session:
            async for told in session.subscribe(gql("subscription { told }")):
                return told
    except TransportProtocolError as error:
        return error

async def main():
    for case, opening in (("after the ack", [ACK, PING]), ("before the ack", [PING, ACK])):
        heard = []
        ours = lambda socket: answer(socket, opening, heard)
        async with serve(ours, "127.0.0.1", 0, subprotocols=["graphql-transport-ws"]) as server:
            told = await follow(server.sockets[0].getsockname()[1])
        print(f"a ping {case}: the server hears {heard[0]}; the client has: {told}")

asyncio.run(main())
PYTHON
diff seen - <<'SEEN'
a ping after the ack: the server hears {'type': 'pong'}; the client has: {'told': 1}
a ping before the ack: the server hears no pong; the client has: Websocket server did not return a connection ack
SEEN
echo "as described"
