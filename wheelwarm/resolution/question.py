"""What a resolver is asked: an input for a target, told apart from every other, refused where it makes no sense."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from wheelwarm.errors import InputError
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.targets.target import Target

# pip settings on which no resolution depends.
WITHOUT_EFFECT = frozenset(
    {"cache-dir", "cert", "client-cert", "default-timeout", "disable-pip-version-check", "log", "no-color", "no-input"}
    | {"progress-bar", "proxy", "quiet", "retries", "timeout", "verbose"}
)


def check_target(requirements: RequirementSet, target: Target) -> None:
    """Raise InputError where the target can have nothing of what was asked for."""
    _check_python(requirements, target)
    if requirements.groups and not target.traits.groups:
        raise InputError(f"pip {target.pip} has no --group.", hint="pip 25.1 and later have it.")
    if requirements.build_constraint_files and not target.traits.build_constraints:
        raise InputError(
            f"pip {target.pip} has no --build-constraint.",
            hint="pip 25.3 and later have it; with earlier ones PIP_CONSTRAINT=FILE holds for builds too.",
        )
    _check_wheels_only(requirements, target)


def _check_python(requirements: RequirementSet, target: Target) -> None:
    """Refuse a Python that a file is not for, as pip refuses a project by its Requires-Python."""
    is_ignored = (target.setting("ignore-requires-python") or "").lower() in ("1", "true", "yes", "on")
    if is_ignored or not requirements.pythons:
        return
    from packaging.version import Version

    # As for pip, a pre-release of a Python counts as that Python.
    version = Version(target.version).base_version
    for path, pythons in requirements.pythons:
        if version not in pythons:
            raise InputError(
                f"{path} needs Python {pythons}, and the target has Python {target.version}.",
                hint="Name one that fits by --python.",
            )


def _check_wheels_only(requirements: RequirementSet, target: Target) -> None:
    """Raise InputError where pip would refuse: for another machine it takes wheels only, and wants that to be said."""
    if target.elsewhere.everywhere and not requirements.only_locks:
        raise InputError(
            "Only a lock tells the files for all platforms, and not all that is asked for is one.",
            hint="Name one alone: -r pylock.toml --all-platforms.",
        )
    if not target.elsewhere.arguments():
        return
    options = requirements.options
    said = options.only_binary or tuple((target.setting("only-binary") or "").split())
    if ":all:" not in said or set(options.no_binary) - {":none:"}:
        raise InputError(
            "For a machine that is elsewhere only wheels can be had: an sdist would have to be built there.",
            hint="Add --only-binary :all:, and no --no-binary.",
        )


def input_digest(requirements: RequirementSet, target: Target, *, resolver: str = "pip") -> str:
    """Tell inputs apart for the ledger: the requirements, and pip's configuration but for what cannot matter.

    Credentials do not count, as in `RequirementSet.digest`: a renewed token leaves the input what it was.
    What another `resolver` than pip makes of it is never taken for pip's. What a lock holds for a Python depends on
    all that its tags and markers say, the version of the system's libraries among it.
    """
    settings = sorted(
        f"{name}={redact(value)}"
        for name, value in target.config.items()
        if name.rpartition(".")[2] not in WITHOUT_EFFECT
    )
    by = [] if resolver == "pip" else [f"resolver={resolver}"]
    python = [*target.tags, *map("=".join, sorted(target.environment.items()))] if requirements.locks else []
    return hashlib.sha256("\n".join([requirements.digest, *settings, *by, *python]).encode()).hexdigest()


def spool(requirements: RequirementSet, scratch: Path) -> dict[str, Path]:
    """Write what can be read only once, standard input first of all, to files that pip can read."""
    copies = {}
    for number, (name, content) in enumerate(requirements.spooled.items()):
        copies[name] = scratch / f"spooled-{number}.txt"
        copies[name].write_bytes(content)
    return copies
