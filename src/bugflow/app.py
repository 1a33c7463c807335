"""The web application: wires areas together and decides nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from starlette.middleware.cors import CORSMiddleware

from bugflow import __version__
from bugflow.assist.intake import api as intake
from bugflow.core.database import open_database
from bugflow.core.http.body_limit import BodyLimitMiddleware
from bugflow.core.http.dependencies import DatabaseDep
from bugflow.core.http.problems import install_problem_handlers
from bugflow.core.http.rate_limit import RateLimiter
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.settings import Settings
from bugflow.core.storage import open_storage
from bugflow.tracker.accounts import api as accounts
from bugflow.tracker.accounts.throttling import SignInThrottle
from bugflow.tracker.issues import api as issues
from bugflow.tracker.issues import attachments_api as attachments
from bugflow.tracker.projects import api as projects
from bugflow.tracker.search import api as search

health = APIRouter(tags=["operation"])


@health.get("/health")
def read_health(database: DatabaseDep) -> dict[str, Any]:
    """Tell that the service answers, and whether its database does."""
    with database.snapshot() as session:
        session.execute(text("SELECT 1"))
        kind = session.get_bind().dialect.name
    return {"status": "ok", "service": "trainer", "version": __version__, "database": kind}


def create_app(settings: Settings) -> FastAPI:
    """Build the application on a database that is up to date."""
    database = open_database(
        settings.resolved_database_url,
        timeout_seconds=settings.database_timeout_seconds,
        pool_size=settings.database_pool_size,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        database.dispose()

    app = FastAPI(title="BugFlow", version=__version__, lifespan=lifespan)
    app.state.settings = settings
    app.state.database = database
    app.state.storage = open_storage(settings.resolved_storage_url)
    app.state.limiter = RateLimiter(settings.broker_url)
    app.state.sign_in_throttle = SignInThrottle(app.state.limiter, settings.sign_in_attempts)
    app.state.hasher = PasswordHasher(
        time_cost=settings.password_hash_time_cost, memory_kib=settings.password_hash_memory_kib
    )
    install_problem_handlers(app)
    _add_middleware(app, settings)
    for router in (health, accounts.signing_in, intake.router):
        app.include_router(router)
    for router in (
        accounts.router,
        projects.router,
        projects.vocabularies,
        search.router,
        issues.router,
        attachments.router,
    ):
        app.include_router(router, prefix="/api/v1")
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    app.add_middleware(
        BodyLimitMiddleware,
        max_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_attachment_bytes + 10_000,
        upload_suffixes=("/attachments",),
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
