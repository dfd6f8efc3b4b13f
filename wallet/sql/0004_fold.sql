-- Folding: folded accounts are summed behind the writers, without a lock anyone waits for.
--
-- Promise: fold() takes exactly the transfers of transactions below pg_snapshot_xmin, all of which
-- have ended, so nothing can appear there later and nothing is taken twice. Whenever it runs, no
-- balance anyone reads changes: balance = folded total + exact tail.

-- Fold what has become foldable. Answers how many transfers were taken, NULL if another folder is at
-- work. Lock class: fold_state (skipped if taken), then rows of folded and bucket that only it writes.
CREATE OR REPLACE FUNCTION ledger.fold() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_from xid8;
    v_to xid8;
    v_period integer;
    v_taken bigint := 0;
BEGIN
    SELECT horizon INTO v_from FROM ledger.fold_state FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_to := pg_snapshot_xmin(pg_current_snapshot());
    IF v_to <= v_from THEN
        RETURN 0;
    END IF;
    SELECT id INTO STRICT v_period FROM ledger.period WHERE xid_to IS NULL;
    WITH taken AS MATERIALIZED (
        SELECT debit_account_id, credit_account_id, amount FROM ledger.transfer WHERE xid >= v_from AND xid < v_to
    ), leg AS (
        SELECT debit_account_id AS account_id, sum(amount)::bigint AS debits, 0::bigint AS credits FROM taken GROUP BY 1
        UNION ALL
        SELECT credit_account_id, 0, sum(amount)::bigint FROM taken GROUP BY 1
    ), moved AS (
        SELECT leg.account_id, sum(leg.debits)::bigint AS debits, sum(leg.credits)::bigint AS credits
          FROM leg JOIN ledger.account ON account.id = leg.account_id AND account.mode = 'F'
         GROUP BY leg.account_id
    ), summed AS (
        INSERT INTO ledger.folded AS f (account_id, debits, credits) SELECT * FROM moved
        ON CONFLICT (account_id) DO UPDATE
            SET debits = f.debits + excluded.debits, credits = f.credits + excluded.credits
    ), earned AS (
        INSERT INTO ledger.bucket AS b (period_id, account_id, home_id, amount)
        SELECT v_period, a.id, a.owner_id, moved.credits
          FROM moved JOIN ledger.account a ON a.id = moved.account_id AND a.code = 210
         WHERE moved.credits > 0
         ORDER BY a.owner_id, a.card_id, a.id
        ON CONFLICT (period_id, account_id) DO UPDATE SET amount = b.amount + excluded.amount
    )
    SELECT count(*) INTO v_taken FROM taken;
    UPDATE ledger.fold_state SET horizon = v_to, folded_at = clock_timestamp();
    RETURN v_taken;
END $$;

-- How many payouts of a creator a bank has taken, counted to three. The bound of the accounts is that of
-- transfer_debit: without it every transfer is read.
CREATE OR REPLACE FUNCTION ledger.payouts_posted(p_creator bigint) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT count(*)::integer FROM (
        SELECT 1 FROM ledger.account a JOIN ledger.transfer t ON t.debit_account_id = a.id AND t.code = 51
                                                     AND t.debit_account_id >= 2048000
         WHERE a.owner_id = p_creator AND a.code = 311 LIMIT 3) AS posted
$$;

-- Close the open period at the horizon and open the next. Answers the closed period's id, NULL if it
-- has no transactions yet or another folder is at work. Each bucket learns when it is released: the
-- close plus the hold its rate card gives its payment class, and no sooner than the hold under "0" until
-- three payouts of the creator were taken by a bank. Lock classes: fold_state, then the buckets
-- of the period, before fold() takes those that got more: a dispute may hold some of them.
CREATE OR REPLACE FUNCTION ledger.close_period() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_horizon xid8;
    v_closed integer;
    v_now timestamptz := clock_timestamp();
