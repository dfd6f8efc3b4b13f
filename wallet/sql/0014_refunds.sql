-- Money that goes back: refunds of unspent coins.
--
-- Promise: what a payer gets back is never more than what they paid, goes back for coins that exist
-- no more, and is booked once. Coins that somebody asked to give back wait in the payer's hold until
-- the provider has answered; nobody can spend them meanwhile.

-- The row of a lot's money, locked; made if this is the first time. Lock class: after the wallet.
CREATE OR REPLACE FUNCTION ledger.lot_money_of(p_lot bigint) RETURNS ledger.lot_money LANGUAGE plpgsql AS $$
DECLARE
    v_money ledger.lot_money;
BEGIN
    INSERT INTO ledger.lot_money (lot_id, home_id, gross_minor, net_minor)
    SELECT id, home_id, gross_minor, gross_minor - tax_minor FROM ledger.lot WHERE id = p_lot
    ON CONFLICT (lot_id) DO NOTHING;
    SELECT * INTO STRICT v_money FROM ledger.lot_money WHERE lot_id = p_lot FOR UPDATE;
    RETURN v_money;
END $$;

-- The money of so many coins of a lot, rounded down, and the tax in it; nothing where nobody paid any.
CREATE OR REPLACE FUNCTION ledger.money_of(p_lot ledger.lot, p_coins bigint, OUT gross bigint, OUT tax bigint)
LANGUAGE sql STABLE AS $$
    SELECT g.gross, coalesce(floor((p_lot).tax_minor::numeric * g.gross / nullif((p_lot).gross_minor, 0)), 0)::bigint
      FROM ledger.unit u
     CROSS JOIN LATERAL (
        SELECT (floor((p_lot).gross_minor::numeric * p_coins / (p_lot).amount / u.step) * u.step)::bigint AS gross) AS g
     WHERE u.id = (p_lot).cash_unit
$$;

