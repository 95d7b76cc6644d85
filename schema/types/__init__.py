# First of all: an enum that Strawberry meets in an annotation gets its Python name.
import schema.types.enums  # noqa: F401
