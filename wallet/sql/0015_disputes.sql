-- Disputes: a payer's bank takes a payment back, and what it bought is followed and taken back too.
--
-- Promise: a loss is taken once and from the right places, in this order: the lot's unspent coins,
-- the payer's other coins if the policy says so (the cover), then the diamonds the lot paid for,
-- newest gift first, from each creator's pending, then available, then as debt. What the policy
-- leaves with creators the payer owes. Nobody's balance passes its floor.

-- The gifts that a lot paid for, or stands for as cover, newest first: the coins and diamonds of
-- each that were not taken back before. Coins are whole, so diamonds are whole multiples too. Two lots
-- may have covered each other's losses (coins that waited for a refund come back after one), so each
-- way along the covers ends where it would meet a lot again, and a lot met on two ways counts once.
CREATE OR REPLACE FUNCTION ledger.reach(p_lot bigint)
RETURNS TABLE (transfer_id bigint, account_id bigint, xid xid8, share bigint, coins bigint)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE link AS (
        SELECT p_lot AS lot_id, NULL::numeric AS most
        UNION ALL
        SELECT c.lot_id, least(link.most, c.coins) FROM link
         CROSS JOIN LATERAL (SELECT lot_id, sum(coins) AS coins FROM ledger.lot_cover
                              WHERE cover_lot_id = link.lot_id GROUP BY lot_id) AS c
    ) CYCLE lot_id SET is_again USING way, stands AS (
        SELECT lot_id, CASE WHEN bool_and(most IS NOT NULL) THEN sum(most) END AS most
          FROM link WHERE NOT is_again GROUP BY lot_id
    ), gift AS (
        SELECT t.id, t.credit_account_id, t.xid, card.diamonds_per_coin_milli::bigint AS share, stands.most, stands.lot_id,
               (t.amount - coalesce((SELECT sum(r.amount) FROM ledger.transfer r WHERE r.reverses_id = t.id), 0)
                   ) / card.diamonds_per_coin_milli AS coins
          FROM stands
          JOIN ledger.transfer t ON t.lot_id = stands.lot_id AND t.code = 21
          JOIN ledger.account a ON a.id = t.credit_account_id
          JOIN ledger.rate_card card ON card.id = a.card_id
    ), counted AS (
        SELECT gift.*, sum(coins) OVER (PARTITION BY lot_id ORDER BY id DESC) - coins AS newer FROM gift
    )
    SELECT id, credit_account_id, xid, share,
           (CASE WHEN most IS NULL THEN coins ELSE least(coins, most - newer) END)::bigint
      FROM counted
     WHERE coins > 0 AND (most IS NULL OR newer < most)
     ORDER BY id DESC
$$;

