-- The audit of what goes back: see 0008 for the rest. Reads only, one row per finding.

CREATE OR REPLACE FUNCTION ledger.audit_returns() RETURNS TABLE (check_name text, subject text)
LANGUAGE sql STABLE AS $$
    WITH moved AS MATERIALIZED (
        SELECT t.lot_id,
               coalesce(sum(t.amount) FILTER (WHERE t.code IN (62, 74)), 0)
                 - coalesce(sum(t.amount) FILTER (WHERE t.code = 65), 0) AS returned_coins,
               coalesce(sum(t.amount) FILTER (WHERE t.code IN (63, 64, 87)), 0)
                 - coalesce(sum(t.amount) FILTER (WHERE t.code IN (66, 67)), 0) AS returned_minor,
               coalesce(sum(t.amount) FILTER (WHERE t.code = 63), 0)
                 - coalesce(sum(t.amount) FILTER (WHERE t.code = 66), 0) AS returned_net_minor,
               coalesce(sum(t.amount) FILTER (WHERE t.code = 64), 0)
                 - coalesce(sum(t.amount) FILTER (WHERE t.code = 67), 0) AS returned_tax_minor,
               coalesce(sum(t.amount) FILTER (WHERE t.code = 80), 0) AS recognised_minor,
               coalesce(sum(t.amount) FILTER (WHERE t.code IN (11, 66)), 0)
                 - coalesce(sum(t.amount) FILTER (WHERE t.code IN (12, 63, 80)), 0) AS deferred_minor,
               coalesce(sum(CASE WHEN t.code IN (22, 60, 70) THEN t.amount
                                 WHEN t.code IN (23, 61, 62, 72) THEN -t.amount
                                 WHEN t.code = 74 AND d.code = 112 THEN -t.amount END), 0) AS held_coins
          FROM ledger.transfer t JOIN ledger.account d ON d.id = t.debit_account_id
         WHERE t.lot_id IS NOT NULL AND t.code <> 21 GROUP BY t.lot_id
    ), spent AS MATERIALIZED (
        SELECT t.lot_id, sum(t.amount) AS coins
          FROM ledger.transfer t JOIN ledger.period p ON t.xid >= p.xid_from AND t.xid < p.xid_to
         WHERE p.id <= (SELECT period_id FROM ledger.recognition_state) AND t.code IN (20, 75, 78, 91) AND t.lot_id IS NOT NULL
         GROUP BY t.lot_id
    ), disputed AS MATERIALIZED (
        SELECT account_id, sum(amount) AS amount FROM (
            SELECT credit_account_id AS account_id, amount FROM ledger.transfer WHERE code = 71
            UNION ALL
            SELECT t.debit_account_id, -t.amount FROM ledger.transfer t
              JOIN ledger.account a ON a.id = t.debit_account_id AND a.code = 212 WHERE t.code IN (73, 76)) AS leg
         GROUP BY account_id
    )
    SELECT 'the money of a lot is the sum of its transfers', 'lot ' || l.id
      FROM ledger.lot l JOIN ledger.lot_money m ON m.lot_id = l.id LEFT JOIN moved ON moved.lot_id = l.id
      LEFT JOIN spent ON spent.lot_id = l.id
     WHERE (m.gross_minor, m.net_minor, m.returned_coins, m.returned_minor, m.returned_net_minor, m.returned_tax_minor,
            m.recognised_minor, m.spent_coins)
        IS DISTINCT FROM (l.gross_minor, l.gross_minor - l.tax_minor, coalesce(moved.returned_coins, 0),
            coalesce(moved.returned_minor, 0), coalesce(moved.returned_net_minor, 0), coalesce(moved.returned_tax_minor, 0),
            coalesce(moved.recognised_minor, 0), coalesce(spent.coins, 0))
    UNION ALL
    SELECT 'money moved back or was earned only with a row of it', 'lot ' || moved.lot_id
      FROM moved LEFT JOIN ledger.lot_money m USING (lot_id)
     WHERE m.lot_id IS NULL AND moved.returned_coins + moved.returned_minor + moved.recognised_minor > 0
    UNION ALL
    SELECT 'no more money goes back than was paid', 'lot ' || m.lot_id
      FROM ledger.lot_money m JOIN ledger.lot l ON l.id = m.lot_id WHERE m.returned_minor > l.gross_minor
    UNION ALL
    SELECT 'deferred revenue of a lot without coins is nothing (but for a rounded minor unit)', 'lot ' || l.id
      FROM ledger.lot l JOIN moved ON moved.lot_id = l.id JOIN ledger.lot_money m ON m.lot_id = l.id
     WHERE m.spent_coins + m.returned_coins = l.amount AND l.purchase_id IS NOT NULL AND m.spent_coins > 0
       AND moved.deferred_minor NOT BETWEEN 0 AND 1
    UNION ALL
    SELECT 'a hold is the sum of what its lots hold', 'account ' || a.id
      FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id
      LEFT JOIN (SELECT l.home_id, sum(moved.held_coins) AS coins FROM moved JOIN ledger.lot l ON l.id = moved.lot_id
                  GROUP BY l.home_id) h ON h.home_id = a.owner_id
     WHERE a.code = 112 AND b.credits - b.debits <> coalesce(h.coins, 0)
    UNION ALL
    SELECT 'disputed diamonds are the sum of their disputes', 'account ' || a.id
      FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id LEFT JOIN disputed d ON d.account_id = a.id
     WHERE a.code = 212 AND b.credits - b.debits <> coalesce(d.amount, 0)
    UNION ALL
    SELECT 'a lost lot has no coins left', 'lot ' || l.id FROM ledger.lot l WHERE l.state = 2 AND l.remaining > 0
    UNION ALL
    SELECT 'a disputed lot has all its coins held', 'lot ' || l.id FROM ledger.lot l WHERE l.state = 1 AND l.remaining > 0
    UNION ALL
    SELECT 'a cover burned what it says', 'lot ' || c.lot_id || ' covered by ' || c.cover_lot_id
      FROM ledger.lot_cover c
      LEFT JOIN ledger.transfer t ON t.op_id = c.op_id AND t.code = 75 AND t.lot_id = c.cover_lot_id
     WHERE t.amount IS DISTINCT FROM c.coins
$$;
