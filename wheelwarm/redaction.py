"""Masks credentials in URLs, wherever they stand in a text. Pure; every message that may hold a URL goes through it."""

from __future__ import annotations

import re

# The user information of RFC 3986, 3.2.1: what stands between `//` and the last `@` of the authority, which ends at
# `/`, `?` or `#`. The second branch catches a password with one of those unescaped: a colon that no port follows
# starts a password, even though urllib would then read another host. Both end at white space, as URLs in prose do.
_USER_INFORMATION = re.compile(
    r"""(?P<slashes>//)
        (?: [^\s/?\#]*@
          | [^\s/?\#@\[\]]*:(?!\d+(?:[/?\#\s]|$))[^\s]*@
        )""",
    re.VERBOSE,
)


# More than a sentence can carry; a file that is no requirements file may have a line of a megabyte.
_READABLE = 200


def quoted(text: str) -> str:
    """Return a text fit to be quoted in a sentence: without credentials, and cut where it is too long to be read."""
    # Redacted first: half a password is not known for one.
    text = redact(text)
    return text if len(text) <= _READABLE else f"{text[: _READABLE - 1]}…"


def one_line(text: str) -> str:
    """Return the words of a parser that shows the place in lines of their own as one line: `what is wrong: 'text'`."""
    what, _, rest = text.partition("\n")
    written, _, marks = rest.partition("\n")
    return f"{what}: '{quoted(written.strip())}'{marks.lstrip().lstrip('~^')}" if rest else quoted(what)


def redact(text: str) -> str:
    """Return the text, a URL or prose with URLs in it, with each `user:password@` turned into `****@`.

    A bare `user@` is masked too: registries take tokens there, and pip masks it for that reason.
    """
    if "@" not in text:
        return text
    return _USER_INFORMATION.sub(r"\g<slashes>****@", text)
