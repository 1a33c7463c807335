"""Trains every model each Monday by the path that the worker takes, `bugflow models train`; nothing is decided here.

It runs where `bugflow` and its settings are (`BUGFLOW_DATABASE_URL`, `BUGFLOW_STORAGE_URL`). A model of which too
little is known, or that is being trained, is skipped. What passes its checks is tried first, as
`BUGFLOW_PROMOTION_STAGES` says.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

TASKS = ("severity", "team", "component", "priority", "duplicates")
NOT_NOW = [2, 4]
"""Exit codes of `bugflow`: too little to learn from, or somebody trains it at this moment."""

with DAG(
    "bugflow_retraining",
    description="Learn from what people corrected and confirmed.",
    schedule="0 2 * * 1",
    start_date=datetime(2026, 1, 5, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["bugflow"],
) as dag:
    for name in TASKS:
        BashOperator(
            task_id=f"train_{name}",
            bash_command=f"bugflow models train {name} --trial --trigger pipeline --json",
            skip_on_exit_code=NOT_NOW,
        )
