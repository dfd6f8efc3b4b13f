"""The demo as people meet it: real programs on a fresh directory, from start to a clean end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from config import audience, embedded, processes, running, supervisor
from config.processes import Program

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 150.0
STOP_WITHIN_S = 60.0
NAMES = ("audience", "web", "relay", "worker", "beat", "stand-in")

pytestmark = pytest.mark.proof


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs."""

    data: Path
    port: int
    process: subprocess.Popen[str]
    said: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def programs(self) -> dict[str, int]:
        record = json.loads((self.data / "supervisor.json").read_text())
        return {name: known["pid"] for name, known in record["programs"].items()}

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, follow_redirects=True, timeout=30, trust_env=False)


def eventually[Found](look: Callable[[], Found], *, within_s: float) -> Found:
    end = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end, f"still {found!r} after {within_s} s"
        time.sleep(0.1)
    return found


def environment(data: Path) -> dict[str, str]:
    left_out = ("DJANGO_SETTINGS_MODULE", "LOG_LEVEL", "DATABASE_URL", "REDIS_URL")
    kept = {name: text for name, text in os.environ.items() if name not in left_out}
    return kept | {"CARAT_DATA_DIR": str(data), "COLUMNS": "160"}


@contextmanager
def demo_on(data: Path, *, port: int | None = None) -> Iterator[Demo]:
    """Start the demo without a terminal, wait until it says where it is, and end it afterwards."""
    port = port or running.free_port()
    said = data.parent / f"said-{time.monotonic_ns()}.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(port)],
            cwd=ROOT,
            env=environment(data),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        eventually(
            lambda: "Ctrl-C" in said.read_text() or process.poll() is not None,
            within_s=START_WITHIN_S,
        )
        assert process.poll() is None, said.read_text()
        yield Demo(data=data, port=port, process=process, said=said)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
        supervisor.end_other(data)
        embedded.stop(data)


def left_of(programs: dict[str, int]) -> list[int]:
    """Members of the programs' groups that still live."""
    return [
        pid
        for leader in programs.values()
        for pid in processes._members(leader)
        if processes._born(pid)
    ]


def sign_in(browser: httpx.Client, *, email: str, password: str) -> httpx.Response:
    page = browser.get("/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None, page.text
    form = {"csrfmiddlewaretoken": token[1], "login": email, "password": password}
    return browser.post("/accounts/login/", data=form, headers={"Referer": str(page.url)})


def gifts_in(database: embedded.Servers) -> int:
    said = embedded.run_tool(
        "psql",
        "-Atc",
        "SELECT count(*) FROM gifts_sending",
        database.database_url("carat", "carat"),
    )
    return int(said)


def test_the_demo_comes_up_lives_ends_and_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with demo_on(data) as demo:
        kept = json.loads((data / "demo.json").read_text())
        assert (data / "demo.json").stat().st_mode & 0o777 == 0o600
        for login in kept["people"].values():
            assert login["password"] in demo.said.read_text()

        with demo.http() as browser:
            home = browser.get("/")
            assert (home.status_code, home.text.count('href="/live/') > 0) == (200, True)
            signed_in = sign_in(
                browser, **{k: kept["people"]["riley"][k] for k in ("email", "password")}
            )
            assert signed_in.status_code == 200
            assert browser.get("/me/").status_code == 200
        with demo.http() as stranger:
            sign_in(stranger, email="riley@demo.example", password="wrong password")
            assert "/accounts/login/" in str(stranger.get("/me/").url)
        before = eventually(lambda: gifts_in(embedded.locate(data)), within_s=60)
        programs = demo.programs()
        assert sorted(programs) == sorted(NAMES)

        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(STOP_WITHIN_S) == 0
        assert left_of(programs) == []
        assert not embedded.state(data).is_up
        assert "was killed" not in demo.said.read_text()

    with demo_on(data) as again:
        assert json.loads((data / "demo.json").read_text()) == kept
        assert gifts_in(embedded.locate(data)) >= before
        second = subprocess.run(
            [sys.executable, "manage.py", "demo", "--port", str(running.free_port())],
            cwd=ROOT, env=environment(data), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "Carat runs already on" in second.stderr
        assert f"process {again.process.pid}" in second.stderr

        web = again.programs()["web"]
        os.killpg(web, signal.SIGKILL)
        eventually(lambda: again.programs().get("web") not in (web, None), within_s=30)
        eventually(lambda: answers(again.port), within_s=60)
        assert "web was killed by signal 9; it starts again in 0.5 s" in again.said.read_text()

        # The supervisor itself is killed: what it leaves is ended by name and birth, not by chance.
        programs = again.programs()
        again.process.kill()
        again.process.wait()
        assert left_of(programs) != []
        assert supervisor.end_other(data) is True
        assert left_of(programs) == []


def answers(port: int) -> bool:
    try:
        return (
            httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5, trust_env=False).status_code
            == 200
        )
    except httpx.HTTPError:
        return False


@contextmanager
def supervised(data: Path, said: list[str]) -> Iterator[supervisor.Supervisor]:
    data.mkdir(exist_ok=True)
    with supervisor.supervised(data=data, folder=ROOT, address="here", say=said.append) as here:
        yield here


def sleeper(name: str, *, stops: int = 0, code: str = "import time; time.sleep(600)") -> Program:
    return Program(name=name, argv=(sys.executable, "-c", code), stops=stops, stop_within_s=2)


def test_a_program_that_ends_is_started_again_ever_later(tmp_path: Path) -> None:
    said: list[str] = []
    with supervised(tmp_path / "data", said) as here:
        here.start(sleeper("brief", code="raise SystemExit(3)"))

        def is_seen() -> None:
            if len(said) >= 2:
                os.kill(os.getpid(), signal.SIGTERM)

        here.watch(upkeep=is_seen, upkeep_s=0.1)

    assert "brief ended with 3; it starts again in 0.5 s." in said[0]
    assert "brief ended with 3; it starts again in 1 s." in said[1]


def test_programs_end_in_their_order_and_a_stubborn_one_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(600)"
    )
    with supervised(tmp_path / "data", said) as here:
        here.start(sleeper("last", stops=2))
        here.start(sleeper("deaf", stops=1, code=stubborn))
        eventually(
            lambda: "deaf\n" in here.log_of("deaf").read_text().split("starts\n")[1], within_s=20
        )
        record = json.loads((tmp_path / "data/supervisor.json").read_text())["programs"]

    assert said == ["deaf did not end by itself and was killed."]
    assert left_of({name: known["pid"] for name, known in record.items()}) == []


def test_one_supervisor_for_a_data_directory(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data", []),
        pytest.raises(supervisor.RunsAlready, match="Carat runs already on"),
    ):
        supervisor._take_lock(tmp_path / "data")
    os.close(supervisor._take_lock(tmp_path / "data"))


def test_a_stranger_with_an_old_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        known: dict[str, Any] = {"pid": stranger.pid, "born": "another boot 1", "mark": "abc"}
        (tmp_path / "supervisor.json").write_text(json.dumps({"programs": {"web": known}}))

        assert supervisor.end_left_behind(tmp_path) == []

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_port_that_is_taken_is_refused_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(
            running.PortTaken, match=rf"Port {port} is in use\. .* --port {port + 10}"
        ):
            running.check_port(port)


def test_the_audience_stays_out_of_a_real_site(tmp_path: Path) -> None:
    with pytest.raises(audience.NoDemo, match="in the demo only"):
        audience.run(stop=threading.Event())
