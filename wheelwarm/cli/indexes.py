"""Options that say where pip looks and what it takes there: flags, names and meanings are pip's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from wheelwarm.cli.options import INDEX

if TYPE_CHECKING:
    from wheelwarm.inputs.index_options import IndexOptions

Looks: TypeAlias = Callable[[], "IndexOptions"]

IndexUrl = Annotated[
    str | None,
    typer.Option("--index-url", "-i", metavar="URL", help="The index instead of pip's own.", rich_help_panel=INDEX),
]
ExtraIndexUrls = Annotated[
    list[str] | None,
    typer.Option("--extra-index-url", metavar="URL", help="One more index.", rich_help_panel=INDEX),
]
FindLinks = Annotated[
    list[str] | None,
    typer.Option("--find-links", "-f", metavar="URL", help="A page or folder of files.", rich_help_panel=INDEX),
]
NoIndex = Annotated[bool, typer.Option("--no-index", help="Ask no index at all.", rich_help_panel=INDEX)]
TrustedHosts = Annotated[
    list[str] | None,
    typer.Option("--trusted-host", metavar="HOST", help="A host to trust without TLS.", rich_help_panel=INDEX),
]
Pre = Annotated[bool, typer.Option("--pre", help="Take pre-releases too.", rich_help_panel=INDEX)]
PreferBinary = Annotated[
    bool, typer.Option("--prefer-binary", help="Prefer an older wheel to a newer sdist.", rich_help_panel=INDEX)
]
OnlyBinary = Annotated[
    list[str] | None,
    typer.Option(
        "--only-binary", metavar="FORMATS", help="Wheels only, as in `:all:`: runs no code.", rich_help_panel=INDEX
    ),
]
NoBinary = Annotated[
    list[str] | None,
    typer.Option("--no-binary", metavar="FORMATS", help="Sdists only, as in `:all:`.", rich_help_panel=INDEX),
]
RequireHashes = Annotated[
    bool, typer.Option("--require-hashes", help="Refuse what has no hash.", rich_help_panel=INDEX)
]


def index_options(
    index_url: IndexUrl = None,
    extra_index_urls: ExtraIndexUrls = None,
    find_links: FindLinks = None,
    no_index: NoIndex = False,
    trusted_hosts: TrustedHosts = None,
    pre: Pre = False,
    prefer_binary: PreferBinary = False,
    only_binary: OnlyBinary = None,
    no_binary: NoBinary = None,
    require_hashes: RequireHashes = False,
) -> IndexOptions:
    """Return what was typed of them; the parameters are those of every command that takes requirements."""
    from wheelwarm.inputs.index_options import IndexOptions

    return IndexOptions(
        index_url=index_url,
        extra_index_urls=tuple(extra_index_urls or ()),
        no_index=no_index,
        find_links=tuple(find_links or ()),
        trusted_hosts=tuple(trusted_hosts or ()),
        pre=pre,
        prefer_binary=prefer_binary,
        only_binary=tuple(only_binary or ()),
        no_binary=tuple(no_binary or ()),
        require_hashes=require_hashes,
    )
