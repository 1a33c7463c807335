"""Whether projects and the model in use still speak of the same labels."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.monitoring.labels import count_labels, list_labels
from bugflow.mlops.registry.errors import ModelDamagedError
from bugflow.mlops.registry.store import get_manifest
from bugflow.mlops.registry.versions import ModelVersion, TriageType
from bugflow.mlops.serving.labels import fit_label
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Project

CLASSIFIER = "classifier.json"
MOST_NAMED = 5


@dataclass(frozen=True)
class Taxonomy:
    """What projects and a model know that the other does not.

    Attributes:
        unseen: By project, labels that the model has never learned, and so never says.
        gone: Labels that the model says and that no project has any more: renamed, or archived.
        empty: By project, labels that no issue of it has, so that nothing can be learned of them.
    """

    unseen: Mapping[str, tuple[str, ...]]
    gone: tuple[str, ...]
    empty: Mapping[str, tuple[str, ...]]

    @property
    def is_whole(self) -> bool:
        """Whether the model can say every label, and every label that it says means something."""
        return not self.unseen and not self.gone

    def say(self, model_type: str) -> str:
        """Return what does not fit, in sentences."""
        said = []
        if self.unseen:
            where = (f"{_name_some(labels)} ({key})" for key, labels in self.unseen.items())
            said.append(f"The model of {model_type} has never seen {_name_some(tuple(where))}, so it never says that.")
        if self.gone:
            said.append(f"It says {_name_some(self.gone)}, which no project has any more: renamed, or archived.")
        return (
            " ".join([*said, "Train it again."]) if said else f"Projects and model know the same {model_type} labels."
        )


def _name_some(names: Sequence[str]) -> str:
    shown, left = list(names[:MOST_NAMED]), len(names) - MOST_NAMED
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")


def check_taxonomy(
    session: Session, model_type: TriageType, classes: Sequence[str], projects: Sequence[Project]
) -> Taxonomy:
    """Return what of projects' labels and a model's classes does not fit."""
    unseen: dict[str, tuple[str, ...]] = {}
    empty: dict[str, tuple[str, ...]] = {}
    meant: set[str] = set()
    for project in projects:
        labels = list_labels(session, model_type, project)
        fitting = {each: fit_label(model_type, each, labels) for each in classes}
        meant.update(each for each, label in fitting.items() if label is not None)
        missing = tuple(each for each in labels if each not in fitting.values())
        counts = count_labels(session, model_type, Issue.project_id == project.id)
        unused = tuple(each for each in labels if not counts.get(each))
        unseen |= {project.key: missing} if missing else {}
        empty |= {project.key: unused} if unused else {}
    gone = tuple(each for each in classes if each not in meant) if projects else ()
    return Taxonomy(unseen, gone, empty)


def read_classes(storage: Storage, version: ModelVersion) -> tuple[str, ...]:
    """Return the labels that a version can say, without loading it.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: Its files do not say.
    """
    for file in get_manifest(storage, version).files:
        if Path(file.path).name == CLASSIFIER:
            try:
                content = json.loads(b"".join(storage.read(f"{version.prefix}/{file.path}")))
                return tuple(str(each) for each in content["classes"])
            except (ObjectNotFoundError, ValueError, KeyError, TypeError) as error:
                raise ModelDamagedError(version.name, f"{file.path} does not say what it can say.") from error
    raise ModelDamagedError(version.name, "none of its files says what it can say.")


def read_folder_classes(folder: Path) -> tuple[str, ...]:
    """Return the labels that a model in a folder can say; none where the folder does not tell."""
    for path in sorted(folder.rglob(CLASSIFIER)):
        return tuple(str(each) for each in json.loads(path.read_text(encoding="utf-8"))["classes"])
    return ()
