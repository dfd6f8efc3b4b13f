-- Gifts that wait: a big one for some seconds, in which it can be taken back, a doubtful one for a
-- person's look.
--
-- Promise: coins of a gift that waits can be spent on nothing else, and are the payer's again, in the
-- lots they came from, before anything else becomes of them: the gift is sent (ledger.gift, in the
-- same transaction), taken back, or overtaken by a dispute of the payment behind it.

-- Set the coins of a gift aside, oldest lots first. Answers the balance.
-- Refuses (and stores the refusal): insufficient_coins. Lock class: wallet.
CREATE OR REPLACE FUNCTION ledger.hold_gift(
    p_op uuid, p_payer bigint, p_coins bigint, p_context text, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_wallet bigint := ledger.open_account(p_payer, 110, 1);
    v_hold bigint := ledger.open_account(p_payer, 112, 1);
    v_have bigint;
    v_left bigint := p_coins;
    v_lot record;
BEGIN
    v_outcome := ledger.begin_operation(p_op, p_payer, p_payer, 21, jsonb_build_object(
        'coins', p_coins, 'context', p_context), p_memo, p_context);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    PERFORM 1 FROM ledger.balance WHERE account_id IN (v_wallet, v_hold) ORDER BY account_id FOR NO KEY UPDATE;
    SELECT credits - debits INTO v_have FROM ledger.balance WHERE account_id = v_wallet;
    IF v_have < p_coins THEN
        RETURN ledger.refuse(p_op, 'insufficient_coins', jsonb_build_object('balance', v_have));
    END IF;
    FOR v_lot IN SELECT id, remaining FROM ledger.lot
                  WHERE account_id = v_wallet AND remaining > 0 AND state = 0 ORDER BY id LOOP
        EXIT WHEN v_left = 0;
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, p_payer, 22, 1, v_wallet, v_hold, least(v_left, v_lot.remaining), v_lot.id);
        v_left := v_left - least(v_left, v_lot.remaining);
    END LOOP;
    RETURN ledger.finish(p_op, jsonb_build_object('balance', v_have - p_coins));
END $$;

-- Give the coins of a gift that waits back to the lots they came from, but for those that a dispute
-- has taken meanwhile. Answers how many; where none is held any more nothing moves. Lock class: wallet.
CREATE OR REPLACE FUNCTION ledger.free_gift(p_op uuid, p_hold_op uuid, p_memo jsonb) RETURNS ledger.outcome
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_home bigint;
    v_freed bigint;
BEGIN
    SELECT home_id INTO v_home FROM ledger.operation WHERE id = p_hold_op AND kind = 21 AND NOT is_refused;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation % holds no gift', p_hold_op USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM 1 FROM ledger.balance b JOIN ledger.account a ON a.id = b.account_id
      WHERE a.owner_id = v_home AND a.code IN (110, 112) AND a.unit = 1 ORDER BY a.id FOR NO KEY UPDATE OF b;
    v_outcome := ledger.begin_operation(p_op, v_home, v_home, 22, jsonb_build_object('hold', p_hold_op), p_memo, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_freed := ledger.free_legs(p_op, p_hold_op, NULL);
    RETURN ledger.finish(p_op, jsonb_build_object('coins', v_freed));
END $$;

-- Give back what is held for gifts: of one hold, or of one lot. Answers how many coins.
CREATE OR REPLACE FUNCTION ledger.free_legs(p_op uuid, p_hold_op uuid, p_lot bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_freed bigint;
BEGIN
    WITH freed AS (
        INSERT INTO ledger.transfer
            (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id, reverses_id)
        SELECT p_op, t.home_id, 23, 1, t.credit_account_id, t.debit_account_id, t.amount, t.lot_id, t.id
          FROM ledger.transfer t
         WHERE t.code = 22 AND (t.op_id = p_hold_op OR t.lot_id = p_lot)
           AND NOT EXISTS (SELECT 1 FROM ledger.transfer r WHERE r.reverses_id = t.id)
         ORDER BY t.id
        RETURNING amount
    ) SELECT coalesce(sum(amount), 0) INTO v_freed FROM freed;
    RETURN v_freed;
END $$;
