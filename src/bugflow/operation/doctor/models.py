"""Whether the models in use are those that were chosen, and whole."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.errors import NotFoundError
from bugflow.core.storage import Storage
from bugflow.mlops.promotion.ledger import find_unlike, list_places
from bugflow.mlops.registry.cleaning import list_half_published
from bugflow.mlops.registry.errors import ModelDamagedError, ModelNameError
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.verifying import verify_version
from bugflow.mlops.registry.versions import ModelType
from bugflow.operation.doctor.findings import Finding, fail, warn, well


def examine_models(session: Session, storage: Storage, *, deep: bool) -> Iterator[Finding]:
    """Look at what names the versions in use, at these, and for versions that were never finished.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    places, problems, used = list_places(session), 0, 0
    for model_type, scope in places:
        subject = f"model of {model_type}" if scope == "global" else f"model of {model_type} in {scope}"
        if (unlike := find_unlike(session, storage, model_type, scope)) is not None:
            problems += 1
            advice = "A worker mends that within ten minutes; `bugflow models clean` does at once."
            yield warn(subject, unlike, advice)
        problem, is_used = _examine_used(storage, model_type, scope, deep=deep)
        used += is_used
        if problem is not None:
            problems += 1
            advice = f"Servers go on with what they have. Go back: `bugflow models rollback {model_type}`."
            yield fail(subject, problem, advice)
    if not problems:
        yield well("models", f"{used} in use besides those that come with BugFlow, as they were published")
    if half := list_half_published(storage, now=utc_now()):
        found = f"{len(half)} versions were begun and never finished, as {half[0].version.name}"
        yield warn("unfinished models", found, "They only take room. Remove them: `bugflow models clean`.")


def _examine_used(storage: Storage, model_type: ModelType, scope: str, *, deep: bool) -> tuple[str | None, bool]:
    """Return what is wrong with the version in use, and whether there is one."""
    try:
        version = find_current(storage, model_type, scope)
        if version is not None:
            verify_version(storage, version, deep=deep)
    except (ModelDamagedError, ModelNameError, NotFoundError) as error:
        return str(error), True
    return None, version is not None
