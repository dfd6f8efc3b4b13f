"""Disputes of lots with thousands of gifts, refunds that come back, losses beyond what was left."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "0014_refunds.sql",
    "0015_disputes.sql",
    "0016_recognition.sql",
    "0017_audit_returns.sql",
    "0018_returns_roles.sql",
)
# What the files now say with other arguments.
REPLACED = """
    DROP FUNCTION IF EXISTS ledger.disputed(bigint, bigint);
    DROP FUNCTION IF EXISTS ledger.book_loss(uuid, ledger.lot, bigint, bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("wallet", "0026_recourse_history")]

    operations = [
        migrations.RunSQL(REPLACED, migrations.RunSQL.noop),
        *(migrations.RunSQL([(SQL / name).read_text()], migrations.RunSQL.noop) for name in FILES),
    ]
