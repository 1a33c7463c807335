"""Which texts of a report are encoded when a field of it is to be found."""

from bugflow.ml.contract import Report
from bugflow.ml.text import clean_report

LONGEST_RAW, LONGEST_PROSE = 20_000, 320
"""Characters of a description that are cleaned, and of the reporter's words in it that are encoded."""


def pick_texts(report: Report) -> tuple[str, str]:
    """Return the title and the beginning of the reporter's own words; either may be empty."""
    text = clean_report(report.title, report.description[:LONGEST_RAW])
    return text.title, text.prose[:LONGEST_PROSE]
