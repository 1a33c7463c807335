"""docs/reference/events.md against the code: every event, its fields, and who listens."""

import importlib
import pkgutil
import re
from dataclasses import fields
from pathlib import Path

import bugflow.assist
import bugflow.mlops
import bugflow.tracker
from bugflow.core.jobs.events import Event
from bugflow.worker import collect_jobs
from factories.settings import build_settings

REFERENCE = Path(__file__).parents[2] / "docs/reference/events.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def list_events() -> list[type[Event]]:
    for tier in (bugflow.tracker, bugflow.mlops, bugflow.assist):
        for module in pkgutil.walk_packages(tier.__path__, f"{tier.__name__}."):
            if module.name.endswith(".events"):
                importlib.import_module(module.name)
    return [each for each in Event.__subclasses__() if each.__module__.startswith("bugflow.")]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_the_reference_lists_every_event_with_its_fields() -> None:
    documented = {event: names_in(cell) for event, cell, _, _ in ROW.findall(REFERENCE.read_text())}
    assert documented == {each.name(): [field.name for field in fields(each)] for each in list_events()}


def test_the_reference_says_which_jobs_listen(tmp_path: Path) -> None:
    registry = collect_jobs(build_settings(tmp_path))
    documented = {event: names_in(cell) for event, _, _, cell in ROW.findall(REFERENCE.read_text())}
    listening = {
        each.name(): [job.name.rpartition(".")[2] for job in registry.listening_to(each.name())]
        for each in list_events()
    }
    assert documented == listening


def test_every_event_says_when_it_is_announced() -> None:
    for event, _, when, _ in ROW.findall(REFERENCE.read_text()):
        assert when.strip().endswith("."), event
