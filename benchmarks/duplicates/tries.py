"""Tries what decision 11 does not keep, beside what it keeps, on trackers that did not teach it.

    PYTHONPATH=benchmarks/duplicates python benchmarks/duplicates/tries.py --data ../shared/data/issues --home DIR
        --try union [--try feedback …] [--tracker jquery_trac …] [--most 600]

Each figure stands beside that of what is kept, asked about the same duplicates, with the difference's interval of 95 %
(bootstrap) and how probable it is by chance (McNemar). `--most` asks about so many duplicates of each tracker where a
try searches anew; those that only put the candidates in another order ask about all.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from trackers import TRACKERS, read_pasts
from tries_candidates import try_union
from tries_feedback import try_feedback
from tries_judging import try_binary, try_flag, try_without_copies
from tries_ranking import Bench
from tries_sentences import try_sentences
from tries_telling import try_telling
from tries_vectors import try_matrix
from tries_words import try_stems

from bugflow.ml.encoder.keeping import open_kept_encoder

TRIES: Mapping[str, Callable[[Bench], None]] = {
    "union": try_union,
    "feedback": try_feedback,
    "telling": try_telling,
    "stems": try_stems,
    "matrix": try_matrix,
    "binary": try_binary,
    "flag": try_flag,
    "without-copies": try_without_copies,
    "sentences": try_sentences,
}


def main() -> None:
    """Read, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the trackers' Parquet files.")
    parser.add_argument("--home", type=Path, required=True, help="Where the encoder and its vectors are kept.")
    parser.add_argument("--try", action="append", choices=list(TRIES), dest="tries", help="All without it.")
    parser.add_argument("--tracker", action="append", choices=TRACKERS, help="Try only this one; may be repeated.")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="Duplicates of each tracker.")
    options = parser.parse_args()
    encoder = open_kept_encoder(options.home / "models", threads=1)
    pasts = read_pasts(options.data, encoder)
    bench = Bench(pasts, options.tracker or TRACKERS, encoder, options.most, kept={})
    for name in options.tries or TRIES:
        print(f"\n{name}: {TRIES[name].__doc__}", flush=True)
        TRIES[name](bench)


if __name__ == "__main__":
    main()
