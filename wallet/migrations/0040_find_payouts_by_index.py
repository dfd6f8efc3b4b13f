"""Counting a creator's payouts by their index."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("wallet", "0039_no_adjustment_of_ones_own")]

    operations = [
        migrations.RunSQL([(SQL / "0004_fold.sql").read_text()], migrations.RunSQL.noop)
    ]
