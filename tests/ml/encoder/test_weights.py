import json
import shutil
from pathlib import Path

import pytest

from bugflow.ml.encoder.errors import NoEncoderError, UnsuitableWeightsError
from bugflow.ml.encoder.fetching import HubUnavailableError, fetch_weights
from bugflow.ml.encoder.weights import HUB_NAME, Weights, find_cached, find_packaged, find_weights, read_pooling
from factories.encoders import write_weights


def put_into_cache(cache: Path, name: str) -> Path:
    """Lay weights where the hub's own library would."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123abc")
    return write_weights(folder / "snapshots" / "0123abc")


def test_the_same_weights_have_the_same_fingerprint_wherever_they_lie(tmp_path: Path) -> None:
    here = write_weights(tmp_path / "here")
    there = Path(shutil.copytree(here, tmp_path / "there"))
    config = json.loads((there / "config.json").read_text())
    (there / "config.json").write_text(json.dumps({**config, "_name_or_path": "x", "transformers_version": "1"}))
    tokenizer = json.loads((there / "tokenizer.json").read_text())
    (there / "tokenizer.json").write_text(json.dumps({**tokenizer, "padding": None, "truncation": None}))
    assert Weights(here, "here").fingerprint() == Weights(there, "there").fingerprint()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"other numbers"),
        ("config.json", b'{"model_type": "bert", "hidden_act": "relu"}'),
        ("tokenizer.json", b'{"model": {}}'),
        ("1_Pooling/config.json", b'{"pooling_mode_cls_token": true}'),
    ],
)
def test_whatever_changes_the_vectors_changes_the_fingerprint(tmp_path: Path, name: str, content: bytes) -> None:
    folder = write_weights(tmp_path)
    before = Weights(folder, "here").fingerprint()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    assert Weights(folder, "here").fingerprint() != before


def test_a_wanted_folder_comes_before_everything_else(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    assert find_weights(str(folder)).folder == folder


def test_a_wanted_name_is_found_in_the_cache_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert find_cached("some/encoder") is None
    folder = put_into_cache(tmp_path, "some/encoder")
    assert find_weights("some/encoder").folder == folder


def test_the_cache_follows_the_variables_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    folder = put_into_cache(tmp_path / "hub", HUB_NAME)
    found = find_cached(HUB_NAME)
    assert found is not None
    assert found.folder == folder


def test_packaged_weights_come_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = put_into_cache(tmp_path, HUB_NAME)
    packaged = find_packaged()
    assert find_weights().folder == (packaged.folder if packaged else folder)


def test_what_is_wanted_and_missing_is_not_replaced_by_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    put_into_cache(tmp_path, HUB_NAME)
    with pytest.raises(NoEncoderError, match="other/encoder"):
        find_weights("other/encoder")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableWeightsError, match="are needed"):
        find_weights(str(tmp_path))


def test_weights_that_only_a_pickle_has_are_refused(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsuitableWeightsError, match="safetensors"):
        find_weights(str(folder))


def test_a_pooling_that_the_graph_does_not_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(UnsuitableWeightsError, match="mean of the tokens"):
        read_pooling(tmp_path)


def test_a_hub_that_does_not_answer_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnavailableError, match="some/encoder could not be fetched"):
        fetch_weights("some/encoder")
