"""Tiny networks with random weights, a vocabulary of their own, and a task that no single word solves."""

import random
from pathlib import Path
from typing import Any

from bugflow.ml.contract import Report
from bugflow.ml.finetuning.options import FineTuningOptions

DEEDS = ("crash", "freeze", "typo", "colour")
FILLERS = ("save", "open", "login", "export", "button", "dialog", "page", "list", "the", "when", "on", "after")


def build_task(count: int, *, seed: int) -> tuple[list[Report], list[str]]:
    """Return reports whose label needs two words: a crash or freeze is high, but medium where it is `never` seen."""
    generator = random.Random(seed)  # noqa: S311 -- No cryptography.
    reports, labels = [], []
    for _ in range(count):
        deed, often = generator.choice(DEEDS), generator.choice(("never", "always"))
        words = [deed, often, *generator.sample(FILLERS, 4)]
        generator.shuffle(words)
        reports.append(Report(" ".join(words[:3]), " ".join(words[3:])))
        bad = deed in {"crash", "freeze"}
        labels.append("high" if bad and often == "always" else "medium" if bad else "low")
    return reports, labels


def choose_options(base: Path, **changes: Any) -> FineTuningOptions:  # noqa: ANN401 -- Any option.
    """Return options by which a tiny network learns the task in seconds."""
    usual: dict[str, Any] = {
        "base": str(base),
        "max_length": 32,
        "epochs": 3,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "use_gpu": "no",
        "patience": 10,
    }
    return FineTuningOptions(**usual | changes)


def write_base(folder: Path, kind: str = "distilbert") -> Path:
    """Write tiny random weights of a kind and a tokenizer with the task's words; return the folder."""
    from transformers import AutoConfig, AutoModel, set_seed  # noqa: PLC0415 -- Heavy.

    from bugflow.ml.finetuning.base import quiet_libraries  # noqa: PLC0415 -- Beside the heavy one.

    set_seed(3)
    folder.mkdir(parents=True, exist_ok=True)
    size = _write_tokenizer(folder, has_ends=kind == "distilbert")
    shape = {
        "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "dropout": 0.0},
        "bert": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "hidden_dropout_prob": 0.0,
        },
    }[kind]
    config = AutoConfig.for_model(kind, vocab_size=size, max_position_embeddings=64, initializer_range=0.2, **shape)
    build: Any = AutoModel.from_config
    with quiet_libraries():
        build(config).save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, *, has_ends: bool) -> int:
    from tokenizers import BertWordPieceTokenizer  # noqa: PLC0415 -- Only for these tests.
    from tokenizers.processors import BertProcessing  # noqa: PLC0415 -- The same.
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 -- Heavy.

    made: Any = BertWordPieceTokenizer(lowercase=True)
    words = [*DEEDS, *FILLERS, "never", "always"]
    made.train_from_iterator(words * 3, vocab_size=200, min_frequency=1, show_progress=False)
    if has_ends:
        ends = [(name, made.token_to_id(name)) for name in ("[SEP]", "[CLS]")]
        made._tokenizer.post_processor = BertProcessing(*ends)
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    build: Any = PreTrainedTokenizerFast
    build(tokenizer_object=made._tokenizer, model_max_length=64, **special).save_pretrained(folder)
    return int(made.get_vocab_size())