BEGIN
    PERFORM 1 FROM ledger.fold_state FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM ledger.bucket b
      JOIN ledger.period p ON p.id = b.period_id JOIN ledger.account a ON a.id = b.account_id
     WHERE p.xid_to IS NULL ORDER BY b.home_id, a.card_id, b.account_id FOR UPDATE OF b;
    PERFORM ledger.fold();
    SELECT horizon INTO STRICT v_horizon FROM ledger.fold_state;
    UPDATE ledger.period SET xid_to = v_horizon, closed_at = v_now
     WHERE xid_to IS NULL AND xid_from < v_horizon RETURNING id INTO v_closed;
    IF v_closed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO ledger.period (xid_from) VALUES (v_horizon);
    UPDATE ledger.bucket b SET release_at = v_now + make_interval(days => greatest(
               (card.hold_days ->> a.hold_class::text)::integer,
               CASE WHEN (card.hold_days ->> '0')::integer > (card.hold_days ->> a.hold_class::text)::integer
                     AND ledger.payouts_posted(a.owner_id) < 3
                    THEN (card.hold_days ->> '0')::integer END))
      FROM ledger.account a JOIN ledger.rate_card card ON card.id = a.card_id
     WHERE b.period_id = v_closed AND a.id = b.account_id;
    RETURN v_closed;
END $$;

-- The text of a transfer that seals are made of: its columns in a fixed order, separated by bars.
CREATE OR REPLACE FUNCTION ledger.canonical(t ledger.transfer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws('|', t.id, t.op_id, t.code, t.unit, t.debit_account_id, t.credit_account_id,
                     t.amount, coalesce(t.lot_id::text, '-'), coalesce(t.reverses_id::text, '-'), t.home_id) || E'\n'
$$;

-- What the seal of a closed period must be, given the seal before it: SHA-256 over the previous seal
-- and a header, then over each thousand transfers in the order of their ids.
CREATE OR REPLACE FUNCTION ledger.expected_seal(p_period integer, p_before bytea, OUT seal bytea, OUT transfers bigint, OUT sums jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_period ledger.period;
    v_chunk record;
BEGIN
    SELECT * INTO STRICT v_period FROM ledger.period WHERE id = p_period AND xid_to IS NOT NULL;
    SELECT coalesce(sum(n), 0), coalesce(jsonb_object_agg(unit, total), '{}') INTO transfers, sums FROM (
        SELECT unit, sum(amount) AS total, count(*) AS n FROM ledger.transfer
         WHERE xid >= v_period.xid_from AND xid < v_period.xid_to GROUP BY unit) AS s;
    seal := sha256(coalesce(p_before, '') || convert_to(
        format(E'period|%s|%s|%s\n', v_period.id, transfers, sums), 'UTF8'));
    FOR v_chunk IN
        SELECT string_agg(ledger.canonical(n.t), '' ORDER BY (n.t).id) AS body
          FROM (SELECT t, (row_number() OVER (ORDER BY t.id) - 1) / 1000 AS chunk
                  FROM ledger.transfer t WHERE t.xid >= v_period.xid_from AND t.xid < v_period.xid_to) AS n
         GROUP BY n.chunk ORDER BY n.chunk
    LOOP
        seal := sha256(seal || convert_to(v_chunk.body, 'UTF8'));
    END LOOP;
END $$;

-- Seal the oldest closed period that has no seal yet. Answers its id, NULL if there is none.
-- Lock class: the period's row.
CREATE OR REPLACE FUNCTION ledger.seal_period() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_period integer;
    v_before bytea;
    v_seal record;
BEGIN
    SELECT id INTO v_period FROM ledger.period
     WHERE xid_to IS NOT NULL AND seal IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT seal INTO v_before FROM ledger.period WHERE id < v_period ORDER BY id DESC LIMIT 1;
    IF FOUND AND v_before IS NULL THEN
        RETURN NULL;                                   -- another sealer holds the one before
    END IF;
    SELECT * INTO v_seal FROM ledger.expected_seal(v_period, v_before);
    UPDATE ledger.period SET seal = v_seal.seal, transfers = v_seal.transfers, sums = v_seal.sums WHERE id = v_period;
    RETURN v_period;
END $$;

-- Debits and credits of any account, exact at this instant.
CREATE OR REPLACE FUNCTION ledger.turnover(p_account bigint, OUT debits bigint, OUT credits bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT b.debits, b.credits INTO debits, credits FROM ledger.balance b WHERE b.account_id = p_account;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT coalesce(max(f.debits), 0) + coalesce(sum(t.amount) FILTER (WHERE t.debit_account_id = p_account), 0),
           coalesce(max(f.credits), 0) + coalesce(sum(t.amount) FILTER (WHERE t.credit_account_id = p_account), 0)
      INTO debits, credits
      FROM ledger.fold_state s
      LEFT JOIN ledger.folded f ON f.account_id = p_account
      LEFT JOIN ledger.transfer t
        ON t.xid >= s.horizon AND (t.debit_account_id = p_account OR t.credit_account_id = p_account);
END $$;
