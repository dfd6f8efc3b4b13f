-- Gifts: coins leave the payer's lots, oldest first, and become diamonds of the creator.
--
-- Promise: a gift locks its payer's wallet and nothing else that anyone shares. The creator's side
-- is only appended to, so a popular creator is as fast as a quiet one. Both legs name the lot that
-- paid, so every diamond leads back to a payment.

-- Post one gift, or one tick of a combo. Diamonds are coins x the share of the rate card in force,
-- exact in thousandths. Refuses (and stores the refusal): insufficient_coins, no_rate_card.
CREATE FUNCTION ledger.gift(
    p_op uuid, p_payer bigint, p_creator bigint, p_coins bigint, p_actor bigint, p_context text, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_request jsonb := jsonb_build_object('payer', p_payer, 'creator', p_creator, 'coins', p_coins, 'context', p_context);
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
    -- One statement: write the operation, and only if it is new lock the wallet and read it.
    -- Lock class: wallet. The row read is the one locked; its lots are read in a later statement.
    WITH started AS (
        INSERT INTO ledger.operation (id, home_id, actor_id, kind, card_id, request, memo, context)
        SELECT p_op, p_payer, p_actor, 20,
               (SELECT id FROM ledger.rate_card WHERE effective_at <= clock_timestamp() ORDER BY effective_at DESC LIMIT 1),
               v_request, p_memo, p_context
          FROM ledger.fold_state WHERE pg_current_xact_id() >= horizon
        ON CONFLICT (id) DO NOTHING
        RETURNING card_id
    )
    SELECT started.card_id, wallet.account_id, coalesce(wallet.coins, 0) INTO v_card, v_wallet, v_have
      FROM started LEFT JOIN LATERAL (
          SELECT b.account_id, b.credits - b.debits AS coins
            FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id
           WHERE a.owner_id = p_payer AND a.code = 110 AND a.unit = 1 AND a.card_id = 0 AND a.hold_class = 0
             FOR NO KEY UPDATE OF b
      ) AS wallet ON true;
    IF NOT FOUND THEN
        RETURN ledger.earlier_outcome(p_op, p_actor, 20, v_request);
    END IF;
    IF v_have < p_coins THEN
        RETURN ledger.refuse(p_op, 'insufficient_coins', jsonb_build_object('balance', v_have));
    END IF;
    IF v_card IS NULL THEN
        RETURN ledger.refuse(p_op, 'no_rate_card');
    END IF;
    FOR v_lot IN
        SELECT lot.id, lot.remaining, lot.hold_class, pending.id AS pending_id, card.diamonds_per_coin_milli AS share
          FROM ledger.lot
          JOIN ledger.rate_card card ON card.id = v_card
          LEFT JOIN ledger.account pending
            ON pending.owner_id = p_creator AND pending.code = 210 AND pending.unit = 2
           AND pending.card_id = v_card AND pending.hold_class = lot.hold_class
         WHERE lot.account_id = v_wallet AND lot.remaining > 0 AND lot.state = 0
         ORDER BY lot.id
    LOOP
        v_take := least(v_left, v_lot.remaining);
        INSERT INTO ledger.transfer
            (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES
            (p_op, p_payer, 20, 1, v_wallet, 4098, v_take, v_lot.id),
            (p_op, p_payer, 21, 2, 8196,
             coalesce(v_lot.pending_id, ledger.open_account(p_creator, 210, 2, v_card, v_lot.hold_class)),
             v_take * v_lot.share, v_lot.id);
        v_left := v_left - v_take;
        EXIT WHEN v_left = 0;
    END LOOP;
    IF v_left > 0 THEN
        RAISE EXCEPTION 'wallet % holds coins that no good lot accounts for', v_wallet;
    END IF;
    RETURN ROW(true, false, NULL, jsonb_build_object('balance', v_have - p_coins, 'card', v_card))::ledger.outcome;
END $$;

-- Post many gifts in one call: [{op, payer, creator, coins, actor, context, memo}], one outcome each.
-- They are taken in the order of their payers, so that two batches cannot wait for each other.
CREATE FUNCTION ledger.post_gifts(p_gifts jsonb)
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
