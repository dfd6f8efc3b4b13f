"""Settings: told in the README, refused together, and safe where real money moves."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.management.commands import settings_table
from tests.project import source

# What a production needs and no more; the servers are never asked.
PRODUCTION = {
    "SITE_URL": "https://carat.example",
    "ALLOWED_HOSTS": "carat.example",
    "SECRET_KEY": "x7" * 40 + "QpWoEiRuTyAlSkDjFhGzMxNcBv",
    "ENCRYPTION_KEYS": f"1:{base64.b64encode(bytes(range(32))).decode()}",
    "DATABASE_URL": "postgresql://carat_app:secret@db.example:5432/carat",
    "DATABASE_OWNER_URL": "postgresql://carat:secret@db.example:5432/carat",
    "REDIS_URL": "redis://valkey.example:6379/0",
    "STRIPE_API_KEY": "sk_live_none",
    "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef01234567",
    "EMAIL_URL": "smtp+tls://carat:secret@mail.example:587",
}


def manage(*words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment of its own, with nothing of ours in it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", str(source.ROOT / "manage.py"), *words],
        env=kept | {"CARAT_DATA_DIR": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_readme_has_the_table_of_the_code() -> None:
    readme = (source.ROOT / "README.md").read_text()
    table = settings_table.table(
        settings_table.variables((source.ROOT / "config" / "settings.py").read_text())
    )

    assert table in readme, "put the output of `uv run manage.py settings_table` into README.md"


def test_every_setting_says_what_it_means() -> None:
    code = (source.ROOT / "config" / "settings.py").read_text()

    assert [v.name for v in settings_table.variables(code) if not v.meaning] == []


def test_all_bad_variables_are_told_at_once_and_no_password(tmp_path: Path) -> None:
    ran = manage(
        "check",
        folder=tmp_path,
        DATABASE_URL="mysterysql://carat:hunter2@db/carat",
        REDIS_URL="redis://valkey",
        SECRET_KEY="x" * 50,
        DEBUG="perhaps",
        PERIOD_SECONDS="ten",
    )

    assert ran.returncode == 1
    for name in ("DATABASE_URL", "DEBUG", "PERIOD_SECONDS"):
        assert f"  {name}: " in ran.stderr
    assert "SECRET_KEY" not in ran.stderr
    assert "hunter2" not in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_one_server_without_the_other_is_refused_with_words(name: str, tmp_path: Path) -> None:
    ran = manage("check", folder=tmp_path, SECRET_KEY="x" * 50, **{name: PRODUCTION[name]})

    assert ran.returncode == 1
    assert "DATABASE_URL, REDIS_URL: Set both, or neither" in ran.stderr


def test_without_a_secret_key_a_production_does_not_start(tmp_path: Path) -> None:
    ran = manage("check", folder=tmp_path, **{**PRODUCTION, "SECRET_KEY": ""})

    assert ran.returncode == 1
    assert "SECRET_KEY: Not set." in ran.stderr


@pytest.mark.parametrize("keys", ["1:c2hvcnQ=", "1", ":" + "A" * 44, "1:not base64"])
def test_a_key_that_cannot_encrypt_is_refused_and_not_shown(keys: str, tmp_path: Path) -> None:
    ran = manage("check", folder=tmp_path, **{**PRODUCTION, "ENCRYPTION_KEYS": keys})

    assert ran.returncode == 1
    assert "ENCRYPTION_KEYS: " in ran.stderr
    assert keys not in ran.stderr


def test_without_a_key_to_encrypt_with_a_production_does_not_start(tmp_path: Path) -> None:
    ran = manage("check", folder=tmp_path, **{**PRODUCTION, "ENCRYPTION_KEYS": ""})

    assert ran.returncode == 1
    assert "ENCRYPTION_KEYS: Not set." in ran.stderr


def test_a_production_passes_every_check_for_deployment(tmp_path: Path) -> None:
    ran = manage("check", "--deploy", "--fail-level", "WARNING", folder=tmp_path, **PRODUCTION)

    assert ran.returncode == 0, ran.stderr
    assert "no issues" in ran.stdout


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"STRIPE_API_URL": "http://127.0.0.1:9000"}, "carat.E001"),
        ({"STANDIN_BANK_URL": "http://127.0.0.1:9000"}, "carat.E002"),
        ({"STRIPE_WEBHOOK_SECRET": "short"}, "carat.E003"),
        ({"STANDIN_IDENTITY_URL": "http://127.0.0.1:9000"}, "carat.E004"),
        ({"IDENTITY_ADAPTERS": "accounts.providers.sandbox.Sandbox"}, "carat.E004"),
    ],
)
def test_what_would_let_money_go_astray_is_refused(
    variables: dict[str, str], error: str, tmp_path: Path
) -> None:
    ran = manage("check", folder=tmp_path, **(PRODUCTION | variables))

    assert ran.returncode == 1
    assert error in ran.stderr


def test_a_stand_in_that_is_asked_for_by_name_is_allowed(tmp_path: Path) -> None:
    addresses = {
        "STRIPE_API_URL": "http://127.0.0.1:9000",
        "STANDIN_BANK_URL": "http://127.0.0.1:9000",
    }

    ran = manage("check", folder=tmp_path, ALLOW_STANDIN="true", **(PRODUCTION | addresses))

    assert ran.returncode == 0, ran.stderr


def test_settings_start_nothing(tmp_path: Path) -> None:
    ran = manage("check", folder=tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "servers").exists()
