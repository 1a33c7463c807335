"""Models over HTTP, under /api/v1/models. Fixed words come before a version: include this router after its siblings."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, cast

from fastapi import Depends, File, Form, Path, Query, UploadFile, status
from fastapi.responses import StreamingResponse

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import DatabaseDep, ReadSession, SettingsDep, StorageDep, WriteSession
from bugflow.core.http.openapi import describe_files
from bugflow.core.http.routes import Router
from bugflow.core.storage.contract import CHUNK_BYTES
from bugflow.mlops.promotion.comparing import compare_versions
from bugflow.mlops.promotion.decisions import find_decision, find_decision_text
from bugflow.mlops.promotion.importing import import_version
from bugflow.mlops.promotion.schemas import (
    ChangeRead,
    ComparisonRead,
    ImportedRead,
    ModelPromote,
    ModelRollback,
    Number,
    StandingRead,
    VersionDetail,
    VersionRead,
)
from bugflow.mlops.promotion.service import list_changes, roll_back, use_model
from bugflow.mlops.promotion.standing import choose_scope, find_standing
from bugflow.mlops.registry.choosing import get_version
from bugflow.mlops.registry.packing import MEDIA_TYPE, name_pack, pack_version
from bugflow.mlops.registry.store import get_manifest, list_versions
from bugflow.mlops.registry.versions import MODEL_TYPES, ModelType
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.roles import Permission

router = Router(prefix="/models", tags=["models"])

IN_MEMORY_BYTES = 16 * 1024 * 1024
"""A packed version that is larger goes through a temporary file."""


async def require_manager(actor: ActorDep) -> Actor:
    """Return who is asking, who must be one who may choose models.

    Raises:
        MissingPermissionError: The role does not allow it.
    """
    actor.require(Permission.MANAGE_MODELS)
    return actor


ManagerDep = Annotated[Actor, Depends(require_manager)]
ScopeQuery = Annotated[
    str | None,
    Query(max_length=120, description="A project by key, name or UUID, for its own models; without, for all projects."),
]
VersionPath = Annotated[str, Path(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$", description="Such as 1.2.0.")]
VersionQuery = Annotated[str, Query(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$", description="Such as 1.2.0.")]


@router.get("")
def read_models(
    session: ReadSession, storage: StorageDep, actor: ManagerDep, scope: ScopeQuery = None
) -> list[StandingRead]:
    """Read which version of each model is in use, since when, by whom, or is tried (project managers)."""
    where = choose_scope(session, actor, scope)
    return [StandingRead.of(find_standing(session, storage, each, where)) for each in MODEL_TYPES]


@router.post("/import", status_code=status.HTTP_201_CREATED)
def import_pack(  # noqa: PLR0917 -- What the request brings along.
    file: Annotated[UploadFile, File(description="What an export of a version gave.")],
    database: DatabaseDep,
    storage: StorageDep,
    settings: SettingsDep,
    actor: ManagerDep,
    version: Annotated[Number | None, Form(description="Its number here, where its own is taken.")] = None,
    scope: ScopeQuery = None,
) -> ImportedRead:
    """Take in a version that another installation exported (project managers); what is in use stays in use."""
    found = import_version(
        database,
        storage,
        file.file,
        actor=actor,
        now=utc_now(),
        work_folder=settings.models_folder / "fetched",
        project=scope,
        number=version,
    )
    return ImportedRead.of(found)


@router.get("/{model_type}")
def read_versions(
    model_type: ModelType,
    session: ReadSession,
    storage: StorageDep,
    actor: ManagerDep,
    scope: ScopeQuery = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[VersionRead]:
    """List the published versions of a model with their figures, the newest first (project managers)."""
    standing = find_standing(session, storage, model_type, choose_scope(session, actor, scope))
    versions = list_versions(storage, model_type, standing.scope)[:limit]
    return [VersionRead.of(each, get_manifest(storage, each), standing) for each in versions]


@router.get("/{model_type}/history")
def read_history(
    model_type: ModelType,
    session: ReadSession,
    actor: ManagerDep,
    scope: ScopeQuery = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ChangeRead]:
    """Read which versions were used, the latest first: since when, by whom, and why (project managers)."""
    changes = list_changes(session, model_type, choose_scope(session, actor, scope), limit=limit)
    return [ChangeRead.of(each) for each in changes]


@router.get("/{model_type}/compare")
def compare(  # noqa: PLR0917 -- What the request brings along.
    model_type: ModelType,
    a: VersionQuery,
    b: VersionQuery,
    session: ReadSession,
    storage: StorageDep,
    actor: ManagerDep,
    scope: ScopeQuery = None,
) -> ComparisonRead:
    """Compare two versions: figures side by side, checks that differ, labels (project managers)."""
    where = choose_scope(session, actor, scope)
    first, second = (get_version(storage, model_type, number, where) for number in (a, b))
    return ComparisonRead.of(compare_versions(storage, first, second))


@router.post("/{model_type}/promote")
def promote(
    model_type: ModelType,
    body: ModelPromote,
    session: WriteSession,
    storage: StorageDep,
    actor: ManagerDep,
    scope: ScopeQuery = None,
) -> ChangeRead:
    """Use another version (project managers); one that failed its checks needs a reason, which is kept."""
    where = choose_scope(session, actor, scope)
    version = None if body.version is None else get_version(storage, model_type, body.version, where)
    change = use_model(
        session, storage, model_type, version, actor=actor, now=utc_now(), reason=body.reason, scope=where
    )
    return ChangeRead.of(change)


@router.post("/{model_type}/rollback")
def rollback(
    model_type: ModelType,
    session: WriteSession,
    storage: StorageDep,
    actor: ManagerDep,
    body: ModelRollback | None = None,
    scope: ScopeQuery = None,
) -> ChangeRead:
    """Use again what was used before the version in use (project managers); once more goes back further."""
    where, reason = choose_scope(session, actor, scope), body.reason if body else ""
    change = roll_back(session, storage, model_type, actor=actor, now=utc_now(), reason=reason, scope=where)
    return ChangeRead.of(change)


@router.get("/{model_type}/{version}")
def read_version(
    model_type: ModelType,
    version: VersionPath,
    session: ReadSession,
    storage: StorageDep,
    actor: ManagerDep,
    scope: ScopeQuery = None,
) -> VersionDetail:
    """Read what is known of a version: manifest, card, and the report of its decision (project managers)."""
    found = get_version(storage, model_type, version, choose_scope(session, actor, scope))
    return VersionDetail(
        name=found.name,
        manifest=get_manifest(storage, found),
        decision=find_decision(storage, found),
        report=find_decision_text(storage, found),
    )


@router.get("/{model_type}/{version}/export", response_class=StreamingResponse, responses=describe_files(MEDIA_TYPE))
def export_version(  # noqa: PLR0917 -- What the request brings along.
    model_type: ModelType,
    version: VersionPath,
    session: ReadSession,
    storage: StorageDep,
    settings: SettingsDep,
    actor: ManagerDep,
    scope: ScopeQuery = None,
) -> StreamingResponse:
    """Download a whole version as a ZIP file, each of its files verified (project managers)."""
    found = get_version(storage, model_type, version, choose_scope(session, actor, scope))
    packed = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 -- It is closed when it was sent.
    try:
        pack_version(storage, found, cast("BinaryIO", packed), cache_folder=settings.models_folder / "fetched")
    except BaseException:
        packed.close()
        raise
    return StreamingResponse(
        _send(packed),
        media_type=MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name_pack(found)}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _send(packed: "SpooledTemporaryFile[bytes]") -> Iterator[bytes]:
    with packed:
        packed.seek(0)
        while piece := packed.read(CHUNK_BYTES):
            yield piece
