"""Reads what a script declares in a comment block of its own (PEP 723, inline script metadata)."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from wheelwarm.errors import InputError
from wheelwarm.inputs.declared import Declared, Source, decoded, read_bytes
from wheelwarm.inputs.requirement_text import place

# The expression of the specification, for blocks of type `script` alone.
_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_START = re.compile(r"(?m)^# /// script$")
_EXAMPLE = 'Write a comment of lines: # /// script, # dependencies = ["flask>=3"], # ///'


def read_script(name: str) -> Declared:
    """Return what a script needs; InputError for one that is not there, or that does not say."""
    path = Path(name)
    text = _text(path)
    source = Source(path, text)
    table = source.table(_metadata(path, text))
    found = source.strings(table.get("dependencies", []), "dependencies")
    return Declared(
        path=path,
        requirements=tuple(source.requirement(one) for one in found),
        pythons=source.pythons(table.get("requires-python")),
    )


def _text(path: Path) -> str:
    data = read_bytes(path, "The script")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as exc:
        decoded(path, data)  # which names the line, where bytes are what is wrong
        raise InputError(
            f"{path} declares an encoding that Python does not know.", hint="Save the file as UTF-8."
        ) from exc
    # As Python reads it, whatever its lines end with.
    return decoded(path, data, encoding).replace("\r\n", "\n").replace("\r", "\n")


def _metadata(path: Path, text: str) -> str:
    """Return the block's TOML, its lines where they stand in the file, so that errors name the right ones."""
    blocks = list(_BLOCK.finditer(text))
    starts = [text.count("\n", 0, one.start()) + 1 for one in _START.finditer(text)]
    if len(blocks) > 1:
        raise InputError(f"{place(str(path), starts[1])}: a second script block.", hint="Leave one of them.")
    if not blocks and starts:
        raise InputError(
            f"{place(str(path), starts[0])}: the script block has no end.",
            hint="Each line of it starts with '# ', or is '#' alone; the last one is: # ///",
        )
    if not blocks:
        raise InputError(f"{path} does not say what it needs: it has no script block (PEP 723).", hint=_EXAMPLE)
    before = text.count("\n", 0, blocks[0].start("content"))
    lines = blocks[0]["content"].splitlines()
    return "\n" * before + "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
