"""Money that went back before there were credit notes gets its notes, over what was booked."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wallet", "0031_credit_notes")]

    operations = [
        migrations.RunSQL(
            """
            WITH booked AS (
                SELECT op_id,
                       sum(amount) AS gross,
                       coalesce(sum(amount) FILTER (WHERE code = 64), 0) AS tax
                  FROM ledger.transfer WHERE code IN (63, 64, 87) GROUP BY op_id
            ), gone AS (
                SELECT r.end_id AS id, r.purchase_id, r.id AS refund_id, NULL::uuid AS dispute_id,
                       r.approved_coins AS coins, r.ended_at
                  FROM wallet_refund r WHERE r.state IN ('paid', 'failed')
                 UNION ALL
                SELECT d.id, d.purchase_id, NULL, d.id,
                       coalesce((d.outcome ->> 'burned')::bigint, 0)
                       + coalesce((d.outcome ->> 'covered')::bigint, 0)
                       + coalesce((d.outcome ->> 'traced')::bigint, 0)
                       + coalesce((d.outcome ->> 'owed')::bigint, 0), d.ended_at
                  FROM wallet_dispute d WHERE d.state = 'lost'
            )
            INSERT INTO wallet_creditnote
                   (id, receipt_id, refund_id, dispute_id, coins, gross_minor, tax_minor, facts)
            SELECT gone.id, receipt.id, gone.refund_id, gone.dispute_id, gone.coins,
                   booked.gross, booked.tax, '{}'::jsonb
              FROM gone
              JOIN booked ON booked.op_id = gone.id
              JOIN wallet_receipt receipt ON receipt.purchase_id = gone.purchase_id
             ORDER BY gone.ended_at, gone.id
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """
            WITH booked AS (
                SELECT op_id,
                       sum(amount) FILTER (WHERE code IN (66, 67)) AS gross,
                       coalesce(sum(amount) FILTER (WHERE code = 67), 0) AS tax,
                       max(reverses_id) FILTER (WHERE code = 65) AS paid_id
                  FROM ledger.transfer WHERE code IN (65, 66, 67) GROUP BY op_id
            )
            INSERT INTO wallet_creditnote
                   (id, receipt_id, takes_back_id, coins, gross_minor, tax_minor, facts)
            SELECT booked.op_id, note.receipt_id, note.id, note.coins,
                   booked.gross, booked.tax, '{}'::jsonb
              FROM booked
              JOIN ledger.transfer paid ON paid.id = booked.paid_id
              JOIN wallet_creditnote note ON note.id = paid.op_id
             WHERE booked.gross > 0
             ORDER BY booked.op_id
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
