"""Runs a document: limits, context, loaders, errors, and one execution for many screens."""
