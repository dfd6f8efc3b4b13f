-- Release: when a period's hold ends, what it brought leaves pending. Debt is repaid first.
--
-- Promise: each bucket is released once, whole, after its period closed and its hold ended, by the
-- database's own clock.

-- Release one bucket: pending -> debt (at most the share of what is released), the rest -> available.
-- Refuses: nothing_due. Lock classes: the creator's debt, available diamonds, then the bucket.
CREATE OR REPLACE FUNCTION ledger.release(p_period integer, p_account bigint, p_debt_share_bps integer)
RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_pending ledger.account;
    v_available bigint;
    v_debt bigint;
    v_bucket ledger.bucket;
    v_owed bigint;
    v_amount bigint;
    v_repaid bigint;
BEGIN
    SELECT * INTO STRICT v_pending FROM ledger.account WHERE id = p_account AND code = 210;
    v_debt := ledger.open_account(v_pending.owner_id, 213, 2);
    v_available := ledger.open_account(v_pending.owner_id, 211, 2, v_pending.card_id);
    PERFORM 1 FROM ledger.balance WHERE account_id = v_debt FOR NO KEY UPDATE;
    PERFORM 1 FROM ledger.balance WHERE account_id = v_available FOR NO KEY UPDATE;
    SELECT b.* INTO v_bucket FROM ledger.bucket b
     WHERE b.period_id = p_period AND b.account_id = p_account
       AND NOT b.done AND b.release_at <= clock_timestamp() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ROW(false, false, 'nothing_due', NULL)::ledger.outcome;
    END IF;
    v_outcome := ledger.begin_operation(v_bucket.release_op, v_pending.owner_id, 0, 30,
        jsonb_build_object('period', p_period, 'account', p_account), NULL, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_amount := v_bucket.amount - v_bucket.clawed;
    SELECT debits - credits INTO v_owed FROM ledger.balance WHERE account_id = v_debt;
    v_repaid := least(v_owed, v_amount * p_debt_share_bps / 10000);   -- floor: the rest goes to the creator
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    SELECT v_bucket.release_op, v_pending.owner_id, leg.code, 2, p_account, leg.credit, leg.amount
      FROM (VALUES (31, v_debt, v_repaid), (30, v_available, v_amount - v_repaid))
           AS leg (code, credit, amount)
     WHERE leg.amount > 0;
    UPDATE ledger.bucket SET released = v_amount, done = true WHERE period_id = p_period AND account_id = p_account;
    RETURN ledger.finish(v_bucket.release_op, jsonb_build_object('released', v_amount, 'repaid', v_repaid));
END $$;

-- Release up to p_limit due buckets, each its own operation. Answers how many. Several may run: each
-- takes the creators in the order of their ids and waits only for one at work on the same creator.
CREATE OR REPLACE FUNCTION ledger.release_due(p_debt_share_bps integer, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_due record;
    v_outcome ledger.outcome;
    v_released integer := 0;
BEGIN
    FOR v_due IN
        SELECT due.* FROM (SELECT period_id, account_id, home_id FROM ledger.bucket
                            WHERE NOT done AND release_at <= clock_timestamp()
                            ORDER BY release_at LIMIT p_limit) AS due
          JOIN ledger.account a ON a.id = due.account_id
         ORDER BY due.home_id, a.card_id, due.account_id, due.period_id
    LOOP
        v_outcome := ledger.release(v_due.period_id, v_due.account_id, p_debt_share_bps);
        v_released := v_released + v_outcome.done::integer;
    END LOOP;
    RETURN v_released;
END $$;

-- Diamonds given or taken back by two members of staff, under a rate card, in a creator's available.
-- Refuses: insufficient_diamonds. Lock class: the creator's diamond account.
CREATE OR REPLACE FUNCTION ledger.adjust_diamonds(
    p_op uuid, p_owner bigint, p_card integer, p_diamonds bigint,
    p_proposer bigint, p_approver bigint, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_available bigint;
    v_adjustment bigint := ledger.system_account(209, 2);
    v_have bigint;
BEGIN
    IF p_proposer = p_approver OR p_proposer = 0 OR p_approver = 0 THEN
        RAISE EXCEPTION 'an adjustment needs two people' USING ERRCODE = 'check_violation', CONSTRAINT = 'adjustment_two_people';
    END IF;
    v_outcome := ledger.begin_operation(p_op, p_owner, p_approver, 92, jsonb_build_object(
        'owner', p_owner, 'card', p_card, 'diamonds', p_diamonds, 'proposer', p_proposer), p_memo, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_available := ledger.open_account(p_owner, 211, 2, p_card);
    SELECT credits - debits INTO v_have FROM ledger.balance WHERE account_id = v_available FOR NO KEY UPDATE;
    IF v_have + p_diamonds < 0 THEN
        RETURN ledger.refuse(p_op, 'insufficient_diamonds', jsonb_build_object('balance', v_have));
    END IF;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    VALUES (p_op, p_owner, 92, 2,
            CASE WHEN p_diamonds > 0 THEN v_adjustment ELSE v_available END,
            CASE WHEN p_diamonds > 0 THEN v_available ELSE v_adjustment END, abs(p_diamonds));
    RETURN ledger.finish(p_op, jsonb_build_object('balance', v_have + p_diamonds));
END $$;
