"""Link templates: what a meeting's link is made from, and which schemes one may have."""

import re

# Never allowed, also when they are configured: links of these run code, or read files.
FORBIDDEN_SCHEMES = frozenset(("about", "blob", "data", "file", "javascript", "vbscript"))
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_TEMPLATE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://\S+")


def scheme_of(template: str) -> str | None:
    """Return a template's scheme in small letters; None if it is no address with {room} in it.

    Browsers overlook space and control characters in a scheme, so nothing may have them.
    """
    found = _TEMPLATE.fullmatch(template)
    if found is None or not template.isprintable() or "{room}" not in template:
        return None
    return found[1].lower()
