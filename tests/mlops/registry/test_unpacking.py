"""Packed versions that somebody brings: taken as they were packed, or refused before anything is stored."""

import io
import stat
import struct
import warnings
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bugflow.core.storage import open_storage
from bugflow.ml.artifacts import write_arrays
from bugflow.mlops.registry import unpacking
from bugflow.mlops.registry.errors import PackError, UnpackingFailedError
from bugflow.mlops.registry.packing import pack_version
from bugflow.mlops.registry.store import get_manifest
from bugflow.mlops.registry.unpacking import MOST_FILES, unpack_version
from factories.packs import FILES, MODEL, Entry, describe, pack_files, write_pack
from factories.versions import NOW, decide, publish_judged


def refuse(source: io.BytesIO, folder: Path, words: str, *, now: datetime = NOW) -> None:
    """A file is refused, and leaves nothing, neither here nor above."""
    work = folder / "deep" / "work"
    with pytest.raises(PackError, match=words), unpack_version(source, work_folder=work, now=now):
        pytest.fail("It was taken.")
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def find_refusal(source: io.BytesIO, work: Path) -> str:
    with pytest.raises(PackError) as refused, unpack_version(source, work_folder=work, now=NOW):
        pytest.fail("It was taken.")
    return str(refused.value)


def test_what_was_packed_is_unpacked_as_it_was_and_gone_afterwards(tmp_path: Path) -> None:
    storage, packed = open_storage((tmp_path / "files").as_uri()), io.BytesIO()
    version = publish_judged(storage, tmp_path, "1.1.0", decide(0.7))
    pack_version(storage, version, packed, cache_folder=tmp_path / "cache")
    with unpack_version(packed, work_folder=tmp_path / "work", now=NOW) as unpacked:
        assert unpacked.manifest == get_manifest(storage, version)
        for file in unpacked.manifest.files:
            assert (unpacked.folder / file.path).read_bytes() == b"".join(storage.read(f"{version.prefix}/{file.path}"))
    assert list((tmp_path / "work").iterdir()) == []


def test_every_form_that_models_have_is_taken(tmp_path: Path) -> None:
    write_arrays(tmp_path / "w.safetensors", {"weights": np.ones(3)})
    files = {"w.safetensors": (tmp_path / "w.safetensors").read_bytes(), "ranking.txt": b"tree", "n.onnx": b"\x08\x07"}
    with unpack_version(pack_files({**FILES, **files}), work_folder=tmp_path, now=NOW) as unpacked:
        assert {file.path for file in unpacked.manifest.files} == {*FILES, *files}


@pytest.mark.parametrize(
    "path",
    ["../../stolen.json", "/etc/stolen.json", "a/../../stolen.json", ".hidden.json", "a\\..\\stolen.json", "a//b.json"],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    refuse(pack_files({**FILES, path: b"{}"}), tmp_path, "leads elsewhere or cannot be stored")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_and_whatever_else_is_no_plain_file_is_refused(tmp_path: Path, kind: int) -> None:
    entry, target = zipfile.ZipInfo("link.json"), b"/etc/passwd"
    entry.external_attr = (kind | 0o777) << 16
    manifest = describe({**FILES, "link.json": target})
    refuse(write_pack([*FILES.items(), (entry, target)], manifest), tmp_path, "not a plain file")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refuse(write_pack([*FILES.items(), ("members/", b"")], describe(FILES)), tmp_path, "not a plain file")


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.joblib", "code.py", "run.sh", "lib.so", "weights.bin", "model.pt", "model", "a.npy"]
)
def test_a_form_that_could_run_code_or_is_unknown_is_refused(tmp_path: Path, name: str) -> None:
    refuse(pack_files({**FILES, name: b"x"}), tmp_path, "of a form that no model has")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"\x80\x04\x95."),
        ("a.json", b"{"),
        ("a.json", b"[" * 100_000),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.md", b"\x80"),
        ("a.safetensors", b"\x80\x04\x95 a pickle"),
        ("a.safetensors", b"\xff" * 64),
        ("a.onnx", b""),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    refuse(pack_files({**FILES, name: content}), tmp_path, "is not what its name says")


@pytest.mark.parametrize("sign", [b"\x0a\x08", b"\x0a\x88\x00", b"\x8a\x00\x08", b"\x8a\x80\x00\x88\x80\x00"])
def test_a_network_whose_numbers_lie_in_another_file_is_refused(tmp_path: Path, sign: bytes) -> None:
    network = b"\x6a\x19" + sign + b"location\x12\x0b/etc/passwd"
    refuse(pack_files({**FILES, "model.onnx": network}), tmp_path, "is not what its name says")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "first at format"),
        ({"model_type": "mood"}, "first at model_type"),
        ({"version": "1.0"}, "names what cannot be"),
        ({"version": "../../1.0.0"}, "names what cannot be"),
        ({"version": "01.0.0"}, "names what cannot be"),
        ({"scope": "../x"}, "names what cannot be"),
        ({"moment": "now"}, "names what cannot be"),
        ({"moment": "99999999_999999"}, "moment that is none"),
        ({"moment": "20991231_000000"}, "not come yet"),
        ({"metrics": {"macro_f1": float("nan")}}, "figures that are no numbers"),
        ({"metrics": {"macro_f1": "good"}}, "first at metrics"),
        ({"files": []}, "other files than there are"),
        ({"files": [{"path": "model.json", "size_bytes": -1, "sha256": "0" * 64}]}, "first at files"),
        ({"files": [{"path": "model.json", "size_bytes": 22, "sha256": "no"}]}, "first at files"),
    ],
)
def test_a_manifest_that_says_what_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    refuse(write_pack(list(FILES.items()), {**describe(FILES), **changes}), tmp_path, words)


