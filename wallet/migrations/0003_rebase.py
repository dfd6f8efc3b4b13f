"""The ledger's rebase, for restoring a backup into another cluster."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("wallet", "0002_ledger")]

    operations = [
        migrations.RunSQL(
            [(SQL / "0010_rebase.sql").read_text()],
            reverse_sql=["DROP PROCEDURE IF EXISTS ledger.rebase()"],
        ),
        migrations.RunSQL([(SQL / "0011_rebase_roles.sql").read_text()], migrations.RunSQL.noop),
    ]
