"""Style, types and import contracts are tests, so that nobody has to remember them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import source

PROGRAMS = Path(sys.executable).parent


def run(*words: str) -> None:
    """Run one of the environment's programs; what it has to say is the failure."""
    command = [str(PROGRAMS / words[0]), *words[1:]]
    ran = subprocess.run(command, cwd=source.ROOT, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        said = f"{ran.stdout}\n{ran.stderr}".strip()
        pytest.fail(f"`uv run {' '.join(words)}` says:\n\n{said}", pytrace=False)


def test_the_linter_finds_nothing() -> None:
    run("ruff", "check", "--output-format", "concise", ".")


def test_the_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_the_types_agree() -> None:
    run("mypy", "--no-error-summary", ".")


def test_apps_and_layers_import_downward_only() -> None:
    run("lint-imports", "--no-logo")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("from django.dispatch import receiver\n", "TID251"),
        ("def add(a, b):\n    return a + b\n", "ANN"),
        ("from . import ledger\n", "TID252"),
        ("try:\n    x = 1\nexcept Exception:\n    pass\n", "BLE001"),
    ],
)
def test_control_the_linter_finds_what_it_should(code: str, why: str) -> None:
    command = [str(PROGRAMS / "ruff"), "check", "--stdin-filename", "wallet/services.py", "-"]

    ran = subprocess.run(
        command, cwd=source.ROOT, input=code, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert why in ran.stdout
