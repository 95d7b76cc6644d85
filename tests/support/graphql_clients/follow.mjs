// Follows one operation with the official graphql-ws client, and says what happens:
//   node follow.mjs URL TOKEN QUERY [RETRIES]
// It connects again as real applications do. A line "stop" on its standard input ends the operation.
import { createInterface } from "node:readline";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, token, query, retries = "5"] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

let pinged = 0;
let finished = false;
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: () => ({ Authorization: `Bearer ${token}` }),
  retryAttempts: Number(retries),
  // By default a refused connection is fatal: while a server restarts, that is all one gets.
  shouldRetry: () => true,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  keepAlive: 50,
  on: {
    connected: () => say({ connected: true }),
    closed: ({ code, reason }) => {
      say({ closed: code, reason });
      if (finished) process.exit(0);
    },
    pong: (received) => received && pinged++ === 0 && say({ pong: true }),
  },
});

const stop = client.subscribe(
  { query },
  {
    next: (result) => say({ next: result }),
    error: (error) => {
      if (Array.isArray(error)) say({ error });
      else say({ failed: error.code ?? String(error) });
      process.exit(0);
    },
    complete: () => {
      finished = true;
      say({ complete: true });
    },
  },
);

createInterface({ input: process.stdin }).on("line", stop);
