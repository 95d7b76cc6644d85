"""An answer that is too long is not started, even if its rows share their values in memory."""

import tracemalloc

import pytest

from execution.answers import ANSWER_MAX_BYTES, AnswerTooLongError, write_answer

MEBIBYTE = 1024 * 1024


@pytest.mark.no_cover  # tracing makes it several times as slow
@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"rows": [{"notes": "n" * MEBIBYTE}] * 100}},
        {"data": {"rows": [{"n" * 64: None}] * 2_000_000}},
        {"data": None, "errors": [{"message": "m" * MEBIBYTE}] * 100},
    ],
)
def test_an_answer_that_is_too_long_in_json_is_refused_without_using_memory(
    answer: dict[str, object],
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(AnswerTooLongError):
            write_answer(answer)
        assert tracemalloc.get_traced_memory()[1] < 32 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_an_answer_of_just_so_many_bytes_is_written() -> None:
    frame = len('{"data":""}')
    assert len(write_answer({"data": "a" * (ANSWER_MAX_BYTES - frame)})) == ANSWER_MAX_BYTES
    for one_more in (
        "a" * (ANSWER_MAX_BYTES - frame + 1),
        '"' + "a" * (ANSWER_MAX_BYTES - frame - 1),
    ):
        with pytest.raises(AnswerTooLongError):
            write_answer({"data": one_more})
