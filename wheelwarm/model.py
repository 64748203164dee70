"""The words of wheelwarm as types: outcomes, reasons, actions, artifacts, resolutions, reports.

Pure: no clock, no environment, no file system. Packaging's words follow its glossary, caching's RFC 9111.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wheelwarm.errors import WheelwarmError


class Outcome(StrEnum):
    """What pip would do with the cache for one artifact."""

    HIT = "hit"
    """pip would use the entry and make no request."""
    STALE = "stale"
    """An entry exists, but pip would first ask the server, or would drop it."""
    MISS = "miss"
    """pip would download."""
    UNCACHEABLE = "uncacheable"
    """pip would download every time; no entry can change that."""
    LOCAL = "local"
    """A path or `file://` URL: pip reads it in place."""


class Reason(StrEnum):
    """Why an outcome is not a hit: a closed set, one for each verdict that is neither hit nor local."""

    ABSENT = "absent"
    BODY_MISSING = "body missing"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    EXPIRED = "expired"
    """The freshness lifetime is spent."""
    NO_LIFETIME = "no lifetime"
    """A validator but no freshness lifetime: pip asks the server on every use."""
    ALWAYS_REVALIDATED = "always revalidated"
    """pip < 26.2 asks the server for every index page, fresh or not."""
    NO_DATE = "no date"
    VARY_MISMATCH = "vary mismatch"
    HASH_MISMATCH = "hash mismatch"
    DAMAGED = "damaged"
    """No hash is stated, but the body is not whole by its own words: pip would fail on it."""
    REPLACED = "replaced"
    """The entry was there, and pip fetched it anew while resolving."""
    NO_CACHING_HEADERS = "no caching headers"
    NO_STORE = "no-store"
    NO_HASH = "no hash"
    """The server's headers keep pip from storing, and there is no hash to check a seed against."""
    INSECURE_ORIGIN = "insecure origin"
    VCS = "version control"
    UNVERSIONED_ARCHIVE = "unversioned archive"
    """pip keeps a locally built wheel only for an archive named `name-version` (or a pinned commit)."""
    NOT_BUILT = "not built"
    BUILT_ELSEWHERE = "built elsewhere"
    """A wheel that only the machine it is for can build."""
    OTHER_VERSION = "other version"
    """An index page newer than the resolution leads pip to another file than the one known."""
    LOCK_UNKNOWN = "lock not known to pip"
    """pip < 26.1 reads no pylock.toml."""
    NO_INDEX_PAGE = "no index page"
    """No cached index page and no earlier run tells the URL behind an exact pin."""


class Action(StrEnum):
    """What `prefetch` did for one artifact."""

    KEPT = "kept"
    REVALIDATED = "revalidated"
    DOWNLOADED = "downloaded"
    SEEDED = "seeded"
    SHARED = "shared"
    """Already here, or copied from another layout or cache, since another target of the run or an older pip has it."""
    BUILT = "built"
    SKIPPED = "skipped"
    FAILED = "failed"


class Lane(StrEnum):
    """Which way an artifact came into the cache."""

    PARALLEL = "parallel"
    """wheelwarm's own: many at once."""
    PIP = "pip"
    """The target's pip: while it resolved, or one artifact at a time."""


class Kind(StrEnum):
    """What a file in the cache is."""

    WHEEL = "wheel"
    SDIST = "sdist"
    METADATA = "metadata"
    INDEX_PAGE = "index_page"
    BUILT_WHEEL = "built_wheel"
    OTHER = "other"


class Layout(StrEnum):
    """How a pip lays out its HTTP cache: the section folder's name stands for the format."""

    HTTP = "http"
    """pip 10 to 23.2: one file an entry, the body inside the msgpack."""
    HTTP_V2 = "http-v2"
    """pip 23.3 and later: KEY (metadata) beside KEY.body (the raw bytes)."""


class Verdict(NamedTuple):
    """An outcome with its reason; only a hit and a local artifact have none."""

    outcome: Outcome
    reason: Reason | None = None

    @property
    def warm(self) -> bool:
        """Whether pip needs no network for it: a hit, or local."""
        return self.outcome in (Outcome.HIT, Outcome.LOCAL)


HIT = Verdict(Outcome.HIT)
LOCAL = Verdict(Outcome.LOCAL)

STRONG_HASHES = ("sha256", "sha384", "sha512")
"""The algorithms that pip's own hash checking takes, the usual one first."""


