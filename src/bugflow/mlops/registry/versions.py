"""What a version of a model is, and under which keys of the storage it lies.

`ml_models/<type>/<version>/<moment>/…` for the whole installation, `ml_models/<type>/<project's UUID>/<version>/…` for
one project; beside the versions `champion.json` names the one that is used, `challenger.json` the one that is tried.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from bugflow.mlops.registry.errors import ModelNameError

TriageType = Literal["severity", "team", "component", "priority"]
"""What finds a field of a report."""
ModelType = Literal["severity", "team", "component", "priority", "duplicates"]
DUPLICATES: Literal["duplicates"] = "duplicates"
"""What finds older issues that may be the same bug."""
TRIAGE_TYPES: tuple[TriageType, ...] = get_args(TriageType)
MODEL_TYPES: tuple[ModelType, ...] = get_args(ModelType)
GLOBAL = "global"
"""The scope of a model that is for every project."""

ROOT = "ml_models"
MANIFEST = "manifest.json"
CHAMPION, CHALLENGER = "champion.json", "challenger.json"
"""What names the version in use, and the one that is tried beside it."""
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
_MOMENT = re.compile(r"\d{8}_\d{6}")
_MOMENT_FORMAT = "%Y%m%d_%H%M%S"


class StoredFile(BaseModel):
    """A file of a model: its path in the model's folder, and what it must be."""

    model_config = ConfigDict(frozen=True)

    path: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What was published, and how it came about; it never changes.

    Attributes:
        metrics: Figures by name, as they were measured before it was published.
        data_hash: SHA-256 of what it was trained on, in hexadecimal; empty where nobody knows.
        card: What it is for and what it cannot do, in Markdown.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    model_type: ModelType
    scope: str
    version: str
    moment: str
    files: tuple[StoredFile, ...]
    metrics: Mapping[str, float] = Field(default_factory=dict)
    seed: int | None = None
    code_version: str = ""
    data_hash: str = ""
    card: str = ""


class Alias(BaseModel):
    """Which version is named, and since when."""

    version: str
    moment: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """The name of a published model.

    Attributes:
        scope: `global` or a project's UUID.
        version: Three numbers such as 1.2.0.
        moment: When it was published, in UTC, as YYYYMMDD_HHMMSS.
    """

    model_type: ModelType
    scope: str
    version: str
    moment: str

    @property
    def prefix(self) -> str:
        """Where its files lie in the storage, without a slash at the end."""
        return f"{find_place(self.model_type, self.scope)}{self.version}/{self.moment}"

    @property
    def name(self) -> str:
        """How people name it."""
        return self.prefix.removeprefix(f"{ROOT}/")

    @property
    def order(self) -> tuple[tuple[int, ...], str]:
        """What versions are sorted by: the numbers, then the moment."""
        return tuple(int(each) for each in self.version.split(".")), self.moment


def name_version(model_type: str, scope: str, version: str, moment: str) -> ModelVersion:
    """Return a version's name.

    Raises:
        ModelNameError: A part of it is not possible.
    """
    known = require_type(model_type)
    if not _VERSION.fullmatch(version):
        raise ModelNameError("version", version, "three numbers such as 1.2.0")
    if not _MOMENT.fullmatch(moment):
        raise ModelNameError("moment", moment, "YYYYMMDD_HHMMSS")
    return ModelVersion(known, require_scope(scope), version, moment)


def read_name(name: str) -> ModelVersion:
    """Return the version that people name so: type, scope where it is for one project, number and moment.

    Raises:
        ModelNameError: It is no such name.
    """
    parts = name.split("/")
    if len(parts) == 3:  # noqa: PLR2004 -- Without a scope.
        parts.insert(1, GLOBAL)
    if len(parts) != 4:  # noqa: PLR2004 -- With one.
        raise ModelNameError("name", name, "a name such as severity/1.2.0/20260301_120000")
    return name_version(*parts)


def require_type(model_type: str) -> ModelType:
    """Return the type of this name.

    Raises:
        ModelNameError: There is none.
    """
    for known in MODEL_TYPES:
        if known == model_type:
            return known
    raise ModelNameError("type", model_type, ", ".join(MODEL_TYPES))


def require_scope(scope: str) -> str:
    """Return a scope as it is written in keys.

    Raises:
        ModelNameError: It is neither `global` nor a UUID.
    """
    if scope == GLOBAL:
        return scope
    try:
        return str(UUID(scope))
    except ValueError as error:
        raise ModelNameError("scope", scope, f"{GLOBAL!r} or a project's UUID") from error


def find_place(model_type: ModelType, scope: str) -> str:
    """Return the prefix of all keys of a type and scope."""
    return f"{ROOT}/{model_type}/" if scope == GLOBAL else f"{ROOT}/{model_type}/{scope}/"


def write_moment(now: datetime) -> str:
    """Return a moment as it is written in keys."""
    return now.astimezone(UTC).strftime(_MOMENT_FORMAT)


def read_moment(name: str) -> datetime | None:
    """Return the moment in a version's name; none where it is the name of anything else."""
    try:
        return datetime.strptime(name.rpartition("/")[2], _MOMENT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def read_version(model_type: ModelType, scope: str, key: str) -> ModelVersion | None:
    """Return the version that a manifest's key is of; none for any other key."""
    parts = key.removeprefix(find_place(model_type, scope)).split("/")
    if len(parts) != 3 or parts[2] != MANIFEST:  # noqa: PLR2004 -- Version, moment, manifest.
        return None
    if not _VERSION.fullmatch(parts[0]) or not _MOMENT.fullmatch(parts[1]):
        return None
    return ModelVersion(model_type, scope, parts[0], parts[1])
