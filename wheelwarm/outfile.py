"""Writes files of the user's own, outside the cache, each at once: whoever reads sees the old content or the new."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from wheelwarm.errors import InputError


def write(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Put content in place; behind a symbolic link, in the linked file. `like` is the file whose permissions it gets.

    Raises InputError when the disk does not take it; then the file is as it was.
    """
    path = path.resolve()
    try:
        with ExitStack() as remains:
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            temporary = Path(name)
            remains.callback(temporary.unlink, missing_ok=True)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            if like is not None:
                shutil.copymode(like, temporary)
            else:
                temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    except OSError as exc:
        hint = "Name another file, or mend the folder's permissions."
        raise InputError(f"{path} cannot be written: {exc.strerror or exc}.", hint=hint) from exc


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