-- What p_coins more of a lot are worth to its payer, net and tax apart, in the lot's currency: the
-- whole x coins / amount of all coins gone back so far, rounded down to what a payment company can
-- move, less what was paid before; tax is its share of that, rounded down. So parts never shrink and
-- add up to the whole exactly. Never more than is left: a loss may have taken money of coins that
-- waited for a refund and then came back.
CREATE OR REPLACE FUNCTION ledger.refund_value(p_purchase uuid, p_coins bigint, OUT net_minor bigint, OUT tax_minor bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT money.gross - money.tax, money.tax
      FROM ledger.lot l
      LEFT JOIN ledger.lot_money m ON m.lot_id = l.id
     CROSS JOIN LATERAL ledger.money_of(l, coalesce(m.returned_coins, 0)) AS before
     CROSS JOIN LATERAL ledger.money_of(l, coalesce(m.returned_coins, 0) + p_coins) AS after
     CROSS JOIN LATERAL (
        SELECT least(after.gross - before.gross, l.gross_minor - coalesce(m.returned_minor, 0)) AS gross) AS part
     CROSS JOIN LATERAL (
        SELECT part.gross, least(after.tax - before.tax, l.tax_minor - coalesce(m.returned_tax_minor, 0), part.gross) AS tax
     ) AS money
     WHERE l.purchase_id = p_purchase
$$;

-- The wallet and the hold of the lot's payer, locked, and the lot as it is under that lock.
-- Lock class: wallet.
CREATE OR REPLACE FUNCTION ledger.lock_lot(p_purchase uuid, OUT lot ledger.lot, OUT wallet bigint, OUT hold bigint)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT l.account_id INTO wallet FROM ledger.lot l WHERE l.purchase_id = p_purchase;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'purchase % has no lot', p_purchase USING ERRCODE = 'no_data_found';
    END IF;
    SELECT ledger.open_account(a.owner_id, 112, 1) INTO hold FROM ledger.account a WHERE a.id = wallet;
    PERFORM 1 FROM ledger.balance WHERE account_id IN (wallet, hold) ORDER BY account_id FOR NO KEY UPDATE;
    SELECT * INTO STRICT lot FROM ledger.lot l WHERE l.purchase_id = p_purchase;
END $$;

-- Set unspent coins of a purchase aside while its refund is decided and paid. Answers the lot.
-- Refuses: lot_disputed, coins_spent (fewer are left than asked for). Lock class: wallet.
CREATE OR REPLACE FUNCTION ledger.hold_refund(
    p_op uuid, p_purchase uuid, p_coins bigint, p_actor bigint, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v record;
BEGIN
    SELECT * INTO v FROM ledger.lock_lot(p_purchase);
    v_outcome := ledger.begin_operation(p_op, (v.lot).home_id, p_actor, 60, jsonb_build_object(
        'purchase', p_purchase, 'coins', p_coins), p_memo, 'purchase:' || p_purchase);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    IF (v.lot).state <> 0 THEN
        RETURN ledger.refuse(p_op, 'lot_disputed');
    END IF;
    IF (v.lot).remaining < p_coins THEN
        RETURN ledger.refuse(p_op, 'coins_spent', jsonb_build_object('remaining', (v.lot).remaining));
    END IF;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
    VALUES (p_op, (v.lot).home_id, 60, 1, v.wallet, v.hold, p_coins, (v.lot).id);
    RETURN ledger.finish(p_op, jsonb_build_object('lot', (v.lot).id));
END $$;

-- The coins of a lot that wait for refunds, by the transfer that set them aside.
CREATE OR REPLACE FUNCTION ledger.in_refunds(p_lot bigint) RETURNS TABLE (transfer_id bigint, coins bigint)
LANGUAGE sql STABLE AS $$
    SELECT t.id, t.amount - coalesce(sum(r.amount), 0)::bigint
      FROM ledger.transfer t LEFT JOIN ledger.transfer r ON r.reverses_id = t.id
     WHERE t.lot_id = p_lot AND t.code = 60
     GROUP BY t.id, t.amount HAVING t.amount > coalesce(sum(r.amount), 0)
$$;

-- End a refund: of the coins held by p_hold_op, p_coins were paid back and are gone, the others
-- return to the wallet (or to the hold of a dispute that began meanwhile), but for those that a loss
-- of the whole payment burned: no money was left to pay them. Answers the money booked. Where all of
-- them burned nothing moves, however often it is ended.
-- Refuses: already_resolved. Lock classes: wallet, then the lot's money.
CREATE OR REPLACE FUNCTION ledger.resolve_refund(
    p_op uuid, p_hold_op uuid, p_coins bigint, p_actor bigint, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_held ledger.transfer;
    v_burned bigint;
    v_purchase uuid;
    v record;
    v_money ledger.lot_money;
    v_back record;
    v_return bigint;
BEGIN
    SELECT * INTO v_held FROM ledger.transfer WHERE op_id = p_hold_op AND code = 60;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation % does not hold coins', p_hold_op USING ERRCODE = 'no_data_found';
    END IF;
    SELECT purchase_id INTO STRICT v_purchase FROM ledger.lot WHERE id = v_held.lot_id;
    SELECT * INTO v FROM ledger.lock_lot(v_purchase);
    v_outcome := ledger.begin_operation(p_op, v_held.home_id, p_actor, 61, jsonb_build_object(
        'hold', p_hold_op, 'coins', p_coins), p_memo, 'purchase:' || v_purchase);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    IF EXISTS (SELECT 1 FROM ledger.transfer WHERE reverses_id = v_held.id AND code IN (61, 62)) THEN
        RETURN ledger.refuse(p_op, 'already_resolved');
    END IF;
    SELECT coalesce(sum(amount), 0) INTO v_burned FROM ledger.transfer WHERE reverses_id = v_held.id;
    v_return := v_held.amount - v_burned - p_coins;
    IF p_coins < 0 OR v_return < 0 THEN
        RAISE EXCEPTION 'operation % does not hold % coins', p_hold_op, p_coins USING ERRCODE = 'check_violation',
            CONSTRAINT = 'refund_bound';
    END IF;
    SELECT * INTO STRICT v_back FROM ledger.refund_value(v_purchase, p_coins);
    v_money := ledger.lot_money_of(v_held.lot_id);
    INSERT INTO ledger.transfer
        (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id, reverses_id)
    SELECT p_op, v_held.home_id, leg.code, leg.unit, leg.debit, leg.credit, leg.amount, v_held.lot_id, leg.reverses
      FROM (VALUES
        (61, 1, v.hold, v.wallet, v_return, v_held.id),
        (70, 1, v.wallet, v.hold, CASE WHEN (v.lot).state = 1 THEN v_return ELSE 0 END, NULL),
        (62, 1, v.hold, ledger.system_account(100, 1), p_coins, v_held.id),
        (63, (v.lot).cash_unit::integer, ledger.system_account(302, (v.lot).cash_unit),
             ledger.system_account(300, (v.lot).cash_unit), v_back.net_minor, NULL),
        (64, (v.lot).cash_unit, ledger.system_account(306, (v.lot).cash_unit),
             ledger.system_account(300, (v.lot).cash_unit), v_back.tax_minor, NULL)
      ) AS leg (code, unit, debit, credit, amount, reverses)
     WHERE leg.amount > 0;
    UPDATE ledger.lot_money
       SET returned_coins = returned_coins + p_coins,
           returned_minor = returned_minor + v_back.net_minor + v_back.tax_minor,
           returned_net_minor = returned_net_minor + v_back.net_minor,
           returned_tax_minor = returned_tax_minor + v_back.tax_minor
     WHERE lot_id = v_held.lot_id;
    RETURN ledger.finish(p_op, jsonb_build_object(
        'coins', p_coins, 'amount_minor', v_back.net_minor + v_back.tax_minor, 'tax_minor', v_back.tax_minor));
END $$;

-- A refund that was paid comes back: the payer's bank did not take it. Its money and its coins are as
-- if it had never ended, the coins in the wallet (or in the hold of a dispute that began meanwhile).
-- p_end_op: the operation that ended it. Answers the coins. Refuses: already_returned.
-- Lock classes: wallet, then the lot's money.
CREATE OR REPLACE FUNCTION ledger.return_refund(p_op uuid, p_end_op uuid, p_memo jsonb)
RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_paid ledger.transfer;
    v_purchase uuid;
    v record;
    v_net bigint;
    v_tax bigint;
BEGIN
    SELECT * INTO v_paid FROM ledger.transfer WHERE op_id = p_end_op AND code = 62;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation % paid nothing back', p_end_op USING ERRCODE = 'no_data_found';
    END IF;
    SELECT purchase_id INTO STRICT v_purchase FROM ledger.lot WHERE id = v_paid.lot_id;
    SELECT * INTO v FROM ledger.lock_lot(v_purchase);
    v_outcome := ledger.begin_operation(p_op, v_paid.home_id, 0, 62, jsonb_build_object('end', p_end_op), p_memo,
                                        'purchase:' || v_purchase);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    IF EXISTS (SELECT 1 FROM ledger.transfer WHERE reverses_id = v_paid.id) THEN
        RETURN ledger.refuse(p_op, 'already_returned');
    END IF;
    SELECT coalesce(sum(amount) FILTER (WHERE code = 63), 0), coalesce(sum(amount) FILTER (WHERE code = 64), 0)
      INTO v_net, v_tax FROM ledger.transfer WHERE op_id = p_end_op;
    INSERT INTO ledger.transfer
        (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id, reverses_id)
    SELECT p_op, v_paid.home_id, leg.code, leg.unit, leg.debit, leg.credit, leg.amount, v_paid.lot_id, leg.reverses
      FROM (VALUES
        (65, 1, ledger.system_account(100, 1), v.wallet, v_paid.amount, v_paid.id),
        (70, 1, v.wallet, v.hold, CASE WHEN (v.lot).state = 1 THEN v_paid.amount ELSE 0 END, NULL),
        (66, (v.lot).cash_unit::integer, ledger.system_account(300, (v.lot).cash_unit),
             ledger.system_account(302, (v.lot).cash_unit), v_net, NULL),
        (67, (v.lot).cash_unit, ledger.system_account(300, (v.lot).cash_unit),
             ledger.system_account(306, (v.lot).cash_unit), v_tax, NULL)
      ) AS leg (code, unit, debit, credit, amount, reverses)
     WHERE leg.amount > 0;
    UPDATE ledger.lot SET state = 0 WHERE id = v_paid.lot_id AND state = 2;    -- some of its money is there again
    PERFORM ledger.lot_money_of(v_paid.lot_id);
    UPDATE ledger.lot_money
       SET returned_coins = returned_coins - v_paid.amount, returned_minor = returned_minor - v_net - v_tax,
           returned_net_minor = returned_net_minor - v_net, returned_tax_minor = returned_tax_minor - v_tax
     WHERE lot_id = v_paid.lot_id;
    RETURN ledger.finish(p_op, jsonb_build_object('coins', v_paid.amount, 'amount_minor', v_net + v_tax));
END $$;
