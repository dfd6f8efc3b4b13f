-- Settlement and payout: available diamonds become cash, and cash leaves through a rail.
--
-- Promise: diamonds are settled at their own card's value and no other; the cash is rounded once,
-- down, in the payout currency; a payout is reserved before anyone calls a rail, and is resolved
-- once: posting and voiding share one operation id, so the second of them is a conflict.

-- Settle all available diamonds of one creator under one card. p_fx is the payout currency's units
-- per US dollar. Refuses: nothing_available. Lock classes: diamond account, then cash account.
CREATE OR REPLACE FUNCTION ledger.settle(
    p_op uuid, p_creator bigint, p_card integer, p_cash_unit integer, p_fx numeric, p_memo jsonb, p_context text
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_card ledger.rate_card;
    v_scale smallint;
    v_available bigint;
    v_diamonds bigint;
    v_exact numeric;
    v_minor bigint;
BEGIN
    v_outcome := ledger.begin_operation(p_op, p_creator, 0, 40, jsonb_build_object(
        'creator', p_creator, 'card', p_card, 'cash_unit', p_cash_unit, 'fx', p_fx), p_memo, p_context);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    SELECT * INTO STRICT v_card FROM ledger.rate_card WHERE id = p_card;
    SELECT scale INTO STRICT v_scale FROM ledger.unit WHERE id = p_cash_unit AND id > 2;
    v_available := ledger.open_account(p_creator, 211, 2, p_card);
    SELECT credits - debits INTO v_diamonds FROM ledger.balance WHERE account_id = v_available FOR NO KEY UPDATE;
    v_exact := v_diamonds / 1000.0 * v_card.diamond_usd * p_fx * power(10::numeric, v_scale);
    v_minor := floor(v_exact);                          -- the only rounding: the rest stays with the platform
    IF v_minor <= 0 THEN
        RETURN ledger.refuse(p_op, 'nothing_available', jsonb_build_object('diamonds', v_diamonds));
    END IF;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    VALUES
        (p_op, p_creator, 40, 2, v_available, ledger.system_account(201, 2), v_diamonds),
        (p_op, p_creator, 41, p_cash_unit, ledger.system_account(304, p_cash_unit),
         ledger.open_account(p_creator, 310, p_cash_unit), v_minor);
    RETURN ledger.finish(p_op, jsonb_build_object(
        'diamonds', v_diamonds, 'amount_minor', v_minor, 'remainder', (v_exact - v_minor)::text));
END $$;

-- One step of a payout. 'reserve': payable -> in payout. 'post': in payout -> bank. 'void': in payout
-- -> payable. 'return': bank -> payable, for money that came back after it was posted.
-- Refuses: insufficient_cash. Lock class: the creator's cash accounts by id.
CREATE OR REPLACE FUNCTION ledger.payout(
    p_op uuid, p_step text, p_creator bigint, p_cash_unit integer, p_amount_minor bigint, p_payout uuid, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_payable bigint;
    v_in_payout bigint;
    v_bank bigint := ledger.system_account(301, p_cash_unit);
    v_debit bigint;
    v_credit bigint;
    v_code integer;
    v_have bigint;
BEGIN
    IF p_step NOT IN ('reserve', 'post', 'void', 'return') THEN
        RAISE EXCEPTION 'unknown payout step %', p_step USING ERRCODE = 'invalid_parameter_value';
    END IF;
    v_outcome := ledger.begin_operation(p_op, p_creator, 0, 50, jsonb_build_object(
        'step', p_step, 'creator', p_creator, 'cash_unit', p_cash_unit, 'amount_minor', p_amount_minor,
        'payout', p_payout), p_memo, 'payout:' || p_payout);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_payable := ledger.open_account(p_creator, 310, p_cash_unit);
    v_in_payout := ledger.open_account(p_creator, 311, p_cash_unit);
    PERFORM 1 FROM ledger.balance WHERE account_id IN (v_payable, v_in_payout) ORDER BY account_id FOR NO KEY UPDATE;
    SELECT s.code, s.debit, s.credit INTO v_code, v_debit, v_credit
      FROM (VALUES ('reserve', 50, v_payable, v_in_payout), ('post', 51, v_in_payout, v_bank),
                   ('void', 52, v_in_payout, v_payable), ('return', 53, v_bank, v_payable))
           AS s (step, code, debit, credit)
     WHERE s.step = p_step;
    SELECT credits - debits INTO v_have FROM ledger.balance WHERE account_id = v_debit;
    IF v_have < p_amount_minor THEN                     -- unknown (NULL) for the bank, which has no floor
        RETURN ledger.refuse(p_op, 'insufficient_cash', jsonb_build_object('balance', v_have));
    END IF;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    VALUES (p_op, p_creator, v_code, p_cash_unit, v_debit, v_credit, p_amount_minor);
    RETURN ledger.finish(p_op, jsonb_build_object('amount_minor', p_amount_minor));
END $$;
