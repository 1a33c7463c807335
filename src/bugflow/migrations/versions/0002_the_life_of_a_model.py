"""The life of a model: what models thought, how they are trained and tried, and which features are switched off."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
APPEND_ONLY = "feature_switches"


def upgrade() -> None:
    """Make the tables, and refuse changes to what is append-only."""
    create_feature_switches()
    create_model_trials()
    create_predictions()
    create_trainings()
    if op.get_bind().dialect.name == "sqlite":
        guard_sqlite()
    else:
        guard_postgresql()


def guard_sqlite() -> None:
    """Refuse changes to what is append-only."""
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {APPEND_ONLY}_no_{verb.lower()} BEFORE {verb} ON {APPEND_ONLY} "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY} is append-only'); END"
        )


def guard_postgresql() -> None:
    """Refuse changes to what is append-only, by the function of the first schema."""
    op.execute(
        f"CREATE TRIGGER {APPEND_ONLY}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {APPEND_ONLY} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def create_feature_switches() -> None:
    """Make the table."""
    op.create_table(
        "feature_switches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feature", sa.String(length=20), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_feature_switches_actor_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_feature_switches_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_switches")),
    )
    op.create_index("ix_feature_switches_feature", "feature_switches", ["feature", "project_id", "id"], unique=False)


def create_model_trials() -> None:
    """Make the table."""
    op.create_table(
        "model_trials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_type", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("open_key", sa.String(length=70), nullable=True),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("champion", sa.String(length=120), nullable=True),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.Column("later", JSON, nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("says", sa.String(length=1000), nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.CheckConstraint("outcome IN ('promoted', 'dropped', 'replaced')", name=op.f("ck_model_trials_outcome")),
        sa.CheckConstraint("stage IN ('shadow', 'ab')", name=op.f("ck_model_trials_stage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_trials")),
        sa.UniqueConstraint("open_key", name=op.f("uq_model_trials_open_key")),
    )
    op.create_index("ix_model_trials_type", "model_trials", ["model_type", "scope", "id"], unique=False)


def create_predictions() -> None:
    """Make the table."""
    op.create_table(
        "predictions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=True),
        sa.Column("draft_key", sa.String(length=64), nullable=True),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("band", sa.String(length=10), nullable=False),
        sa.Column("method", sa.String(length=60), nullable=False),
        sa.Column("model_version", sa.String(length=120), nullable=True),
        sa.Column("part", sa.String(length=10), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("truth", sa.String(length=120), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("settled_by", sa.String(length=20), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("band IN ('sure', 'suggested', 'unsure')", name=op.f("ck_predictions_band")),
        sa.CheckConstraint("outcome IN ('right', 'wrong')", name=op.f("ck_predictions_outcome")),
        sa.CheckConstraint("part IN ('champion', 'shadow', 'ab')", name=op.f("ck_predictions_part")),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_predictions_issue_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_predictions_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_predictions")),
    )
    op.create_index("ix_predictions_draft", "predictions", ["draft_key"], unique=False)
    op.create_index("ix_predictions_field", "predictions", ["field", "created_at"], unique=False)
    op.create_index(op.f("ix_predictions_project_id"), "predictions", ["project_id"], unique=False)
    op.create_index("ix_predictions_version", "predictions", ["model_version", "created_at"], unique=False)
    for whose, where in (("issue_id", sa.text("issue_id IS NOT NULL")), ("draft_key", sa.text("issue_id IS NULL"))):
        op.create_index(
            f"uq_predictions_{whose.partition('_')[0]}",
            "predictions",
            [whose, "field", "part", sa.text("coalesce(model_version, '')")],
            unique=True,
            sqlite_where=where,
            postgresql_where=where,
        )


def create_trainings() -> None:
    """Make the table."""
    op.create_table(
        "trainings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("task", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("open_key", sa.String(length=70), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("trigger", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("run_uuid", sa.Uuid(), nullable=True),
        sa.Column("requested_by_id", sa.Integer(), nullable=True),
        sa.Column("requested_by_name", sa.String(length=200), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("n_labelled", sa.Integer(), nullable=True),
        sa.Column("dataset", sa.String(length=200), nullable=True),
        sa.Column("version", sa.String(length=120), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("then", sa.String(length=10), nullable=True),
        sa.Column("outcome", sa.String(length=500), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed')", name=op.f("ck_trainings_state")),
        sa.ForeignKeyConstraint(["requested_by_id"], ["users.id"], name=op.f("fk_trainings_requested_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trainings")),
        sa.UniqueConstraint("open_key", name=op.f("uq_trainings_open_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_trainings_uuid")),
    )
    op.create_index("ix_trainings_task", "trainings", ["task", "scope", "id"], unique=False)
