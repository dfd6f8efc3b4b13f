-- Settlement and payout: available diamonds become cash, and cash leaves through a rail.
--
-- Promise: diamonds are settled at their own card's value and no other; the cash is rounded once,
-- down, in the payout currency; a payout is reserved before anyone calls a rail, and is resolved
-- once: posting and voiding share one operation id, so the second of them is a conflict. What is for
-- many creators takes a fixed number of statements and, in whatever order they are given, locks in the
-- order of the lock classes, so that two calls never wait for each other in a circle. Their plans are
-- the general ones: those made for arrays of known length read whole tables (measured: twice the time).
-- Their joins name every column of account_key, and what is new is carried in arrays: the planner takes an
-- array to hold ten rows, and comparing each row with each cost more than all the rest (measured).

-- Who has something to settle or to be paid is found without reading every account there is.
CREATE INDEX IF NOT EXISTS account_to_pay ON ledger.account (owner_id) WHERE code IN (211, 310);

-- Open the accounts of that kind that are missing, one for each (owner, unit), in the order of owners.
CREATE OR REPLACE FUNCTION ledger.open_cash_accounts(p_owners bigint[], p_units integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH missing AS (
        SELECT DISTINCT asked.owner_id, asked.unit, kind.code
          FROM unnest(p_owners, p_units) AS asked (owner_id, unit)
         CROSS JOIN (VALUES (310), (311)) AS kind (code)
         WHERE NOT EXISTS (SELECT 1 FROM ledger.account a
                            WHERE a.owner_id = asked.owner_id AND a.code = kind.code AND a.unit = asked.unit
                              AND a.card_id = 0 AND a.hold_class = 0)
         ORDER BY asked.owner_id, asked.unit, kind.code
    ), opened AS (
        INSERT INTO ledger.account (id, owner_id, code, unit, mode, sign)
        SELECT nextval('ledger.account_serial') * 2048 + unit * 2 + 1, owner_id, code, unit, 'L', 1 FROM missing
        ON CONFLICT ON CONSTRAINT account_key DO NOTHING
        RETURNING id
    )
    INSERT INTO ledger.balance (account_id, sign, floor) SELECT id, 1, 0 FROM opened;
END $$;

-- Settle all available diamonds of each creator under each card asked for. p_fx is the payout
-- currency's units per US dollar. Refuses, for one of them: nothing_available.
-- Lock classes: diamond accounts by creator and card, then cash accounts by id.
DROP FUNCTION IF EXISTS ledger.settle(uuid, bigint, integer, integer, numeric, jsonb, text);
CREATE OR REPLACE FUNCTION ledger.settle(
    p_ops uuid[], p_creators bigint[], p_cards integer[], p_cash_units integer[], p_fx numeric[],
    p_memo jsonb, p_context text
) RETURNS TABLE (op uuid, done boolean, replayed boolean, refusal text, result jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_new uuid[];
    v_homes bigint[];
    v_cards integer[];
    v_units integer[];
    v_results jsonb[];
    v_settled bigint := ledger.system_account(201, 2);
BEGIN
    PERFORM 1 FROM unnest(p_creators, p_cards) AS asked (owner_id, card_id)
      JOIN ledger.account a ON a.owner_id = asked.owner_id AND a.code = 211 AND a.unit = 2
           AND a.card_id = asked.card_id AND a.hold_class = 0
      JOIN ledger.balance b ON b.account_id = a.id
     ORDER BY a.owner_id, a.card_id FOR NO KEY UPDATE OF b;
    PERFORM ledger.open_cash_accounts(p_creators, p_cash_units);
    PERFORM 1 FROM unnest(p_creators, p_cash_units) AS asked (owner_id, unit)
      JOIN ledger.account a ON a.owner_id = asked.owner_id AND a.code = 310 AND a.unit = asked.unit
           AND a.card_id = 0 AND a.hold_class = 0
      JOIN ledger.balance b ON b.account_id = a.id
     ORDER BY b.account_id FOR NO KEY UPDATE OF b;
    WITH begun AS (
        INSERT INTO ledger.operation (id, home_id, actor_id, kind, request, memo, context, is_refused, result)
        SELECT asked.id, asked.creator_id, 0, 40,
               jsonb_build_object('creator', asked.creator_id, 'card', asked.card_id,
                                  'cash_unit', asked.cash_unit, 'fx', asked.fx),
               p_memo || jsonb_build_object('card', card.name), p_context, floor(exact.minor) <= 0,
               -- the only rounding: the rest stays with the platform
               CASE WHEN floor(exact.minor) > 0
                    THEN jsonb_build_object('diamonds', held.diamonds, 'amount_minor', floor(exact.minor)::bigint,
                                            'remainder', (exact.minor - floor(exact.minor))::text)
                    ELSE jsonb_build_object('refusal', 'nothing_available', 'diamonds', held.diamonds) END
          FROM unnest(p_ops, p_creators, p_cards, p_cash_units, p_fx)
               AS asked (id, creator_id, card_id, cash_unit, fx)
          JOIN ledger.fold_state ON pg_current_xact_id() >= horizon
          JOIN ledger.rate_card card ON card.id = asked.card_id
          JOIN ledger.unit u ON u.id = asked.cash_unit AND u.id > 2
          LEFT JOIN ledger.account available ON available.owner_id = asked.creator_id AND available.code = 211
               AND available.unit = 2 AND available.card_id = asked.card_id AND available.hold_class = 0
          LEFT JOIN ledger.balance b ON b.account_id = available.id
         CROSS JOIN LATERAL (SELECT coalesce(b.credits - b.debits, 0) AS diamonds) AS held
         CROSS JOIN LATERAL (SELECT held.diamonds / 1000.0 * card.diamond_usd * asked.fx
                                    * power(10::numeric, u.scale) AS minor) AS exact
         ORDER BY asked.creator_id, asked.card_id
        ON CONFLICT (id) DO NOTHING
        RETURNING id, home_id, request, is_refused, operation.result
    )
    SELECT array_agg(id), array_agg(home_id), array_agg((request ->> 'card')::integer),
           array_agg((request ->> 'cash_unit')::integer), array_agg(CASE WHEN NOT is_refused THEN begun.result END)
      INTO v_new, v_homes, v_cards, v_units, v_results FROM begun;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    SELECT fresh.id, fresh.home_id, leg.code, leg.unit, leg.debit, leg.credit, leg.amount
      FROM unnest(v_new, v_homes, v_cards, v_units, v_results) AS fresh (id, home_id, card_id, unit, result)
      JOIN ledger.account available ON available.owner_id = fresh.home_id AND available.code = 211
           AND available.unit = 2 AND available.card_id = fresh.card_id AND available.hold_class = 0
      JOIN ledger.account payable ON payable.owner_id = fresh.home_id AND payable.code = 310
           AND payable.unit = fresh.unit AND payable.card_id = 0 AND payable.hold_class = 0
      JOIN ledger.account cost ON cost.owner_id = 0 AND cost.code = 304
           AND cost.unit = fresh.unit AND cost.card_id = 0 AND cost.hold_class = 0
     CROSS JOIN LATERAL (VALUES
         (40, 2, available.id, v_settled, (fresh.result ->> 'diamonds')::bigint),
         (41, fresh.unit, cost.id, payable.id, (fresh.result ->> 'amount_minor')::bigint)
     ) AS leg (code, unit, debit, credit, amount)
     WHERE fresh.result IS NOT NULL
     ORDER BY fresh.home_id, fresh.card_id, leg.code;
    RETURN QUERY
    SELECT asked.id, (told.outcome).done, (told.outcome).replayed, (told.outcome).refusal, (told.outcome).result
      FROM unnest(p_ops, p_creators, p_cards, p_cash_units, p_fx)
           AS asked (id, creator_id, card_id, cash_unit, fx)
      JOIN ledger.operation o ON o.id = asked.id
      LEFT JOIN unnest(v_new) AS fresh (id) ON fresh.id = asked.id
     CROSS JOIN LATERAL (SELECT CASE
         WHEN fresh.id IS NOT NULL
         THEN ROW(NOT o.is_refused, false, o.result ->> 'refusal', o.result)::ledger.outcome
         ELSE ledger.earlier_outcome(asked.id, 0::bigint, 40, jsonb_build_object(
             'creator', asked.creator_id, 'card', asked.card_id, 'cash_unit', asked.cash_unit, 'fx', asked.fx))
         END AS outcome) AS told;
END $$;

-- Reserve a payout for each creator: payable -> in payout, before anyone calls a rail. The same
-- operations as the step 'reserve' of ledger.payout. Refuses, for one of them: insufficient_cash.
-- Lock class: cash accounts by id.
CREATE OR REPLACE FUNCTION ledger.reserve_payouts(
    p_ops uuid[], p_creators bigint[], p_cash_units integer[], p_amounts_minor bigint[], p_payouts uuid[]
) RETURNS TABLE (op uuid, done boolean, replayed boolean, refusal text, result jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_new uuid[];
    v_homes bigint[];
    v_units integer[];
    v_amounts bigint[];
BEGIN
    ASSERT cardinality(p_creators) = (SELECT count(DISTINCT (c, u)) FROM unnest(p_creators, p_cash_units) AS t (c, u)),
           'one payout for each creator and currency in a call';
    PERFORM ledger.open_cash_accounts(p_creators, p_cash_units);
    PERFORM 1 FROM unnest(p_creators, p_cash_units) AS asked (owner_id, unit)
     CROSS JOIN (VALUES (310), (311)) AS kind (code)
      JOIN ledger.account a ON a.owner_id = asked.owner_id AND a.code = kind.code AND a.unit = asked.unit
           AND a.card_id = 0 AND a.hold_class = 0
      JOIN ledger.balance b ON b.account_id = a.id
     ORDER BY b.account_id FOR NO KEY UPDATE OF b;
    WITH begun AS (
        INSERT INTO ledger.operation (id, home_id, actor_id, kind, request, context, is_refused, result)
        SELECT asked.id, asked.creator_id, 0, 50, jsonb_build_object(
                   'step', 'reserve', 'creator', asked.creator_id, 'cash_unit', asked.cash_unit,
                   'amount_minor', asked.amount, 'payout', asked.payout_id),
               'payout:' || asked.payout_id, held.balance < asked.amount,
               CASE WHEN held.balance < asked.amount
                    THEN jsonb_build_object('refusal', 'insufficient_cash', 'balance', held.balance)
                    ELSE jsonb_build_object('amount_minor', asked.amount) END
          FROM unnest(p_ops, p_creators, p_cash_units, p_amounts_minor, p_payouts)
               AS asked (id, creator_id, cash_unit, amount, payout_id)
          JOIN ledger.fold_state ON pg_current_xact_id() >= horizon
          JOIN ledger.account payable ON payable.owner_id = asked.creator_id AND payable.code = 310
               AND payable.unit = asked.cash_unit AND payable.card_id = 0 AND payable.hold_class = 0
          JOIN ledger.balance b ON b.account_id = payable.id
         CROSS JOIN LATERAL (SELECT b.credits - b.debits AS balance) AS held
         ORDER BY asked.creator_id
        ON CONFLICT (id) DO NOTHING
        RETURNING id, home_id, request, is_refused
    )
    SELECT array_agg(id), array_agg(home_id), array_agg((request ->> 'cash_unit')::integer),
           array_agg(CASE WHEN NOT is_refused THEN (request ->> 'amount_minor')::bigint END)
      INTO v_new, v_homes, v_units, v_amounts FROM begun;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    SELECT fresh.id, fresh.home_id, 50, fresh.unit, payable.id, in_payout.id, fresh.amount
      FROM unnest(v_new, v_homes, v_units, v_amounts) AS fresh (id, home_id, unit, amount)
      JOIN ledger.account payable ON payable.owner_id = fresh.home_id AND payable.code = 310
           AND payable.unit = fresh.unit AND payable.card_id = 0 AND payable.hold_class = 0
      JOIN ledger.account in_payout ON in_payout.owner_id = fresh.home_id AND in_payout.code = 311
           AND in_payout.unit = fresh.unit AND in_payout.card_id = 0 AND in_payout.hold_class = 0
     WHERE fresh.amount IS NOT NULL
     ORDER BY fresh.home_id;
    RETURN QUERY
    SELECT asked.id, (told.outcome).done, (told.outcome).replayed, (told.outcome).refusal, (told.outcome).result
      FROM unnest(p_ops, p_creators, p_cash_units, p_amounts_minor, p_payouts)
           AS asked (id, creator_id, cash_unit, amount, payout_id)
      JOIN ledger.operation o ON o.id = asked.id
      LEFT JOIN unnest(v_new) AS fresh (id) ON fresh.id = asked.id
     CROSS JOIN LATERAL (SELECT CASE
         WHEN fresh.id IS NOT NULL
         THEN ROW(NOT o.is_refused, false, o.result ->> 'refusal', o.result)::ledger.outcome
         ELSE ledger.earlier_outcome(asked.id, 0::bigint, 50, jsonb_build_object(
             'step', 'reserve', 'creator', asked.creator_id, 'cash_unit', asked.cash_unit,
             'amount_minor', asked.amount, 'payout', asked.payout_id))
         END AS outcome) AS told;
END $$;

-- One step of a payout. 'reserve': payable -> in payout. 'post': in payout -> bank, less the creator's
-- fee, which is booked against what transfers cost. 'void': in payout -> payable. 'return': bank ->
-- payable, for money that came back after it was posted: what the bank was given.
-- Refuses: insufficient_cash. Lock class: the creator's cash accounts by id.
DROP FUNCTION IF EXISTS ledger.payout(uuid, text, bigint, integer, bigint, uuid, jsonb);
CREATE OR REPLACE FUNCTION ledger.payout(
    p_op uuid, p_step text, p_creator bigint, p_cash_unit integer, p_amount_minor bigint, p_fee_minor bigint,
    p_payout uuid, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_request jsonb;
    v_payable bigint;
    v_in_payout bigint;
    v_bank bigint := ledger.system_account(301, p_cash_unit);
    v_debit bigint;
    v_needed bigint;
    v_have bigint;
BEGIN
    IF p_step NOT IN ('reserve', 'post', 'void', 'return') THEN
        RAISE EXCEPTION 'unknown payout step %', p_step USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF p_fee_minor < 0 OR p_fee_minor >= p_amount_minor THEN
        RAISE EXCEPTION 'a fee of % leaves nothing of % to pay out', p_fee_minor, p_amount_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_fee';
    END IF;
    v_request := jsonb_build_object('step', p_step, 'creator', p_creator, 'cash_unit', p_cash_unit,
                                    'amount_minor', p_amount_minor, 'payout', p_payout);
    IF p_fee_minor > 0 AND p_step IN ('post', 'return') THEN
        v_request := v_request || jsonb_build_object('fee_minor', p_fee_minor);
    END IF;
    v_outcome := ledger.begin_operation(p_op, p_creator, 0, 50, v_request, p_memo, 'payout:' || p_payout);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_payable := ledger.open_account(p_creator, 310, p_cash_unit);
    v_in_payout := ledger.open_account(p_creator, 311, p_cash_unit);
    PERFORM 1 FROM ledger.balance WHERE account_id IN (v_payable, v_in_payout) ORDER BY account_id FOR NO KEY UPDATE;
    SELECT s.debit, s.needed INTO v_debit, v_needed
      FROM (VALUES ('reserve', v_payable, p_amount_minor), ('post', v_in_payout, p_amount_minor),
                   ('void', v_in_payout, p_amount_minor), ('return', v_bank, 0)) AS s (step, debit, needed)
     WHERE s.step = p_step;
    SELECT credits - debits INTO v_have FROM ledger.balance WHERE account_id = v_debit;
    IF v_have < v_needed THEN                           -- unknown (NULL) for the bank, which has no floor
        RETURN ledger.refuse(p_op, 'insufficient_cash', jsonb_build_object('balance', v_have));
    END IF;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount)
    SELECT p_op, p_creator, leg.code, p_cash_unit, leg.debit, leg.credit, leg.amount
      FROM (VALUES ('reserve', 50, v_payable, v_in_payout, p_amount_minor),
                   ('post', 51, v_in_payout, v_bank, p_amount_minor - p_fee_minor),
                   ('post', 54, v_in_payout, ledger.system_account(308, p_cash_unit), p_fee_minor),
                   ('void', 52, v_in_payout, v_payable, p_amount_minor),
                   ('return', 53, v_bank, v_payable, p_amount_minor - p_fee_minor))
           AS leg (step, code, debit, credit, amount)
     WHERE leg.step = p_step AND leg.amount > 0;
    RETURN ledger.finish(p_op, jsonb_build_object('amount_minor', p_amount_minor));
END $$;
