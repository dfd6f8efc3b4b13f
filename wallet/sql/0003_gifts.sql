-- Gifts: coins leave the payer's lots, oldest first, and become diamonds of the creator.
--
-- Promise: a gift locks its payer's wallet and nothing else that anyone shares. The creator's side
-- is only appended to, so a popular creator is as fast as a quiet one. Both legs name the lot that
-- paid, so every diamond leads back to a payment.

-- Post one gift, or one tick of a combo. Diamonds are coins x the share of the rate card in force,
-- exact in thousandths. Refuses (and stores the refusal): insufficient_coins, no_rate_card.
CREATE OR REPLACE FUNCTION ledger.gift(
    p_op uuid, p_payer bigint, p_creator bigint, p_coins bigint, p_actor bigint, p_context text, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_request jsonb := jsonb_build_object('payer', p_payer, 'creator', p_creator, 'coins', p_coins, 'context', p_context);
    v_outcome ledger.outcome;
    v_card integer;
    v_share bigint;
    v_wallet bigint;
    v_have bigint;
    v_left bigint := p_coins;
    v_take bigint;
    v_lot record;
BEGIN
    IF p_coins <= 0 OR p_payer = p_creator THEN
        RAISE EXCEPTION 'a gift is of at least one coin and to somebody else'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gift_parties';
    END IF;
    -- No card is found either where this ledger was restored and not rebased (see begin_operation).
    SELECT id, diamonds_per_coin_milli INTO v_card, v_share FROM ledger.rate_card
     WHERE effective_at <= clock_timestamp() AND pg_current_xact_id() >= (SELECT horizon FROM ledger.fold_state)
     ORDER BY effective_at DESC LIMIT 1;
    IF v_card IS NULL THEN
        v_outcome := ledger.begin_operation(p_op, p_payer, p_actor, 20, v_request, p_memo, p_context);
        IF v_outcome.done IS NULL THEN
            RETURN ledger.refuse(p_op, 'no_rate_card');
        END IF;
        RETURN v_outcome;
    END IF;
    INSERT INTO ledger.operation (id, home_id, actor_id, kind, card_id, request, memo, context)
    VALUES (p_op, p_payer, p_actor, 20, v_card, v_request, p_memo, p_context)
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN ledger.earlier_outcome(p_op, p_actor, 20, v_request);
    END IF;
    -- Lock class: wallet. The row read is the one locked; its lots are read in a later statement.
    SELECT account_id, credits - debits INTO v_wallet, v_have FROM ledger.balance
     WHERE wallet_of = p_payer FOR NO KEY UPDATE;
    IF NOT FOUND OR v_have < p_coins THEN
        RETURN ledger.refuse(p_op, 'insufficient_coins', jsonb_build_object('balance', coalesce(v_have, 0)));
    END IF;
    WHILE v_left > 0 LOOP
        SELECT lot.id, lot.remaining, lot.hold_class, pending.id AS pending_id INTO v_lot
          FROM ledger.lot
          LEFT JOIN ledger.account pending
            ON pending.owner_id = p_creator AND pending.code = 210 AND pending.unit = 2
           AND pending.card_id = v_card AND pending.hold_class = lot.hold_class
         WHERE lot.account_id = v_wallet AND lot.remaining > 0 AND lot.state = 0
         ORDER BY lot.id LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'wallet % holds coins that no good lot accounts for', v_wallet;
        END IF;
        v_take := least(v_left, v_lot.remaining);
        INSERT INTO ledger.transfer
            (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES
            (p_op, p_payer, 20, 1, v_wallet, 4098, v_take, v_lot.id),
            (p_op, p_payer, 21, 2, 8196,
             coalesce(v_lot.pending_id, ledger.open_account(p_creator, 210, 2, v_card, v_lot.hold_class)),
             v_take * v_share, v_lot.id);
        v_left := v_left - v_take;
    END LOOP;
    RETURN ROW(true, false, NULL, jsonb_build_object('balance', v_have - p_coins, 'card', v_card))::ledger.outcome;
END $$;

-- Post many gifts in one call: [{op, payer, creator, coins, actor, context, memo}], one outcome each.
-- They are taken in the order of their payers, so that two batches cannot wait for each other.
CREATE OR REPLACE FUNCTION ledger.post_gifts(p_gifts jsonb)
RETURNS TABLE (op uuid, done boolean, replayed boolean, refusal text, result jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_gift record;
    v_outcome ledger.outcome;
BEGIN
    FOR v_gift IN
        SELECT * FROM jsonb_to_recordset(p_gifts) AS g
            (op uuid, payer bigint, creator bigint, coins bigint, actor bigint, context text, memo jsonb)
         ORDER BY g.payer, g.op
    LOOP
        v_outcome := ledger.gift(v_gift.op, v_gift.payer, v_gift.creator, v_gift.coins,
                                 v_gift.actor, v_gift.context, v_gift.memo);
        op := v_gift.op;
        done := v_outcome.done;
        replayed := v_outcome.replayed;
        refusal := v_outcome.refusal;
        result := v_outcome.result;
        RETURN NEXT;
    END LOOP;
END $$;
