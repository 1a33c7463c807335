"""Two versions side by side."""

from pathlib import Path

import pytest

from bugflow.core.storage import open_storage
from bugflow.mlops.promotion.comparing import compare_versions
from bugflow.mlops.registry.errors import ModelNotFoundError
from bugflow.mlops.registry.versions import read_name
from factories.versions import decide, publish_judged


def test_figures_stand_side_by_side_with_what_differs(tmp_path: Path) -> None:
    storage = open_storage("memory://")
    a = publish_judged(storage, tmp_path, "1.0.0", decide(0.6, passed=False), classes=("low", "old"))
    b = publish_judged(storage, tmp_path, "1.1.0", decide(0.7), classes=("low", "new"))
    found = compare_versions(storage, a, b)
    assert (found.same_items, found.only_a, found.only_b) == (True, ("old",), ("new",))
    figures = {pair.name: pair for pair in found.figures}
    assert list(figures) == ["accuracy", "coverage", "worth", "recall of critical", "macro_f1"]
    assert figures["accuracy"].difference == pytest.approx(0.1)
    assert figures["accuracy"].b.interval == pytest.approx((0.6, 0.8))
    assert (figures["macro_f1"].source, figures["macro_f1"].a.interval) == ("training", None)
    [check] = found.checks
    assert (check.name, check.a, check.b, check.b_says) == ("precision", False, True, "It was right 70% of the time.")


def test_what_was_judged_by_other_issues_or_never_is_told(tmp_path: Path) -> None:
    storage = open_storage("memory://")
    first = publish_judged(storage, tmp_path, "1.0.0", decide(0.6))
    later = publish_judged(storage, tmp_path, "1.1.0", decide(0.6, items=90))
    never = publish_judged(storage, tmp_path, "1.2.0", None)
    assert compare_versions(storage, first, later).same_items is False
    found = compare_versions(storage, never, first)
    assert found.same_items is None
    assert found.figures[0].difference is None
    assert [(check.name, check.a, check.b) for check in found.checks] == [
        ("items", None, True),
        ("precision", None, True),
    ]
    with pytest.raises(ModelNotFoundError):
        compare_versions(storage, first, read_name("severity/9.0.0/20260101_000000"))
