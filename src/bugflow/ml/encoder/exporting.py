"""Turns weights into ONNX; a program of its own, so that no server ever loads PyTorch.

`python -m bugflow.ml.encoder.exporting WEIGHTS ORIGIN FOLDER`
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from bugflow.core.errors import BugFlowError
from bugflow.ml.artifacts import hash_file, write_json
from bugflow.ml.contract import Vectors
from bugflow.ml.encoder.errors import UnsuitableWeightsError
from bugflow.ml.encoder.manifest import MANIFEST, MODEL, TOKENIZER, Manifest
from bugflow.ml.encoder.session import open_session, run_session
from bugflow.ml.encoder.tokens import Tokens, open_tokenizer, pad
from bugflow.ml.encoder.weights import Weights, read_object, read_pooling

OPSET = 17
LEAST_COSINE = 0.98
MOST_TOKENS = 256
TEXTS = (
    "Crash when saving",
    "Login button does nothing on Android 12",
    "Typo in the settings dialog",
    "The server answers 500 when a project has no members. Steps: create a project, remove yourself, open its board.",
    "NullPointerException at com.example.Store.read(Store.java:42) after the upgrade to 3.2; works in 3.1",
    "Beim Speichern gehen Umlaute verloren",
    "Memory grows until the process is killed. " * 8,
    "",
)
"""What an export is tried on: short and long, words and code, another language, nothing."""


def export(weights: Weights, target: Path, *, quantised: bool = True) -> Manifest:
    """Write `model.onnx`, `tokenizer.json` and `encoder.json` into a folder that exists and is empty.

    Args:
        weights: What is exported.
        target: The folder.
        quantised: Write int8, except where that turns texts into other vectors than the weights do; otherwise fp32.

    Raises:
        UnsuitableWeightsError: These weights are no encoder of texts.
    """
    limit = _find_limit(weights.folder)
    _check_tensors(weights.folder)
    model = _load(weights.folder)
    tokenizer = open_tokenizer(weights.folder / TOKENIZER, most_tokens=limit)
    tokens = [each.ids for each in tokenizer.encode_batch(list(TEXTS))]
    (target / TOKENIZER).write_bytes((weights.folder / TOKENIZER).read_bytes())
    full = target / "full.onnx"
    _write_onnx(model, full, pad(tokens[:2]))
    wanted = _encode_with_torch(model, tokens)
    keep = choose_precision if quantised else keep_full
    precision, cosine = keep(full, target / MODEL, wanted, tokens)
    manifest = Manifest(
        family=str(model.transformer.config.model_type),
        fingerprint=weights.fingerprint(),
        origin=weights.origin,
        precision=precision,
        cosine=round(cosine, 4),
        n_dims=int(model.transformer.config.hidden_size),
        max_tokens=limit,
        files={name: hash_file(target / name) for name in (MODEL, TOKENIZER)},
    )
    write_json(target / MANIFEST, manifest.to_json())
    return manifest


def _load(folder: Path) -> Any:  # noqa: ANN401 -- A PyTorch module, which mypy would have to load PyTorch for.
    """Return a module from tokens to vectors of the length 1."""
    import torch  # noqa: PLC0415 -- Heavy, and only for exporting.
    from transformers import AutoModel  # noqa: PLC0415 -- The same.

    class Pooled(torch.nn.Module):
        """Pooling and length are inside the graph, so that a server computes nothing beside it."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer = AutoModel.from_pretrained(folder, attn_implementation="eager", local_files_only=True)
            self.pooling = read_pooling(folder)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            if self.pooling == "cls":
                vectors = states[:, 0]
            else:
                mask = attention_mask.unsqueeze(-1).to(states.dtype)
                vectors = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(vectors, dim=1)

    return Pooled().eval().float()


