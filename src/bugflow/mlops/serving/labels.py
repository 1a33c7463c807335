"""A model's labels in the words of a project: never one that the project does not have."""

from collections.abc import Sequence

from bugflow.ml.triage.keyword import SEVERITY_MEANINGS
from bugflow.mlops.registry.versions import TriageType


def fit_label(target: TriageType, label: str, possible: Sequence[str]) -> str | None:
    """Return which of the possible labels is meant, or none.

    The same name in any case; otherwise, of severities only, the one that means the same, where just one does. Numbers
    mean nothing here: whether 1 is the worst or the mildest is each tracker's own custom.
    """
    wanted = label.strip().casefold()
    for each in possible:
        if each.strip().casefold() == wanted:
            return each
    if target != "severity":
        return None
    meaning = _find_meaning(label)
    same = [each for each in possible if meaning is not None and _find_meaning(each) == meaning]
    return same[0] if len(same) == 1 else None


def _find_meaning(label: str) -> str | None:
    name = label.strip().lower()
    return None if name.isdigit() else SEVERITY_MEANINGS.get(name)
