import "graphiql/setup-workers/vite";
import "graphiql/style.css";

import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

import { ask } from "./fetcher.js";
import { storageFor } from "./storage.js";

const text = document.getElementById("examples").textContent;
const examples = JSON.parse(text);
const [first] = examples;
const storage = storageFor(text);

const page = createElement(GraphiQL, {
  fetcher: ask,
  storage,
  plugins: [HISTORY_PLUGIN],
  defaultTabs: first && examples,
  // Of the first tab GraphiQL itself takes only the query.
  initialVariables: storage.isNew ? first?.variables : undefined,
  defaultHeaders: examples.find((example) => example.headers)?.headers,
  defaultEditorToolsVisibility: first?.variables ? "variables" : "headers",
  // A token typed into the headers editor does not outlive the page; a demo's are in the page itself.
  shouldPersistHeaders: examples.some(({ headers }) => headers?.includes("Bearer ey")),
});

createRoot(document.getElementById("graphiql")).render(page);
