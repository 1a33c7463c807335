"""What a job is, and the table of all jobs of a process.

A job is a function marked by `@job`. Its first parameter says how it works: `session` gets one transaction, committed
together with the note that the job is done, so that its effect happens exactly once; `database` is for long work in
several short transactions, which must bear being done twice. Then follows `event` for a job that listens, or keywords
for one that is queued by hand. A parameter `progress` gets a `Progress`; one named like a resource of the process, such
as `storage`, gets that. What may take minutes says `long`, and keeps no quick job waiting.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from cronsim import CronSim, CronSimError

from bugflow.core.jobs.events import Event
from bugflow.core.jobs.lanes import EVERY_JOB, JobNames, Lane

Function = TypeVar("Function", bound=Callable[..., None])

MARK = "__bugflow_job__"
MOST_ATTEMPTS = 6
LONGEST_NAME = 120


class JobDefinitionError(RuntimeError):
    """A job is declared wrongly: a mistake in the program."""


@dataclass(frozen=True)
class Job:
    """A function that runs in the background: when an event happens, by a cron schedule in UTC, or queued by hand."""

    name: str
    function: Callable[..., None]
    event: type[Event] | None
    schedule: str | None
    max_attempts: int
    is_long: bool = False

    @property
    def parameters(self) -> list[str]:
        """The names of the function's parameters."""
        return list(inspect.signature(self.function).parameters)


def job(
    *,
    on: type[Event] | None = None,
    schedule: str | None = None,
    max_attempts: int = MOST_ATTEMPTS,
    long: bool = False,
) -> Callable[[Function], Function]:
    """Mark a function as a job; the entry point collects it by `JobRegistry.collect`.

    Args:
        on: The event that it follows.
        schedule: When it is queued, as a cron expression in UTC.
        max_attempts: So often it is tried.
        long: It may take minutes, and runs in the long lane.
    """

    def mark(function: Function) -> Function:
        name = f"{function.__module__.removeprefix('bugflow.')}.{function.__name__}"
        marked = Job(name, function, on, schedule, max_attempts, long)
        _require_sound(marked)
        setattr(function, MARK, marked)
        return function

    return mark


def _require_sound(each: Job) -> None:
    first, *others = [*each.parameters, ""]
    problems = {
        "its first parameter must be session or database": first not in {"session", "database"},
        "a job with a session cannot tell its progress, which is a transaction of its own; take the database": (
            first == "session" and "progress" in others
        ),
        "it follows an event and needs a parameter event": each.event is not None and "event" not in others,
        "it cannot follow both an event and a schedule": each.event is not None and each.schedule is not None,
        f"its name is longer than {LONGEST_NAME} characters": len(each.name) > LONGEST_NAME,
        "its schedule is no cron expression": each.schedule is not None and not _is_cron(each.schedule),
    }
    for problem, found in problems.items():
        if found:
            raise JobDefinitionError(f"Job {each.name} is declared wrongly: {problem}.")


def _is_cron(schedule: str) -> bool:
    try:
        CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


def job_of(function: Callable[..., None]) -> Job:
    """Return the job that a function is.

    Raises:
        JobDefinitionError: It is none.
    """
    found = getattr(function, MARK, None)
    if not isinstance(found, Job):
        raise JobDefinitionError(f"{function!r} is no job. Mark it by @job.")
    return found


class JobRegistry:
    """All jobs of a process, by name, and the resources they may ask for, by the names of parameters."""

    def __init__(
        self, jobs: Iterable[Job] = (), *, resources: Mapping[str, Callable[[], Any]] = MappingProxyType({})
    ) -> None:
        self._resources = resources
        self._jobs: dict[str, Job] = {}
        for each in jobs:
            if each.name in self._jobs:
                raise JobDefinitionError(f"There are two jobs named {each.name}.")
            self._jobs[each.name] = each

    @classmethod
    def collect(cls, modules: Iterable[ModuleType]) -> "JobRegistry":
        """Return the jobs that these modules define."""
        return cls(
            getattr(value, MARK)
            for module in modules
            for value in vars(module).values()
            if hasattr(value, MARK) and value.__module__ == module.__name__
        )

    def __iter__(self) -> Iterator[Job]:
        """Yield every job."""
        return iter(self._jobs.values())

    def find(self, name: str) -> Job | None:
        """Return the job of this name."""
        return self._jobs.get(name)

    def listening_to(self, event_name: str) -> list[Job]:
        """Return the jobs that follow an event."""
        return [each for each in self if each.event is not None and each.event.name() == event_name]

    def list_long(self) -> list[str]:
        """Return the names of the jobs that may take minutes."""
        return [each.name for each in self if each.is_long]

    def names_in(self, lane: Lane) -> JobNames:
        """Return the jobs of a lane; a run of a job that this version does not have is quick, and fails there."""
        if lane is Lane.ALL:
            return EVERY_JOB
        return JobNames(frozenset(self.list_long()), others=lane is Lane.QUICK)

    def find_resources(self, each: Job) -> dict[str, Any]:
        """Return the resources that a job asks for."""
        return {name: self._resources[name]() for name in each.parameters if name in self._resources}


def build_arguments(each: Job, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what a job's function is called with, beside session, database and progress."""
    if each.event is not None:
        return {"event": each.event.from_payload(arguments)}
    return arguments
