"""Settling and reserving by joins that stay fast however many creators there are."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("wallet", "0036_rates_for_two_people")]

    operations = [
        migrations.RunSQL(
            [(SQL / "0006_settlement.sql").read_text()], migrations.RunSQL.noop
        )
    ]
