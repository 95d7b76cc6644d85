// Follows one subscription as an application does that stays signed in:
//   node renew.mjs URL ACCESS_TOKEN REFRESH_TOKEN QUERY SESSION_ID
// Its token is renewed whenever the socket has to be opened again, once a line "go" was read, and
// the subscription goes on after the last event it had.
import { createInterface } from "node:readline";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, accessToken, refreshToken, query, id] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

let pair = { accessToken, refreshToken };
let hasConnected = false;

async function renew() {
  say({ renewing: true });
  await lines.next();
  const response = await fetch(url.replace("ws", "http"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      query: `mutation ($token: String!) {
        refreshAccessToken(refreshToken: $token) { accessToken refreshToken errors { code } }
      }`,
      variables: { token: pair.refreshToken },
    }),
  });
  pair = (await response.json()).data.refreshAccessToken;
  say({ renewed: pair.errors });
}

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: async () => {
    if (hasConnected) await renew();
    hasConnected = true;
    return { Authorization: `Bearer ${pair.accessToken}` };
  },
  shouldRetry: () => true,
  retryWait: () => Promise.resolve(),
  on: {
    connected: () => say({ connected: true }),
    closed: ({ code }) => say({ closed: code }),
  },
});

// The client sends the same object again when it has a new socket: with the latest cursor in it.
const variables = { id };
client.subscribe(
  { query, variables },
  {
    next: ({ data }) => {
      const [event] = Object.values(data);
      variables.after = event.cursor;
      say({ event });
    },
    error: (error) => say({ error: String(error) }),
    complete: () => say({ complete: true }),
  },
);
