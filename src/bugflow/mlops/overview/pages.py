"""Pages of models, for those who may manage them."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, ConflictError, InvalidError, NotFoundError
from bugflow.core.http.dependencies import DatabaseDep, SettingsDep, StorageDep
from bugflow.core.http.routes import Router
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.mlops.overview.page_content import read_task_page, read_tasks, view_version
from bugflow.mlops.promotion.decisions import find_decision_text
from bugflow.mlops.promotion.service import roll_back, use_model
from bugflow.mlops.registry.choosing import get_version
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.tasks import Tasks
from bugflow.mlops.training.dependencies import ReadinessDep, TasksDep
from bugflow.mlops.training.jobs import ask_for_training
from bugflow.mlops.training.queries import get_training
from bugflow.mlops.training.service import PERSON
from bugflow.mlops.training.triggers import Habits
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.accounts.roles import Permission
from bugflow.web.forms import FormFields
from bugflow.web.rendering import Renderer, RendererDep, see_other

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)

BY_PAGE = "It was asked for on the page of models."
BUILT_IN = "starter"
VersionPath = Annotated[str, Path(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$")]


async def require_manager(actor: ActorDep) -> Actor:
    """Return who is asking, who must be one who may manage models.

    Raises:
        MissingPermissionError: The role does not allow it.
    """
    actor.require(Permission.MANAGE_MODELS)
    return actor


class Desk:
    """What a page of models is made with."""

    def __init__(  # noqa: PLR0917 -- FastAPI passes a page's dependencies by name.
        self,
        request: Request,
        database: DatabaseDep,
        storage: StorageDep,
        settings: SettingsDep,
        tasks: TasksDep,
        readiness: ReadinessDep,
        renderer: RendererDep,
        actor: Annotated[Actor, Depends(require_manager)],
    ) -> None:
        self.request = request
        self.database = database
        self.storage: Storage = storage
        self.settings: Settings = settings
        self.tasks: Tasks = tasks
        self.readiness = readiness
        self.renderer: Renderer = renderer
        self.actor = actor

    @property
    def habits(self) -> Habits:
        """How the installation trains by itself."""
        return Habits.of(self.settings)

    def render(self, template: str, *, error: BugFlowError | None = None, **context: Any) -> Response:  # noqa: ANN401 -- What a template takes.
        """Return a page."""
        return self.renderer.render(self.request, template, viewer=self.actor, error=error, **context)


DeskDep = Annotated[Desk, Depends(Desk)]


@router.get("/models")
def show_models(desk: DeskDep) -> Response:
    """Show what is in use and what is tried, of everything that is learned."""
    with desk.database.snapshot() as session:
        views = read_tasks(session, desk.storage, desk.tasks, desk.habits)
        return desk.render("models/models.html", views=views, habits=desk.habits, readiness=desk.readiness)


@router.get("/models/trainings/{training}")
def show_training(training: UUID, desk: DeskDep) -> Response:
    """Show how far a training is, and its log."""
    with desk.database.snapshot() as session:
        return desk.render("models/training.html", training=get_training(session, training))


@router.get("/models/trainings/{training}/progress")
def show_progress(training: UUID, desk: DeskDep) -> Response:
    """Show only how far it is, for the page that is open."""
    with desk.database.snapshot() as session:
        return desk.render("models/progress.html", training=get_training(session, training))


@router.get("/models/{model_type}")
def show_model(model_type: ModelType, desk: DeskDep) -> Response:
    """Show one model with its versions, trainings and trials."""
    return _show(desk, model_type)


@router.get("/models/{model_type}/{version}")
def show_version(model_type: ModelType, version: VersionPath, desk: DeskDep) -> Response:
    """Show the report of the decision about a version, and its card."""
    found = get_version(desk.storage, model_type, version)
    return desk.render(
        "models/version.html",
        view=view_version(desk.storage, found),
        report=find_decision_text(desk.storage, found) or "",
    )


@router.post("/models/{model_type}/train")
def train(model_type: ModelType, desk: DeskDep, form: FormFields) -> Response:
    """Train a model in the background."""
    try:
        desk.readiness.require(model_type)
        with desk.database.transaction() as session:
            training = ask_for_training(
                session,
                model_type,
                trigger=PERSON,
                reason=form.get("reason", "").strip() or BY_PAGE,
                actor=desk.actor,
                now=utc_now(),
            )
            return see_other(f"/models/trainings/{training.uuid}")
    except ConflictError as error:
        return _show(desk, model_type, error=error)


@router.post("/models/{model_type}/promote")
def promote(model_type: ModelType, desk: DeskDep, form: FormFields) -> Response:
    """Use another version from now on."""

    def choose(session: Session) -> None:
        named = form.get("version", "")
        version = None if named == BUILT_IN else get_version(desk.storage, model_type, named)
        reason = form.get("reason", "")
        use_model(session, desk.storage, model_type, version, actor=desk.actor, now=utc_now(), reason=reason)

    return _change(desk, model_type, choose)


@router.post("/models/{model_type}/rollback")
def go_back(model_type: ModelType, desk: DeskDep, form: FormFields) -> Response:
    """Use again what was used before."""

    def choose(session: Session) -> None:
        reason = form.get("reason", "")
        roll_back(session, desk.storage, model_type, actor=desk.actor, now=utc_now(), reason=reason)

    return _change(desk, model_type, choose)


def _change(desk: Desk, model_type: ModelType, choose: Callable[[Session], None]) -> Response:
    try:
        with desk.database.transaction() as session:
            choose(session)
    except (ConflictError, InvalidError, NotFoundError) as error:
        return _show(desk, model_type, error=error)
    return see_other(f"/models/{model_type}")


def _show(desk: Desk, model_type: ModelType, *, error: BugFlowError | None = None) -> Response:
    with desk.database.snapshot() as session:
        page = read_task_page(session, desk.storage, desk.tasks, desk.habits, model_type)
        return desk.render("models/model.html", error=error, page=page, readiness=desk.readiness)