@pytest.mark.parametrize("manifest", [None, b"", b"[]", b"\xff", b'{"format": 1}', b" " * 1_000_001])
def test_a_file_without_a_manifest_that_can_be_understood_is_refused(tmp_path: Path, manifest: bytes | None) -> None:
    assert "manifest.json" in find_refusal(write_pack(list(FILES.items()), manifest), tmp_path)


def test_files_that_the_manifest_tells_otherwise_are_refused(tmp_path: Path) -> None:
    honest = describe(FILES)
    less, more = dict(FILES), {**FILES, "extra.json": b"{}"}
    less.pop("decision.md")
    for files in (less, more):
        refuse(write_pack(list(files.items()), honest), tmp_path, "other files than there are")
    twice: list[Entry] = [*FILES.items(), ("model.json", MODEL)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refuse(write_pack(twice, honest), tmp_path, "twice")
    told_twice = {**honest, "files": [*honest["files"], honest["files"][0]]}
    refuse(write_pack(list(FILES.items()), told_twice), tmp_path, "other files than there are")
    other = {**FILES, "model.json": b'{"target": "team"}'}
    refuse(write_pack(list(other.items()), honest), tmp_path, r"model\.json has 18 bytes")
    same_size = {**FILES, "model.json": MODEL.replace(b"severity", b"severitx")}
    refuse(write_pack(list(same_size.items()), honest), tmp_path, "SHA-256")


@pytest.mark.parametrize(("one", "other"), [("A.json", "a.json"), ("a.json", "a.json/b.json")])
def test_files_that_could_not_lie_beside_each_other_are_refused(tmp_path: Path, one: str, other: str) -> None:
    refuse(pack_files({**FILES, one: b"{}", other: b"{}"}), tmp_path, "told apart, or lie within each other")


def test_what_would_fill_the_disk_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = pack_files({**FILES, "zeros.txt": bytes(30_000_000)})
    refuse(bomb, tmp_path, "more than any version has")
    many = {f"f{number}.json": b"{}" for number in range(MOST_FILES)}
    refuse(pack_files({**FILES, **many}), tmp_path, "a version has at most 200")
    crowd = {f"{'f' * 90}{number}.json": b"{}" for number in range(8_000)}
    refuse(pack_files({**FILES, **crowd}), tmp_path, "more files, or larger ones")


def test_a_file_that_says_it_is_small_and_is_not_is_refused(tmp_path: Path) -> None:
    """The sizes in the list of files are lies: reading stops where they end."""
    files = {**FILES, "zeros.txt": bytes(3_000_000)}
    told = {**files, "zeros.txt": bytes(10)}
    content = write_pack(list(files.items()), describe(told)).getvalue()
    lie = content.replace(struct.pack("<L", 3_000_000), struct.pack("<L", 10))
    assert lie != content
    assert "damaged" in find_refusal(io.BytesIO(lie), tmp_path)


def test_a_method_of_packing_that_nobody_needs_and_encryption_are_refused(tmp_path: Path) -> None:
    manifest, entries = describe(FILES), list(FILES.items())
    refuse(write_pack(entries, manifest, method=zipfile.ZIP_LZMA), tmp_path, "unknown method")
    content = bytearray(write_pack(entries, manifest).getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # The first file's flags in the list of files.
    refuse(io.BytesIO(bytes(content)), tmp_path, "encrypted")


@pytest.mark.parametrize("content", [b"", b"PK", b"neither short nor a ZIP file, but text", b"PK\x05\x06" * 20])
def test_what_is_no_zip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    refuse(io.BytesIO(content), tmp_path, "no ZIP file as BugFlow writes it")


def test_a_file_that_is_cut_or_changed_anywhere_is_refused_or_says_the_same(tmp_path: Path) -> None:
    whole = pack_files().getvalue()
    for length in range(0, len(whole), 7):
        find_refusal(io.BytesIO(whole[:length]), tmp_path)
    with unpack_version(io.BytesIO(whole), work_folder=tmp_path, now=NOW) as unpacked:
        honest = unpacked.manifest
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        try:
            with unpack_version(io.BytesIO(bytes(changed)), work_folder=tmp_path, now=NOW) as unpacked:
                assert unpacked.manifest == honest  # A date, for example, which nobody reads.
        except PackError:
            continue


def test_a_text_that_is_too_large_and_a_folder_that_cannot_be_written_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MOST_TEXT_BYTES", 10)
    refuse(pack_files(), tmp_path, "not what its name says")
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    with (
        pytest.raises(UnpackingFailedError, match="Nothing was stored"),
        unpack_version(pack_files(), work_folder=blocked, now=NOW),
    ):
        pytest.fail("It was taken.")


def test_the_clock_of_another_machine_may_be_ahead_by_hours(tmp_path: Path) -> None:
    packed = pack_files(moment="20260301_230000")
    with unpack_version(packed, work_folder=tmp_path, now=datetime(2026, 3, 1, tzinfo=UTC)):
        pass
    refuse(packed, tmp_path, "not come yet", now=NOW - timedelta(days=2))
