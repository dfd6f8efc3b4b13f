"""The statements that send gifts: the posting with all that belongs to it, in one round trip."""

from typing import Final

from accounts import consents
from gifts import streaks
from wallet import ledger

# Each sending with its event, so that neither is ever there without the other.
_RECORDED: Final = """
     item AS (
     SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS item (
       id uuid, sender_id bigint, creator_id bigint, room_id uuid, video_id uuid,
       gift_version_id bigint, quantity integer, coins bigint, streak_id uuid, client_id text,
       shown_minor bigint, shown_currency text, sent_at timestamptz, subject text, payload jsonb,
       words text, highlight_s integer, is_hidden boolean)
      WHERE {when}
     ){streak},
     sending AS (
     INSERT INTO gifts_sending (id, sender_id, creator_id, room_id, video_id, gift_version_id,
            quantity, coins, streak_id, client_id, shown_minor, shown_currency, is_hidden, sent_at)
     SELECT id, sender_id, creator_id, room_id, video_id, gift_version_id,
            quantity, coins, streak_id, client_id, shown_minor, shown_currency, is_hidden, sent_at
       FROM item
     ),
     event AS (
     INSERT INTO accounts_outboxevent (name, subject, payload)
     SELECT %(event)s, subject, {payload} FROM {source}
     )
"""
_ALONE: Final = {"streak": "", "payload": "payload", "source": "item"}
# The words of a gift that carries some are a message of the room, and part of nothing else.
_SAID: Final = """,
     said AS (
     INSERT INTO gifts_chatmessage (id, room_id, author_id, words, said_at, paid_coins, highlight_s,
            is_hidden)
     SELECT id, room_id, sender_id, words, sent_at, coins, highlight_s, is_hidden FROM item
     )
"""
# The gift that joins the creator's fan club; its room is told. Joined before, it stays joined as
# it was, and nobody is told.
_JOINED: Final = """,
     entitled AS (
     INSERT INTO gifts_entitlement (id, fan_id, creator_id, kind, coins, starts_at)
     SELECT id, sender_id, creator_id, 'club', coins, sent_at FROM item
         ON CONFLICT DO NOTHING
     RETURNING id
     ),
     joined AS (
     INSERT INTO accounts_outboxevent (name, subject, payload)
     SELECT %(joined)s, subject, jsonb_build_object(
            'entitlement_id', id, 'kind', 'club', 'from', payload -> 'sender',
            'handle', payload -> 'sender_handle', 'level', payload -> 'level',
            'club_level', payload -> 'club_level')
       FROM item WHERE room_id IS NOT NULL AND EXISTS (SELECT FROM entitled)
     )
"""
RECORD_SQL: Final = f"WITH {_RECORDED.format(when='true', **_ALONE)} SELECT count(*) FROM item"  # noqa: S608 - our own words

# The posting with all that belongs to it, in one round trip. What is kept of a gift waits for the
# ledger's word that it was posted now, and the sending of a service for the consent's, too. A gift
# of a combo joins its streak: where the streak does not take it, the gift is taken back (`_post`).
_POSTED: Final = f"posted AS MATERIALIZED ({ledger.GIFT_SQL})"
_NOW: Final = "EXISTS (SELECT FROM posted WHERE done AND NOT replayed)"
_COUNTED: Final = f"{consents.COUNTED_SQL.format(when=_NOW)},"
_ANSWER: Final = "SELECT done, replayed, refusal, result, EXISTS (SELECT FROM item)"


def _send_sql(
    *, is_under_consent: bool, is_in_streak: bool, has_words: bool, joins_club: bool
) -> str:
    counted = _COUNTED if is_under_consent else ""
    when = "EXISTS (SELECT FROM counted)" if is_under_consent else _NOW
    recorded = _RECORDED.format(when=when, **(streaks.JOINED if is_in_streak else _ALONE))
    more = (_SAID if has_words else "") + (_JOINED if joins_club else "")
    is_joined = "EXISTS (SELECT FROM streak)" if is_in_streak else "true"
    return f"WITH {_POSTED}, {counted}{recorded}{more} {_ANSWER}, {is_joined} FROM posted"


# Sixteen texts, each planned apart: a gift alone pays for no consent, streak, words or club.
SEND_SQL: Final = {
    (is_under_consent, is_in_streak, has_words, joins_club): _send_sql(
        is_under_consent=is_under_consent,
        is_in_streak=is_in_streak,
        has_words=has_words,
        joins_club=joins_club,
    )
    for is_under_consent in (False, True)
    for is_in_streak in (False, True)
    for has_words in (False, True)
    for joins_club in (False, True)
}
