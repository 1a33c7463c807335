"""Every setting of BugFlow, read from `BUGFLOW_*` environment variables; documented in docs/reference/settings.md."""

from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bugflow.core.errors import InvalidError

DEMO_SECRET = "bugflow-demo-secret-that-everybody-knows"  # noqa: S105 -- Refused outside the demo.
SHORTEST_SECRET = 32
PredictedField = Literal["severity", "team", "component", "priority"]
PromotionStage = Literal["shadow", "ab"]


METRICS_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names Prometheus' library the folder in which several server processes count together; set before it is loaded."""


class DefaultSecretError(InvalidError):
    """A server outside the demo needs a secret of its own."""

    def __init__(self) -> None:
        super().__init__(
            "BUGFLOW_SECRET_KEY is not set, or shorter than "
            f"{SHORTEST_SECRET} characters, so anyone could sign a token. "
            "Make one with `bugflow secret`, set BUGFLOW_SECRET_KEY to it, and start again."
        )


class Settings(BaseSettings):
    """The settings of one process. Times are in the unit their name ends with."""

    model_config = SettingsConfigDict(env_prefix="BUGFLOW_", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".bugflow",
        description="Folder under which a default installation writes everything: database, files, models.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy address of the database: sqlite:///PATH or postgresql+psycopg://…; "
        "empty means SQLite in BUGFLOW_HOME.",
    )
    storage_url: str = Field(
        default="",
        description="Where files are kept: file:///PATH, s3://bucket/prefix?endpoint=…, memory://; "
        "empty means a folder in BUGFLOW_HOME.",
    )
    broker_url: str = Field(
        default="",
        description="Redis or RabbitMQ address for Celery; empty means the embedded job runner. "
        "With Redis, rate limits are shared between processes too.",
    )
    broker_queue: str = Field(
        default="bugflow-jobs",
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of the queue at the broker; each installation that shares a broker needs its own.",
    )
    secret_key: SecretStr = Field(
        default=SecretStr(DEMO_SECRET),
        description="Signs tokens and cookies; at least 32 characters; `bugflow secret` makes one.",
    )
    demo: bool = Field(default=False, description="This is a demo database: the default secret is accepted.")
    public_url: str = Field(
        default="http://localhost:8000", description="The address people reach this server under; used in e-mails."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    web_processes: int = Field(default=1, ge=1, le=64, description="How many server processes share the port.")
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins (JSON list) whose pages may call the API from a browser."
    )
    trusted_hosts: list[str] = Field(
        default_factory=lambda: ["*"], description="Host names (JSON list) this server answers to."
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1", description="Proxies whose X-Forwarded-* headers are believed, comma separated."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")
    access_token_minutes: int = Field(default=30, ge=1, description="How long an access token is good for.")
    refresh_token_days: int = Field(default=30, ge=1, description="How long a refresh token or web session lasts.")
    password_hash_time_cost: int = Field(default=3, ge=1, description="Argon2id passes over memory.")
    password_hash_memory_kib: int = Field(default=65536, ge=8, description="Argon2id memory per hash, KiB.")
    sign_in_attempts: int = Field(
        default=5, ge=1, description="Failed sign-ins per account and address within 15 minutes before both must wait."
    )
    rate_limit_per_minute: int = Field(default=100, ge=1, description="API requests a minute per user.")
    page_limit_per_minute: int = Field(default=600, ge=1, description="Web page requests a minute per user.")
    max_body_bytes: int = Field(default=2_000_000, ge=1024, description="Largest JSON or form body, bytes.")
    max_attachment_bytes: int = Field(default=25_000_000, ge=1, description="Largest attachment, bytes.")
    max_import_bytes: int = Field(
        default=200_000_000, ge=1, description="Largest import over HTTP, all its files together, bytes."
    )
    database_timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long a writer waits for a locked database."
    )
    database_pool_size: int = Field(default=20, ge=1, description="Most connections a process keeps open.")
    job_poll_seconds: float = Field(default=0.5, gt=0, description="How often the job runner looks for work.")
    job_lease_seconds: int = Field(
        default=60, ge=5, description="After this long without a sign of life a job counts as dead and is run again."
    )
    job_history_days: int = Field(default=30, ge=1, description="How long finished jobs are remembered.")
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="Mail server: smtp://user:password@host:587 (STARTTLS) or smtps://…:465; empty sends no e-mail.",
    )
    mail_from: str = Field(default="BugFlow <bugflow@localhost>", description="Sender of e-mails.")
    metrics: bool = Field(default=True, description="Serve Prometheus metrics at /metrics.")
    encoder: str = Field(
        default="",
        description="Folder with an encoder's weights or a prepared encoder, or a name on the Hugging Face hub; "
        "empty takes the packaged weights, or those in the hub's cache.",
    )
    predictions: bool = Field(default=True, description="Ask models about reports; off, nothing is predicted.")
    predicted_fields: list[PredictedField] = Field(
        default_factory=lambda: list(get_args(PredictedField)),
        description="Which fields (JSON list) are predicted; a field that is left out is switched off.",
    )
    prediction_timeout_seconds: float = Field(
        default=2.0, gt=0, description="After this long what only looks at words answers in a model's place."
    )
    prediction_queue_seconds: float = Field(
        default=0.03,
        gt=0,
        description="A report that would wait longer for its turn is answered by what only looks at words.",
    )
    prediction_failures: int = Field(
        default=5, ge=1, description="After so many failures in a row a model is left alone for a while."
    )
    prediction_pause_seconds: float = Field(
        default=30.0, gt=0, description="How long a model that fails is left alone before it is tried again."
    )
    starter_models: bool = Field(
        default=True, description="Use the models that come with BugFlow until there are own ones."
    )
    duplicates: bool = Field(
        default=True, description="Suggest duplicates; off, none are suggested, and no server keeps issues in memory."
    )
    duplicates_least_probability: float = Field(
        default=0.01, ge=0, le=1, description="What is less probable to be the same bug is not suggested."
    )
    duplicates_vectors: Literal["auto", "memory"] = Field(
        default="auto",
        description="Where duplicates are sought by meaning: auto, in PostgreSQL where it has pgvector 0.8 or newer, "
        "else in each server's memory; memory, there in any case.",
    )
    model_cache_seconds: float = Field(
        default=3600.0, gt=0, description="How long a project's own model stays in memory without being asked."
    )
    model_poll_seconds: float = Field(
        default=2.0, gt=0, description="How often a server looks whether another model is to be used."
    )

    retraining: bool = Field(
        default=True, description="Train by itself; off, models learn only when a person or a pipeline asks for it."
    )
    retraining_corrections: int = Field(
        default=50, ge=1, description="After so many new corrections of a field its model learns again."
    )
    retraining_days: int = Field(
        default=30, ge=1, description="A model that is older learns again, where there is anything new."
    )
    retraining_growth: float = Field(
        default=0.2, gt=0, description="With this share more labelled issues than it learned from a model learns again."
    )
    promotion_stages: list[PromotionStage] = Field(
        default=["shadow"],
        description="What a model that passed its checks goes through before it is used (JSON list): shadow, where "
        "nobody sees what it says, and ab, where it answers for some issues; empty, it is used at once.",
    )
    promotion_precision: float = Field(
        default=0.9, ge=0.5, le=1, description="So many of a candidate's sure answers must be right."
    )
    promotion_floors: dict[str, float] = Field(
        default_factory=lambda: {"severity:critical": 0.5},
        description="Which share of the issues of a label must be found, by FIELD:LABEL (JSON), as far as the model in "
        "use finds as many.",
    )
    shadow_issues: int = Field(
        default=50, ge=1, description="A model in the shadow has thought about so many new issues before it goes on."
    )
    shadow_days: float = Field(
        default=7.0, gt=0, description="After so many days it goes on in any case, if nothing speaks against it."
    )
    ab_share: float = Field(default=0.5, gt=0, lt=1, description="For this share of the issues the challenger answers.")
    ab_issues: int = Field(
        default=200, ge=10, description="So many answers of each side were settled by people before it is decided."
    )
    ab_days: float = Field(default=30.0, gt=0, description="After so many days it is decided in any case.")
    automatic_rollback: bool = Field(
        default=True,
        description="Go back to the model before, where one in use is right less often than when it was judged.",
    )
    nearby_corrections: bool = Field(
        default=True, description="Let a correction speak for very similar open issues at once, before any training."
    )

    @property
    def resolved_database_url(self) -> str:
        """The database's address, with the default filled in."""
        return self.database_url or f"sqlite:///{self.home.expanduser().absolute() / 'bugflow.db'}"

    @property
    def resolved_storage_url(self) -> str:
        """The storage's address, with the default filled in."""
        return self.storage_url or (self.home.expanduser().absolute() / "files").as_uri()

    @property
    def models_folder(self) -> Path:
        """Where models and prepared encoders are kept."""
        return self.home.expanduser().absolute() / "models"

    def require_own_secret(self) -> None:
        """Refuse the well-known or a short secret outside the demo.

        Raises:
            DefaultSecretError: The secret is the default or too short.
        """
        secret = self.secret_key.get_secret_value()
        if not self.demo and (secret == DEMO_SECRET or len(secret) < SHORTEST_SECRET):
            raise DefaultSecretError
