"""A tiny encoder, prepared once per test process under the worst circumstances."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.manifest import MANIFEST
from bugflow.ml.encoder.preparation import name_folder
from bugflow.ml.encoder.weights import find_weights
from factories.encoders import Prepared, write_weights

PREPARE = """
import sys
from pathlib import Path
from bugflow.ml.encoder.preparation import prepare_encoder
from bugflow.ml.encoder.weights import find_weights
print(prepare_encoder(Path(sys.argv[1]), find_weights(sys.argv[2])))
"""


def start(models: Path, weights: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREPARE, str(models), str(weights)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 -- Ours.


def kill_at_work(process: subprocess.Popen[str], folder: Path) -> tuple[str, ...]:
    deadline = time.monotonic() + 60
    while not list(folder.glob(".unfinished-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return tuple(sorted(path.name for path in folder.iterdir()))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    base = tmp_path_factory.mktemp("encoder")
    weights, models = write_weights(base / "weights"), base / "models"
    folder = name_folder(models, find_weights(str(weights)))
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text('{"format": 1}')
    left = kill_at_work(start(models, weights), folder.parent)
    both = [start(models, weights), start(models, weights)]
    endings = tuple((process.communicate()[0].strip(), process.returncode) for process in both)
    return Prepared(weights, models, folder, left, tuple((code, printed) for printed, code in endings))


@pytest.fixture(scope="session")
def encoder(prepared: Prepared) -> OnnxEncoder:
    return OnnxEncoder.open(prepared.folder)
