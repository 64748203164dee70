"""What pip was asked for, in uv's words: the files, arguments and variables of one `uv pip compile`. Pure.

What uv cannot honour is refused: to leave it out would warm something else than what was asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wheelwarm.errors import InputError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.targets.network import with_scheme
from wheelwarm.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wheelwarm.inputs.requirement_line import RequirementLine
    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.targets.elsewhere import Elsewhere
    from wheelwarm.targets.network import Network
    from wheelwarm.targets.target import Target

# Settings of pip that change what it takes, and that uv has no like of.
ONLY_PIP_HAS = (
    *("requirement", "editable", "group", "require-hashes", "prefer-binary", "all-releases", "only-final"),
    *("uploaded-prior-to", "ignore-requires-python", "no-deps", "config-settings", "no-build-isolation"),
    *("platform", "python-version", "implementation", "abi", "use-feature", "use-deprecated"),
)
# What a user may have said to uv that changes no resolution; the rest would change it unknown to pip.
KEPT_OF_UV = ("UV_CACHE_DIR", "UV_NO_CACHE", "UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS")
_OFF = ("", "0", "false", "no", "off", "n", "f")
_EXTRAS = re.compile(r"\[[^\]]+\]$")
_WINDOWS = {
    "win_amd64": "x86_64-pc-windows-msvc",
    "win32": "i686-pc-windows-msvc",
    "win_arm64": "aarch64-pc-windows-msvc",
}
_MANYLINUX = re.compile(r"(?P<libc>manylinux(?:2014|_2_(?:17|28|3[1-9]|40)))_(?P<machine>x86_64|aarch64)")
_MUSL = re.compile(r"musllinux_1_\d+_(?P<machine>x86_64|aarch64)")
_MAC = re.compile(r"macosx_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>x86_64|arm64)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What uv is to be given: the text of its files, its arguments, and its variables, which may hold credentials.

    `constraint_files` and `build_constraint_files` are paths.
    """

    requirements: str = field(repr=False)
    constraints: str = field(repr=False)
    constraint_files: tuple[str, ...] = ()
    build_constraint_files: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def question(requirements: RequirementSet, target: Target, network: Network) -> Question:
    """Translate an input and the configuration of the target's pip.

    Raises InputError for the first thing that uv cannot honour.
    """
    for what in unknown_to_uv(requirements, target):
        raise InputError(f"uv cannot honour {what}.", hint="Let pip resolve: --resolver pip.")
    options = settled(requirements.options, target)
    return Question(
        requirements="".join(_lines(options, (one for one in requirements.lines if not one.constraint))),
        constraints="".join(f"{written(one)}\n" for one in requirements.lines if one.constraint),
        constraint_files=_words(target, "constraint"),
        build_constraint_files=_words(target, "build-constraint"),
        arguments=(*_arguments(options, target), *_elsewhere_arguments(target.elsewhere)),
        variables={**_index_variables(indexes(options, target)), **_reach(network), **_mac(target.elsewhere)},
    )


def unknown_to_uv(requirements: RequirementSet, target: Target) -> Iterator[str]:
    """Name what was asked for, or configured, and what uv has no like of or means otherwise."""
    options, lines = requirements.options, requirements.lines
    if not target.tags:
        yield f"a target with Python {target.version}, whose wheel tags are not known"
    if requirements.remote_files:
        yield f"the requirements file {without_credentials(requirements.remote_files[0])}, which is not on this machine"
    if options.require_hashes or any(line.hashes for line in lines):
        yield "--hash, against which it checks nothing while it resolves"
    for flag, value in (
        ("--prefer-binary", options.prefer_binary),
        ("--all-releases", options.all_releases),
        ("--only-final", options.only_final),
        ("--config-settings of a requirement", any(line.build_options for line in lines)),
        ("an editable repository", any(line.editable and not line.local for line in lines)),
    ):
        if value:
            yield flag
    yield from (f"'{name}' in pip's configuration" for name in ONLY_PIP_HAS if is_on(target.setting(name)))
    if target.setting("keyring-provider") == "import":
        yield "'keyring-provider = import' in pip's configuration"
    yield from _mixed_formats(settled(options, target))
    yield from _unknown_machine(target.elsewhere)


def is_on(value: str | None) -> bool:
    """Tell whether a setting of pip says anything but no."""
    return (value or "").strip().lower() not in _OFF


def settled(options: IndexOptions, target: Target) -> IndexOptions:
    """Return the options with what pip's configuration adds where they say nothing; indexes are told by `indexes`."""
    configured = IndexOptions()
    for name in ("no_binary", "only_binary"):
        for value in (target.setting(name.replace("_", "-")) or "").split():
            configured = configured.selecting(name, value)
    typed = options.no_binary or options.only_binary
    return options._replace(
        no_binary=options.no_binary if typed else configured.no_binary,
        only_binary=options.only_binary if typed else configured.only_binary,
        no_index=options.no_index or is_on(target.setting("no-index")),
        pre=options.pre or is_on(target.setting("pre")),
        find_links=(*options.find_links, *_words(target, "find-links")),
    )