-- Open and lock the accounts of these kinds of every creator a lot reaches. Lock class: diamond accounts.
CREATE OR REPLACE FUNCTION ledger.lock_creators(p_lot bigint, p_codes integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_key record;
    v_account bigint;
BEGIN
    FOR v_key IN
        SELECT DISTINCT a.owner_id, CASE kind.code WHEN 213 THEN 0 ELSE a.card_id END AS card_id, kind.code
          FROM ledger.reach(p_lot) r JOIN ledger.account a ON a.id = r.account_id
         CROSS JOIN unnest(p_codes) AS kind (code)
         ORDER BY 1, 2, 3
    LOOP
        v_account := ledger.open_account(v_key.owner_id, v_key.code, 2, v_key.card_id);
        PERFORM 1 FROM ledger.balance WHERE account_id = v_account FOR NO KEY UPDATE;
    END LOOP;
END $$;

-- A dispute begins: the lot's coins are held, and of the diamonds it paid for, those that are still
-- pending wait too, newest gift first, up to the loss. Raises serialization_failure while a gift of
-- the lot is not folded yet: fold, and try again with the same operation.
-- Coins of it in gifts that wait are the lot's again first.
-- Refuses: lot_disputed. Lock classes: wallet, the creators' disputed diamonds, buckets.
CREATE OR REPLACE FUNCTION ledger.open_dispute(p_op uuid, p_purchase uuid, p_amount_minor bigint, p_memo jsonb)
RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v record;
    v_lot bigint;
    v_home bigint;
    v_need bigint;
    v_disputed bigint := 0;
    v_part record;
BEGIN
    SELECT * INTO v FROM ledger.lock_lot(p_purchase);
    v_lot := (v.lot).id;
    v_home := (v.lot).home_id;
    v_outcome := ledger.begin_operation(p_op, v_home, 0, 70, jsonb_build_object(
        'purchase', p_purchase, 'amount_minor', p_amount_minor), p_memo, 'purchase:' || p_purchase);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    IF (v.lot).state <> 0 THEN
        RETURN ledger.refuse(p_op, 'lot_disputed');
    END IF;
    IF EXISTS (SELECT 1 FROM ledger.reach(v_lot) r, ledger.fold_state s WHERE r.xid >= s.horizon) THEN
        RAISE EXCEPTION 'a gift of lot % is not folded yet', v_lot USING ERRCODE = 'serialization_failure';
    END IF;
    PERFORM ledger.free_legs(p_op, NULL, v_lot);    -- gifts that wait are overtaken
    SELECT * INTO v FROM ledger.lock_lot(p_purchase);
    UPDATE ledger.lot SET state = 1 WHERE id = v_lot;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
    SELECT p_op, v_home, 70, 1, v.wallet, v.hold, (v.lot).remaining, v_lot WHERE (v.lot).remaining > 0;
    v_need := ledger.coins_of(v.lot, p_amount_minor) - (v.lot).remaining;
    PERFORM ledger.lock_creators(v_lot, ARRAY[212]);
    PERFORM 1 FROM ledger.bucket b JOIN ledger.account a ON a.id = b.account_id
      WHERE NOT b.done AND b.account_id IN (SELECT r.account_id FROM ledger.reach(v_lot) r)
      ORDER BY b.home_id, a.card_id, b.account_id, b.period_id FOR UPDATE OF b;
    FOR v_part IN
        SELECT b.period_id, b.account_id, a.owner_id, a.card_id,
               least(sum(r.share * least(r.coins, v_need - r.newer)), b.amount - b.clawed - b.released)::bigint AS diamonds
          FROM (SELECT reach.*, sum(reach.coins) OVER (ORDER BY reach.transfer_id DESC) - reach.coins AS newer
                  FROM ledger.reach(v_lot) AS reach) AS r
          JOIN ledger.period p ON r.xid >= p.xid_from AND (p.xid_to IS NULL OR r.xid < p.xid_to)
          JOIN ledger.bucket b ON b.period_id = p.id AND b.account_id = r.account_id AND NOT b.done
          JOIN ledger.account a ON a.id = r.account_id
         WHERE r.newer < v_need
         GROUP BY b.period_id, b.account_id, a.owner_id, a.card_id, b.amount, b.clawed, b.released
    LOOP
        CONTINUE WHEN v_part.diamonds <= 0;
        UPDATE ledger.bucket SET clawed = clawed + v_part.diamonds
         WHERE period_id = v_part.period_id AND account_id = v_part.account_id;
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, v_home, 71, 2, v_part.account_id,
                ledger.open_account(v_part.owner_id, 212, 2, v_part.card_id), v_part.diamonds, v_lot);
        v_disputed := v_disputed + v_part.diamonds;
    END LOOP;
    RETURN ledger.finish(p_op, jsonb_build_object(
        'lot', v_lot, 'coins', (v.lot).remaining, 'diamonds', v_disputed));
END $$;

