"""The model in use, for a back-test: which it is, and from which issues it may have learned."""

from collections.abc import Callable

from bugflow.core.clock import utc_now
from bugflow.ml.contract import Encoder
from bugflow.ml.encoder.errors import NoEncoderError
from bugflow.mlops.backtesting.replaying import UsedModel
from bugflow.mlops.backtesting.stream import FiledIssue
from bugflow.mlops.datasets.gold import GoldRule
from bugflow.mlops.datasets.groups import list_torn
from bugflow.mlops.datasets.tables import GoldSet
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.store import find_current, get_manifest
from bugflow.mlops.registry.versions import GLOBAL, ModelVersion, TriageType, write_moment
from bugflow.mlops.serving.loading import load_model
from bugflow.mlops.serving.opinions import STARTER
from bugflow.mlops.training.contract import Surroundings


def find_used(around: Surroundings, target: TriageType, scope: str) -> UsedModel | None:
    """Return the model that answers for a project now; none where rules answer, or it needs an encoder that is missing.

    Args:
        around: Where models are kept.
        target: The field.
        scope: The UUID of the project.

    Raises:
        ModelDamagedError: It is not what was published.
        StorageUnavailableError: The storage does not answer.
    """
    versions = (find_current(around.storage, target, each) for each in (scope, GLOBAL))
    version = next((each for each in versions if each is not None), None)
    folder = around.find_starter(target)
    if version is not None:
        folder = fetch_model(around.storage, version, around.cache_folder)
    if folder is None:
        return None
    name = STARTER if version is None else version.name
    try:
        served = load_model(folder, target, version=name, open_encoder=lambda: _require(around.encoder))
    except NoEncoderError:
        return None
    knows = (lambda _: False) if version is None else _tell_learned(around, version)
    return UsedModel(name=name, model=served.model, may_have_learned=knows)


def _tell_learned(around: Surroundings, version: ModelVersion) -> Callable[[FiledIssue], bool]:
    """Return what tells whether a version may have learned from an issue: filed before it was trained, and not gold.

    Or gold, while another report of the same bug, as is known now, is not. Nobody knows what a version learned from
    that was trained on a file; then nothing counts as gold.
    """
    rule: GoldRule | None = None
    torn: frozenset[str] = frozenset()
    if get_manifest(around.storage, version).data_hash:
        with around.database.snapshot() as session:
            kept = session.get(GoldSet, (version.model_type, version.scope))
            if kept is not None:
                rule = GoldRule(kept.since, kept.until)
                torn = list_torn(session, rule, as_of=utc_now())

    def may_have_learned(issue: FiledIssue) -> bool:
        if write_moment(issue.filed_at) > version.moment:
            return False
        return rule is None or issue.key in torn or not rule.mark([issue.key], [issue.filed_at])[0]

    return may_have_learned


def _require(encoder: Encoder | None) -> Encoder:
    if encoder is None:
        raise NoEncoderError("")
    return encoder
