"""Tries the back-ends of triage on every labelled set, and prints one table.

    python benchmarks/triage/sets.py --data ../shared/data/issues --figures DIR

Each set is tried by `bugflow evaluate triage` in a process of its own. Figures that are in DIR are not made again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SETS = (
    ("mozilla_bugzilla_titles", "severity"),
    ("eclipse_bugzilla_titles", "severity"),
    ("nasa_pits", "severity"),
    ("jquery_trac", "component"),
    ("titanium_jira", "component"),
    ("apache_jira", "component"),
    ("titanium_jira", "priority"),
    ("apache_jira", "priority"),
)
COLUMNS = ("Set, target (labels)", "Tested", "Back-end", "Accuracy (95 %)", "Macro-F1", "ECE", "Speaks", "Then right")
LEADS = ("Lead (p)", "F1 lead (p)")


def measure(data: Path, name: str, target: str, out: Path) -> dict[str, Any]:
    """Return the figures of one set."""
    if not out.exists():
        command = ["-m", "bugflow", "evaluate", "triage", "--data", str(data / f"{name}.parquet"), "--target", target]
        subprocess.run([sys.executable, *command, "--json", str(out)], check=True)  # noqa: S603 -- Ours.
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures


def describe(name: str, figures: dict[str, Any]) -> list[str]:
    """Return a set's lines of the table."""
    first = f"{name}, {figures['target']} ({len(figures['classes'])}) | {figures['n_test']:,}"
    lines = []
    for backend, result in figures["results"].items():
        low, high = result["accuracy_interval"]
        right = "never" if result["selective_precision"] is None else f"{result['selective_precision']:.3f}"
        cells = [
            first,
            backend,
            f"{result['accuracy']:.3f} ({low:.3f} to {high:.3f})",
            f"{result['macro_f1']:.3f}",
            f"{result['ece']:.3f}",
            f"{result['coverage']:.1%}",
            right,
            _lead(result["lead_over_best_baseline"], result["p_against_best_baseline"]),
            _lead(result["macro_f1_lead_over_best_baseline"], result["macro_f1_p_against_best_baseline"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
        first = " | "
    return lines


def _lead(lead: float | None, chance: float | None) -> str:
    if lead is None or chance is None:
        return ""
    return f"{lead:+.3f} ({'< .001' if chance < 0.001 else f'{chance:.3f}'})"  # noqa: PLR2004 -- As many as are shown.


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/issues"))
    parser.add_argument("--figures", type=Path, required=True, help="Folder that keeps the figures.")
    chosen = parser.parse_args()
    chosen.figures.mkdir(parents=True, exist_ok=True)
    print(f"| {' | '.join((*COLUMNS, *LEADS))} |", "|---" * 10 + "|", sep="\n")
    for name, target in SETS:
        figures = measure(chosen.data, name, target, chosen.figures / f"{name}.{target}.json")
        print(*describe(name, figures), sep="\n", flush=True)


if __name__ == "__main__":
    main()
