"""What the users of the benchmark do, for Locust: each asks for a prediction, thinks for a while, asks again."""

import json
import os
import random
from pathlib import Path
from typing import Any

from locust import HttpUser, between, task

_QUESTIONS: list[dict[str, str]] = json.loads(Path(os.environ["BENCHMARK_QUESTIONS"]).read_text(encoding="utf-8"))


class Reporter(HttpUser):
    """Somebody who writes reports."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        """Use the token that the benchmark has got."""
        self.client.headers["Authorization"] = f"Bearer {os.environ['BENCHMARK_TOKEN']}"

    @task
    def predict(self) -> None:
        """Ask about a report; hardly any is asked about twice."""
        question: dict[str, Any] = random.choice(_QUESTIONS)
        self.client.post("/predict", json=question)
