"""Packed versions of a model, also such as nobody honest packs."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

MODEL = json.dumps({"target": "severity"}).encode()
FILES = {"model.json": MODEL, "members/linear/classifier.json": b'{"classes": ["low"]}', "decision.md": b"# Why"}
Entry = tuple[str | zipfile.ZipInfo, bytes]


def describe(files: Mapping[str, bytes], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- Also wrong ones.
    """Return a manifest of files, with values that are changed or added."""
    told = [
        {"path": path, "size_bytes": len(content), "sha256": sha256(content).hexdigest()}
        for path, content in files.items()
    ]
    return {
        "format": 1,
        "model_type": "severity",
        "scope": "global",
        "version": "1.0.0",
        "moment": "20260301_000000",
        "files": told,
        "metrics": {"macro_f1": 0.5},
        **changes,
    }


def write_pack(entries: Sequence[Entry], manifest: object, *, method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """Return a ZIP file with these entries, also twice the same, and a manifest unless it is none."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
        if manifest is not None:
            archive.writestr("manifest.json", manifest if isinstance(manifest, bytes) else json.dumps(manifest))
    written.seek(0)
    return written


def pack_files(files: Mapping[str, bytes] | None = None, **changes: Any) -> io.BytesIO:  # noqa: ANN401 -- The same.
    """Return a ZIP file of files and their manifest."""
    packed = FILES if files is None else files
    return write_pack(list(packed.items()), describe(packed, **changes))
