// The graphql-http package's audits of a GraphQL-over-HTTP server: a line for each.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
for (const { status, id, name, reason } of results) {
  console.log(JSON.stringify({ status, id, name, reason }));
}
