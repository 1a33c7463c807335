"""What is in use by the ledger, and the alias in the storage made to say the same.

The ledger is the truth: a change counts once its row is committed, with who made it and why. The alias is written
before that, so a process that is killed in between, or an answer of the storage that is lost, leaves it at a version
that nobody chose; it is then put back.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.errors import NotFoundError
from bugflow.core.storage import Storage
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.choosing import use_none
from bugflow.mlops.registry.errors import ModelDamagedError, ModelNameError
from bugflow.mlops.registry.store import find_current, set_current
from bugflow.mlops.registry.versions import GLOBAL, MODEL_TYPES, ModelType, ModelVersion, read_name, require_type

_NO_CHANGES_MEANWHILE = text("LOCK TABLE model_changes IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of mending, in sentences.

    Attributes:
        done: What had been wrong.
        problems: What could not be mended.
    """

    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find_latest_change(session: Session, model_type: ModelType, scope: str = GLOBAL) -> ModelChange | None:
    """Return the latest change of the model in use; none where there never was one."""
    statement = select(ModelChange).where(ModelChange.model_type == model_type, ModelChange.scope == scope)
    return session.scalars(statement.order_by(ModelChange.number.desc()).limit(1)).first()


def list_places(session: Session) -> list[tuple[ModelType, str]]:
    """Return every type for all projects, and every type and project that ever had a model of its own in use."""
    rows = session.execute(select(ModelChange.model_type, ModelChange.scope).distinct())
    own = sorted((require_type(model_type), scope) for model_type, scope in rows if scope != GLOBAL)
    return [*((model_type, GLOBAL) for model_type in MODEL_TYPES), *own]


def find_unlike(session: Session, storage: Storage, model_type: ModelType, scope: str = GLOBAL) -> str | None:
    """Return in a sentence how alias and ledger differ; none where they say the same."""
    latest = find_latest_change(session, model_type, scope)
    wanted = None if latest is None else latest.version
    try:
        named = _name(find_current(storage, model_type, scope))
    except (ModelDamagedError, ModelNameError) as error:
        return str(error)
    if named == wanted:
        return None
    return f"the storage names {named or 'none'} as the version in use, the ledger {wanted or 'none'}"


def mend_alias(session: Session, storage: Storage, model_type: ModelType, scope: str, *, now: datetime) -> bool:
    """Let the alias name what the ledger says is in use; return whether it had to be changed.

    It waits for a change that is being made, and keeps others away until the transaction ends.

    Raises:
        ModelNotFoundError: The version that the ledger names is no longer in the storage.
        ModelDamagedError: Its manifest cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_NO_CHANGES_MEANWHILE)
    unlike = find_unlike(session, storage, model_type, scope)
    if unlike is None:
        return False
    latest = find_latest_change(session, model_type, scope)
    if latest is None or latest.version is None:
        use_none(storage, model_type, scope)
    else:
        set_current(storage, read_name(latest.version), now=now)
    return True


def mend_aliases(database: Database, storage: Storage, *, now: datetime) -> Mended:
    """Mend every alias. Nothing is locked where nothing is to be mended.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    with database.snapshot() as session:
        found = {place: find_unlike(session, storage, *place) for place in list_places(session)}
    mended = Mended()
    for (model_type, scope), unlike in found.items():
        if unlike is None:
            continue
        try:
            with database.transaction() as session:
                if mend_alias(session, storage, model_type, scope, now=now):
                    mended.done.append(f"The {model_type} of {scope}: {unlike}.")
        except (NotFoundError, ModelDamagedError) as error:
            mended.problems.append(str(error))
    return mended


def _name(version: ModelVersion | None) -> str | None:
    return None if version is None else version.name
