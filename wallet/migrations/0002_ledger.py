"""The ledger's schema, functions and roles, as its SQL files stood when this landed."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "0001_schema.sql",
    "0002_posting.sql",
    "0003_gifts.sql",
    "0004_fold.sql",
    "0005_release.sql",
    "0006_settlement.sql",
    "0007_rate_cards.sql",
    "0008_audit.sql",
    "0009_roles.sql",
)


class Migration(migrations.Migration):
    dependencies = [("wallet", "0001_prices_and_purchases")]

    # One string in a list: Django must not split function bodies at their semicolons.
    operations = [
        migrations.RunSQL(
            [(SQL / name).read_text()],
            reverse_sql=["DROP SCHEMA ledger CASCADE"] if name == FILES[0] else migrations.RunSQL.noop,
        )
        for name in FILES
    ]
