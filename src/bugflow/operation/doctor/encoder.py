"""Whether texts can be compared by their meaning."""

from collections.abc import Iterator

from bugflow.core.settings import Settings
from bugflow.ml.encoder.errors import MissingLibrariesError, NoEncoderError, NotPreparedError
from bugflow.ml.encoder.manifest import Manifest
from bugflow.ml.encoder.opening import find_folder
from bugflow.ml.encoder.preparation import require_libraries
from bugflow.operation.doctor.findings import Finding, note, warn, well

SUBJECT = "encoder"


def examine_encoder(settings: Settings) -> Iterator[Finding]:
    """Look at the weights and at what was made of them; without either everything works on words alone.

    Raises:
        InvalidError: What the settings name is no encoder, or damaged.
    """
    try:
        folder = find_folder(settings.models_folder, settings.encoder, may_prepare=False)
    except NoEncoderError:
        yield _describe_none(settings)
    except NotPreparedError as error:
        yield _describe_unprepared(error)
    else:
        manifest = Manifest.read(folder)
        manifest.verify(folder)
        yield well(SUBJECT, f"made of {manifest.origin}, {manifest.precision}, in {folder}")


def _describe_none(settings: Settings) -> Finding:
    if settings.encoder:
        found = f"{settings.encoder} is not on this machine, so reports are compared by their words alone"
        return warn(SUBJECT, found, "Check BUGFLOW_ENCODER, or run `bugflow encoder prepare`, which can fetch it.")
    advice = "If you want one: pip install 'bugflow[offline,train]', then `bugflow encoder prepare`."
    return note(SUBJECT, "there is none, so reports are compared by their words alone", advice)


def _describe_unprepared(error: NotPreparedError) -> Finding:
    try:
        require_libraries(error.folder)
    except MissingLibrariesError as missing:
        return warn(SUBJECT, *str(missing).split(". ", 1))
    return note(SUBJECT, f"the weights in {error.folder} are not prepared yet", "Run `bugflow encoder prepare`.")
