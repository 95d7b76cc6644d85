# Import the enums first: Strawberry gives an enum that it meets in an annotation its Python name.
import schema.types.enums  # noqa: F401