def indexes(options: IndexOptions, target: Target) -> tuple[str, ...]:
    """Return the indexes that pip would ask, the main one first."""
    if options.no_index:
        return ()
    first = options.index_url or target.setting("index-url") or target.index
    extra = (*options.extra_index_urls, *_words(target, "extra-index-url"))
    return tuple(dict.fromkeys((*first.split(), *extra)))


def written(line: RequirementLine) -> str:
    """Write a requirement so that uv takes it for what pip does: paths made absolute, variables filled in."""
    if line.requirement is not None and not line.editable:
        return str(line.requirement)
    url, marker = line.url or line.text, f" ; {line.marker}" if line.marker else ""
    extras = _EXTRAS.search(line.text.partition(";")[0].strip()) if line.local else None
    if extras and not url.endswith(extras[0]):
        url += extras[0]
    return f"{'-e ' if line.editable else ''}{url}{marker}"


def _lines(options: IndexOptions, lines: Iterable[RequirementLine]) -> Iterator[str]:
    # A file of our own, and no argument: a URL of links may hold credentials.
    yield from (f"--find-links {link}\n" for link in options.find_links)
    yield from (f"{written(line)}\n" for line in lines)


def _arguments(options: IndexOptions, target: Target) -> Iterator[str]:
    if options.no_index:
        yield "--no-index"
    if options.pre:
        yield from ("--prerelease", "allow")
    for flag, values in (("--no-binary", options.no_binary), ("--only-binary", options.only_binary)):
        yield from (word for value in values for word in (flag, value))
    if target.setting("keyring-provider") == "subprocess":
        yield from ("--keyring-provider", "subprocess")


def _words(target: Target, setting: str) -> tuple[str, ...]:
    return tuple((target.setting(setting) or "").split())


def _mixed_formats(options: IndexOptions) -> Iterator[str]:
    """Find exceptions from `:all:`, which uv takes for one more demand."""
    for all_of, others in ((options.only_binary, options.no_binary), (options.no_binary, options.only_binary)):
        if ":all:" in all_of and set(others) - {":none:"}:
            yield "exceptions from --only-binary :all: or --no-binary :all:"


def _unknown_machine(elsewhere: Elsewhere) -> Iterator[str]:
    if elsewhere.implementation not in (None, "cp"):
        yield f"--implementation {elsewhere.implementation}"
    if elsewhere.abis:
        yield f"--abi {elsewhere.abis[0]}"
    if len(elsewhere.platforms) > 1:
        yield "more than one --platform"
    yield from (f"--platform {name}" for name in elsewhere.platforms if not platform(name))


def platform(name: str) -> str | None:
    """Return what uv calls a platform of pip's; None where it knows none like it."""
    if many := _MANYLINUX.fullmatch(name):
        return f"{many['machine']}-{many['libc']}"
    if musl := _MUSL.fullmatch(name):
        return f"{musl['machine']}-unknown-linux-musl"
    if mac := _MAC.fullmatch(name):
        return f"{mac['machine'].replace('arm64', 'aarch64')}-apple-darwin"
    return _WINDOWS.get(name)


def _elsewhere_arguments(elsewhere: Elsewhere) -> Iterator[str]:
    for name in elsewhere.platforms:
        yield from ("--python-platform", platform(name) or name)
    if release := elsewhere.release():
        yield from ("--python-version", ".".join(map(str, release)))


def _mac(elsewhere: Elsewhere) -> dict[str, str]:
    """Say from which macOS on; uv reads that where Apple's compilers do."""
    found = [mac for mac in map(_MAC.fullmatch, elsewhere.platforms) if mac]
    return {"MACOSX_DEPLOYMENT_TARGET": f"{found[0]['major']}.{found[0]['minor']}"} if found else {}


def _index_variables(urls: tuple[str, ...]) -> dict[str, str]:
    """Name the indexes by variables: they may hold credentials, and everybody can read a command line.

    Of equal files uv takes that of the index named first, pip that of the one named last.
    """
    if not urls:
        return {}
    extra = {"UV_INDEX": " ".join(reversed(urls[1:]))} if urls[1:] else {}
    return {"UV_DEFAULT_INDEX": urls[0], **extra}


def _reach(network: Network) -> dict[str, str]:
    """Say whom to trust and through whom to ask, as the target's pip would."""
    variables = {
        # The later name is that of uv 0.12; pip, too, trusts what the system trusts.
        "UV_NATIVE_TLS": "1",
        "UV_SYSTEM_CERTS": "1",
        "UV_HTTP_TIMEOUT": str(max(1, round(network.timeout))),
        "UV_HTTP_RETRIES": str(network.retries),
    }
    if network.ca_bundle:
        variables["SSL_CERT_FILE"] = network.ca_bundle
    if network.client_cert:
        variables["SSL_CLIENT_CERT"] = network.client_cert
    if network.trusted_hosts:
        variables["UV_INSECURE_HOST"] = " ".join(network.trusted_hosts)
    if network.proxy:
        proxy = with_scheme(network.proxy)
        variables |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), proxy)
    return variables