class StoredResponse(NamedTuple):
    """One HTTP response as pip's CacheControl keeps it.

    `vary` maps each header that the response's Vary named to the value the request had (None: not sent).
    `body` is empty in the `http-v2` layout, where it stands in a file of its own.
    `version` is http.client's (11 for HTTP/1.1).
    """

    status: int
    headers: Mapping[str, str]
    vary: Mapping[str, str | None] = MappingProxyType({})
    body: bytes = b""
    version: int = 11
    reason: str = "OK"
    decode_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that pip would ask for: a wheel, an sdist, a `.metadata` file, or a wheel built here from an sdist.

    `url` is without credentials and fragment, as pip asks for it; `size` is in bytes where the index tells it.
    `hashes` (algorithm to hex digest) are what pip checks the body against, in lower case however they were written.
    `link_hash` is the one that pip's wheel cache puts into its key, as it was written, None when the link had none.
    """

    name: str
    version: str
    filename: str
    kind: Kind
    url: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    link_hash: tuple[str, str] | None = None
    subdirectory: str | None = None
    direct: bool = False
    """Whether a URL in a requirement, not an index page, led to it."""

    def __post_init__(self) -> None:
        """Write hashes as they are computed; pip, too, takes them in any case."""
        if self.hashes:
            hashes = {name.lower(): digest.lower() for name, digest in self.hashes.items()}
            object.__setattr__(self, "hashes", hashes)

    @property
    def identity(self) -> tuple[Kind, str]:
        """What tells it from every other artifact of a run: an sdist and the wheel built from it share the URL."""
        return self.kind, self.url

    @property
    def sha256(self) -> str | None:
        """The hex sha256 that the index or the requirement states."""
        return self.hashes.get("sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What the requirements stand for, for one target.

    `asked` is every URL that pip looked up in its cache on the way (index pages, `.metadata`, build requirements);
    `build_requests` are those among them that only building an sdist needed;
    `supporting` are the artifacts and `.metadata` files among those that are not in `artifacts`, with their hashes.
    `made` is in seconds since the epoch, UTC; `source` says who resolved: `pip`, `uv`, the `ledger` as it remembers
    an earlier run, or the `pins` themselves.
    """

    artifacts: tuple[Artifact, ...]
    asked: tuple[str, ...] = ()
    build_requests: tuple[str, ...] = ()
    supporting: tuple[Artifact, ...] = ()
    made: float
    source: str = "pip"
    recalled: bool = field(default=False, compare=False)
    """Whether it comes out of the ledger, which needs not be told of it again."""


class Row(NamedTuple):
    """One artifact in a report: what was found, what was done, what is there now.

    `check` leaves `action`, `after` and `lane` out; `error` explains a failed action. What was kept took no lane.
    """

    artifact: Artifact
    before: Verdict
    action: Action | None = None
    after: Verdict | None = None
    error: WheelwarmError | None = None
    lane: Lane | None = None

    @property
    def final(self) -> Verdict:
        """The verdict at the end of the run."""
        return self.after or self.before


class Summary(NamedTuple):
    """How many artifacts had each outcome."""

    hits: int = 0
    stale: int = 0
    misses: int = 0
    uncacheable: int = 0
    local: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Summary:
        """Count verdicts by outcome."""
        count = Counter(verdict.outcome for verdict in verdicts)
        return cls(
            count[Outcome.HIT],
            count[Outcome.STALE],
            count[Outcome.MISS],
            count[Outcome.UNCACHEABLE],
            count[Outcome.LOCAL],
        )


class Run(NamedTuple):
    """What one prefetch found before it did anything; `started` in seconds since the epoch, UTC."""

    started: float
    target: str
    found: Summary
    bytes_downloaded: int
    seconds: float


class Observer(Protocol):
    """Who watches long work: operations tell, the terminal shows. Sizes are bytes."""

    def phase(self, text: str) -> None:
        """Say what goes on now, in a few words."""

    def expect(self, files: int, size: int) -> None:
        """Announce so many files, of so many bytes together as far as their sizes are known."""

    def begin(self, name: str, size: int | None) -> None:
        """Announce a file on its way."""

    def advance(self, name: str, amount: int) -> None:
        """Count bytes of a file that arrived."""

    def end(self, name: str) -> None:
        """Tell that a file is done, one way or the other."""

    def note(self, text: str) -> None:
        """Say something that the person should read."""


class Silent:
    """The observer that shows nothing."""

    def phase(self, text: str) -> None:
        """Show nothing."""

    def expect(self, files: int, size: int) -> None:
        """Show nothing."""

    def begin(self, name: str, size: int | None) -> None:
        """Show nothing."""

    def advance(self, name: str, amount: int) -> None:
        """Show nothing."""

    def end(self, name: str) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""
