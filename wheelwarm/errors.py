"""The one tree of errors: a sentence that names the thing, a hint that says what to do next, a code for JSON.

::

    WheelwarmError
      InputError       a requirement, a file or an option that cannot be used
        UsageError         the command line does not say what is wanted
      TargetError      no such Python, no usable pip in it
      CacheError       the cache is disabled, not pip's to use, not writable, full
        CacheDisabledError  pip is told to use none
        CacheOwnerError     it is not the user's to write
      ResolveError     pip could not turn the requirements into artifacts
        NoDistributionError  no index has a file that would do
        HashMismatchError  a body had another hash than the requirements or the index state
      FetchError       one artifact could not be had
      OfflineError     no server of any index can be reached
      FormatError      bytes in the cache that are not what pip writes
        ExcessError        an archive that unpacks beyond all measure

The command line catches WheelwarmError once, prints it on standard error and exits with 3, with 2 for
a UsageError.
"""

from __future__ import annotations


class WheelwarmError(Exception):
    """The base of everything wheelwarm raises on purpose.

    `message` is one sentence without credentials; `hint` says what to type or change, and may be empty.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(WheelwarmError):
    """A requirement, a file or an option that cannot be used."""

    code = "input"


class UsageError(InputError):
    """The command line does not say what is wanted; exit code 2."""

    code = "usage"


class TargetError(WheelwarmError):
    """The Python to warm for cannot be found, started, or has no pip that wheelwarm can drive."""

    code = "target"


class CacheError(WheelwarmError):
    """The cache directory cannot be used: disabled, owned by somebody else, not writable, disk full."""

    code = "cache"


class CacheDisabledError(CacheError):
    """pip is configured to use no cache."""


class CacheOwnerError(CacheError):
    """pip leaves a cache alone that is not the user's to write; `path` is that directory, as far as pip named it."""

    def __init__(self, message: str, *, hint: str = "", path: str) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class ResolveError(WheelwarmError):
    """pip could not turn the requirements into artifacts; the message is pip's own, without credentials."""

    code = "resolve"


class NoDistributionError(ResolveError):
    """No index has a file of a project that would do: none of that name, none for this machine, no such version."""


class HashMismatchError(ResolveError):
    """A body had another hash than the requirements or the index state: a spoilt entry, or a wrong hash.

    `got` is the hex digest that pip computed; `asked` are the URLs it had looked up by then.
    """

    code = "hash_mismatch"

    def __init__(self, message: str, *, hint: str = "", got: str, asked: tuple[str, ...]) -> None:
        super().__init__(message, hint=hint)
        self.got = got
        self.asked = asked


class FetchError(WheelwarmError):
    """One artifact could not be had; the rest of the set goes on.

    `pip_may` tells that pip might succeed where wheelwarm's own lane cannot: credentials, proxies, odd trust.
    `status` is that of an HTTP answer which refuses, None where there was no such answer.
    """

    code = "fetch"

    def __init__(self, message: str, *, hint: str = "", pip_may: bool = False, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.pip_may = pip_may
        self.status = status


class OfflineError(WheelwarmError):
    """No server that the run depends on can be reached; with `--offline-ok` that is a note and no failure."""

    code = "offline"


class FormatError(WheelwarmError):
    """Bytes in the cache that are not what pip writes there."""

    code = "format"


class ExcessError(FormatError):
    """An archive that unpacks beyond all measure."""

    code = "excess"
