"""Tries an encoder that was taught which reports are the same bug, on trackers that did not teach it.

    PYTHONPATH=benchmarks/duplicates python benchmarks/duplicates/tuning.py --data ../shared/data/issues --home DIR
        --work DIR [--tracker jquery_trac …] [--shares 0.5 1] [--issues 6000] [--rank] [--epochs 2] …

For each tracker the packaged encoder is fine-tuned on pairs of the same bug of the two others (`tuning_pairs`), with
the others of the batch and one candidate of another bug against each, and asked about every duplicate with the vectors
alone: how often is an older report of the same bug among the nearest? Beside it stands the frozen encoder, both as the
product runs them: in int8, texts cut after 256 tokens. `--shares` says how far the weights go from the frozen (0) to
the taught (1). `--issues` looks among so many issues of the tracker only: all of bugs that were reported more than
once, and others by chance. `--rank` goes on to the ranker, trained on tuned vectors of the others and tried on those of
the tracker; `--ask` asks one that learned from frozen vectors about tuned ones, which is quicker. `--by-words` finds
the candidates of other bugs without vectors. It trains on one thread in bfloat16, for which a processor should have
instructions (AVX-512 BF16).
"""

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from trackers import TRACKERS, Pasts, read_pasts
from tries_figures import print_ranks
from tries_ranking import fit_ranking, rank_lesson, score_by
from tuning_network import State, Teaching, interpolate, read_state, teach
from tuning_pairs import draw_examples, list_pairs, summarise
from tuning_trying import choose_rows, encode_rows, open_state, print_all, print_frozen, rank_all

from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.evaluating import OURS, Ranks, evaluate
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.learning import train_ranker
from bugflow.ml.duplicates.lessons import Lesson, build_lesson
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.replay import compare, replay
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.encoder.weights import find_weights


def main() -> None:
    """Read, teach, try, print."""
    options = _parse()
    import torch  # noqa: PLC0415 -- Heavy.

    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    frozen = open_kept_encoder(options.home / "models", threads=1)
    words = read_pasts(options.data, None) if options.by_words else None
    pasts = read_pasts(options.data, frozen) if options.rank or options.ask or words is None else words
    teaching = Teaching(
        epochs=options.epochs,
        pairs=options.pairs,
        batch_size=options.batch_size,
        max_tokens=options.max_tokens,
        learning_rate=options.learning_rate,
        towards=options.towards,
        last_layers=options.last_layers,
        seed=options.seed,
    )
    print(teaching)
    for name in options.tracker or TRACKERS:
        taught = teach_on_others(words or pasts, name, teaching)
        try_tracker(pasts, name, frozen, taught, options)


def teach_on_others(pasts: Pasts, name: str, teaching: Teaching) -> State:
    """Return the weights that the pairs of all trackers but one teach."""
    pairs = list_pairs(pasts, [other for other in TRACKERS if other != name], most=teaching.pairs, seed=teaching.seed)
    print(f"\n{name} is tried; pairs: {summarise(pairs)}", flush=True)
    epochs = draw_examples(pairs, pasts, epochs=teaching.epochs, seed=teaching.seed)
    return teach(find_weights(), epochs, teaching)


def try_tracker(pasts: Pasts, name: str, frozen: Encoder, taught: State, options: argparse.Namespace) -> None:
    """Try each share of the way to the taught weights on a tracker."""
    history = pasts[name][0]
    rows = choose_rows(history, options.issues)
    before = rank_all(history, encode_rows(history, rows, frozen))
    print_frozen(f"{name}, {len(rows):,} of {len(history):,} issues", before)
    weights = find_weights()
    for share in options.shares:
        state = interpolate(read_state(weights), taught, share)
        folder = options.work / f"{name}-{share}"
        encoder = open_state(state, weights, folder)
        print_all(f"{name}, share {share}", before, rank_all(history, encode_rows(history, rows, encoder)))
        if options.rank:
            kept, tried = (rank_with(each, name) for each in (pasts, encode_anew(pasts, encoder)))
            print_ranks("the ranker", kept, tried)
        if options.ask:
            ask_ranker(pasts, name, encoder)


def ask_ranker(pasts: Pasts, name: str, encoder: Encoder) -> None:
    """Print what a ranking that learned from frozen vectors of the others makes of tuned ones."""
    history, profiles, lesson = pasts[name]
    score = score_by(fit_ranking([other for key, (_, _, other) in pasts.items() if key != name]))
    moments = replay(history, exchange_vectors(history, profiles, encoder), history.queries)
    compared = [compare(history, moment) for moment in moments]
    anew = Lesson([each for each in compared if each is not None])
    kept, tried = (rank_lesson(history, each, score) for each in (lesson, anew))
    print_ranks(f"{name}, the ranker, taught by frozen vectors", kept, tried)


def encode_anew(pasts: Pasts, encoder: Encoder) -> Pasts:
    """Return the same pasts with another encoder's vectors, and what is to be learned from these."""
    found = {}
    for name, (history, profiles, _) in pasts.items():
        anew = exchange_vectors(history, profiles, encoder)
        found[name] = history, anew, build_lesson(history, anew, encoder)
    return found


def exchange_vectors(history: History, profiles: Sequence[Profile], encoder: Encoder) -> list[Profile]:
    """Return the same profiles with another encoder's vectors."""
    encoded = encode_rows(history, np.arange(len(history), dtype=np.int64), encoder)
    vectors = zip(profiles, encoded.titles, encoded.texts, strict=True)
    return [dataclasses.replace(profile, title=title, text=text) for profile, title, text in vectors]


def rank_with(pasts: Pasts, name: str) -> Ranks:
    """Return the ranks on a tracker of a ranker that the others taught."""
    ranker = train_ranker([lesson for other, (_, _, lesson) in pasts.items() if other != name])
    history, profiles, _ = pasts[name]
    return next(each.ranks for each in evaluate(history, profiles, ranker).trials if each.method == OURS)


def _parse() -> argparse.Namespace:
    usual = Teaching()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the trackers' Parquet files.")
    parser.add_argument("--home", type=Path, required=True, help="Where the encoder and its vectors are kept.")
    parser.add_argument("--work", type=Path, required=True, help="Where tuned encoders and their vectors are kept.")
    parser.add_argument("--tracker", action="append", choices=TRACKERS, help="Try only this one; may be repeated.")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 0.75, 1.0])
    parser.add_argument("--issues", type=int, help="Look among so many of a tracker's issues.")
    parser.add_argument("--rank", action="store_true", help="Go on to the ranker.")
    parser.add_argument("--ask", action="store_true", help="Ask a ranker that frozen vectors taught.")
    parser.add_argument("--by-words", action="store_true", help="Draw the other bugs from candidates by words alone.")
    parser.add_argument("--epochs", type=int, default=usual.epochs)
    parser.add_argument("--pairs", type=int, help="Teach by so many, drawn by chance.")
    parser.add_argument("--batch-size", type=int, default=usual.batch_size)
    parser.add_argument("--max-tokens", type=int, default=usual.max_tokens)
    parser.add_argument("--learning-rate", type=float, default=usual.learning_rate)
    parser.add_argument(
        "--towards", type=float, default=usual.towards, help="How much vectors are held where they were."
    )
    parser.add_argument("--last-layers", type=int, help="Teach only so many.")
    parser.add_argument("--seed", type=int, default=usual.seed)
    return parser.parse_args()


if __name__ == "__main__":
    main()
