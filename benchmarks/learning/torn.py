r"""Tells how many gold issues are torn from their bug, and how much they would flatter a model.

    PYTHONPATH=benchmarks/learning python benchmarks/learning/torn.py --data ../shared/data/issues/jquery_trac.parquet

Issues of a real tracker are filed in the order of time, each with the component that it had in the end, and linked as
people linked them: every report of a bug but the oldest is a duplicate of the oldest. After a share of them (`--first`)
the gold set is frozen. Then the data set of each moment is prepared by the product's own path, and a model of words is
trained and asked about the gold issues: those that are tested on, and those that are torn.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray
from offices import FIELD, Office, open_office

from bugflow.ml.contract import Report
from bugflow.ml.evaluation import share_interval
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.datasets.gold import GoldDivider, find_or_freeze_gold
from bugflow.mlops.datasets.groups import Links, group_numbers, list_torn
from bugflow.mlops.datasets.preparing import prepare_dataset
from bugflow.mlops.datasets.rows import Options
from bugflow.mlops.datasets.sources import DATABASE, Source
from bugflow.mlops.promotion.answers import ask_model
from bugflow.mlops.training.candidates import prepare_field, read_gold
from bugflow.mlops.training.contract import Order, Surroundings
from bugflow.mlops.training.triage import Wishes, train_triage
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.duplicates import link_duplicate
from bugflow.tracker.issues.tables import Issue

AT_ONCE = 500
NOBODY_DECIDED = "unfiled"


def read_tracker(path: Path, most: int | None) -> pl.DataFrame:
    """Return the issues of a tracker, the oldest first."""
    frame = pl.read_parquet(path).filter(pl.col("created_at").is_not_null()).sort("created_at", maintain_order=True)
    frame = frame.with_columns(pl.col("component").fill_null(NOBODY_DECIDED))
    return frame if most is None else frame.tail(most)


def list_duplicates(frame: pl.DataFrame) -> list[tuple[int, int]]:
    """Return rows that are duplicates, each with the row of its bug's oldest report."""
    rows = {name: row for row, name in enumerate(frame["issue_id"])}
    linked = frame.filter(pl.col("duplicate_source") != "link-unresolved").select("issue_id", "duplicate_of")
    pairs = [(rows[newer], rows[older]) for newer, older in linked.iter_rows() if older in rows and older != newer]
    numbers, groups = group_numbers(Links(*np.array(pairs, dtype=np.int64).T))
    oldest: dict[int, int] = {}
    found = []
    for row, group in zip(numbers.tolist(), groups.tolist(), strict=True):  # The rows are in the order of time.
        if oldest.setdefault(group, row) != row:
            found.append((row, oldest[group]))
    return found


def file_issues(office: Office, frame: pl.DataFrame) -> list[int]:
    """File issues with their components; return their numbers."""
    numbers: list[int] = []
    for some in frame.iter_slices(AT_ONCE):
        reports = [Report(title or "", text or "") for title, text in some.select("title", "description").iter_rows()]
        numbers += office.file(reports, some["component"].to_list(), [None] * len(some))
    return numbers


def link(office: Office, numbers: Sequence[int], pairs: Sequence[tuple[int, int]]) -> None:
    """Link duplicates, as a manager would."""
    for start in range(0, len(pairs), AT_ONCE):
        with office.database.transaction() as session:
            for newer, older in pairs[start : start + AT_ONCE]:
                source, target = session.get_one(Issue, numbers[newer]), session.get_one(Issue, numbers[older])
                link_duplicate(session, source, target, actor=office.manager, now=office.tick())


def prepare(office: Office, folder: Path) -> None:
    """Prepare the data set of now, and print how many gold issues test and how many are torn."""
    around = Surroundings(
        database=office.database,
        storage=office.storage,
        encoder=None,
        find_starter=lambda _: None,
        cache_folder=office.folder / "fetched",
    )
    prepare_field(Order(target=FIELD, now=office.tick()), around, folder, tell=lambda _done, _note: None)
    rows = json.loads((folder / "dataset.json").read_text("utf-8"))["rows"]
    tested, torn = rows["by_split"]["test"], sum(n for why, n in rows["dropped"].items() if why.startswith("gold"))
    print(f"{rows['by_split']['train']:,} issues teach, {tested:,} test, {torn:,} are torn: ", end="")
    print(f"{torn / (tested + torn):.1%} of those that are gold", flush=True)


def train(office: Office, folder: Path) -> None:
    """Train on what teaches; print how often it is right about what is tested on, and about what is torn."""
    now = office.tick()
    with office.database.transaction() as session:
        rule = find_or_freeze_gold(session, FIELD, "global", [], now=now)
        torn = list_torn(session, rule, as_of=now)
    prepare_dataset(
        [Source(DATABASE, "database")],
        folder,
        Options(as_of=now),
        viewer=build_system_actor("cli"),
        database=office.database,
        choose_divider=lambda _: GoldDivider(rule),
    )
    whole = pl.read_parquet(folder / "data.parquet").with_columns(is_torn=pl.col("issue_id").is_in(list(torn)))
    parts = {"tested on": ~pl.col("is_torn"), "torn": pl.col("is_torn")}
    for name, wanted in parts.items():
        kept = whole.filter((pl.col("split") != "test") | wanted).drop("is_torn")
        kept.write_parquet(folder / f"{name}.parquet")
    _, model = train_triage(
        FIELD, folder / "tested on.parquet", Wishes(backend="linear", least=20), encoder=None, tell=lambda _: None
    )
    for name in parts:
        right = ask(model, folder / f"{name}.parquet")
        low, high = share_interval(int(right.sum()), len(right))
        print(f"{name}: right about {right.mean():.1%} of {len(right):,} (95 % interval {low:.1%} to {high:.1%})")


def ask(model: TriageModel, data: Path) -> NDArray[np.bool_]:
    """Return of which items of a file the best guess is right."""
    items = read_gold(data, FIELD)
    possible = sorted({*items.labels, *model.classes})
    answers = ask_model(model, items.reports, possible)
    return np.array([said == label for said, label in zip(answers.labels, items.labels, strict=True)])


def main() -> None:
    """File, freeze, file on, link, prepare, train, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="A tracker's issues as Parquet.")
    parser.add_argument("--issues", type=int, help="Only so many, the newest.")
    parser.add_argument("--first", type=float, default=0.6, help="Share after which the gold set is frozen.")
    chosen = parser.parse_args()
    frame = read_tracker(chosen.data, chosen.issues)
    pairs = list_duplicates(frame)
    print(f"{len(frame):,} issues, {len(pairs):,} duplicates", flush=True)
    first = round(len(frame) * chosen.first)
    with TemporaryDirectory() as place:
        folder = Path(place)
        office = open_office(folder / "office", frame["component"].to_list())
        numbers = file_issues(office, frame[:first])
        link(office, numbers, [each for each in pairs if each[0] < first])
        prepare(office, folder / "frozen")
        numbers += file_issues(office, frame[first:])
        link(office, numbers, [each for each in pairs if each[0] >= first])
        prepare(office, folder / "later")
        train(office, folder / "whole")
        office.database.dispose()


if __name__ == "__main__":
    main()
