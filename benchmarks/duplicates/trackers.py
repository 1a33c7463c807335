"""Tries the ranking on trackers that it has not seen, one after the other, and trains the starter ranker on all.

    python benchmarks/duplicates/trackers.py --data ../shared/data/issues --home DIR --figures DIR
        [--out src/bugflow/ml/duplicates/starter/ranker] [--by-words] [--teach] [--tracker jquery_trac …]
        [--precision-of-each 0.95]

For each tracker a ranker is trained on the others and asked about each of its duplicates, with what was known when it
was filed. Writes NAME.json for each, the figures of `bugflow evaluate duplicates`, and prints them below each other.

`--by-words` does all that without vectors; `--out` then is `starter/words`. `--teach` does something else: each ranker
is taught what people said in the older seven tenths of the tracker that it has not seen, and tried on the newest
duplicates, as `bugflow train duplicates` does.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.adapting import Adaptation, adapt_ranker
from bugflow.ml.duplicates.evaluating import OURS, Evaluation, evaluate
from bugflow.ml.duplicates.history import History, read_history
from bugflow.ml.duplicates.learning import PRECISION_OF_EACH, Options, train_ranker
from bugflow.ml.duplicates.lessons import Lesson, build_lesson
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import profile_history
from bugflow.ml.encoder.keeping import open_kept_encoder

TRACKERS = ("jquery_trac", "titanium_jira", "apache_jira")
Pasts = Mapping[str, tuple[History, list[Profile], Lesson]]


def main() -> None:
    """Read, train, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the trackers' Parquet files.")
    parser.add_argument("--home", type=Path, required=True, help="Where the encoder and its vectors are kept.")
    parser.add_argument("--figures", type=Path, help="Folder for the figures as JSON.")
    parser.add_argument("--out", type=Path, help="Train on all trackers, too, and write the ranker here.")
    parser.add_argument("--by-words", action="store_true", help="Without vectors.")
    parser.add_argument("--teach", action="store_true", help="Try what a tracker's own past teaches.")
    parser.add_argument("--tracker", action="append", choices=TRACKERS, help="Try only this one; may be repeated.")
    parser.add_argument(
        "--precision-of-each", type=float, default=PRECISION_OF_EACH, help="Of the flag, on each that teaches."
    )
    options = parser.parse_args()
    wishes = Options(precision_of_each=options.precision_of_each)
    encoder = None if options.by_words else open_kept_encoder(options.home / "models", threads=2)
    pasts = read_pasts(options.data, encoder)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        train_ranker([lesson for _, _, lesson in pasts.values()], wishes).save(options.out)
    for name in options.tracker or TRACKERS:
        started = time.perf_counter()
        ranker = train_ranker([lesson for other, (_, _, lesson) in pasts.items() if other != name], wishes)
        trained = time.perf_counter() - started
        history, profiles, own = pasts[name]
        if options.teach:
            print_adaptation(name, adapt_ranker(ranker, own))
            continue
        found = evaluate(history, profiles, ranker)
        print_figures(name, found, trained)
        print_copies(ranker, own)
        if options.figures is not None:
            options.figures.mkdir(parents=True, exist_ok=True)
            (options.figures / f"{name}.json").write_text(json.dumps(found.to_json(), indent=2) + "\n", "utf-8")


def read_pasts(data: Path, encoder: Encoder | None) -> Pasts:
    """Return each tracker's history, profiles and what is to be learned from it."""
    pasts = {}
    for name in TRACKERS:
        history = read_history(data / f"{name}.parquet")
        profiles = profile_history(history, encoder)
        pasts[name] = history, profiles, build_lesson(history, profiles, encoder)
        print(f"{name}: {len(history):,} issues, {len(history.queries):,} duplicates", flush=True)
    return pasts


def print_adaptation(name: str, found: Adaptation) -> None:
    """Print what one tracker's own past taught."""
    print(f"\n{name}: taught by {found.n_learned:,} duplicates, tried on {found.n_tested:,}, p {found.p_value:.2g}")
    for when, figures in (("before", found.before), ("after", found.after)):
        print(f"  {when:8}", "  ".join(f"{key} {value:.3f}" for key, value in figures.to_json().items()), flush=True)


def print_figures(name: str, found: Evaluation, seconds: float) -> None:
    """Print one tracker's figures."""
    print(f"\n{name} (trained on the others in {seconds:.0f} s)")
    for trial in found.trials:
        recalls = "  ".join(f"R@{cut} {trial.recall(cut):.3f}" for cut in (1, 5, 10, 20))
        low, high = trial.recall_interval(10)
        chance = "" if trial.method == OURS else f"  p {found.p_values[trial.method]:.2g}"
        print(f"  {trial.method:8} {recalls} ({low:.3f} to {high:.3f})  MRR {trial.mrr():.3f}{chance}")
    print(f"  {found.flag}", flush=True)


def print_copies(ranker: Ranker, lesson: Lesson) -> None:
    """Print what a ranker says of made-up reports: those that repeat an older one, and those about another thing."""
    for same, said in ((True, "repeat an older one"), (False, "exchange a word of it")):
        asked = [each for each in lesson.copies if bool(each.right.any()) == same]
        ranked = [ranker.rank(each.features) for each in asked]
        first = np.mean([each.right[found.order[0]] for each, found in zip(asked, ranked, strict=True)])
        best = np.array([found.probabilities[found.order[0]] for found in ranked])
        print(
            f"  {len(asked):,} made-up reports that {said}: {first:.3f} come first with it, "
            f"{(best >= ranker.threshold).mean():.3f} are flagged, median probability {np.median(best):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
