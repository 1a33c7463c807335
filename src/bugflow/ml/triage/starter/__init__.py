"""Models that come with the package, in the format of `TriageModel.save`, one folder for each target."""

from pathlib import Path


def find_starter(target: str) -> Path | None:
    """Return the folder of a target's starter model, where there is one."""
    folder = Path(__file__).parent / target
    return folder if (folder / "model.json").is_file() else None
