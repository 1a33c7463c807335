"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
APPEND_ONLY = ("audit_entries", "corrections", "duplicate_verdicts", "gold_sets", "issue_changes", "model_changes")
FILTERED_COLUMNS = (
    "status",
    "severity_id",
    "team_id",
    "assignee_id",
    "priority_rank",
    "issue_type",
    "component_id",
    "reporter_id",
    "sprint_id",
    "restricted",
)


def upgrade() -> None:
    """Make every table, the full-text index and the guards of the append-only tables."""
    create_audit_entries()
    create_gold_sets()
    create_imported_records()
    create_job_runs()
    create_outbox_events()
    create_projects()
    create_users()
    create_api_tokens()
    create_components()
    create_import_runs()
    create_notification_preferences()
    create_project_members()
    create_saved_searches()
    create_severities()
    create_sign_ins()
    create_sprints()
    create_teams()
    create_issues()
    create_attachments()
    create_comments()
    create_corrections()
    create_duplicate_verdicts()
    create_issue_changes()
    create_issue_labels()
    create_issue_profiles()
    create_issue_relations()
    create_model_changes()
    create_notifications()
    create_sprint_memberships()
    create_watchers()
    create_expression_indexes()
    if op.get_bind().dialect.name == "sqlite":
        create_sqlite_text_index()
        guard_sqlite()
    else:
        create_postgresql_text_index()
        guard_postgresql()


def create_expression_indexes() -> None:
    """Names are unique without regard to case; no project means the whole installation."""
    for table in ("teams", "severities"):
        op.execute(f"CREATE UNIQUE INDEX uq_{table}_name ON {table} (coalesce(project_id, 0), lower(name))")
    op.execute("CREATE UNIQUE INDEX uq_components_name ON components (project_id, lower(name))")


def create_sqlite_text_index() -> None:
    """The words of issues, for FTS5."""
    op.execute("CREATE VIRTUAL TABLE issue_text USING fts5(title, body, comments, tokenize = 'porter unicode61')")


def create_postgresql_text_index() -> None:
    """The words of issues, for tsquery."""
    op.execute(
        "CREATE TABLE issue_text (issue_id integer PRIMARY KEY REFERENCES issues (id), document tsvector NOT NULL)"
    )
    op.execute("CREATE INDEX ix_issue_text_document ON issue_text USING gin (document)")


def guard_sqlite() -> None:
    """Refuse changes to what is append-only."""
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def guard_postgresql() -> None:
    """Refuse changes to what is append-only."""
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def create_audit_entries() -> None:
    """Make the table."""
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.String(length=60), nullable=False),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["action"], unique=False)
    op.create_index("ix_audit_entries_actor_id", "audit_entries", ["actor_id"], unique=False)
    op.create_index("ix_audit_entries_at", "audit_entries", ["at"], unique=False)
    op.create_index("ix_audit_entries_subject", "audit_entries", ["subject_type", "subject_id", "id"], unique=False)


def create_gold_sets() -> None:
    """Make the table."""
    op.create_table(
        "gold_sets",
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("field", "scope", name=op.f("pk_gold_sets")),
    )


def create_imported_records() -> None:
    """Make the table."""
    op.create_table(
        "imported_records",
        sa.Column("namespace", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source_id", sa.String(length=120), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "kind", "source_id", name=op.f("pk_imported_records")),
    )
    op.create_index("ix_imported_records_target_id", "imported_records", ["target_id"], unique=False)


def create_job_runs() -> None:
    """Make the table."""
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("arguments", JSON, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("progress_note", sa.String(length=200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runner", sa.String(length=120), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("unique_key", sa.String(length=200), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_job_runs_state")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_job_runs_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("unique_key", name=op.f("uq_job_runs_unique_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_job_runs_uuid")),
    )
    op.create_index("ix_job_runs_created_at", "job_runs", ["created_at"], unique=False)
    op.create_index("ix_job_runs_due", "job_runs", ["state", "due_at", "id"], unique=False)
    op.create_index("ix_job_runs_job", "job_runs", ["job"], unique=False)
    op.create_index("ix_job_runs_owner_id", "job_runs", ["owner_id"], unique=False)


def create_outbox_events() -> None:
    """Make the table."""
    op.create_table(
        "outbox_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_events")),
    )
    op.create_index("ix_outbox_events_pending", "outbox_events", ["dispatched_at", "id"], unique=False)


