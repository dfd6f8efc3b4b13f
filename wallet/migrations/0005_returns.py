"""Refunds, disputes and revenue in the ledger; its functions as their files stand now.

The files of functions are edited in place and run again by the migration that needs them new, so
each function has one place to be read. Tables change in numbered files of their own.
"""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "0012_catch_up.sql",
    "0002_posting.sql",
    "0003_gifts.sql",
    "0004_fold.sql",
    "0005_release.sql",
    "0006_settlement.sql",
    "0007_rate_cards.sql",
    "0008_audit.sql",
    "0010_rebase.sql",
    "0013_return_tables.sql",
    "0014_refunds.sql",
    "0015_disputes.sql",
    "0016_recognition.sql",
    "0017_audit_returns.sql",
    "0018_returns_roles.sql",
)


class Migration(migrations.Migration):
    dependencies = [("wallet", "0004_name_the_look_up")]

    operations = [
        migrations.RunSQL([(SQL / name).read_text()], migrations.RunSQL.noop) for name in FILES
    ]
