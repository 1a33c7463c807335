"""Commands that watch models and switch features: `bugflow models monitor`, `alarms` and `switch`."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, load_settings, print_json, use_database
from bugflow.cli.versions import Type
from bugflow.core.clock import utc_now
from bugflow.core.storage import open_storage
from bugflow.mlops.monitoring.alarms import find_alarms
from bugflow.mlops.monitoring.figures import MOST_DAYS, USUAL_DAYS, Calibration, Share, VersionFigures
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.report import Monitoring, monitor
from bugflow.mlops.monitoring.schemas import AlarmRead, MonitoringRead
from bugflow.mlops.registry.versions import require_type
from bugflow.mlops.switches.api import describe_switches
from bugflow.mlops.switches.service import switch_feature
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.projects.queries import get_project

Project = Annotated[str | None, typer.Option("--project", help="Key, name or UUID; all projects without it.")]
Days = Annotated[int, typer.Option("--days", min=1, max=MOST_DAYS, help="So many of the latest days.")]


def monitor_model(
    model_type: Type, *, project: Project = None, days: Days = USUAL_DAYS, as_json: AsJson = False
) -> None:
    """Show how the models of a field have done, and whether what is reported has changed."""
    settings, kind, actor = load_settings(), require_type(model_type), build_system_actor("cli")
    storage = open_storage(settings.resolved_storage_url)
    with use_database(settings) as database, database.snapshot() as session:
        chosen = None if project is None else get_project(session, actor, project)
        found = monitor(
            session,
            storage,
            kind,
            viewer=actor,
            options=WatchOptions.of(settings),
            now=utc_now(),
            project=chosen,
            days=days,
        )
    if as_json:
        print_json(MonitoringRead.of(found).model_dump(mode="json"))
        return
    _show(found)


def _show(found: Monitoring) -> None:
    where = "all projects" if found.project is None else found.project
    console.print(f"{found.model_type}, {where}: {found.in_use} is in use.", soft_wrap=True)
    if found.measured.versions:
        console.print(_list_versions(found.measured.versions))
    for name, shares in (("Label", found.measured.by_label), ("Team", found.measured.by_team)):
        if shares:
            console.print(_list_shares(name, shares))
    if found.measured.calibration.bins:
        console.print(_list_bins(found.measured.calibration))
    for sentence in found.says:
        console.print(escape(sentence), soft_wrap=True, highlight=False)


def _list_versions(versions: Iterable[VersionFigures]) -> Table:
    table = Table("Version", "Part", "Predicted", "Sure", "Right where sure", "Best guess right", "Accepted", box=None)
    for each in versions:
        figures = each.figures
        table.add_row(
            each.version or each.method,
            each.part,
            f"{figures.n_predictions:,}",
            *map(_write, (figures.coverage, figures.precision, figures.accuracy, figures.acceptance)),
        )
    return table


def _list_shares(name: str, shares: Mapping[str, Share]) -> Table:
    table = Table(name, "Right where sure", "95 %", "Settled", box=None)
    for label, share in shares.items():
        low, high = share.interval or (0.0, 1.0)
        table.add_row(escape(label), _write(share), f"{low:.1%} to {high:.1%}", f"{share.total:,}")
    return table


def _list_bins(calibration: Calibration) -> Table:
    table = Table("Probability", "Mean", "Right", "Settled", box=None)
    for each in calibration.bins:
        table.add_row(
            f"{each.low:.1f} to {each.high:.1f}", f"{each.mean:.2f}", _write(each.right), f"{each.right.total:,}"
        )
    return table


def _write(share: Share) -> str:
    return "" if share.share is None else f"{share.share:.1%}"


def show_alarms(*, days: Days = USUAL_DAYS, as_json: AsJson = False) -> None:
    """Show what is not as it should be with the models in use, the gravest first."""
    settings = load_settings()
    storage, options = open_storage(settings.resolved_storage_url), WatchOptions.of(settings)
    with use_database(settings) as database, database.snapshot() as session:
        found = find_alarms(
            session, storage, viewer=build_system_actor("cli"), options=options, now=utc_now(), days=days
        )
    if as_json:
        print_json([AlarmRead.model_validate(alarm).model_dump(mode="json") for alarm in found])
        return
    for alarm in found:
        console.print(f"{alarm.severity}: {escape(alarm.says)}", soft_wrap=True, highlight=False)
    if not found:
        console.print("Nothing is wrong with the models in use.")


def switch_model(
    model_type: Type,
    state: Annotated[Literal["on", "off"], typer.Argument(metavar="STATE", help="on or off.")],
    *,
    project: Project = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept, and shown to whoever asks.")],
) -> None:
    """Switch a feature off or on, for one project or for all; running servers see it at their next request."""
    kind, actor = require_type(model_type), build_system_actor("cli")
    with use_database() as database, database.transaction() as session:
        chosen = None if project is None else get_project(session, actor, project)
        switch_feature(session, kind, project=chosen, on=state == "on", reason=reason, actor=actor, now=utc_now())
        where = "all projects" if chosen is None else chosen.key
    console.print(f"{kind} is {state} for {where} from now on.", soft_wrap=True)


def show_switches(*, as_json: AsJson = False) -> None:
    """Show which features were switched off or on, where, by whom and why."""
    with use_database() as database, database.snapshot() as session:
        found = describe_switches(session, build_system_actor("cli"))
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    table = Table("Feature", "Project", "", "Since (UTC)", "Who", "Why", box=None)
    for each in found:
        state = "on" if each.on else "off"
        where, who, why = map(escape, (each.project or "all", each.by, each.reason))
        table.add_row(each.feature, where, state, f"{each.at:%Y-%m-%d %H:%M}", who, why)
    console.print(table if found else "Every feature is on, everywhere.")