def create_projects() -> None:
    """Make the table."""
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("visibility", sa.String(length=10), nullable=False),
        sa.Column("last_issue_number", sa.Integer(), nullable=False),
        sa.Column("predictions", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("key", name=op.f("uq_projects_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_projects_uuid")),
    )


def create_users() -> None:
    """Make the table."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.String(length=60), nullable=False),
        sa.Column("locale", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("uuid", name=op.f("uq_users_uuid")),
    )
    op.create_index("ix_users_name", "users", ["name"], unique=False)


def create_api_tokens() -> None:
    """Make the table."""
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"], unique=False)


def create_components() -> None:
    """Make the table."""
    op.create_table(
        "components",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_components_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_components")),
    )


def create_import_runs() -> None:
    """Make the table."""
    op.create_table(
        "import_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("project_key", sa.String(length=20), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("files_key", sa.String(length=80), nullable=False),
        sa.Column("files", JSON, nullable=False),
        sa.Column("people", JSON, nullable=False),
        sa.Column("report", JSON, nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["started_by_id"], ["users.id"], name=op.f("fk_import_runs_started_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_runs")),
        sa.UniqueConstraint("uuid", name=op.f("uq_import_runs_uuid")),
    )
    op.create_index("ix_import_runs_files_key", "import_runs", ["files_key"], unique=False)
    op.create_index("ix_import_runs_started_by_id", "import_runs", ["started_by_id"], unique=False)


def create_notification_preferences() -> None:
    """Make the table."""
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("digest_every", sa.String(length=10), nullable=False),
        sa.Column("digest_hour", sa.Integer(), nullable=False),
        sa.Column("last_digest_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notification_preferences_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notification_preferences")),
    )


def create_project_members() -> None:
    """Make the table."""
    op.create_table(
        "project_members",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_project_members_project_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_project_members_user_id")),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_project_members")),
    )
    op.create_index("ix_project_members_user_id", "project_members", ["user_id"], unique=False)


def create_saved_searches() -> None:
    """Make the table."""
    op.create_table(
        "saved_searches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_saved_searches_owner_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_saved_searches_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_saved_searches_owner_id_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_saved_searches_uuid")),
    )
    op.create_index("ix_saved_searches_project_id", "saved_searches", ["project_id"], unique=False)


def create_severities() -> None:
    """Make the table."""
    op.create_table(
        "severities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_severities_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_severities")),
    )


def create_sign_ins() -> None:
    """Make the table."""
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("family", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_ins_token_hash")),
    )
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"], unique=False)
    op.create_index("ix_sign_ins_family", "sign_ins", ["family"], unique=False)
    op.create_index("ix_sign_ins_user_id", "sign_ins", ["user_id"], unique=False)


def create_sprints() -> None:
    """Make the table."""
    op.create_table(
        "sprints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("goal", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("capacity_hours", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('planned', 'active', 'completed')", name=op.f("ck_sprints_state")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_sprints_ends_after_start")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_sprints_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sprints")),
        sa.UniqueConstraint("uuid", name=op.f("uq_sprints_uuid")),
    )
    op.create_index("ix_sprints_project_starts", "sprints", ["project_id", "starts_on"], unique=False)
    op.create_index(
        "uq_sprints_one_active",
        "sprints",
        ["project_id"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )


def create_teams() -> None:
    """Make the table."""
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_teams_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
    )


def create_issues() -> None:
    """Make the table."""
    op.create_table(
        "issues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("stack_trace", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("issue_type", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("resolution", sa.String(length=20), nullable=True),
        sa.Column("severity_id", sa.Integer(), nullable=True),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("component_id", sa.Integer(), nullable=True),
        sa.Column("priority_rank", sa.Integer(), nullable=True),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("reporter_id", sa.Integer(), nullable=False),
        sa.Column("sprint_id", sa.Integer(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("story_points", sa.Double(), nullable=True),
        sa.Column("estimated_hours", sa.Double(), nullable=True),
        sa.Column("actual_hours", sa.Double(), nullable=True),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("source_url", sa.String(length=500), nullable=True),
        sa.Column("comment_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("issue_type IN ('bug', 'story', 'task')", name=op.f("ck_issues_issue_type")),
        sa.CheckConstraint("status IN ('open', 'in_progress', 'resolved', 'closed')", name=op.f("ck_issues_status")),
        sa.CheckConstraint("priority_rank BETWEEN 1 AND 5", name=op.f("ck_issues_priority_rank")),
        sa.ForeignKeyConstraint(["assignee_id"], ["users.id"], name=op.f("fk_issues_assignee_id")),
        sa.ForeignKeyConstraint(["component_id"], ["components.id"], name=op.f("fk_issues_component_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_issues_project_id")),
        sa.ForeignKeyConstraint(["reporter_id"], ["users.id"], name=op.f("fk_issues_reporter_id")),
        sa.ForeignKeyConstraint(["severity_id"], ["severities.id"], name=op.f("fk_issues_severity_id")),
        sa.ForeignKeyConstraint(["sprint_id"], ["sprints.id"], name=op.f("fk_issues_sprint_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_issues_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issues")),
        sa.UniqueConstraint("key", name=op.f("uq_issues_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_issues_uuid")),
    )
    op.create_index(
        "ix_issues_assignee_status_updated", "issues", ["assignee_id", "status", "updated_at", "id"], unique=False
    )
    op.create_index("ix_issues_component_updated", "issues", ["component_id", "updated_at", "id"], unique=False)
    op.create_index("ix_issues_created", "issues", ["created_at", "id"], unique=True)
    op.create_index("ix_issues_due", "issues", ["due_on"], unique=False)
    op.create_index("ix_issues_due_order", "issues", [sa.text("coalesce(due_on, '9999-12-31')"), "id"], unique=False)
    op.create_index("ix_issues_priority_order", "issues", [sa.text("coalesce(priority_rank, 0)"), "id"], unique=False)
    op.create_index(
        "ix_issues_project_status_updated", "issues", ["project_id", "status", "updated_at", "id"], unique=False
    )
    op.create_index(
        "ix_issues_project_updated", "issues", ["project_id", "updated_at", "id", *FILTERED_COLUMNS], unique=False
    )
    op.create_index("ix_issues_reporter_updated", "issues", ["reporter_id", "updated_at", "id"], unique=False)
    op.create_index("ix_issues_severity_rank", "issues", ["severity_rank", "id"], unique=False)
    op.create_index("ix_issues_severity_updated", "issues", ["severity_id", "updated_at", "id"], unique=False)
    op.create_index("ix_issues_sprint_id", "issues", ["sprint_id"], unique=False)
    op.create_index("ix_issues_status_updated", "issues", ["status", "updated_at", "id"], unique=False)
    op.create_index("ix_issues_team_status_updated", "issues", ["team_id", "status", "updated_at", "id"], unique=False)
    op.create_index("ix_issues_updated", "issues", ["updated_at", "id", "project_id", *FILTERED_COLUMNS], unique=False)


def create_attachments() -> None:
    """Make the table."""
    op.create_table(
        "attachments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("uploader_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_attachments_issue_id")),
        sa.ForeignKeyConstraint(["uploader_id"], ["users.id"], name=op.f("fk_attachments_uploader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_attachments_storage_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_attachments_uuid")),
    )
    op.create_index("ix_attachments_issue_id", "attachments", ["issue_id"], unique=False)


def create_comments() -> None:
    """Make the table."""
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_comments_author_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_comments_issue_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index("ix_comments_issue", "comments", ["issue_id", "id"], unique=False)


def create_corrections() -> None:
    """Make the table."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=30), nullable=False),
        sa.Column("old_value", sa.String(length=120), nullable=True),
        sa.Column("old_probability", sa.Float(), nullable=True),
        sa.Column("new_value", sa.String(length=120), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("author_role", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_corrections_author_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_corrections_issue_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
    )
    op.create_index("ix_corrections_field", "corrections", ["field", "id"], unique=False)
    op.create_index("ix_corrections_issue_id", "corrections", ["issue_id"], unique=False)


def create_duplicate_verdicts() -> None:
    """Make the table."""
    op.create_table(
        "duplicate_verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("canonical_id", sa.Integer(), nullable=True),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("author_role", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("status_before", sa.String(length=20), nullable=True),
        sa.Column("resolution_before", sa.String(length=20), nullable=True),
        sa.Column("resolved_at_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repointed", JSON, nullable=False),
        sa.CheckConstraint(
            "verdict IN ('merged', 'unmerged', 'rejected', 'withdrawn')", name=op.f("ck_duplicate_verdicts_verdict")
        ),
        sa.CheckConstraint("source_id <> target_id", name=op.f("ck_duplicate_verdicts_not_itself")),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_duplicate_verdicts_author_id")),
        sa.ForeignKeyConstraint(["canonical_id"], ["issues.id"], name=op.f("fk_duplicate_verdicts_canonical_id")),
        sa.ForeignKeyConstraint(["source_id"], ["issues.id"], name=op.f("fk_duplicate_verdicts_source_id")),
        sa.ForeignKeyConstraint(["target_id"], ["issues.id"], name=op.f("fk_duplicate_verdicts_target_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_verdicts")),
    )
    op.create_index("ix_duplicate_verdicts_source", "duplicate_verdicts", ["source_id", "id"], unique=False)
    op.create_index("ix_duplicate_verdicts_target", "duplicate_verdicts", ["target_id", "id"], unique=False)


def create_issue_changes() -> None:
    """Make the table."""
    op.create_table(
        "issue_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("field", sa.String(length=30), nullable=False),
        sa.Column("old", sa.String(), nullable=True),
        sa.Column("new", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_issue_changes_actor_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_issue_changes_issue_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_changes")),
    )
    op.create_index("ix_issue_changes_issue", "issue_changes", ["issue_id", "id"], unique=False)


def create_issue_labels() -> None:
    """Make the table."""
    op.create_table(
        "issue_labels",
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_issue_labels_issue_id")),
        sa.PrimaryKeyConstraint("issue_id", "label", name=op.f("pk_issue_labels")),
    )
    op.create_index("ix_issue_labels_label", "issue_labels", [sa.text("lower(label)"), "issue_id"], unique=False)


def create_issue_profiles() -> None:
    """Make the table."""
    op.create_table(
        "issue_profiles",
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("issue_updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_issue_profiles_issue_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_issue_profiles")),
    )
    op.create_index("ix_issue_profiles_written", "issue_profiles", ["written_at"], unique=False)


def create_issue_relations() -> None:
    """Make the table."""
    op.create_table(
        "issue_relations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("source_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("target_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('duplicate_of', 'blocks', 'relates_to')", name=op.f("ck_issue_relations_kind")),
        sa.CheckConstraint("source_id <> target_id", name=op.f("ck_issue_relations_not_itself")),
        sa.CheckConstraint(
            "kind <> 'duplicate_of' OR target_created_at < source_created_at "
            "OR (target_created_at = source_created_at AND target_id < source_id)",
            name=op.f("ck_issue_relations_older_target"),
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_issue_relations_created_by_id")),
        sa.ForeignKeyConstraint(
            ["source_id", "source_created_at"],
            ["issues.id", "issues.created_at"],
            name=op.f("fk_issue_relations_source_id"),
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["target_id", "target_created_at"],
            ["issues.id", "issues.created_at"],
            name=op.f("fk_issue_relations_target_id"),
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_relations")),
        sa.UniqueConstraint("source_id", "kind", "target_id", name=op.f("uq_issue_relations_source_id_kind_target_id")),
    )
    op.create_index("ix_issue_relations_target", "issue_relations", ["target_id", "kind"], unique=False)
    op.create_index(
        "uq_issue_relations_one_duplicate",
        "issue_relations",
        ["source_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'duplicate_of'"),
        postgresql_where=sa.text("kind = 'duplicate_of'"),
    )


def create_model_changes() -> None:
    """Make the table."""
    op.create_table(
        "model_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_type", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=12), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=True),
        sa.Column("before", sa.String(length=120), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_model_changes_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_changes")),
        sa.UniqueConstraint("model_type", "scope", "number", name=op.f("uq_model_changes_model_type_scope_number")),
    )


def create_notifications() -> None:
    """Make the table."""
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("summary", sa.String(length=500), nullable=False),
        sa.Column("event_key", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sprint_id", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("mail_state", sa.String(length=10), nullable=True),
        sa.Column("mail_claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mail_error", sa.String(length=500), nullable=True),
        sa.Column("emailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel IN ('inbox', 'immediate', 'digest')", name=op.f("ck_notifications_channel")),
        sa.CheckConstraint(
            "mail_state IN ('waiting', 'sending', 'sent', 'refused', 'dropped')",
            name=op.f("ck_notifications_mail_state"),
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_notifications_actor_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_notifications_issue_id")),
        sa.ForeignKeyConstraint(["sprint_id"], ["sprints.id"], name=op.f("fk_notifications_sprint_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("user_id", "event_key", name=op.f("uq_notifications_user_id_event_key")),
    )
    op.create_index("ix_notifications_issue_id", "notifications", ["issue_id"], unique=False)
    op.create_index("ix_notifications_mail", "notifications", ["mail_state", "channel", "user_id"], unique=False)
    op.create_index("ix_notifications_user_unread", "notifications", ["user_id", "read_at", "id"], unique=False)


def create_sprint_memberships() -> None:
    """Make the table."""
    op.create_table(
        "sprint_memberships",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sprint_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by_id", sa.Integer(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by_id", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=15), nullable=True),
        sa.Column("committed_points", sa.Double(), nullable=True),
        sa.Column("committed_hours", sa.Double(), nullable=True),
        sa.Column("final_points", sa.Double(), nullable=True),
        sa.Column("final_hours", sa.Double(), nullable=True),
        sa.CheckConstraint("outcome IN ('completed', 'carried_over')", name=op.f("ck_sprint_memberships_outcome")),
        sa.ForeignKeyConstraint(["added_by_id"], ["users.id"], name=op.f("fk_sprint_memberships_added_by_id")),
        sa.ForeignKeyConstraint(["removed_by_id"], ["users.id"], name=op.f("fk_sprint_memberships_removed_by_id")),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_sprint_memberships_issue_id")),
        sa.ForeignKeyConstraint(["sprint_id"], ["sprints.id"], name=op.f("fk_sprint_memberships_sprint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sprint_memberships")),
    )
    op.create_index("ix_sprint_memberships_issue_id", "sprint_memberships", ["issue_id"], unique=False)
    op.create_index("ix_sprint_memberships_sprint", "sprint_memberships", ["sprint_id", "added_at"], unique=False)
    op.create_index(
        "uq_sprint_memberships_one_open",
        "sprint_memberships",
        ["issue_id"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def create_watchers() -> None:
    """Make the table."""
    op.create_table(
        "watchers",
        sa.Column("issue_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=op.f("fk_watchers_issue_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_watchers_user_id")),
        sa.PrimaryKeyConstraint("issue_id", "user_id", name=op.f("pk_watchers")),
    )
    op.create_index("ix_watchers_user_id", "watchers", ["user_id"], unique=False)
