import re
from pathlib import Path

import httpx

from factories.runners import wait_until
from factories.server import children_of, prepare_people, run_server

HEALTH = re.compile(r'^bugflow_http_requests_total\{method="GET",route="/health",status="200"\} (\S+)$', re.MULTILINE)


def test_each_process_tells_what_all_have_counted(database_url: str, tmp_path: Path) -> None:
    prepare_people(database_url)
    with run_server(tmp_path / "home", database_url, WEB_PROCESSES="2") as server:
        wait_until(lambda: len(children_of(server.process.pid)) >= 3)  # The worker comes last.
        before = read_count(server.address)
        for _ in range(30):
            assert httpx.get(f"{server.address}/health").status_code == 200
        for _ in range(10):  # By whichever process.
            assert read_count(server.address) == before + 30
        text = httpx.get(f"{server.address}/metrics").text
        assert len(re.findall(r"^# TYPE bugflow_http_requests\w* counter$", text, re.MULTILINE)) == 1
        assert 'bugflow_database_connections{state="idle"}' in text


def read_count(address: str) -> float:
    found = HEALTH.search(httpx.get(f"{address}/metrics").text)
    return float(found.group(1)) if found else 0.0