def _check_tensors(folder: Path) -> None:
    """Refuse damaged files before anything heavy is loaded."""
    for path in folder.glob("*.safetensors"):
        try:
            with safe_open(path, framework="numpy") as file:
                file.keys()
        except SafetensorError as error:
            raise UnsuitableWeightsError(folder, f"{path.name} is damaged") from error


def _find_limit(folder: Path) -> int:
    """Return after how many tokens a text is cut."""
    limit = read_object(folder / "config.json").get("max_position_embeddings", MOST_TOKENS)
    chosen = folder / "sentence_bert_config.json"
    wanted = read_object(chosen).get("max_seq_length") if chosen.exists() else None
    return min(int(limit), int(wanted or MOST_TOKENS), MOST_TOKENS)


def _write_onnx(model: Any, path: Path, example: Tokens) -> None:  # noqa: ANN401 -- A PyTorch module.
    import torch  # noqa: PLC0415 -- Heavy, and only for exporting.

    torch.onnx.export(
        model,
        tuple(torch.from_numpy(each) for each in example),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors"],
        dynamic_axes={"input_ids": {0: "text", 1: "token"}, "attention_mask": {0: "text", 1: "token"}},
        opset_version=OPSET,
        dynamo=False,
    )


def choose_precision(
    full: Path, path: Path, wanted: Vectors, tokens: Sequence[Sequence[int]]
) -> tuple[Literal["int8", "fp32"], float]:
    """Turn the full model into the one to be used, and return its precision and its lowest cosine to what is wanted.

    Args:
        full: The model in fp32, which is gone afterwards.
        path: Where the one to be used goes.
        wanted: The vectors of the texts, shape (texts, dimensions).
        tokens: The texts.

    Raises:
        UnsuitableWeightsError: Even the full model gives other vectors.
    """
    from onnxruntime.quantization import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- Needs the package onnx.
        quantize_dynamic,
    )

    # With eight bits, sums overflow on processors without VNNI, and a text's vector would depend on the machine.
    quantize_dynamic(full, path, per_channel=True, reduce_range=True)
    cosine = _lowest_cosine(path, wanted, tokens)
    if cosine >= LEAST_COSINE:
        full.unlink()
        return "int8", cosine
    return keep_full(full, path, wanted, tokens)


def keep_full(
    full: Path, path: Path, wanted: Vectors, tokens: Sequence[Sequence[int]]
) -> tuple[Literal["fp32"], float]:
    """Use the full model; arguments and errors are those of `choose_precision`."""
    full.replace(path)
    cosine = _lowest_cosine(path, wanted, tokens)
    if not cosine >= LEAST_COSINE:
        raise UnsuitableWeightsError(full.parent, f"ONNX gives other vectors than PyTorch (cosine {cosine:.3f})")
    return "fp32", cosine


def _lowest_cosine(path: Path, wanted: Vectors, tokens: Sequence[Sequence[int]]) -> float:
    session = open_session(path, threads=1)
    found = np.vstack([run_session(session, pad([each])) for each in tokens])
    return float((found * wanted).sum(axis=1).min())


def _encode_with_torch(model: Any, tokens: Sequence[Sequence[int]]) -> Vectors:  # noqa: ANN401 -- A PyTorch module.
    import torch  # noqa: PLC0415 -- Heavy, and only for exporting.

    with torch.inference_mode():
        rows = [model(*(torch.from_numpy(part) for part in pad([each]))).numpy() for each in tokens]
    vectors: Vectors = np.vstack(rows)
    return vectors


def main() -> None:
    """Export, and end with 1 and a sentence on standard error where that is impossible."""
    source, origin, target = sys.argv[1:4]
    logging.disable(logging.WARNING)
    try:
        export(Weights(Path(source), origin), Path(target))
    except (BugFlowError, ImportError, OSError, ValueError, RuntimeError) as error:
        kind = "" if isinstance(error, BugFlowError) else f"{type(error).__name__}: "
        sys.stderr.write(f"\n{kind}{' '.join(str(error).split())[:500]}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
