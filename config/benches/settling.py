"""A settlement run over many creators, beside bare SQL that posts the same.

The run is the real one, by the worker's own call: gate, rates, ledger, lines, notices, payouts. The
floor is plain set-based SQL on tables of the same columns and indexes without the ledger's triggers
and rules: it posts the same operations and transfers, moves the same balances and writes the same
lines and payouts, in chunks of the same size, with a commit each.
"""

import resource
import time
from collections.abc import Callable
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User, name_mark
from config.benches import scratch
from payouts import settlements
from payouts.models import Payout, SettlementLine

MEANINGS: Final = {
    "creators": "creators with diamonds to settle",
    "settled": "of them settled, with a line each",
    "paid_out": "payouts reserved",
    "run_s": "the run, from planning to its end, one worker: seconds",
    "creators_per_s": "creators / run_s",
    "sql_per_s": "bare set-based SQL posting the same: creators/s",
    "settlement_over_sql": "creators_per_s / sql_per_s",
    "peak_mb": "the most memory of the process that settles",
    "small_creators_per_s": "the same run over a tenth of the creators",
    "time_per_creator_ratio": "time per creator, all of them over a tenth of them",
}
FIRST: Final = scratch.FIRST_CREATOR
FILL_CHUNK: Final = 500
HOLDER: Final = "Bench Creator"
ELIGIBLE_SQL: Final = (
    """
    INSERT INTO accounts_creatorprofile (creator_id, about, opened_at)
    SELECT n, '', now() - interval '1 year' FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    INSERT INTO account_emailaddress (email, verified, "primary", user_id)
    SELECT 'p' || n || '@bench.invalid', true, true, n
      FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    UPDATE accounts_user SET joined_at = now() - interval '1 year'
     WHERE id BETWEEN %(first)s AND %(last)s
    """,
    """
    INSERT INTO mfa_authenticator (user_id, type, data, created_at)
    SELECT n, 'totp', '{}', now() FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    INSERT INTO accounts_identitycheck (id, person_id, adapter, state, provider_ref, provider_url,
                                        name_sealed, name_mark, birth_date, why, asked_at,
                                        decided_at)
    SELECT gen_random_uuid(), n, 'manual', 'approved', '', '', 'x', %(name_mark)s, '1990-01-01', '',
           now() - interval '1 year', now() - interval '1 year'
      FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    INSERT INTO payouts_taxprofile (id, creator_id, form, country, sealed, name_mark, tin_country,
                                    tin_ending, tin_mark, no_tin_why, statement, certified_at,
                                    valid_until)
    SELECT gen_random_uuid(), n, 'dac7', 'DE', '', %(name_mark)s, 'DE', '0000', 'x', '', '',
           now() - interval '1 year', now() + interval '1 year'
      FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    INSERT INTO payouts_destination (id, creator_id, rail, holder_name, account_sealed, last4, mark,
                                     bic, currency, added_at, usable_at, blocked_why)
    SELECT gen_random_uuid(), n, 'bank', %(name)s, '', '2051', n, '',
           (ARRAY['EUR', 'USD', 'GBP', 'JPY'])[1 + n %% 4], now() - interval '1 year',
           now() - interval '1 year', ''
      FROM generate_series(%(first)s, %(last)s) AS n
    """,
    """
    SELECT count(ledger.adjust_diamonds(
               gen_random_uuid(), n, 1, 4000000 + n %% 997 * 1000, 1, 2, NULL))
      FROM generate_series(%(first)s, %(last)s) AS n
    """,
)
FLOOR_TABLES: Final = """
DROP SCHEMA IF EXISTS bare CASCADE;
CREATE SCHEMA bare;
CREATE TABLE bare.operation (LIKE ledger.operation INCLUDING ALL);
CREATE TABLE bare.transfer (LIKE ledger.transfer INCLUDING ALL);
CREATE TABLE bare.account (LIKE ledger.account INCLUDING ALL);
CREATE TABLE bare.balance (LIKE ledger.balance INCLUDING ALL);
CREATE TABLE bare.line (LIKE payouts_settlementline INCLUDING ALL);
CREATE TABLE bare.payout (LIKE payouts_payout INCLUDING ALL);
CREATE TABLE bare.notice (LIKE accounts_notice INCLUDING ALL);
"""
FLOOR_FILL: Final = """
INSERT INTO bare.account (id, owner_id, code, unit, card_id, hold_class, mode, sign)
SELECT id, owner_id, code, unit, card_id, hold_class, mode, sign
  FROM ledger.account WHERE code = 211;
INSERT INTO bare.balance SELECT * FROM ledger.balance
 WHERE account_id IN (SELECT id FROM bare.account);
CREATE SEQUENCE bare.serial START 900000000;
CREATE TABLE bare.rate AS
SELECT DISTINCT ON (r.currency) r.currency, u.id AS unit, r.per_usd, r.source, r.quoted_at,
       power(10::numeric, u.scale) AS minor_a_unit
  FROM (SELECT currency, per_usd, source, quoted_at FROM wallet_fxrate
         UNION ALL SELECT 'USD', 1, 'By definition', now()) AS r
  JOIN ledger.unit u ON u.code = r.currency ORDER BY r.currency, r.quoted_at DESC;
ANALYZE bare.account; ANALYZE bare.balance; ANALYZE bare.rate;
"""
# One chunk, in one statement: the fastest that we know how to write.
FLOOR_SQL: Final = """
WITH work AS MATERIALIZED (
    SELECT a.owner_id, a.id AS available_id, b.credits - b.debits AS milli, card.id AS card_id,
           card.diamond_usd, exact.minor AS exact, floor(exact.minor)::bigint AS minor, rate.*,
           d.id AS destination_id,
           nextval('bare.serial') * 2048 + rate.unit * 2 + 1 AS payable_id,
           nextval('bare.serial') * 2048 + rate.unit * 2 + 1 AS in_payout_id,
           gen_random_uuid() AS settle_op, gen_random_uuid() AS reserve_op,
           gen_random_uuid() AS payout_id
      FROM bare.account a JOIN bare.balance b ON b.account_id = a.id
      JOIN ledger.rate_card card ON card.id = a.card_id
      JOIN payouts_destination d ON d.creator_id = a.owner_id AND d.replaced_at IS NULL
      JOIN bare.rate rate ON rate.currency = d.currency
     CROSS JOIN LATERAL (SELECT (b.credits - b.debits) / 1000.0 * card.diamond_usd * rate.per_usd
                                * rate.minor_a_unit AS minor) AS exact
     WHERE a.code = 211 AND a.owner_id BETWEEN %(first)s AND %(last)s
     ORDER BY a.owner_id FOR NO KEY UPDATE OF b
), accounts AS (
    INSERT INTO bare.account (id, owner_id, code, unit, mode, sign)
    SELECT payable_id, owner_id, 310, unit, 'L', 1 FROM work
     UNION ALL SELECT in_payout_id, owner_id, 311, unit, 'L', 1 FROM work
), opened AS (
    INSERT INTO bare.balance (account_id, sign, floor, debits, credits)
    SELECT payable_id, 1, 0, minor, minor FROM work
     UNION ALL SELECT in_payout_id, 1, 0, 0, minor FROM work
), moved AS (
    UPDATE bare.balance b SET debits = b.debits + work.milli, version = b.version + 1
      FROM work WHERE b.account_id = work.available_id
), operations AS (
    INSERT INTO bare.operation (id, home_id, actor_id, kind, request, memo, context, result)
    SELECT settle_op, owner_id, 0, 40,
           jsonb_build_object('creator', owner_id, 'card', card_id, 'cash_unit', unit,
                              'fx', per_usd),
           jsonb_build_object('text', 'Settlement bare'), 'settlement:bare',
           jsonb_build_object('diamonds', milli, 'amount_minor', minor,
                              'remainder', (exact - minor)::text) FROM work
     UNION ALL
    SELECT reserve_op, owner_id, 0, 50,
           jsonb_build_object('step', 'reserve', 'creator', owner_id, 'cash_unit', unit,
                              'amount_minor', minor, 'payout', payout_id),
           NULL, 'payout:' || payout_id, jsonb_build_object('amount_minor', minor) FROM work
), transfers AS (
    INSERT INTO bare.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id,
                               amount)
    SELECT settle_op, owner_id, 40, 2, available_id, 8198, milli FROM work
     UNION ALL SELECT settle_op, owner_id, 41, unit, 8200, payable_id, minor FROM work
     UNION ALL SELECT reserve_op, owner_id, 50, unit, payable_id, in_payout_id, minor FROM work
), lines AS (
    INSERT INTO bare.line (id, run_id, creator_id, card_id, diamonds_milli, diamond_usd, currency,
                           fx_per_usd, fx_source, fx_quoted_at, amount_minor, remainder_minor)
    SELECT settle_op, settle_op, owner_id, card_id, milli, diamond_usd, currency, per_usd, source,
           quoted_at, minor, exact - minor FROM work
), payouts AS (
    INSERT INTO bare.payout (id, creator_id, destination_id, amount_minor, fee_minor, currency,
                             state, reserve_op, resolve_op, return_op, rail_ref, failure,
                             needs_approval, attempts, due_at)
    SELECT payout_id, owner_id, destination_id, minor, 0, currency, 'reserved', reserve_op,
           gen_random_uuid(), gen_random_uuid(), '', '', false, 0, now() FROM work
), notices AS (
    INSERT INTO bare.notice (user_id, kind, subject_key, title, body, path, on_site, email_due)
    SELECT owner_id, 'earnings', 'settlement:' || settle_op, 'Settled: ' || minor,
           milli || ' diamonds at the value of their rate cards.', '/studio/settlements/', true,
           true FROM work
)
SELECT count(*) FROM work
"""


