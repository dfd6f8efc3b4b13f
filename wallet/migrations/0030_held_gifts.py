"""Gifts that wait, and what overtakes them."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "0008_audit.sql",
    "0019_held_gifts.sql",
    "0015_disputes.sql",
    "0017_audit_returns.sql",
    "0018_returns_roles.sql",
    "0020_held_gifts_roles.sql",
)


class Migration(migrations.Migration):
    dependencies = [("wallet", "0029_customers_to_forget")]

    operations = [
        migrations.RunSQL([(SQL / name).read_text()], migrations.RunSQL.noop) for name in FILES
    ]
