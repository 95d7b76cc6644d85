"""Ids and moments are written by hand, as they stand in each event: the text is the usual one."""

import base64
from datetime import UTC, datetime

from hypothesis import example, given, reject
from hypothesis import strategies as st

from schema.types.ids import Kind, decode, encode
from schema.types.scalars import write_datetime

MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.datetimes(timezones=st.timezones())


@given(st.sampled_from(Kind), st.integers(1, 2**31 - 1))
def test_an_id_is_its_kind_and_number_in_base64(kind: Kind, number: int) -> None:
    written = encode(kind, number)
    assert written == base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode()
    assert decode(written) == (kind, number)


@given(MOMENTS)
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime.max.replace(tzinfo=UTC))
def test_a_moment_is_written_in_utc_with_milliseconds(moment: datetime) -> None:
    try:
        text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError:
        reject()  # it is out of the calendar in UTC
    assert write_datetime(moment) == text.replace("+00:00", "Z")
