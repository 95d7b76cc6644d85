"""A template's scheme is read as a browser would read it, or the template is none."""

import pytest

from domain.links import scheme_of


@pytest.mark.parametrize(
    ("template", "scheme"),
    [
        ("https://example.org/{room}", "https"),
        ("HTTPS://example.org/{room}", "https"),
        ("JavaScript://%0aalert(1)//{room}", "javascript"),
        ("itqan://class/{room}?source=halaqa", "itqan"),
        ("com.example+x://{room}", "com.example+x"),
        ("https://{room}.example.org/سارة", "https"),
    ],
)
def test_a_scheme_is_told_in_small_letters(template: str, scheme: str) -> None:
    assert scheme_of(template) == scheme


@pytest.mark.parametrize(
    "template",
    [
        "",
        "no url {room}",
        "https://example.org/class",
        " javascript://{room}",
        "java\tscript://{room}",
        "java\nscript://{room}",
        "\x01javascript://{room}",
        "https://example.org/\x00{room}",
        "https://example.org/\x7f{room}",
        "https://example.org/\u200b{room}",
        "https://example.org/\u202e{room}",
        "https://example.org/{room}\n",
        "https://example.org/a b/{room}",
        "javascript:alert(1)//{room}",
        "data:text/html,{room}",
        "//example.org/{room}",
        "{room}://example.org",
        "\uff48ttps://example.org/{room}",  # a full-width h
    ],
)
def test_what_is_no_address_has_no_scheme(template: str) -> None:
    assert scheme_of(template) is None
