from graphql import parse

from execution.documents import KnownDocuments, document_cache
from execution.refusals import ClientSafeSchema
from tests.support.counting import Query


def test_the_same_text_is_the_same_document() -> None:
    known = KnownDocuments()
    document = parse("{ hello }")
    known.add("{ hello }", document)
    assert known.find("{ hello }") is document
    assert known.find("{ hello  }") is None


def test_the_document_cache_is_bounded_by_the_length_of_all_texts() -> None:
    known = KnownDocuments(max_chars=100)
    document = parse("{ hello }")
    for number in range(8):
        known.add(f"{number:020}", document)
        known.find(f"{0:020}")
    kept = [number for number in range(8) if known.find(f"{number:020}")]
    assert kept == [0, 4, 5, 6, 7]  # the one used again and again, and the latest


def test_a_text_that_would_push_out_all_others_is_not_kept() -> None:
    known = KnownDocuments(max_chars=100)
    known.add("x" * 26, parse("{ hello }"))
    assert len(known) == 0


async def test_only_valid_documents_are_remembered() -> None:
    known = KnownDocuments()
    schema = ClientSafeSchema(Query, extensions=[document_cache(known)])
    for text in ("{ hel", "{ nope }", "{ hello }", "{ hello }"):
        await schema.execute(text)
    assert len(known) == 1
    assert known.find("{ hello }") is not None
