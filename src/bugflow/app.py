"""The web application: wires areas together and decides nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bugflow import __version__
from bugflow.assist.backtesting import api as backtests
from bugflow.assist.duplicates import api as duplicates
from bugflow.assist.duplicates import inbox_pages
from bugflow.assist.duplicates import pages as duplicate_pages
from bugflow.assist.duplicates import suggestions_api as suggestions
from bugflow.assist.duplicates.building import build_duplicates
from bugflow.assist.duplicates.learning_task import DuplicatesTask
from bugflow.assist.duplicates.settling import settle_said
from bugflow.assist.intake import api as intake
from bugflow.assist.intake import pages as prediction_pages
from bugflow.assist.intake import predictions_api as predictions
from bugflow.assist.intake.nearby import build_nearby
from bugflow.core.database import Database, open_database
from bugflow.core.http.body_limit import BodyLimitMiddleware
from bugflow.core.http.dependencies import DatabaseDep
from bugflow.core.http.measuring import install_metrics
from bugflow.core.http.openapi import describe_api, name_operation
from bugflow.core.http.problems import install_problem_handlers
from bugflow.core.http.rate_limit import RateLimiter
from bugflow.core.http.request_log import RequestLogMiddleware
from bugflow.core.http.routes import Router
from bugflow.core.logging import configure_logging
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.settings import Settings
from bugflow.core.storage import open_storage
from bugflow.mlops.monitoring import api as monitoring
from bugflow.mlops.monitoring.gauges import ModelGauges
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.overview import pages as model_pages
from bugflow.mlops.predictions import api as prediction_ledger
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.mlops.promotion import api as models_api
from bugflow.mlops.serving.building import build_models
from bugflow.mlops.serving.dependencies import ModelsDep
from bugflow.mlops.switches import api as switches
from bugflow.mlops.tasks import list_tasks
from bugflow.mlops.training import api as trainings
from bugflow.tracker.accounts import api as accounts
from bugflow.tracker.accounts import pages as account_pages
from bugflow.tracker.accounts.dependencies import require_audit_reader
from bugflow.tracker.accounts.queries import find_user_id
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.throttling import SignInThrottle
from bugflow.tracker.audit import api as audit
from bugflow.tracker.exports import api as exports
from bugflow.tracker.imports import api as imports
from bugflow.tracker.issues import api as issues
from bugflow.tracker.issues import attachments_api as attachments
from bugflow.tracker.issues import pages as issue_pages
from bugflow.tracker.issues import report_pages
from bugflow.tracker.jobs import api as jobs
from bugflow.tracker.notifications import api as notifications
from bugflow.tracker.projects import api as projects
from bugflow.tracker.search import api as search
from bugflow.tracker.search import pages as search_pages
from bugflow.tracker.sprints import api as sprints
from bugflow.web.pages import answer_problem_page, install_web
from bugflow.web.rendering import NavigationItem

NAVIGATION = (
    NavigationItem("Issues", "/issues", "g i"),
    NavigationItem("Inbox", "/inbox", "g t", Permission.WORK_ON_OWN_ISSUES),
    NavigationItem("Report", "/report", "c"),
    NavigationItem("Models", "/models", "g m", Permission.MANAGE_MODELS),
    NavigationItem("API", "/docs"),
)

health = Router(tags=["operation"])


class ModelRead(BaseModel):
    """Who predicts a field; `breaker` is not `closed` while a model that has failed is left alone."""

    model_config = ConfigDict(from_attributes=True)

    method: str
    model_version: str | None = Field(validation_alias="version")
    breaker: Literal["closed", "open", "half_open"]
    up_to_date: bool = Field(
        description="False where another version is to be used and cannot be; `bugflow doctor` and the log say why."
    )


class HealthRead(BaseModel):
    """That the service answers."""

    status: Literal["ok"] = "ok"
    service: Literal["trainer"] = "trainer"
    version: str
    database: str
    models: dict[str, ModelRead] = Field(description="By field, who predicts it.")


@health.get("/health")
def read_health(database: DatabaseDep, models: ModelsDep) -> HealthRead:
    """Tell that the service answers, whether its database does, and which models predict."""
    with database.snapshot() as session:
        session.execute(text("SELECT 1"))
        kind = session.get_bind().dialect.name
    served = {target: ModelRead.model_validate(each) for target, each in models.describe().items()}
    return HealthRead(version=__version__, database=kind, models=served)


def create_app(settings: Settings) -> FastAPI:
    """Build the application on a database that is up to date."""
    database = open_database(
        settings.resolved_database_url,
        timeout_seconds=settings.database_timeout_seconds,
        pool_size=settings.database_pool_size,
    )
    storage = open_storage(settings.resolved_storage_url)
    models = build_models(settings, storage)
    known = build_duplicates(settings, database, storage, models)
    prediction_log = PredictionLog(database, settle=settle_said)
    gauges = ModelGauges(database, storage, WatchOptions.of(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        models.start()
        known.start()
        prediction_log.start()
        yield
        gauges.stop()
        prediction_log.stop()
        known.stop()
        models.stop()
        database.dispose()

    app = FastAPI(
        title="BugFlow",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=name_operation,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.storage = storage
    app.state.models = models
    app.state.duplicates = known
    app.state.nearby = build_nearby(settings, database, models)
    app.state.prediction_log = prediction_log
    _add_helpers(app, settings)
    install_problem_handlers(app, answer_problem_page)
    _add_middleware(app, settings)
    _include_routers(app)
    install_web(app, NAVIGATION, find_viewer=account_pages.find_viewer)
    if settings.metrics:
        _measure(app, database, gauges)
    describe_api(app)
    app.add_middleware(RequestLogMiddleware)  # Last, so outermost: it answers for what nobody else caught.
    return app


def create_app_from_environment() -> FastAPI:
    """Build the application of one of several server processes."""
    settings = Settings()
    configure_logging(settings)
    return create_app(settings)


def _build_hasher(settings: Settings) -> PasswordHasher:
    return PasswordHasher(time_cost=settings.password_hash_time_cost, memory_kib=settings.password_hash_memory_kib)


def _add_helpers(app: FastAPI, settings: Settings) -> None:
    """Keep what settings alone tell how to build."""
    app.state.limiter = RateLimiter(settings.broker_url)
    app.state.sign_in_throttle = SignInThrottle(app.state.limiter, settings.sign_in_attempts)
    app.state.hasher = _build_hasher(settings)
    app.state.learning_tasks = list_tasks((DuplicatesTask.of(settings),))
    app.state.watching = WatchOptions.of(settings)


def _measure(app: FastAPI, database: Database, gauges: ModelGauges) -> None:
    install_metrics(app, database)
    for each in (app.state.models, app.state.prediction_log, gauges):
        each.observe_with(app.state.metrics)


def _include_routers(app: FastAPI) -> None:
    """Include what is asked for most first: a request is compared with one route after the other."""
    for pages in (
        search_pages.router,
        issue_pages.router,
        prediction_pages.router,
        duplicate_pages.router,
        inbox_pages.router,
        model_pages.router,
        report_pages.router,
        account_pages.router,
    ):
        app.include_router(pages)
    for router in (health, accounts.signing_in, intake.router):
        app.include_router(router)
    areas: tuple[APIRouter, ...] = (
        search.router,
        exports.router,  # Before the issues: `/issues/export` is no issue.
        issues.router,
        predictions.router,
        prediction_ledger.router,
        monitoring.router,
        switches.router,
        duplicates.router,
        suggestions.router,
        attachments.router,
        notifications.router,
        projects.router,
        projects.vocabularies,
        backtests.router,
        sprints.router,
        trainings.router,
        accounts.router,
        imports.router,
        jobs.router,
        models_api.router,  # After others under `/models`: a version is no fixed word.
        audit.build_router(authorize=require_audit_reader, find_actor_id=find_user_id),
    )
    for area in areas:
        app.include_router(area, prefix="/api/v1")
    app.include_router(notifications.unsubscribing)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    app.add_middleware(
        BodyLimitMiddleware,
        max_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_attachment_bytes + 10_000,
        upload_suffixes=("/attachments",),
        other_limits=dict.fromkeys(("/imports", "/models/import"), settings.max_import_bytes + 1_000_000),
        answering=issue_pages.UPLOAD_PATH,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-ID"],
        )
    if settings.trusted_hosts != ["*"]:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*settings.trusted_hosts, "localhost", "127.0.0.1"])