-- How many coins of a lot an amount of its money stands for, rounded up, and never more than are
-- left to take; none where nobody paid any money.
CREATE OR REPLACE FUNCTION ledger.coins_of(p_lot ledger.lot, p_amount_minor bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(0, least(coalesce(ceil(p_amount_minor::numeric * (p_lot).amount / nullif((p_lot).gross_minor, 0)), 0)::bigint,
                             (p_lot).amount - coalesce((SELECT returned_coins FROM ledger.lot_money
                                                         WHERE lot_id = (p_lot).id), 0)))
$$;

-- What a lot's dispute holds, by account: what went there for it less what left again. Burned coins
-- that waited for a refund (74 that reverses a hold) were not the dispute's.
CREATE OR REPLACE FUNCTION ledger.disputed(p_lot bigint) RETURNS TABLE (account_id bigint, amount bigint)
LANGUAGE sql STABLE AS $$
    SELECT leg.account_id, sum(leg.amount)::bigint FROM (
        SELECT credit_account_id AS account_id, amount FROM ledger.transfer
         WHERE lot_id = p_lot AND code IN (70, 71)
        UNION ALL
        SELECT debit_account_id, -amount FROM ledger.transfer
         WHERE lot_id = p_lot AND code IN (72, 73, 74, 76) AND NOT (code = 74 AND reverses_id IS NOT NULL)
    ) AS leg GROUP BY leg.account_id HAVING sum(leg.amount) > 0
$$;

-- A dispute ends. Won: everything held goes back. Lost, whole or in part: the loss is taken as the
-- head of this file says. p_cover: whether the payer's other bought coins are burned for it.
-- p_recourse: 'none' leaves creators alone, 'unreleased_only' takes what still waits, 'full' all.
-- When the last of the money is lost, no refund that is still on its way can be paid: the coins it
-- holds are burned for the loss like other unspent ones.
-- Answers what was taken from where. Refuses: not_disputed. Lock classes: wallet, the lot's money
-- (which recognition locks too, and nothing after it), the creators' diamond accounts.
CREATE OR REPLACE FUNCTION ledger.resolve_dispute(
    p_op uuid, p_purchase uuid, p_lost_minor bigint, p_fee_minor bigint, p_cover boolean, p_recourse text, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v record;
    v_lot ledger.lot;
    v_money ledger.lot_money;
    v_issued bigint := ledger.system_account(100, 1);
    v_held bigint;
    v_kept bigint;
    v_burned bigint;
    v_covered bigint := 0;
    v_is_whole boolean;
    v_left bigint;
    v_result jsonb;
    v_lost_minor bigint;
BEGIN
    IF p_recourse NOT IN ('none', 'unreleased_only', 'full') OR p_lost_minor < 0 OR p_fee_minor < 0 THEN
        RAISE EXCEPTION 'unknown recourse % or an amount below zero', p_recourse USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v FROM ledger.lock_lot(p_purchase);
    v_lot := v.lot;
    v_outcome := ledger.begin_operation(p_op, v_lot.home_id, 0, 71, jsonb_build_object(
        'purchase', p_purchase, 'lost_minor', p_lost_minor, 'fee_minor', p_fee_minor,
        'cover', p_cover, 'recourse', p_recourse), p_memo, 'purchase:' || p_purchase);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    IF v_lot.state <> 1 THEN
        RETURN ledger.refuse(p_op, 'not_disputed');
    END IF;
    -- What went back before by a refund is not taken from anybody again: where the payer's bank takes
    -- it all the same, the platform bears it.
    v_money := ledger.lot_money_of(v_lot.id);
    v_lost_minor := least(p_lost_minor, v_money.gross_minor - v_money.returned_minor);
    SELECT coalesce(sum(amount), 0) INTO v_held FROM ledger.disputed(v_lot.id) WHERE account_id = v.hold;
    v_left := ledger.coins_of(v_lot, v_lost_minor);
    v_burned := least(v_held, v_left);
    v_kept := v_held - v_burned;
    v_left := v_left - v_burned;
    v_is_whole := v_lost_minor > 0 AND v_money.returned_minor + v_lost_minor = v_money.gross_minor;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
    SELECT p_op, v_lot.home_id, leg.code, 1, v.hold, leg.credit, leg.amount, v_lot.id
      FROM (VALUES (74, v_issued, v_burned), (72, v.wallet, v_kept)) AS leg (code, credit, amount)
     WHERE leg.amount > 0;
    IF v_is_whole AND v_left > 0 THEN
        v_burned := v_burned + ledger.burn_refunds(p_op, v_lot, v.hold, v_left);
        v_left := v_left - (v_burned - (v_held - v_kept));
    END IF;
    UPDATE ledger.lot
       SET state = CASE WHEN v_is_whole AND v_kept = 0 AND NOT EXISTS (SELECT 1 FROM ledger.in_refunds(v_lot.id)) THEN 2 ELSE 0 END
     WHERE id = v_lot.id;
    IF p_cover AND v_left > 0 THEN
        v_covered := ledger.take_cover(p_op, v_lot, v.wallet, v_left);
        v_left := v_left - v_covered;
    END IF;
    v_result := ledger.take_diamonds(p_op, v_lot, v_left, p_recourse);
    v_left := v_left - (v_result ->> 'coins')::bigint;
    IF v_left > 0 THEN
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, v_lot.home_id, 77, 1, ledger.open_account(v_lot.home_id, 113, 1), v_issued, v_left, v_lot.id);
    END IF;
    PERFORM ledger.book_loss(p_op, v_lot, v_burned, v_lost_minor, p_lost_minor - v_lost_minor, p_fee_minor);
    RETURN ledger.finish(p_op, jsonb_build_object(
        'lost_minor', v_lost_minor, 'beyond_minor', p_lost_minor - v_lost_minor, 'burned', v_burned, 'given_back', v_kept, 'covered', v_covered,
        'traced', (v_result ->> 'coins')::bigint, 'owed', v_left, 'diamonds', v_result -> 'diamonds',
        'debt', v_result -> 'debt', 'creators', v_result -> 'creators'));
END $$;

-- Burn coins of a lot that wait for refunds, oldest first, at most p_coins. Answers how many.
CREATE OR REPLACE FUNCTION ledger.burn_refunds(p_op uuid, p_lot ledger.lot, p_hold bigint, p_coins bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_waiting record;
    v_left bigint := p_coins;
BEGIN
    FOR v_waiting IN SELECT * FROM ledger.in_refunds((p_lot).id) ORDER BY transfer_id LOOP
        EXIT WHEN v_left = 0;
        INSERT INTO ledger.transfer
            (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id, reverses_id)
        VALUES (p_op, (p_lot).home_id, 74, 1, p_hold, ledger.system_account(100, 1),
                least(v_left, v_waiting.coins), (p_lot).id, v_waiting.transfer_id);
        v_left := v_left - least(v_left, v_waiting.coins);
    END LOOP;
    RETURN p_coins - v_left;
END $$;

-- Burn other good bought coins of the payer for a loss, oldest lots first. Answers how many.
CREATE OR REPLACE FUNCTION ledger.take_cover(p_op uuid, p_lot ledger.lot, p_wallet bigint, p_coins bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_other record;
    v_take bigint;
    v_left bigint := p_coins;
BEGIN
    FOR v_other IN
        SELECT id, remaining FROM ledger.lot
         WHERE account_id = p_wallet AND state = 0 AND remaining > 0 AND purchase_id IS NOT NULL AND id <> (p_lot).id
         ORDER BY id
    LOOP
        EXIT WHEN v_left = 0;
        v_take := least(v_left, v_other.remaining);
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, (p_lot).home_id, 75, 1, p_wallet, ledger.system_account(100, 1), v_take, v_other.id);
        INSERT INTO ledger.lot_cover (lot_id, cover_lot_id, coins, op_id) VALUES ((p_lot).id, v_other.id, v_take, p_op);
        v_left := v_left - v_take;
    END LOOP;
    RETURN p_coins - v_left;
END $$;

-- Take back the diamonds of p_coins, newest gift first; what the dispute held and is not taken goes
-- to the creators' available. Each leg names the gift's transfer that it reverses. What an account's
-- gifts take stands in a row: first what the dispute holds there, then what is available, then debt
-- (which no recourse but 'full' makes).
CREATE OR REPLACE FUNCTION ledger.take_diamonds(p_op uuid, p_lot ledger.lot, p_coins bigint, p_recourse text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_issued bigint := ledger.system_account(200, 2);
    v_taken jsonb;
BEGIN
    PERFORM ledger.lock_creators((p_lot).id, ARRAY[211, 212, 213]);
    WITH gift AS MATERIALIZED (
        SELECT r.transfer_id, r.account_id, r.share, r.coins, a.owner_id, a.card_id
          FROM ledger.reach((p_lot).id) r JOIN ledger.account a ON a.id = r.account_id
         WHERE p_recourse <> 'none'
    ), holder AS MATERIALIZED (
        SELECT g.account_id, d.id AS disputed_id, v.id AS available_id, o.id AS debt_id,
               coalesce(held.amount, 0) AS held, b.credits - b.debits AS available
          FROM (SELECT DISTINCT account_id, owner_id, card_id FROM gift) g
          JOIN ledger.account d ON d.owner_id = g.owner_id AND d.code = 212 AND d.unit = 2 AND d.card_id = g.card_id AND d.hold_class = 0
          JOIN ledger.account v ON v.owner_id = g.owner_id AND v.code = 211 AND v.unit = 2 AND v.card_id = g.card_id AND v.hold_class = 0
          JOIN ledger.account o ON o.owner_id = g.owner_id AND o.code = 213 AND o.unit = 2 AND o.card_id = 0 AND o.hold_class = 0
          JOIN ledger.balance b ON b.account_id = v.id
          LEFT JOIN ledger.disputed((p_lot).id) held ON held.account_id = d.id
    ), bounded AS (
        SELECT g.*, h.disputed_id, h.available_id, h.debt_id, h.held, h.available,
               CASE p_recourse WHEN 'full' THEN g.coins
                    ELSE least(g.coins, greatest(0, h.held / g.share   -- floor: never more than what waits
                         - sum(g.coins) OVER (PARTITION BY h.disputed_id ORDER BY g.transfer_id DESC) + g.coins)) END AS most
          FROM gift g JOIN holder h USING (account_id)
    ), take AS (
        SELECT *, (share * least(most, p_coins - sum(most) OVER (ORDER BY transfer_id DESC) + most))::bigint AS diamonds FROM bounded
    ), placed AS MATERIALIZED (
        SELECT *, sum(diamonds) OVER (PARTITION BY disputed_id ORDER BY transfer_id DESC) AS upto
          FROM take WHERE diamonds > 0
    ), leg AS MATERIALIZED (
        SELECT placed.transfer_id, placed.owner_id, part.*
          FROM placed CROSS JOIN LATERAL (VALUES
            (1, disputed_id, least(upto, held) - least(upto - diamonds, held)),
            (2, available_id, least(upto, held + available) - greatest(upto - diamonds, held)),
            (3, debt_id, upto - greatest(upto - diamonds, held + available))) AS part (place, account_id, amount)
         WHERE part.amount > 0
    ), posted AS (
        INSERT INTO ledger.transfer
            (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id, reverses_id)
        SELECT p_op, (p_lot).home_id, 76, 2, account_id, v_issued, amount, (p_lot).id, transfer_id
          FROM leg ORDER BY transfer_id DESC, place
    )
    SELECT jsonb_build_object(
        'coins', (SELECT coalesce(sum(diamonds / share), 0) FROM placed),
        'diamonds', (SELECT coalesce(sum(diamonds), 0) FROM placed),
        'debt', (SELECT coalesce(sum(amount), 0) FROM leg WHERE place = 3),
        'creators', (SELECT coalesce(jsonb_object_agg(owner_id, diamonds), '{}')
                       FROM (SELECT owner_id, sum(diamonds) AS diamonds FROM placed GROUP BY owner_id) AS by_creator)
    ) INTO v_taken;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
    SELECT p_op, (p_lot).home_id, 73, 2, rest.account_id, ledger.open_account(a.owner_id, 211, 2, a.card_id),
           rest.amount, (p_lot).id
      FROM ledger.disputed((p_lot).id) AS rest
      JOIN ledger.account a ON a.id = rest.account_id AND a.code = 212;
    RETURN v_taken;
END $$;

-- Book the money of a loss. Of the coins burned unspent, their net leaves deferred revenue; their
-- tax share leaves tax; the rest was earned already and is the platform's loss, and so is what was
-- taken beyond what was left of the payment. Locks the lot's money.
CREATE OR REPLACE FUNCTION ledger.book_loss(
    p_op uuid, p_lot ledger.lot, p_burned bigint, p_lost_minor bigint, p_beyond_minor bigint, p_fee_minor bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_money ledger.lot_money := ledger.lot_money_of((p_lot).id);
    v_unit integer := (p_lot).cash_unit;
    v_clearing bigint := ledger.system_account(300, v_unit);
    v_tax bigint;
    v_net bigint;
BEGIN
    v_tax := coalesce(floor((p_lot).tax_minor::numeric * (v_money.returned_minor + p_lost_minor) / nullif((p_lot).gross_minor, 0)), 0);
    v_tax := greatest(0, least(v_tax - v_money.returned_tax_minor, p_lost_minor));   -- parts before it were rounded down
    SELECT least(r.net_minor, p_lost_minor - v_tax, v_money.net_minor - v_money.returned_net_minor - v_money.recognised_minor)
      INTO v_net FROM ledger.refund_value((p_lot).purchase_id, p_burned) AS r;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
    SELECT p_op, (p_lot).home_id, leg.code, v_unit, ledger.system_account(leg.debit, v_unit), v_clearing, leg.amount, (p_lot).id
      FROM (VALUES (63, 302, v_net), (64, 306, v_tax), (87, 307, p_lost_minor - v_tax - v_net), (89, 307, p_beyond_minor), (88, 305, p_fee_minor))
           AS leg (code, debit, amount)
     WHERE leg.amount > 0;
    UPDATE ledger.lot_money
       SET returned_coins = returned_coins + p_burned, returned_minor = returned_minor + p_lost_minor,
           returned_net_minor = returned_net_minor + v_net, returned_tax_minor = returned_tax_minor + v_tax
     WHERE lot_id = (p_lot).id;
END $$;

-- Coins that a payer owes are paid from their wallet, oldest lots first. Answers how many.
-- Refuses: nothing_owed. Lock class: wallet.
CREATE OR REPLACE FUNCTION ledger.repay_coins(p_op uuid, p_payer bigint, p_memo jsonb) RETURNS ledger.outcome
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_wallet bigint := ledger.open_account(p_payer, 110, 1);
    v_debt bigint := ledger.open_account(p_payer, 113, 1);
    v_lot record;
    v_owed bigint;
    v_paid bigint := 0;
BEGIN
    v_outcome := ledger.begin_operation(p_op, p_payer, 0, 72, jsonb_build_object('payer', p_payer), p_memo, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    PERFORM 1 FROM ledger.balance WHERE account_id IN (v_wallet, v_debt) ORDER BY account_id FOR NO KEY UPDATE;
    SELECT debits - credits INTO v_owed FROM ledger.balance WHERE account_id = v_debt;
    FOR v_lot IN SELECT id, remaining FROM ledger.lot
                  WHERE account_id = v_wallet AND remaining > 0 AND state = 0 ORDER BY id LOOP
        EXIT WHEN v_owed = v_paid;
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, p_payer, 78, 1, v_wallet, v_debt, least(v_owed - v_paid, v_lot.remaining), v_lot.id);
        v_paid := v_paid + least(v_owed - v_paid, v_lot.remaining);
    END LOOP;
    IF v_paid = 0 THEN
        RETURN ledger.refuse(p_op, 'nothing_owed');
    END IF;
    RETURN ledger.finish(p_op, jsonb_build_object('paid', v_paid, 'owed', v_owed - v_paid));
END $$;
