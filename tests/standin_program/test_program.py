"""The stand-in as a program: apart from Carat, ended by signals, plain about its options."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests import standin as programs

PACKAGE = programs.ROOT / "config" / "standin"
OUTSIDE = {"django", "babel", "defusedxml"}

GIVEN = {
    "STANDIN_API_KEY": "sk_test_x",
    "STANDIN_BANK_KEY": "bank_x",
    "STANDIN_BOOK": "book.sqlite3",
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def start(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Start the program in a folder, expecting it to end by itself."""
    given = {**os.environ, **GIVEN, "PYTHONPATH": str(programs.ROOT), **environ}
    return subprocess.run(
        [sys.executable, "-m", "config.standin", *arguments],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_imports_nothing_of_carat() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))

    imported = {name for path in modules for name in imports_of(path)}

    assert len(modules) > 20
    foreign = {
        name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names | OUTSIDE
    }
    assert {name for name in foreign if not name.startswith("config.standin.")} == set()


def test_nothing_of_carat_is_loaded_beside_it() -> None:
    asked = (
        "import os, sys, json; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.standin.settings';"
        "import django; django.setup(); import config.standin.urls, config.standin.clock;"
        "print(json.dumps(sorted(sys.modules)))"
    )

    answer = subprocess.run(
        [sys.executable, "-c", asked], cwd=programs.ROOT, capture_output=True, text=True, check=True
    )

    loaded: list[str] = json.loads(answer.stdout)
    carat = {"accounts", "wallet", "gifts", "payouts", "celery", "rest_framework", "allauth"}
    assert {name for name in loaded if name.partition(".")[0] in carat} == set()
    assert {
        name for name in loaded if name.startswith("config.") and name.split(".")[1] != "standin"
    } == set()


def test_its_tables_are_as_its_migrations_make_them(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
        cwd=programs.ROOT,
        env={
            **os.environ,
            **GIVEN,
            "STANDIN_BOOK": str(tmp_path / "book.sqlite3"),
            "DJANGO_SETTINGS_MODULE": "config.standin.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.returncode, answer.stdout.strip()) == (0, "No changes detected")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--api-key", "sk_live_x"], "must start with sk_test_"),
        (["--book", ""], "--book is missing"),
        (["--bank-key", ""], "--bank-key is missing"),
        (["--webhook-url", "http://localhost:1/", "--webhook-secret", ""], "--webhook-secret"),
        (["--port", "many"], "not a number"),
    ],
)
def test_it_says_what_is_wrong_with_its_options_and_does_not_start(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = start(tmp_path, "--port", "0", *arguments)

    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(tmp_path: Path, standin: programs.Standin) -> None:
    ended = start(tmp_path, "--port", str(standin.port))

    assert ended.returncode == 1
    assert f"port {standin.port}" in ended.stderr


def test_it_answers_only_to_this_machine(standin: programs.Standin) -> None:
    foreign = httpx.get(f"{standin.url}/", headers={"Host": "carat.example"})
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{standin.process.pid}/net/{name}").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{standin.port:04X}") and line.split()[3] == "0A"
    ]

    assert foreign.status_code == 400
    assert listening == [f"0100007F:{standin.port:04X}"]


def test_it_ends_with_its_parent_when_asked_to(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'config.standin', '--port', '0',"
        " '--with-parent', '1'], stdout=subprocess.PIPE, text=True)\n"
        "print(child.stdout.readline(), flush=True)\n"
    )
    environ = {**os.environ, **GIVEN, "STANDIN_BOOK": str(tmp_path / "book.sqlite3")}

    parent = subprocess.run(
        [sys.executable, "-c", program],
        cwd=programs.ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=30,
    )

    url = json.loads(parent.stdout)["url"]
    programs.eventually(lambda: not answers(url))


def answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


def test_the_tests_door_needs_the_secret_key(standin: programs.Standin) -> None:
    for method, path in (
        ("POST", "/standin/pay"),
        ("POST", "/standin/webhooks"),
        ("POST", "/standin/webhooks/flush"),
        ("GET", "/book.json"),
    ):
        assert httpx.request(method, f"{standin.url}{path}", json={}).status_code == 401


def test_the_whole_book_can_be_reconciled_by_id(
    standin: programs.Standin, client: stripe.StripeClient, open_session: Callable[..., Any]
) -> None:
    paid, declined = open_session().id, open_session().id
    standin.pay(paid)
    standin.pay(declined, "declined")

    book = standin.whole_book()

    rows = {row["session"]: row for row in book["payments"]}
    assert [(rows[name]["status"], rows[name]["amount_received"]) for name in (paid, declined)] == [
        ("succeeded", 740),
        ("requires_payment_method", 0),
    ]
    assert [(rows[name]["fee"], rows[name]["net"]) for name in (paid, declined)] == [
        (51, 689),
        (0, 0),
    ]
    assert rows[paid]["client_reference_id"] == "purchase-1"
    intents = client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
    assert [row["payment_intent"] for row in book["payments"]] == [row.id for row in intents][::-1]
    balances = client.v1.balance_transactions.list({"limit": 100}).auto_paging_iter()
    charged = {row["balance_transaction"] for row in book["payments"]} - {None}
    booked = {row["id"] for row in book["movements"]}
    assert charged <= booked
    assert booked == {row.id for row in balances}
