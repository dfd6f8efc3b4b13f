"""The ledger lets go of a person's words, and of nothing else."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("wallet", "0021_receipts_of_old_purchases")]

    operations = [
        migrations.RunSQL(
            [(SQL / "0040_forget.sql").read_text()],
            reverse_sql=["DROP FUNCTION ledger.forget(bigint)"],
        ),
        migrations.RunSQL([(SQL / "0041_forget_roles.sql").read_text()], migrations.RunSQL.noop),
    ]
