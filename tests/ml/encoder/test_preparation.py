import json
import shutil
from pathlib import Path

import pytest

from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.errors import ExportImpossibleError, NoEncoderError, NotPreparedError
from bugflow.ml.encoder.manifest import MANIFEST, MODEL, TOKENIZER, Manifest
from bugflow.ml.encoder.opening import find_folder, open_encoder
from bugflow.ml.encoder.preparation import find_prepared, prepare_encoder
from bugflow.ml.encoder.weights import Weights, find_weights
from factories.encoders import N_DIMS, Prepared, write_weights


def test_what_a_killed_process_leaves_is_not_taken_for_an_encoder_and_removed_by_the_next(prepared: Prepared) -> None:
    assert [name for name in prepared.left_by_the_killed if name.startswith(".unfinished-")]
    assert sorted(path.name for path in prepared.folder.parent.iterdir()) == [".lock", prepared.folder.name]


def test_two_processes_at_once_both_get_the_same_whole_encoder(prepared: Prepared) -> None:
    assert prepared.endings == ((0, str(prepared.folder)), (0, str(prepared.folder)))
    assert find_prepared(prepared.folder) is not None


def test_an_export_says_what_it_is_and_has_nothing_else_in_its_folder(prepared: Prepared) -> None:
    manifest = Manifest.read(prepared.folder)
    assert (manifest.n_dims, manifest.max_tokens, manifest.family) == (N_DIMS, 256, "bert")
    assert (manifest.precision, manifest.cosine >= 0.98) == ("int8", True)
    assert sorted(path.name for path in prepared.folder.iterdir()) == [MANIFEST, MODEL, TOKENIZER]


def test_an_export_that_is_there_is_not_made_again(prepared: Prepared) -> None:
    before = (prepared.folder / MODEL).stat()
    assert prepare_encoder(prepared.models, find_weights(str(prepared.weights))) == prepared.folder
    assert (prepared.folder / MODEL).stat() == before


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, MANIFEST])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_export_is_refused_and_counts_as_missing(
    prepared: Prepared, tmp_path: Path, name: str, damage: str
) -> None:
    folder = Path(shutil.copytree(prepared.folder, tmp_path / "copy"))
    content = (folder / name).read_bytes()
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content[:-9] if damage == "cut" else b"[" + content[1:])
    assert find_prepared(folder) is None
    with pytest.raises(ArtifactError, match=name):
        OnnxEncoder.open(folder)


@pytest.mark.parametrize("change", [{"format": 999}, {"n_dims": "many"}, {"files": 3}, {"surplus": 1}])
def test_a_manifest_that_makes_no_sense_is_refused(
    prepared: Prepared, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = Path(shutil.copytree(prepared.folder, tmp_path / "copy"))
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(content | change))
    assert find_prepared(folder) is None


def test_weights_that_are_damaged_are_named_and_nothing_is_left(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights")
    (weights / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ExportImpossibleError, match=r"model\.safetensors is damaged"):
        prepare_encoder(tmp_path / "models", Weights(weights, "here"))
    assert [path.name for path in (tmp_path / "models" / "encoders").iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ExportImpossibleError, match="cannot be written"):
        prepare_encoder(tmp_path / "models", Weights(write_weights(tmp_path / "weights"), "here"))


def test_an_encoder_is_opened_by_its_weights_and_by_its_folder(prepared: Prepared, tmp_path: Path) -> None:
    by_weights = open_encoder(prepared.models, str(prepared.weights), may_prepare=False)
    by_folder = open_encoder(tmp_path / "nowhere", str(prepared.folder))
    assert by_weights.name == by_folder.name


def test_without_leave_to_prepare_the_command_that_does_is_named(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights")
    with pytest.raises(NotPreparedError, match="bugflow encoder prepare"):
        open_encoder(tmp_path / "models", str(weights), may_prepare=False)
    assert not (tmp_path / "models").exists()


def test_without_weights_it_is_said_that_words_alone_are_compared(tmp_path: Path) -> None:
    with pytest.raises(NoEncoderError, match="words alone"):
        find_folder(tmp_path, "nobody/has-this")
