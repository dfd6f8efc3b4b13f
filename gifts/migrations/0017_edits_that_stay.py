"""Edits of gift versions stay as they were written."""

from pathlib import Path

from django.db import migrations

from accounts.migrations import _trails

ROLES = Path(__file__).resolve().parents[2] / "wallet/sql/0050_trail_roles.sql"
KEPT = (
    "gifts_giftversionevent",
)


class Migration(migrations.Migration):
    dependencies = [
        ("gifts", "0016_plan_deeds"),
        ("accounts", "0026_trails_that_stay"),
    ]

    operations = [
        *(migrations.RunSQL(_trails.keep(table), _trails.let_go(table)) for table in KEPT),
        migrations.RunSQL(ROLES.read_text(), migrations.RunSQL.noop),
    ]
