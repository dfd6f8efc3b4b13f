"""Counts what was given before clubs were: of gifts whose events were handed on, as ranks do."""

from django.db import migrations

CLUBS = """
INSERT INTO gifts_clubgifter
       (creator_id, gifter_id, coins, gifts, taken_coins, taken_gifts, reached_at)
SELECT creator_id, sender_id, sum(coins), sum(quantity), 0, 0, max(sent_at)
  FROM gifts_sending
 WHERE id::text <> ALL (ARRAY(
       SELECT payload->>'sending_id' FROM accounts_outboxevent
        WHERE relayed_at IS NULL AND heard_by IS NULL AND name = 'gift.sent'))
 GROUP BY creator_id, sender_id
    ON CONFLICT DO NOTHING
"""
TOTALS = """
INSERT INTO gifts_fantotal (gifter_id, coins)
SELECT gifter_id, sum(coins) FROM gifts_clubgifter GROUP BY gifter_id
    ON CONFLICT (gifter_id) DO UPDATE SET coins = excluded.coins
"""


class Migration(migrations.Migration):
    dependencies = [
        ("gifts", "0013_clubs"),
        ("accounts", "0020_shown_level"),
    ]

    operations = [migrations.RunSQL([CLUBS, TOTALS], migrations.RunSQL.noop)]
