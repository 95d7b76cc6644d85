"""Headers that tell browsers how little our answers may do."""

import base64
import hashlib
import re

NOSNIFF = {"X-Content-Type-Options": "nosniff"}
# What one person is told is kept by no cache.
PRIVATE = NOSNIFF | {"Cache-Control": "no-store"}

# Scripts of a page: those written into it, and those from other places. Other types are only data.
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_FOREIGN = re.compile(r"<(script|link)\s[^>]*?(?:src|href)=\"(https://[^\"\s;,]+)\"")


def page_headers(html: str) -> dict[str, str]:
    """Return the headers of a page that runs its own scripts, and shows itself in no frame.

    A script in the page is allowed by its hash, one from elsewhere by its whole address. The editor
    writes styles into the page while it runs; it makes no code of text, and its workers are files.
    """
    inline = [_hash_of(script) for script in _INLINE.findall(html)]
    foreign = _FOREIGN.findall(html)
    scripts = [address for tag, address in foreign if tag == "script"]
    styles = [address for tag, address in foreign if tag == "link"]
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *inline, *scripts],
        "style-src": ["'self'", "'unsafe-inline'", *styles],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return PRIVATE | {
        "Content-Security-Policy": "; ".join(
            " ".join((name, *sources)) for name, sources in policy.items()
        ),
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }


def _hash_of(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
