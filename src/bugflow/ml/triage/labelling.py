"""Labels by keyword, and texts without the keywords that gave them."""

import re

from bugflow.ml.contract import Report
from bugflow.ml.triage.keyword import SEVERITY_RULES, SEVERITY_WORDS, TEAM_RULES, TEAM_WORDS

_WORDS = [word for words in (*SEVERITY_WORDS.values(), *TEAM_WORDS.values()) for word in words]
_ANY_WORD = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, _WORDS))})(?!\w)", re.IGNORECASE)
_SPACES = re.compile(r"[ \t]{2,}")


def label_by_keyword(title: str, description: str) -> dict[str, str | None]:
    """Return severity and team by the rules' words; there may be no team."""
    report = Report(title, description)
    return {"severity": SEVERITY_RULES.find_label(report), "team": TEAM_RULES.find_label(report)}


def mask_keywords(text: str) -> str:
    """Return the text without any of the rules' words, so that a model cannot learn the rules from them.

    Words are whole and in any case, as the rules have them: `crashed` stays, since no rule looks for it.
    """
    if _ANY_WORD.search(text) is None:
        return text
    lines = _ANY_WORD.sub(" ", text).split("\n")
    return "\n".join(_SPACES.sub(" ", line).strip() for line in lines)
