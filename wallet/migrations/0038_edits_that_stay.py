"""Edits of prices, regions, fees, rates, sellers and policies stay as they were written."""

from pathlib import Path

from django.db import migrations

from accounts.migrations import _trails

ROLES = Path(__file__).resolve().parents[2] / "wallet/sql/0050_trail_roles.sql"
KEPT = (
    "wallet_regionevent",
    "wallet_coinpackageevent",
    "wallet_priceevent",
    "wallet_paymentmethodevent",
    "wallet_methodfeeevent",
    "wallet_fxrateevent",
    "wallet_sellerevent",
    "wallet_recoursepolicyevent",
)


class Migration(migrations.Migration):
    dependencies = [
        ("wallet", "0037_settle_without_comparing"),
        ("accounts", "0026_trails_that_stay"),
    ]

    operations = [
        *(migrations.RunSQL(_trails.keep(table), _trails.let_go(table)) for table in KEPT),
        migrations.RunSQL(ROLES.read_text(), migrations.RunSQL.noop),
    ]
