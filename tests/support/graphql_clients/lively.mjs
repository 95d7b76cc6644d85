import { createClient } from "graphql-ws";

export function createLivelyClient(options, silence = 35_000) {
  let timer;
  const retryWait = (retries) =>
    new Promise((go) => setTimeout(go, Math.random() * Math.min(1000 * 2 ** retries, 30_000)));
  const retry = { retryAttempts: Infinity, shouldRetry: () => true, retryWait };
  const client = createClient({ ...retry, ...options });
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => client.terminate(), silence);
  };
  client.on("opened", wait);
  client.on("message", wait);
  client.on("closed", () => clearTimeout(timer));
  return client;
}
