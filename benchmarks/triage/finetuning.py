"""Fine-tunes a base model on labelled reports, alone and as a member, beside every other back-end and PyTorch.

`python benchmarks/triage/finetuning.py --data FILE --target severity --base packaged --max-length 64 --epochs 1`
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import index_labels
from bugflow.ml.contract import Report
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.encoder.tokens import open_tokenizer, pad
from bugflow.ml.evaluation import compare_paired
from bugflow.ml.finetuning.options import FineTuningOptions
from bugflow.ml.finetuning.serving import TOKENIZER
from bugflow.ml.triage.backends import ENSEMBLE, TRANSFORMER, Workshop, list_backends
from bugflow.ml.triage.evaluating import Evaluation, evaluate
from bugflow.ml.triage.examples import Partition, partition, read_examples
from bugflow.ml.triage.transformer import TransformerClassifier

TIMED = 300


def main() -> None:
    """Train, test, and print a table."""
    wanted = _parse()
    if wanted.torch_threads:
        import torch  # noqa: PLC0415 -- Heavy.

        torch.set_num_threads(wanted.torch_threads)
    data = _divide(wanted)
    options = FineTuningOptions(
        base=wanted.base,
        max_length=wanted.max_length,
        epochs=wanted.epochs,
        batch_size=wanted.batch_size,
        learning_rate=wanted.learning_rate,
        class_weights=wanted.class_weights,
        use_gpu=wanted.use_gpu,
        looks_per_epoch=wanted.looks_per_epoch,
        seed=wanted.seed,
    )
    print(f"{wanted.target}: {len(data.train):,} train, {len(data.test):,} test; split: {data.split}; {options}")
    with TemporaryDirectory() as folder:
        transformer = TransformerClassifier(options, wanted.work or Path(folder), tell=_tell)
        encoder = open_kept_encoder(wanted.models, threads=1)
        workshop = Workshop(encoder=encoder, balanced=wanted.class_weights, others={TRANSFORMER: lambda: transformer})
        learners = workshop.list_learners(wanted.target, data.train.labels)
        backends = list_backends(list(learners))
        found = evaluate(wanted.target, data, learners, backends, balanced=wanted.class_weights)
        _print_table(found, index_labels(data.test.labels, found.classes))
        print({name: value for name, value in transformer.description_.items() if name != "options"})
        kept = Path(folder) / "kept"
        kept.mkdir()
        transformer.save(kept)
        _compare_speed(kept, options, data.test.reports[:TIMED])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", default="severity")
    parser.add_argument("--base", default="packaged")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--class-weights", action="store_true")
    parser.add_argument("--train-samples", type=int, help="train on so many, drawn from all that train")
    parser.add_argument("--looks-per-epoch", type=int, default=2)
    parser.add_argument("--use-gpu", default="auto", choices=["auto", "yes", "no"])
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, default=Path.home() / ".bugflow/models", help="encoder and vectors")
    parser.add_argument("--work", type=Path, help="keep checkpoints here, to go on after a kill")
    return parser.parse_args()


def _divide(wanted: argparse.Namespace) -> Partition:
    examples, parts = read_examples(wanted.data, wanted.target)
    data = partition(examples, parts)
    if wanted.train_samples is None or wanted.train_samples >= len(data.train):
        return data
    generator = np.random.default_rng(wanted.seed)
    rows = np.sort(generator.choice(len(data.train), wanted.train_samples, replace=False))
    return Partition(data.train.take(rows), data.calibration, data.test, data.split)


def _print_table(found: Evaluation, truth: NDArray[np.int_]) -> None:
    """Print every back-end, and how much more accurate each is than the ensemble without a fine-tuned member."""
    [ensemble] = [trial for trial in found.trials if trial.backend == ENSEMBLE]
    print("| Back-end | Accuracy (95 %) | Macro-F1 | Speaks | Then right | Before the ensemble (p) | Training |")
    print("|---|---|---|---|---|---|---|")
    for trial in found.trials:
        scores, (low, high) = trial.scores, trial.scores.accuracy_interval
        right = "never" if scores.selective_precision is None else f"{scores.selective_precision:.3f}"
        chance = compare_paired(trial.said == truth, ensemble.said == truth)
        print(
            f"| {trial.backend} | {scores.accuracy:.3f} ({low:.3f} to {high:.3f}) | {scores.macro_f1:.3f} "
            f"| {scores.coverage:.1%} | {right} | {scores.accuracy - ensemble.scores.accuracy:+.3f} ({chance:.3f}) "
            f"| {trial.train_seconds:.0f} s |",
            flush=True,
        )


def _tell(step: int, steps: int, figures: Mapping[str, float]) -> None:
    if step % 25 == 0 or step == steps:
        known = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        print(f"step {step} of {steps}, {time.strftime('%H:%M:%S')}: {known}", flush=True)


def _compare_speed(folder: Path, options: FineTuningOptions, reports: Sequence[Report]) -> None:
    """Time single reports, alternating, one thread each, and print the medians; PyTorch has an untrained head."""
    import torch  # noqa: PLC0415 -- Heavy.

    from bugflow.ml.finetuning.base import load_network, open_base  # noqa: PLC0415 -- Loads PyTorch.

    torch.set_num_threads(1)
    served = TransformerClassifier.load(folder)
    network = load_network(open_base(options.base).source, len(served.classes_), seed=0).eval()
    tokenizer = open_tokenizer(folder / TOKENIZER, most_tokens=options.max_length)
    taken: dict[str, list[float]] = {"served": [], "torch": [], "explained": []}
    for report in reports:
        started = time.perf_counter()
        served.predict_probabilities([report])
        answered = time.perf_counter()
        with torch.inference_mode():
            ids, mask = pad([tokenizer.encode(report.text).ids])
            network(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        compared = time.perf_counter()
        served.explain(report, served.classes_[0])
        taken["explained"].append(time.perf_counter() - compared)
        taken["served"].append(answered - started)
        taken["torch"].append(compared - answered)
    for name, seconds in taken.items():
        print(f"{name}: median {np.median(seconds) * 1000:.2f} ms a report", flush=True)


if __name__ == "__main__":
    main()
