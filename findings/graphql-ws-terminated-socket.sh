#!/usr/bin/env bash
# graphql-ws 6.4.2 with ws 8.23.0 (Node): what still comes on a socket after `client.terminate()`.
#
# Guess: the client that gives a stuck socket up hears nothing more of it. It connects and subscribes
# again, and its sink gets what the new socket brings.
# Seen: the old socket's messages go on to the sink. The subscription keeps its id on the new socket,
# and terminate() takes off the old one's `onclose` and `onerror`, but not its `onmessage`; ws goes on
# reading until its close is answered. So an old event comes after the new snapshot, and an old
# `complete` ends the new subscription, which is told to the new socket as its end.
# Meets us: docs/clients.md has clients terminate a silent socket. What we send has a version and a
# cursor, so that a client can tell an old event.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund graphql-ws@6.4.2 ws@8.23.0 graphql@16.15.0 >/dev/null
cat >terminated.mjs <<'JS'
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { createClient } from "graphql-ws";
import WebSocket, { WebSocketServer } from "ws";

const sockets = [];
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "graphql-transport-ws" });
await once(server, "listening");
server.on("connection", (socket) => {
  const number = sockets.push(socket);
  socket.on("message", (text) => {
    const { type, id } = JSON.parse(text);
    if (type === "connection_init") socket.send('{"type":"connection_ack"}');
    if (type !== "subscribe") return;
    socket.next = (said) => socket.send(JSON.stringify({ id, type: "next", payload: { data: { said } } }));
    socket.complete = () => socket.send(JSON.stringify({ id, type: "complete" }));
    socket.next(`snapshot of socket ${number}`);
  });
});

const ways = []; // from the server to the client, one for each connection
const proxy = createServer((client) => {
  const upstream = connect(server.address().port, "127.0.0.1");
  client.pipe(upstream).pipe(client);
  for (const end of [client, upstream]) end.on("error", () => {});
  ways.push({ hold: () => upstream.unpipe(client), letGo: () => upstream.pipe(client) });
}).listen(0, "127.0.0.1");
await once(proxy, "listening");

let heard;
const next = () => new Promise((resolve) => (heard = resolve));
const say = (...words) => (console.log(...words), heard?.());
const client = createClient({
  url: `ws://127.0.0.1:${proxy.address().port}`,
  webSocketImpl: WebSocket,
  retryWait: () => Promise.resolve(),
});
client.subscribe(
  { query: "subscription { said }" },
  {
    next: ({ data }) => say("next:", data.said),
    error: (error) => say("error:", error),
    complete: () => say("complete"),
  },
);
await next();
ways[0].hold();
sockets[0].next("event of socket 1");
sockets[0].complete();
client.terminate();
await next();
const events = next();
const closed = once(sockets[1], "close");
ways[0].letGo();
await events;
console.log("socket 2 is closed with", (await closed)[0]);
process.exit(0);
JS
timeout 60 node terminated.mjs | tee seen
diff seen - <<'SEEN'
next: snapshot of socket 1
next: snapshot of socket 2
next: event of socket 1
complete
socket 2 is closed with 1000
SEEN
echo "as described"
