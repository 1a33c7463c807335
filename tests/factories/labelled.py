"""Issues whose severity their words tell."""

import numpy as np

from bugflow.core.database import Database
from bugflow.tracker.accounts.roles import Role
from factories.workplace import Workplace

WORDS = {
    "low": ("typo", "colour", "spacing", "tooltip"),
    "high": ("timeout", "exception", "rejected", "corrupted"),
    "critical": ("deadlock", "leaked", "breach", "wiped"),
}
SHARES = (0.5, 0.3, 0.2)


def report_labelled(database: Database, workplace: Workplace, count: int, *, seed: int, flipped: bool = False) -> None:
    """File issues, each with the severity that its words tell, or with another one."""
    generator, names = np.random.default_rng(seed), list(WORDS)
    with database.transaction() as session:
        for _ in range(count):
            place = int(generator.choice(len(names), p=SHARES))
            words = [
                *generator.choice(WORDS[names[place]], 2),
                *(f"part{each}" for each in generator.integers(0, 900, 6)),
            ]
            said = names[(place + flipped) % len(names)]
            workplace.report(session, title=" ".join(words), severity=said, by=Role.PROJECT_MANAGER)
