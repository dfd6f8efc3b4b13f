"""Who saved the totals of a tax year stays as it was written."""

from pathlib import Path

from django.db import migrations

from accounts.migrations import _trails

ROLES = Path(__file__).resolve().parents[2] / "wallet/sql/0050_trail_roles.sql"
KEPT = (
    "payouts_taxexport",
)


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0011_statements"),
        ("accounts", "0026_trails_that_stay"),
    ]

    operations = [
        *(migrations.RunSQL(_trails.keep(table), _trails.let_go(table)) for table in KEPT),
        migrations.RunSQL(ROLES.read_text(), migrations.RunSQL.noop),
    ]
