-- Revenue: the money of coins is earned when they are spent, not when they are bought.
--
-- Promise: of each lot exactly floor(net x spent / amount) has been recognised, and when no coin of it
-- is left, all that did not go back. What is recognised follows from the transfers of closed periods
-- alone, so it can be derived again.

-- Recognise what was spent (or taken by staff) in the first closed period that was not recognised
-- yet: deferred revenue -> gift revenue, one transfer a lot. Answers how much by currency.
-- Refuses: nothing_due.
-- Lock classes: the recognition state, then the lots' money by lot.
CREATE OR REPLACE FUNCTION ledger.recognise_revenue(p_op uuid) RETURNS ledger.outcome
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_done integer;
    v_period ledger.period;
    v_spent record;
    v_lot ledger.lot;
    v_money ledger.lot_money;
    v_earned bigint;
BEGIN
    v_outcome := ledger.begin_operation(p_op, 0, 0, 80, '{}', NULL, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    SELECT period_id INTO STRICT v_done FROM ledger.recognition_state FOR UPDATE;
    SELECT * INTO v_period FROM ledger.period WHERE id > v_done AND xid_to IS NOT NULL ORDER BY id LIMIT 1;
    IF NOT FOUND THEN
        RETURN ledger.refuse(p_op, 'nothing_due');
    END IF;
    FOR v_spent IN
        SELECT t.lot_id, sum(t.amount)::bigint AS coins FROM ledger.transfer t
         WHERE t.xid >= v_period.xid_from AND t.xid < v_period.xid_to AND t.code IN (20, 75, 78, 91) AND t.lot_id IS NOT NULL
         GROUP BY t.lot_id ORDER BY t.lot_id
    LOOP
        SELECT * INTO STRICT v_lot FROM ledger.lot WHERE id = v_spent.lot_id;
        CONTINUE WHEN v_lot.purchase_id IS NULL;         -- given by staff: nobody paid
        v_money := ledger.lot_money_of(v_spent.lot_id);
        v_money.spent_coins := v_money.spent_coins + v_spent.coins;
        v_earned := CASE WHEN v_money.spent_coins + v_money.returned_coins >= v_lot.amount
                         THEN v_money.net_minor - v_money.returned_net_minor
                         ELSE least(floor(v_money.net_minor::numeric * v_money.spent_coins / v_lot.amount)::bigint,
                                    v_money.net_minor - v_money.returned_net_minor) END - v_money.recognised_minor;
        v_earned := greatest(v_earned, 0);
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        SELECT p_op, v_lot.home_id, 80, v_lot.cash_unit, ledger.system_account(302, v_lot.cash_unit),
               ledger.system_account(303, v_lot.cash_unit), v_earned, v_lot.id
         WHERE v_earned > 0;
        UPDATE ledger.lot_money SET spent_coins = v_money.spent_coins, recognised_minor = recognised_minor + v_earned
         WHERE lot_id = v_lot.id;
    END LOOP;
    UPDATE ledger.recognition_state SET period_id = v_period.id;
    RETURN ledger.finish(p_op, jsonb_build_object('period', v_period.id, 'amounts', (
        SELECT coalesce(jsonb_object_agg(u.code, s.amount), '{}') FROM (
            SELECT unit, sum(amount) AS amount FROM ledger.transfer WHERE op_id = p_op GROUP BY unit) AS s
          JOIN ledger.unit u ON u.id = s.unit)));
END $$;
