"""The rankers that come with the package, in the format of `Ranker.save`."""

from pathlib import Path

FOLDER = Path(__file__).parent / "ranker"
WORDS = Path(__file__).parent / "words"
"""For reports without vectors."""
