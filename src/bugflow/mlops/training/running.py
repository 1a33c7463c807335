"""Carrying a training out, step by step: each is noted when it is finished, so that a training that was killed goes on.

Prepared → learned → kept → chosen. What a step has written lies in a folder of the training on this machine; another
machine begins anew, with the same moment of the database and so with the same data.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from bugflow import __version__
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import ForbiddenError, InvalidError, NotFoundError
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.mlops.promotion.errors import AlreadyUsedError
from bugflow.mlops.promotion.gate import Demands
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.trials import try_or_use
from bugflow.mlops.registry.choosing import name_next_version
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import ModelVersion, name_version, read_name, require_type, write_moment
from bugflow.mlops.tasks import Tasks
from bugflow.mlops.training.contract import Learned, Order, Prepared, Surroundings, Tell
from bugflow.mlops.training.service import begin, end, fail, note_step
from bugflow.mlops.training.tables import Training
from bugflow.mlops.training.triage import Wishes
from bugflow.tracker.accounts.actor import build_system_actor

LEARNED = "learned.json"
AT_ONCE, STAGES, KEEP = "at once", "stages", "keep"
"""What becomes of a model that passed: used, tried first as the policy says, or only kept."""
LEAST = 20
"""Labels of fewer issues are left out, unless an order says otherwise."""
USED, KEPT = "used", "kept"
"""What became of it, beside the name of the stage in which it is tried."""
BECAME = {
    USED: "It is used from now on.",
    KEPT: "It is kept, and not used.",
    "shadow": "It is tried in the shadow now, where nobody sees what it says.",
    "ab": "It is tried now, side by side with the model in use.",
}
TELL_SECONDS = 1.0
FINAL = (InvalidError, NotFoundError, ForbiddenError)
"""Errors for which trying again cannot help."""


@dataclass(frozen=True, kw_only=True)
class TrainingMeans:
    """What trainings need beside the database.

    Attributes:
        find_encoder: Called when a training begins; returns none where there is none.
        find_starter: Returns the folder of a model that comes with the package.
        models_folder: Under which folders of trainings lie, and fetched models.
    """

    tasks: Tasks
    storage: Storage
    policy: Policy
    find_encoder: Callable[[], Encoder | None]
    find_starter: Callable[[str], Path | None]
    models_folder: Path

    def surround(self, database: Database) -> Surroundings:
        """Return what a task needs beside its order."""
        return Surroundings(
            database=database,
            storage=self.storage,
            encoder=self.find_encoder(),
            find_starter=self.find_starter,
            cache_folder=self.models_folder / "fetched",
        )


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A training that is being carried out.

    Attributes:
        then: What becomes of a model that passed.
        folder: Where its steps write.
    """

    database: Database
    training_id: int
    means: TrainingMeans
    order: Order
    then: str
    folder: Path

    def note(self, step: str, says: str, **found: Any) -> None:  # noqa: ANN401 -- Columns.
        """Note that a step is finished, and what was found in it."""
        with self.database.transaction() as session:
            training = session.get_one(Training, self.training_id)
            note_step(session, training, step, says, now=utc_now(), **found)


class _Teller:
    """Writes down how far a training is, at most once a second."""

    def __init__(self, database: Database, training_id: int, tell: Tell) -> None:
        self._database = database
        self._training_id = training_id
        self._tell = tell
        self._told_at = float("-inf")

    def __call__(self, done: float, note: str) -> None:
        """Write it down, unless something was written just now."""
        if time.monotonic() - self._told_at < TELL_SECONDS:
            return
        with self._database.transaction() as session:
            session.get_one(Training, self._training_id).progress = done
        self._tell(done, note)
        self._told_at = time.monotonic()


def carry_out(
    database: Database, training_id: int, means: TrainingMeans, *, tell: Tell = lambda _done, _note: None
) -> None:
    """Carry a training out from where it was left; one that is finished stays as it is.

    Raises:
        UnavailableError: The storage does not answer; it goes on when it is carried out again.
    """
    work = _begin(database, training_id, means)
    if work is None:
        return
    try:
        learned, prepared = _learn(work, _Teller(database, training_id, tell))
        version = _keep(work, learned, prepared)
        with database.transaction() as session:
            training = session.get_one(Training, training_id)
            training.then = _choose(session, work, version, learned)
            end(session, training, f"{learned.says} {BECAME[training.then]}", now=utc_now())
    except FINAL as error:
        with database.transaction() as session:
            fail(session, session.get_one(Training, training_id), str(error), now=utc_now())
    shutil.rmtree(work.folder, ignore_errors=True)


