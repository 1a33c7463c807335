"""How models are served."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bugflow.ml.contract import Encoder
from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType

FindStarter = Callable[[str], Path | None]
OpenEncoder = Callable[[], Encoder]


@dataclass(frozen=True, kw_only=True)
class ServingOptions:
    """How models are served.

    Attributes:
        serves: The versions in use, or those that are tried beside them.
        cache_folder: Where fetched models are kept on this machine.
        open_encoder: Called in the background when the first model needs it.
        find_starter: Returns the folder of a model that comes with the package.
        targets: Which fields are predicted at all; none switches predictions off.
        timeout_seconds: After this long a model's hurried members answer, or the rules.
        failures: After so many failures in a row a target's model is left alone.
        pause_seconds: For how long it is.
        cache_seconds: A project's own model that nobody asked for so long is let go.
        poll_seconds: How often it is looked whether another model is to be used.
        threads: How many reports are thought about at once; the others wait. More than a few only keep each other busy.
        queue_seconds: With this long to wait for a thread they answer, too, and no model is blamed.
        reasons_seconds: How long an answer waits for its reasons.
        quiet: With at most so many reports a second there is time for reasons that need many looks at the text.
    """

    serves: Literal["champions", "challengers"] = "champions"
    cache_folder: Path
    open_encoder: OpenEncoder
    find_starter: FindStarter = lambda _: None
    targets: tuple[TriageType, ...] = TRIAGE_TYPES
    timeout_seconds: float = 2.0
    failures: int = 5
    pause_seconds: float = 30.0
    cache_seconds: float = 3600.0
    poll_seconds: float = 5.0
    threads: int = 3
    queue_seconds: float = 0.25
    reasons_seconds: float = 0.5
    quiet: int = 3
