import pytest

from bugflow.ml.triage.labelling import label_by_keyword, mask_keywords


@pytest.mark.parametrize(
    ("title", "description", "severity", "team"),
    [
        ("Crash on the login page", "the api answers", "critical", "Backend"),
        ("An error in the ui", "", "high", "Frontend"),
        ("A typo", "in the docker guide", "low", "DevOps"),
        ("It is slow", "", "medium", None),
    ],
)
def test_severity_and_team_follow_the_words(title: str, description: str, severity: str, team: str | None) -> None:
    assert label_by_keyword(title, description) == {"severity": severity, "team": team}


def test_a_masked_text_gives_no_label_and_keeps_its_other_words() -> None:
    text = "A CRASH, with data loss, in the CI/CD of Android.\nThe crashes of the builder go on"
    masked = mask_keywords(text)
    assert label_by_keyword(masked, "") == {"severity": "medium", "team": None}
    assert masked == "A , with , in the of .\nThe crashes of the builder go on"


def test_a_text_without_keywords_stays_as_it_is() -> None:
    assert mask_keywords("It  is slow\n  today") == "It  is slow\n  today"