def fill(creators: int, advance: Callable[[int], None]) -> None:
    """Write so many creators who are eligible, each with diamonds to settle."""
    scratch.fill(lambda _people: None, payers=0, creators=creators)
    name: dict[str, str | int] = {"name": HOLDER, "name_mark": name_mark(HOLDER)}
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for first in range(FIRST, FIRST + creators, FILL_CHUNK):
            last = min(first + FILL_CHUNK, FIRST + creators) - 1
            cursor.execute("DISCARD PLANS")  # those made for tables that were nearly empty
            with transaction.atomic():
                for statement in ELIGIBLE_SQL:
                    cursor.execute(statement, name | {"first": first, "last": last})
            advance(last - first + 1)
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("VACUUM ANALYZE")


def floor_rate(creators: int) -> float:
    """Creators a second by the bare SQL, over a copy of the accounts as they are now."""
    with connection.cursor() as cursor:
        cursor.execute(FLOOR_TABLES)
        cursor.execute(FLOOR_FILL)
        began, done = time.perf_counter(), 0
        for first in range(FIRST, FIRST + creators, settlements.CREATORS_A_CHUNK):
            last = min(first + settlements.CREATORS_A_CHUNK, FIRST + creators) - 1
            with transaction.atomic():
                cursor.execute(FLOOR_SQL, {"first": first, "last": last})
                done += cursor.fetchone()[0]
        took_s = time.perf_counter() - began
        cursor.execute("DROP SCHEMA bare CASCADE")
    assert done == creators, f"the floor settled {done} of {creators}"
    return creators / took_s


def run(advance: Callable[[int], None]) -> dict[str, float]:
    """Plan and do one real run, alone, and count what came of it."""
    began = time.perf_counter()
    at = timezone.now()
    found = settlements.start_settlement(period_key="bench", cutoff_at=at, at=at)
    if found.needs_approval:  # so many come to a sum that waits for two people
        for one in User.objects.order_by("pk")[:2]:
            settlements.approve_settlement(run_id=found.pk, by=one, at=at)
    while True:
        progress = settlements.continue_settlement(run_id=found.pk, at=at, on_creators=advance)
        assert not progress.stopped_why, progress.stopped_why
        if progress.is_done:
            break
    took_s = time.perf_counter() - began
    return {
        "settled": SettlementLine.objects.filter(run=found).count(),
        "paid_out": Payout.objects.filter(run=found).count(),
        "run_s": took_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
