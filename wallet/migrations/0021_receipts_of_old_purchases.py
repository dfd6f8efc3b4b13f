"""Purchases credited before there were receipts get theirs, in the order they were credited."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wallet", "0020_receipts_and_gift_cards")]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO wallet_receipt (purchase_id, facts)
            SELECT p.id, '{}'::jsonb FROM wallet_purchase p
             WHERE p.state = 'credited'
               AND NOT EXISTS (SELECT 1 FROM wallet_receipt r WHERE r.purchase_id = p.id)
             ORDER BY p.credited_at, p.id
            """,
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
