-- The rebase: a ledger that was restored into another cluster takes up that cluster's transaction ids.
--
-- Promise: only numbers of transactions change. Every period keeps exactly its own transfers, so
-- seals, buckets, folded totals and balances stay as they were; what was not folded still is not, and
-- the next fold takes it; every transaction from now on is above all old ones. Again is no change.
--
-- How: the transfers of the k-th period get transaction k, its range becomes [k, k + 1), and the tail
-- that no fold has taken yet gets the number after the open period's. All of the old ledger then lies
-- below one number for each period and one more, which the cluster must have passed: missing ids are
-- used up first. Nothing has to be folded here, because nothing crosses the horizon.
--
-- For the owner alone, outside a transaction: CALL ledger.rebase(). Locks the whole ledger.

CREATE OR REPLACE PROCEDURE ledger.rebase() LANGUAGE plpgsql AS $$
DECLARE
    v_open bigint;                                     -- how many periods there are: the last is open
    v_horizon xid8;
    v_tail xid8;
BEGIN
    SELECT count(*) INTO v_open FROM ledger.period;
    v_tail := (v_open + 1)::text::xid8;
    WHILE pg_current_xact_id() <= v_tail LOOP
        COMMIT;                                        -- uses up one id
    END LOOP;
    COMMIT;
    LOCK TABLE ledger.fold_state, ledger.operation, ledger.transfer, ledger.period IN ACCESS EXCLUSIVE MODE;
    SELECT horizon INTO STRICT v_horizon FROM ledger.fold_state;
    IF pg_snapshot_xmin(pg_current_snapshot()) <= v_tail OR v_open <> (SELECT count(*) FROM ledger.period) THEN
        RAISE EXCEPTION 'another transaction is still open in this cluster: end it, then rebase again'
            USING ERRCODE = 'object_in_use';
    END IF;

    ALTER TABLE ledger.transfer DISABLE TRIGGER transfer_immutable;
    UPDATE ledger.transfer AS t
       SET xid = CASE WHEN t.xid >= v_horizon THEN v_tail ELSE p.number END
      FROM (SELECT xid_from, coalesce(xid_to, '18446744073709551615'::xid8) AS xid_to,
                   (row_number() OVER (ORDER BY id))::text::xid8 AS number
              FROM ledger.period) AS p
     WHERE t.xid >= p.xid_from AND t.xid < p.xid_to;
    ALTER TABLE ledger.transfer ENABLE TRIGGER transfer_immutable;
    IF EXISTS (SELECT 1 FROM ledger.transfer WHERE xid > v_tail) THEN
        RAISE EXCEPTION 'a transfer lies in no period: the ledger was damaged before it was restored'
            USING ERRCODE = 'data_corrupted';
    END IF;

    -- An operation's number only says which transaction may still write its outcome: none may.
    ALTER TABLE ledger.operation DISABLE TRIGGER operation_immutable;
    UPDATE ledger.operation SET xid = '1' WHERE xid <> '1';
    ALTER TABLE ledger.operation ENABLE TRIGGER operation_immutable;

    UPDATE ledger.period AS p
       SET xid_from = n.number::text::xid8,
           xid_to = CASE WHEN p.xid_to IS NULL THEN NULL ELSE (n.number + 1)::text::xid8 END
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM ledger.period) AS n
     WHERE n.id = p.id;
    UPDATE ledger.fold_state SET horizon = v_tail;
END $$;
