"""Which version comes next, and going back to another one."""

from bugflow.core.storage import Storage
from bugflow.mlops.registry.errors import ModelNotFoundError
from bugflow.mlops.registry.store import list_versions
from bugflow.mlops.registry.versions import CHAMPION, GLOBAL, ModelVersion, find_place, require_scope, require_type

FIRST_VERSION = "1.0.0"


def name_next_version(storage: Storage, model_type: str, scope: str = GLOBAL) -> str:
    """Return the version number after the highest that was published: trained again, the middle number rises."""
    versions = list_versions(storage, model_type, scope)
    if not versions:
        return FIRST_VERSION
    major, minor, _ = versions[0].version.split(".")
    return f"{major}.{int(minor) + 1}.0"


def get_version(storage: Storage, model_type: str, number: str, scope: str = GLOBAL) -> ModelVersion:
    """Return the newest version of this number.

    Raises:
        ModelNotFoundError: There is none.
    """
    for version in list_versions(storage, model_type, scope):
        if version.version == number:
            return version
    raise ModelNotFoundError(f"{model_type} {number}")


def use_none(storage: Storage, model_type: str, scope: str = GLOBAL) -> None:
    """Use no published version from now on, but what comes with BugFlow; doing it twice is no error."""
    storage.delete(f"{find_place(require_type(model_type), require_scope(scope))}{CHAMPION}")
