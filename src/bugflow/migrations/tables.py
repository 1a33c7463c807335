"""Every module that declares tables, so that the metadata is whole."""

from bugflow.assist.duplicates import tables as duplicates
from bugflow.core.database import Table
from bugflow.core.jobs import tables as jobs
from bugflow.mlops.corrections import tables as corrections
from bugflow.mlops.datasets import tables as datasets
from bugflow.mlops.predictions import tables as predictions
from bugflow.mlops.promotion import tables as promotion
from bugflow.mlops.switches import tables as switches
from bugflow.mlops.training import tables as training
from bugflow.tracker.accounts import tables as accounts
from bugflow.tracker.audit import tables as audit
from bugflow.tracker.imports import tables as imports
from bugflow.tracker.issues import tables as issues
from bugflow.tracker.notifications import tables as notifications
from bugflow.tracker.projects import tables as projects
from bugflow.tracker.search import tables as search
from bugflow.tracker.sprints import tables as sprints

MODULES = (
    audit,
    accounts,
    projects,
    issues,
    sprints,
    search,
    notifications,
    imports,
    corrections,
    datasets,
    predictions,
    promotion,
    switches,
    training,
    duplicates,
    jobs,
)
METADATA = Table.metadata
