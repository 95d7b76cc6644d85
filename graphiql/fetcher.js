// Queries and mutations by POST, subscriptions over graphql-transport-ws, both to this page's own
// address. The headers editor signs in both: its values are the socket's connection parameters.
import { getOperationAST, parse } from "graphql";
import { createClient } from "graphql-ws";

export function ask(request, { headers } = {}) {
  const given = withoutEmptyToken(headers);
  return isSubscription(request) ? follow(request, given) : post(request, given);
}

// What the examples start with: nobody has pasted a token yet.
function withoutEmptyToken(headers = {}) {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => !/^Bearer\s*$/.test(value)));
}

// The editor hands over a parsed document only some time after it was typed, so we do not wait for it.
function isSubscription({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === "subscription";
  } catch {
    return false; // the server says what is wrong with it
  }
}

async function post(request, headers) {
  const response = await fetch(location.pathname, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify(request),
  });
  return response.json();
}

function follow(request, headers) {
  const url = new URL(location.pathname, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const client = createClient({
    url: url.href,
    connectionParams: () => headers,
    // By default a refused connection is fatal: while a server restarts, that is all one gets.
    shouldRetry: () => true,
  });
  return client.iterate(request);
}
