import errno
from pathlib import Path

import pytest

from bugflow.mlops.datasets.errors import DatasetNotWrittenError, FolderInUseError
from bugflow.mlops.datasets.folder import DATA, MANIFEST, open_folder


def fill(folder: Path, *, force: bool = False, content: str = "{}") -> None:
    with open_folder(folder, force=force) as staging:
        (staging / DATA).write_text("rows")
        (staging / MANIFEST).write_text(content)


def test_the_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "set"
    with open_folder(out, force=False) as staging:
        (staging / DATA).write_text("rows")
        assert not out.exists()
    assert [file.name for file in out.iterdir()] == [DATA]
    assert [each.name for each in out.parent.iterdir()] == ["set"]


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with open_folder(tmp_path / "set", force=False) as staging:
            (staging / DATA).write_text("rows")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DatasetNotWrittenError, match=r"No space left on device\. Nothing was left"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "set"
    fill(out)
    with pytest.raises(FolderInUseError, match="add --force"):
        fill(out)
    fill(out, force=True, content="new")
    assert (out / MANIFEST).read_text() == "new"


def test_force_replaces_nothing_but_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("Dear")
    (tmp_path / "file").write_text("x")
    fill(tmp_path / "set")
    (tmp_path / "set" / "notes.txt").write_text("mine")
    for name in ("letters", "file", "set"):
        with pytest.raises(FolderInUseError):
            fill(tmp_path / name, force=True)
    assert (tmp_path / "letters" / "love.txt").read_text() == "Dear"


def test_what_a_killed_run_left_is_taken_away_and_a_running_one_is_left_alone(tmp_path: Path) -> None:
    left = tmp_path / ".set.999999.partial"
    left.mkdir()
    (left / "lock").touch()
    with open_folder(tmp_path / "set", force=False) as running:
        assert not left.exists()
        renamed = running.rename(tmp_path / ".set.1.partial")
        with open_folder(tmp_path / "set", force=False):
            assert renamed.exists()
        renamed.rename(running)
        (tmp_path / "set").rmdir()
