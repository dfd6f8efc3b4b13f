"""Settling for many creators in one call, payout fees, and the hold of first payouts."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "0004_fold.sql",
    "0006_settlement.sql",
    "0007_rate_cards.sql",
    "0042_settlement_roles.sql",
)


class Migration(migrations.Migration):
    dependencies = [("wallet", "0032_credit_notes_of_old_returns")]

    operations = [
        migrations.RunSQL([(SQL / name).read_text()], migrations.RunSQL.noop) for name in FILES
    ]
