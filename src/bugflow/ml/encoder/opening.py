"""The way to an encoder: find its weights, prepare them where that has not been done, load them."""

from pathlib import Path

from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.errors import MissingLibrariesError, NotPreparedError
from bugflow.ml.encoder.manifest import MANIFEST
from bugflow.ml.encoder.preparation import find_prepared, name_folder, prepare_encoder, require_libraries
from bugflow.ml.encoder.weights import find_weights


def open_encoder(
    models: Path, wanted: str = "", *, threads: int = 1, max_tokens: int = 256, may_prepare: bool = True
) -> OnnxEncoder:
    """Load the encoder of this machine.

    The first time the weights are prepared, which takes half a minute in a process of its own; later it takes less than
    a second.

    Args:
        models: The folder under which all learned things are kept.
        wanted: A folder with weights or a prepared encoder, or a name on the hub; empty takes what there is.
        threads: How many texts are encoded at once.
        max_tokens: After how many tokens a text is cut.
        may_prepare: Whether to prepare the weights where that has not been done.

    Raises:
        NoEncoderError: There are no weights on this machine.
        UnsuitableWeightsError: The weights are no encoder of texts.
        NotPreparedError: They are not prepared, and that may not be done now.
        MissingLibrariesError: They cannot be prepared here.
        ExportImpossibleError: Preparing them failed.
        ArtifactError: The wanted folder's prepared encoder is damaged.
    """
    folder = find_folder(models, wanted, may_prepare=may_prepare)
    return OnnxEncoder.open(folder, threads=threads, max_tokens=max_tokens)


def find_folder(models: Path, wanted: str = "", *, may_prepare: bool = True) -> Path:
    """Return the folder of this machine's prepared encoder; arguments and errors are those of `open_encoder`."""
    if is_prepared_folder(wanted):
        return Path(wanted).expanduser()
    weights = find_weights(wanted)
    if may_prepare:
        return prepare_encoder(models, weights)
    folder = name_folder(models, weights)
    if find_prepared(folder) is None:
        raise NotPreparedError(weights.folder)
    return folder


def require_encoder(models: Path, wanted: str = "") -> None:
    """Refuse where `open_encoder` would find no encoder and could make none; nothing is loaded or prepared.

    Where weights can be prepared it is known at once; else whether they have been takes as long as reading them.

    Raises:
        NoEncoderError: There are no weights on this machine.
        UnsuitableWeightsError: The weights are no encoder of texts.
        MissingLibrariesError: They are not prepared, and cannot be here.
    """
    if is_prepared_folder(wanted):
        return
    weights = find_weights(wanted)
    try:
        require_libraries(weights.folder)
    except MissingLibrariesError:
        if find_prepared(name_folder(models, weights)) is None:
            raise


def is_prepared_folder(wanted: str) -> bool:
    """Tell whether what is wanted is a folder with a prepared encoder, made on this machine or another."""
    return bool(wanted) and (Path(wanted).expanduser() / MANIFEST).is_file()
