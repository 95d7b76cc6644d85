"""GraphQL: documents over HTTP, limits, and what each role may see."""
