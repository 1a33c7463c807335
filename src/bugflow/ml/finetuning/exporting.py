"""From a trained network to the files that are served: ONNX, in int8 where that says the same."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.encoder.session import open_session
from bugflow.ml.encoder.tokens import pad
from bugflow.ml.finetuning.serving import find_shares, run_network

OPSET = 17
LEAST_AGREEMENT = 0.97
"""Of the texts on which int8 has to say the label that fp32 says."""
MOST_SHIFT = 0.02
"""By how much int8 may shift a label's probability on average."""
MOST_COMPARED = 200


@dataclass(frozen=True)
class Export:
    """What is served, and how near int8 came to fp32.

    Attributes:
        precision: `int8` or `fp32`.
        agreement: The share of texts on which int8 says the same label, in [0, 1]; none where it was not tried.
        shift: The mean change of a label's probability by int8, in [0, 1]; none where it was not tried.
        texts: On how many texts they were compared.
    """

    precision: str
    agreement: float | None
    shift: float | None
    texts: int


def export(network: Any, target: Path, tokens: Sequence[Sequence[int]], *, quantise: bool) -> Export:  # noqa: ANN401 -- A PyTorch module.
    """Write a network to `target`, in int8 where that agrees with fp32 on texts that it was not trained on.

    Args:
        network: Of Hugging Face, with eager attention, which the exporter needs.
        target: A file that is not there.
        tokens: Of the texts on which both are compared, of which some are taken; at least one.
        quantise: Whether int8 is tried.
    """
    write_onnx(network, target, tokens)
    if not quantise:
        return Export("fp32", None, None, 0)
    compared = tokens[:: max(1, len(tokens) // MOST_COMPARED)][:MOST_COMPARED]
    small = target.with_name("int8.onnx")
    _quantise(target, small)
    agreement, shift = _compare(_ask(target, compared), _ask(small, compared))
    if agreement < LEAST_AGREEMENT or shift > MOST_SHIFT:
        small.unlink()
        return Export("fp32", agreement, shift, len(compared))
    small.replace(target)
    return Export("int8", agreement, shift, len(compared))


def write_onnx(network: Any, path: Path, tokens: Sequence[Sequence[int]]) -> None:  # noqa: ANN401 -- A PyTorch module.
    """Write a network from tokens and mask to logits, for any number of texts of any length."""
    import torch  # noqa: PLC0415 -- Heavy, and only for training.

    class Logits(torch.nn.Module):
        """One output without a name, which the exporter needs."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
            return logits

    longest = sorted(tokens, key=len)[-2:]
    example = tuple(torch.from_numpy(each) for each in pad([longest[0], longest[-1]]))
    with _quiet_exporter(), torch.inference_mode():
        torch.onnx.export(
            Logits().eval(),
            example,
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": {0: "text", 1: "token"},
                "attention_mask": {0: "text", 1: "token"},
                "logits": {0: "text"},
            },
            opset_version=OPSET,
            dynamo=False,
        )


def _quantise(full: Path, small: Path) -> None:
    from onnxruntime.quantization import (  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 -- Needs onnx.
        quantize_dynamic,
    )

    with _quiet_root():
        quantize_dynamic(full, small, per_channel=True, reduce_range=True)  # Seven bits overflow on no processor.


def _ask(path: Path, tokens: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    session = open_session(path, threads=1)
    return np.vstack([find_shares(run_network(session, [each])) for each in tokens])


def _compare(full: NDArray[np.float64], small: NDArray[np.float64]) -> tuple[float, float]:
    agreement = float(np.mean(full.argmax(axis=1) == small.argmax(axis=1)))
    return round(agreement, 4), round(float(np.abs(full - small).mean()), 5)


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Leave out what the exporter says about itself, and about checks in the networks that are constant here."""
    import torch  # noqa: PLC0415 -- Heavy, and only for training.

    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=jit.TracerWarning)
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module=r"torch\.|transformers\.|bugflow\.ml\.finetuning"
        )
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
        yield


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Leave out the hint to pre-process, which brings nothing here; the library writes it to the root logger."""
    root = logging.getLogger()

    def refuse(record: logging.LogRecord) -> bool:
        return "pre-processing" not in record.getMessage()

    root.addFilter(refuse)
    try:
        yield
    finally:
        root.removeFilter(refuse)
