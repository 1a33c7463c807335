"""The ranker that comes with the package, in the format of `Ranker.save`."""

from pathlib import Path

FOLDER = Path(__file__).parent / "ranker"