def _begin(database: Database, training_id: int, means: TrainingMeans) -> _Work | None:
    with database.transaction() as session:
        training = session.get(Training, training_id)
        if training is None or training.finished_at is not None:
            return None
        begin(session, training, now=utc_now())
        return _Work(
            database=database,
            training_id=training_id,
            means=means,
            order=_read_order(training, means.policy),
            then=training.options.get("then", STAGES),
            folder=means.models_folder / "trainings" / str(training.uuid),
        )


def _read_order(training: Training, policy: Policy) -> Order:
    options: Mapping[str, Any] = training.options
    known = {name: options[name] for name in ("backend", "least", "seed") if options.get(name) is not None}
    task = require_type(training.task)
    return Order(
        target=task,
        now=training.as_of,
        scope=training.scope,
        query=options.get("query", ""),
        wishes=replace(Wishes(least=LEAST, precision=policy.precision), **known),
        demands=Demands(precision=policy.precision, floors=policy.list_floors(task)),
    )


def _learn(work: _Work, tell: Tell) -> tuple[Learned, Prepared]:
    task = work.means.tasks[work.order.target]
    around = work.means.surround(work.database)
    data, model = work.folder / "data", work.folder / "model"
    prepared = task.prepare(work.order, around, data, tell=tell)
    work.note(
        "prepared",
        f"{prepared.n_labelled:,} examples are kept as {prepared.dataset}.",
        dataset=prepared.dataset,
        n_labelled=prepared.n_labelled,
    )
    learned = _read_learned(work.folder)
    if learned is None:
        shutil.rmtree(model, ignore_errors=True)
        model.mkdir(parents=True)
        learned = task.learn(work.order, around, data, prepared, out=model, tell=tell)
        unfinished = work.folder / f"{LEARNED}.unfinished"
        unfinished.write_text(learned.model_dump_json(), encoding="utf-8")
        unfinished.replace(work.folder / LEARNED)
    work.note("learned", learned.says, passed=learned.passed)
    return learned, prepared


def _read_learned(folder: Path) -> Learned | None:
    """Return what a training had learned before it was killed; it is whole where it can be read."""
    with suppress(FileNotFoundError, ValidationError):
        return Learned.model_validate_json((folder / LEARNED).read_text("utf-8"))
    return None


def _keep(work: _Work, learned: Learned, prepared: Prepared) -> ModelVersion:
    """Publish the model under a name that was written down before, so that it is published once."""
    order, storage = work.order, work.means.storage
    with work.database.transaction() as session:
        training = session.get_one(Training, work.training_id)
        if training.version is None:
            number = name_next_version(storage, order.target, order.scope)
            training.version = name_version(order.target, order.scope, number, write_moment(order.now)).name
        version = read_name(training.version)
    publish_model(
        storage,
        work.folder / "model",
        model_type=version.model_type,
        version=version.version,
        now=order.now,
        scope=version.scope,
        metrics=learned.metrics,
        seed=learned.seed,
        code_version=__version__,
        data_hash=prepared.data_hash,
        card=learned.card,
    )
    work.note("kept", f"The model is kept as {version.name}.")
    return version


def _choose(session: Session, work: _Work, version: ModelVersion, learned: Learned) -> str:
    """Do with a model what was ordered; return what became of it."""
    if not learned.passed or work.then == KEEP:
        return KEPT
    means, actor, now = work.means, build_system_actor("job"), utc_now()
    is_tried = work.then == STAGES and means.tasks[version.model_type].can_be_tried
    policy = means.policy if is_tried else replace(means.policy, stages=())
    try:
        trial = try_or_use(session, means.storage, version, policy=policy, actor=actor, now=now, says=learned.says)
    except AlreadyUsedError:  # The training was killed after it had chosen, and before it had noted that.
        return USED
    return USED if trial is None else trial.stage
