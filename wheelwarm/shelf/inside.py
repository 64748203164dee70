"""Looking inside what nobody states the sha256 of, unless it is as it was when it was last found sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelwarm.cache.integrity import Damage
from wheelwarm.cache.inventory import Form, item_of
from wheelwarm.entry_facts import Contents, Sound
from wheelwarm.model import Artifact, Kind, Reason
from wheelwarm.shelf.soundness import examine, remembered_of

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.ledger.ledger import Ledger

_REASONS = {
    Damage.TRUNCATED: Reason.TRUNCATED,
    Damage.UNREADABLE: Reason.UNREADABLE,
    Damage.HASH_MISMATCH: Reason.HASH_MISMATCH,
}


def damage_in(artifact: Artifact, *paths: Path, root: Path, ledger: Ledger) -> Reason | None:
    """Tell why pip would fail on an artifact's files below the cache directory `root`; None if nothing shows that."""
    form = Form.BUILT_WHEEL if artifact.kind is Kind.BUILT_WHEEL else Form.ENTRY
    try:
        item = item_of(root, form, *paths)
    except OSError:
        return None
    known = ledger.sound_of(item.path)
    if known and known.mark == item.mark:
        return None
    contents = Contents(kind=artifact.kind, filename=artifact.filename)
    finding = examine(root, item, contents, remembered=remembered_of(known, item))
    if finding and finding.sha256 and not finding.damage:
        ledger.learn_sound({item.path: Sound(item.mark, finding.sha256, finding.authentic)})
    return _REASONS.get(finding.damage, Reason.DAMAGED) if finding and finding.damage else None
