-- The audit: everything derived is derived again from the transfers and compared.
--
-- Promise: reads only, one row per finding: the check's name and what differs. No row, no finding.
-- Run it in one REPEATABLE READ transaction on the primary.

CREATE OR REPLACE FUNCTION ledger.audit() RETURNS TABLE (check_name text, subject text)
LANGUAGE sql STABLE AS $$
    WITH horizon AS MATERIALIZED (SELECT horizon FROM ledger.fold_state),
    leg AS (
        SELECT debit_account_id AS account_id, amount AS debit, 0::bigint AS credit, xid FROM ledger.transfer
        UNION ALL
        SELECT credit_account_id, 0, amount, xid FROM ledger.transfer
    ),
    summed AS MATERIALIZED (
        SELECT account_id, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
               coalesce(sum(debit) FILTER (WHERE xid < (SELECT horizon FROM horizon)), 0)::bigint AS folded_debits,
               coalesce(sum(credit) FILTER (WHERE xid < (SELECT horizon FROM horizon)), 0)::bigint AS folded_credits
          FROM leg GROUP BY account_id
    ),
    earned AS MATERIALIZED (
        SELECT p.id AS period_id, t.credit_account_id AS account_id, sum(t.amount)::bigint AS amount
          FROM ledger.transfer t
          JOIN ledger.account a ON a.id = t.credit_account_id AND a.code = 210
          JOIN ledger.period p ON t.xid >= p.xid_from AND (p.xid_to IS NULL OR t.xid < p.xid_to)
         WHERE t.xid < (SELECT horizon FROM horizon)
         GROUP BY p.id, t.credit_account_id
    ),
    lot_moves AS MATERIALIZED (
        SELECT l.id, sum(CASE WHEN t.credit_account_id = l.account_id THEN t.amount
                              WHEN t.debit_account_id = l.account_id THEN -t.amount ELSE 0 END)::bigint AS remaining
          FROM ledger.lot l JOIN ledger.transfer t ON t.lot_id = l.id GROUP BY l.id
    ),
    op_sums AS MATERIALIZED (
        SELECT op_id, count(*) AS transfers,
               coalesce(sum(amount) FILTER (WHERE code = 20), 0) AS coins,
               coalesce(sum(amount) FILTER (WHERE code = 21), 0) AS diamonds
          FROM ledger.transfer GROUP BY op_id
    )
    SELECT 'balance is the sum of its transfers', 'account ' || b.account_id
      FROM ledger.balance b LEFT JOIN summed s USING (account_id)
     WHERE (b.debits, b.credits) IS DISTINCT FROM (coalesce(s.debits, 0), coalesce(s.credits, 0))
    UNION ALL
    SELECT 'folded total is the sum of its transfers below the horizon', 'account ' || a.id
      FROM ledger.account a LEFT JOIN summed s ON s.account_id = a.id LEFT JOIN ledger.folded f ON f.account_id = a.id
     WHERE a.mode = 'F'
       AND (coalesce(f.debits, 0), coalesce(f.credits, 0)) IS DISTINCT FROM (coalesce(s.folded_debits, 0), coalesce(s.folded_credits, 0))
    UNION ALL
    SELECT 'no balance is below its floor', 'account ' || account_id
      FROM ledger.balance WHERE sign * (credits - debits) < floor
    UNION ALL
    SELECT 'every locked account has a balance row, no folded one has', 'account ' || a.id
      FROM ledger.account a LEFT JOIN ledger.balance b ON b.account_id = a.id
     WHERE (a.mode = 'L') <> (b.account_id IS NOT NULL)
    UNION ALL
    SELECT 'both accounts of a transfer have its unit', 'transfer ' || t.id
      FROM ledger.transfer t
      LEFT JOIN ledger.account d ON d.id = t.debit_account_id AND d.unit = t.unit
      LEFT JOIN ledger.account c ON c.id = t.credit_account_id AND c.unit = t.unit
     WHERE d.id IS NULL OR c.id IS NULL
    UNION ALL
    SELECT 'what is left of a lot is the sum of its transfers', 'lot ' || l.id
      FROM ledger.lot l LEFT JOIN lot_moves m USING (id) WHERE l.remaining <> coalesce(m.remaining, 0)
    UNION ALL
    SELECT 'a wallet is the sum of what is left of its lots', 'account ' || a.id
      FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id
      LEFT JOIN (SELECT account_id, sum(remaining) AS remaining FROM ledger.lot GROUP BY account_id) l ON l.account_id = a.id
     WHERE a.code = 110 AND b.credits - b.debits <> coalesce(l.remaining, 0)
    UNION ALL
    SELECT 'a bucket is what its period brought', 'period ' || coalesce(b.period_id, e.period_id) || ' account ' || coalesce(b.account_id, e.account_id)
      FROM ledger.bucket b FULL JOIN earned e ON e.period_id = b.period_id AND e.account_id = b.account_id
     WHERE b.amount IS DISTINCT FROM e.amount
    UNION ALL
    SELECT 'pending is its buckets and its tail', 'account ' || a.id
      FROM ledger.account a LEFT JOIN summed s ON s.account_id = a.id
      LEFT JOIN (SELECT account_id, sum(amount - clawed - released) AS held FROM ledger.bucket GROUP BY account_id) b ON b.account_id = a.id
     WHERE a.code = 210
       AND coalesce(s.credits - s.debits, 0) <> coalesce(b.held, 0) + coalesce(s.credits - s.folded_credits, 0)
    UNION ALL
    SELECT 'a done operation has transfers, a refused one none', 'operation ' || o.id
      FROM ledger.operation o LEFT JOIN op_sums s ON s.op_id = o.id
     WHERE (o.is_refused AND s.transfers > 0)
        OR (NOT o.is_refused AND s.transfers IS NULL AND o.kind NOT IN (22, 61, 70, 71, 80)
            AND (o.kind <> 30 OR (o.result ->> 'released')::bigint > 0))
    UNION ALL
    SELECT 'every transfer belongs to an operation', 'operation ' || s.op_id
      FROM op_sums s LEFT JOIN ledger.operation o ON o.id = s.op_id WHERE o.id IS NULL
    UNION ALL
    SELECT 'a gift moved the coins it asked for', 'operation ' || o.id
      FROM ledger.operation o JOIN op_sums s ON s.op_id = o.id
     WHERE o.kind = 20 AND NOT o.is_refused AND (o.request ->> 'coins')::bigint <> s.coins
    UNION ALL
    SELECT 'a gift earned its card''s diamonds', 'operation ' || o.id
      FROM ledger.operation o JOIN op_sums s ON s.op_id = o.id JOIN ledger.rate_card c ON c.id = o.card_id
     WHERE o.kind = 20 AND NOT o.is_refused AND s.diamonds <> s.coins * c.diamonds_per_coin_milli
    UNION ALL
    SELECT 'nothing is reversed beyond its amount', 'transfer ' || t.id
      FROM (SELECT reverses_id, sum(amount) AS amount FROM ledger.transfer WHERE reverses_id IS NOT NULL GROUP BY 1) r
      JOIN ledger.transfer t ON t.id = r.reverses_id WHERE r.amount > t.amount
    UNION ALL
    SELECT 'periods follow each other without a gap', 'period ' || p.id
      FROM (SELECT id, xid_from, lag(xid_to) OVER (ORDER BY id) AS before FROM ledger.period) p
     WHERE p.before IS DISTINCT FROM p.xid_from AND p.id > (SELECT min(id) FROM ledger.period)
    UNION ALL
    SELECT 'the seals hold', 'period ' || p.id
      FROM (SELECT id, seal, transfers, lag(seal) OVER (ORDER BY id) AS before FROM ledger.period WHERE seal IS NOT NULL) p
      CROSS JOIN LATERAL ledger.expected_seal(p.id, p.before) e
     WHERE e.seal <> p.seal OR e.transfers <> p.transfers
    UNION ALL
    SELECT 'no transaction is from the future', 'transfer ' || t.id
      FROM ledger.transfer t WHERE t.xid >= pg_snapshot_xmax(pg_current_snapshot())
       AND t.xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
$$;
