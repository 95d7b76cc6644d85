// Follows one operation with the client of docs/clients.md, which gives a silent socket up:
//   node notice.mjs URL QUERY SILENCE_MS
import WebSocket from "ws";

import { createLivelyClient } from "./lively.mjs";

const [url, query, silence] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

const on = {
  connected: () => say({ connected: true }),
  closed: ({ code }) => say({ closed: code }),
};
const client = createLivelyClient({ url, webSocketImpl: WebSocket, on }, Number(silence));
client.subscribe(
  { query },
  {
    next: (result) => say({ next: result }),
    error: (error) => say({ failed: String(error) }),
    complete: () => say({ complete: true }),
  },
);
