"""The API's description: valid, and the one that is committed, so that a change of it is seen."""

import difflib
import io
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.project import source

COMMITTED = source.ROOT / "config" / "openapi.yaml"
COMMAND = "uv run manage.py spectacular --validate --fail-on-warn --file config/openapi.yaml"


def generated() -> str:
    said = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=said)
    return said.getvalue()


def test_the_committed_description_is_the_one_of_the_code() -> None:
    made = generated()

    if made.strip() != COMMITTED.read_text().strip():
        lines = difflib.unified_diff(
            COMMITTED.read_text().splitlines(), made.splitlines(), "committed", "code", lineterm=""
        )
        pytest.fail(f"The API has changed. If it should, run\n  {COMMAND}\n\n" + "\n".join(lines))


def test_every_operation_asks_for_a_token() -> None:
    open_to_all = [
        line for line in generated().splitlines() if line.strip() in {"- {}", "security: []"}
    ]

    assert not open_to_all


def test_the_description_has_no_address_of_a_machine() -> None:
    assert str(Path.home()) not in generated()
    assert "localhost" not in generated()
