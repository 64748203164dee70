"""The options that tell pip where and what to look for, from the command line or from requirement files. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ALL = ":all:"
_NONE = ":none:"

# Naming a project in one option of a pair takes it out of the other (pip's format control and, since 26.0, its
# release control).
_RIVALS = {
    "no_binary": "only_binary",
    "only_binary": "no_binary",
    "all_releases": "only_final",
    "only_final": "all_releases",
}


class IndexOptions(NamedTuple):
    """Index options, each field named as pip's flag; None and empty mean that pip's configuration decides.

    The selecting fields (`no_binary`, `only_binary`, `all_releases`, `only_final`) hold values as given to the flag:
    project names, commas between them, `:all:` or `:none:`.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    pre: bool = False
    prefer_binary: bool = False
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    all_releases: tuple[str, ...] = ()
    only_final: tuple[str, ...] = ()
    require_hashes: bool = False

    def merged(self, other: IndexOptions) -> IndexOptions:
        """Return these options with those of a file read later, by pip's rules.

        An `--index-url` replaces all indexes so far, extra ones included; `--no-index` drops them and all that follow;
        the rest is added. Between rival selections `:all:` counts first, then what is named one by one, because two
        tuples cannot tell the order in which they were typed.
        """
        result = self._with_indexes(other)._replace(
            find_links=self.find_links + other.find_links,
            trusted_hosts=_unique(self.trusted_hosts + other.trusted_hosts),
            pre=self.pre or other.pre,
            prefer_binary=self.prefer_binary or other.prefer_binary,
            require_hashes=self.require_hashes or other.require_hashes,
        )
        for option, value in other._selections():
            result = result.selecting(option, value)
        return result

    def over(self, setting: Callable[[str], str | None]) -> IndexOptions:
        """Return these options over what pip's configuration says on wheels and sdists."""
        configured = IndexOptions()
        for option in ("no_binary", "only_binary"):
            if value := setting(option.replace("_", "-")):
                configured = configured.selecting(option, value)
        return configured.merged(self)

    def selecting(self, option: str, value: str) -> IndexOptions:
        """Return these options after one more `--no-binary`, `--only-binary`, `--all-releases` or `--only-final`."""
        rival = _RIVALS[option]
        chosen, others = _select(value, frozenset(getattr(self, option)), frozenset(getattr(self, rival)))
        changes: dict[str, Any] = {option: tuple(sorted(chosen)), rival: tuple(sorted(others))}
        return self._replace(**changes)

    def arguments(self) -> list[str]:
        """Return pip's flags for these options, for any command that takes index options."""
        flags = [
            *_flags("--index-url", [self.index_url] if self.index_url else []),
            *_flags("--extra-index-url", self.extra_index_urls),
            *(["--no-index"] if self.no_index else []),
            *_flags("--find-links", self.find_links),
            *_flags("--trusted-host", self.trusted_hosts),
            *(["--prefer-binary"] if self.prefer_binary else []),
            *(["--require-hashes"] if self.require_hashes else []),
        ]
        for option, value in self._portable()._selections():
            flags += [f"--{option.replace('_', '-')}", value]
        return flags if not self._portable().pre else [*flags, "--pre"]

    def _with_indexes(self, other: IndexOptions) -> IndexOptions:
        if self.no_index or other.no_index:
            return self._replace(index_url=None, extra_index_urls=(), no_index=True)
        if other.index_url:
            return self._replace(index_url=other.index_url, extra_index_urls=other.extra_index_urls)
        return self._replace(extra_index_urls=self.extra_index_urls + other.extra_index_urls)

    def _selections(self) -> Iterator[tuple[str, str]]:
        pairs = [(option, value) for option in _RIVALS for value in getattr(self, option)]
        yield from sorted(pairs, key=lambda pair: _ALL not in pair[1].split(","))

    def _portable(self) -> IndexOptions:
        """Say `--pre` as `--all-releases :all:` where pip's command line would not take both (since 26.0).

        `:all:` among the all releases beats the one among the only final ones in pip's own look-up.
        """
        if not self.pre or not (self.all_releases or self.only_final):
            return self
        return self._replace(
            pre=False,
            all_releases=_unique((_ALL, *self.all_releases)),
            only_final=tuple(value for value in self.only_final if value != _ALL),
        )


def forced_format(options: IndexOptions, name: str) -> str | None:
    """Return `wheel` or `sdist` where pip may take nothing else of a project: its own name beats `:all:`."""
    from packaging.utils import canonicalize_name

    for selector in (canonicalize_name(name), _ALL):
        if selector in options.only_binary:
            return "wheel"
        if selector in options.no_binary:
            return "sdist"
    return None


def _select(value: str, chosen: frozenset[str], others: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    from packaging.utils import canonicalize_name

    names = value.split(",")
    if _ALL in names:
        chosen, others = frozenset({_ALL}), frozenset()
        names = names[len(names) - names[::-1].index(_ALL) :]
        # pip drops the names behind `:all:`, unless a `:none:` among them starts afresh.
        if _NONE not in names:
            return chosen, others
    for name in names:
        if name == _NONE:
            chosen = frozenset()
            continue
        chosen, others = chosen | {canonicalize_name(name)}, others - {canonicalize_name(name)}
    return chosen, others


def _flags(flag: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (flag, value)]


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
