-- What every posting goes through: accounts, operations and the transfer trigger.
--
-- Promise: a transfer that reaches the table has two open accounts of its own unit, has moved the
-- balances of its locked accounts and what is left of its lot, and can never be changed again.
--
-- Lock classes, always in this order: payers' wallets by account id, creators' diamond accounts by
-- creator, card (a debt has none, so it comes first) and kind, cash accounts by account id,
-- fold_state, buckets by creator, card, account and period. Accounts that may be opened are opened in the
-- same order: two that open the same one wait for each other too. Only a release of many goes back to
-- an earlier class, and only to a later creator. A lot needs no lock of its own: whoever holds its
-- wallet holds it.

CREATE OR REPLACE FUNCTION ledger.forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is forbidden', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE ON ledger.transfer
    FOR EACH ROW EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER transfer_no_truncate BEFORE TRUNCATE ON ledger.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER operation_no_delete BEFORE DELETE ON ledger.operation
    FOR EACH ROW EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER operation_no_truncate BEFORE TRUNCATE ON ledger.operation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER account_no_delete BEFORE DELETE ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER account_no_truncate BEFORE TRUNCATE ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER rate_card_immutable BEFORE UPDATE OR DELETE ON ledger.rate_card
    FOR EACH ROW EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER rate_card_no_truncate BEFORE TRUNCATE ON ledger.rate_card
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.forbid();

-- An operation changes only while the transaction that wrote it is open, to note its outcome; later
-- its memo may lose words.
CREATE OR REPLACE FUNCTION ledger.guard_operation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_words CONSTANT text[] := ARRAY['from', 'from_handle', 'to', 'to_handle', 'where', 'text', 'reason'];
BEGIN
    IF (NEW.id, NEW.home_id, NEW.actor_id, NEW.kind, NEW.card_id, NEW.request, NEW.xid, NEW.recorded_at)
       IS DISTINCT FROM
       (OLD.id, OLD.home_id, OLD.actor_id, OLD.kind, OLD.card_id, OLD.request, OLD.xid, OLD.recorded_at)
       OR (OLD.xid <> pg_current_xact_id()
           AND (to_jsonb(NEW) - 'memo' IS DISTINCT FROM to_jsonb(OLD) - 'memo'
                OR NEW.memo IS NULL
                OR NOT NEW.memo <@ OLD.memo
                OR NEW.memo - v_words IS DISTINCT FROM OLD.memo - v_words))
    THEN
        RAISE EXCEPTION 'operation % has its outcome', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER operation_immutable BEFORE UPDATE ON ledger.operation
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_operation();

CREATE OR REPLACE TRIGGER account_immutable BEFORE UPDATE ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.forbid();

-- Of a lot only its state may be set, and what is left of it moves inside the transfer trigger.
CREATE OR REPLACE TRIGGER lot_no_delete BEFORE DELETE ON ledger.lot
    FOR EACH ROW EXECUTE FUNCTION ledger.forbid();
CREATE OR REPLACE TRIGGER lot_no_truncate BEFORE TRUNCATE ON ledger.lot
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.forbid();

-- The only writer of balances and of lot.remaining, and the keeper of their bounds. Row by row: simple
-- statements beat set-based ones here (measured), and a row trigger also guards rows aimed at a
-- future partition by name.
CREATE OR REPLACE FUNCTION ledger.apply_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount <= 0 OR NEW.debit_account_id = NEW.credit_account_id THEN
        RAISE EXCEPTION 'a transfer moves at least 1 between two accounts'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_amount';
    END IF;
    IF (NEW.debit_account_id >> 1) & 1023 <> NEW.unit OR (NEW.credit_account_id >> 1) & 1023 <> NEW.unit THEN
        RAISE EXCEPTION 'accounts % and % are not both of unit %', NEW.debit_account_id, NEW.credit_account_id, NEW.unit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_unit';
    END IF;
    NEW.xid := pg_current_xact_id();
    IF NEW.debit_account_id & 1 = 1 THEN
        UPDATE ledger.balance SET debits = debits + NEW.amount, version = version + 1
         WHERE account_id = NEW.debit_account_id AND sign * (credits - debits - NEW.amount) >= floor;
        IF NOT FOUND THEN
            PERFORM ledger.refuse_movement(NEW.debit_account_id, -NEW.amount);
        END IF;
        IF NEW.lot_id IS NOT NULL THEN
            UPDATE ledger.lot SET remaining = remaining - NEW.amount
             WHERE id = NEW.lot_id AND account_id = NEW.debit_account_id AND remaining >= NEW.amount;
            IF NOT FOUND THEN
                PERFORM ledger.check_lot_is_elsewhere(NEW.lot_id, NEW.debit_account_id);
            END IF;
        END IF;
    ELSIF NEW.debit_account_id >= 2048000 THEN
        PERFORM 1 FROM ledger.account WHERE id = NEW.debit_account_id;
        IF NOT FOUND THEN
            PERFORM ledger.refuse_movement(NEW.debit_account_id, -NEW.amount);
        END IF;
    END IF;
    IF NEW.credit_account_id & 1 = 1 THEN
        UPDATE ledger.balance SET credits = credits + NEW.amount, version = version + 1
         WHERE account_id = NEW.credit_account_id AND sign * (credits + NEW.amount - debits) >= floor;
        IF NOT FOUND THEN
            PERFORM ledger.refuse_movement(NEW.credit_account_id, NEW.amount);
        END IF;
        IF NEW.lot_id IS NOT NULL THEN
            UPDATE ledger.lot SET remaining = remaining + NEW.amount
             WHERE id = NEW.lot_id AND account_id = NEW.credit_account_id AND remaining + NEW.amount <= amount;
            IF NOT FOUND THEN
                PERFORM ledger.check_lot_is_elsewhere(NEW.lot_id, NEW.credit_account_id);
            END IF;
        END IF;
    ELSIF NEW.credit_account_id >= 2048000 THEN
        PERFORM 1 FROM ledger.account WHERE id = NEW.credit_account_id;
        IF NOT FOUND THEN
            PERFORM ledger.refuse_movement(NEW.credit_account_id, NEW.amount);
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- Say why a balance did not move: it would pass its floor, or there is no such account.
CREATE OR REPLACE FUNCTION ledger.refuse_movement(p_account bigint, p_amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.balance WHERE account_id = p_account) THEN
        RAISE EXCEPTION 'balance_floor: account % cannot move by %', p_account, p_amount
            USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_floor';
    END IF;
    RAISE EXCEPTION 'there is no account %', p_account
        USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_accounts';
END $$;

-- A transfer may name a lot that lies in another account (its diamonds do). One of this very account
-- that did not move would have come out of its bounds.
CREATE OR REPLACE FUNCTION ledger.check_lot_is_elsewhere(p_lot bigint, p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.lot WHERE id = p_lot AND account_id = p_account) THEN
        RAISE EXCEPTION 'lot_remaining: lot % would hold less than nothing, or more than was bought', p_lot
            USING ERRCODE = 'check_violation', CONSTRAINT = 'lot_remaining';
    END IF;
END $$;

CREATE OR REPLACE TRIGGER transfer_apply BEFORE INSERT ON ledger.transfer
    FOR EACH ROW EXECUTE FUNCTION ledger.apply_transfer();

-- The account of that key, opened if it is not there yet.
CREATE OR REPLACE FUNCTION ledger.open_account(
    p_owner bigint, p_code integer, p_unit integer, p_card integer DEFAULT 0, p_class integer DEFAULT 0
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint;
    v_kind ledger.account_kind;
BEGIN
    SELECT id INTO v_id FROM ledger.account
     WHERE owner_id = p_owner AND code = p_code AND unit = p_unit AND card_id = p_card AND hold_class = p_class;
    IF FOUND THEN
        RETURN v_id;
    END IF;
    SELECT * INTO STRICT v_kind FROM ledger.account_kind WHERE code = p_code;
    v_id := CASE WHEN p_owner = 0 THEN nextval('ledger.system_account_serial') ELSE nextval('ledger.account_serial') END
            * 2048 + p_unit * 2 + (v_kind.mode = 'L')::integer;
    INSERT INTO ledger.account (id, owner_id, code, unit, card_id, hold_class, mode, sign)
    VALUES (v_id, p_owner, p_code, p_unit, p_card, p_class, v_kind.mode, v_kind.sign)
    ON CONFLICT ON CONSTRAINT account_key DO NOTHING;
    IF NOT FOUND THEN                 -- another transaction opened it meanwhile and has committed
        SELECT id INTO STRICT v_id FROM ledger.account
         WHERE owner_id = p_owner AND code = p_code AND unit = p_unit AND card_id = p_card AND hold_class = p_class;
        RETURN v_id;
    END IF;
    IF v_kind.mode = 'L' THEN
        INSERT INTO ledger.balance (account_id, sign, floor, wallet_of)
        VALUES (v_id, v_kind.sign, v_kind.floor, CASE p_code WHEN 110 THEN p_owner END);
    END IF;
    RETURN v_id;
END $$;

CREATE OR REPLACE FUNCTION ledger.system_account(p_code integer, p_unit integer) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT id FROM ledger.account
     WHERE owner_id = 0 AND code = p_code AND unit = p_unit AND card_id = 0 AND hold_class = 0
$$;

-- Every system account exists from the start: coins and diamonds once, cash in every currency.
SELECT ledger.open_account(0, code, 1) FROM ledger.account_kind WHERE code IN (100, 101, 109) ORDER BY code;
SELECT ledger.open_account(0, code, 2) FROM ledger.account_kind WHERE code IN (200, 201, 209) ORDER BY code;
SELECT ledger.open_account(0, k.code, u.id)
  FROM ledger.account_kind k, ledger.unit u
 WHERE k.code BETWEEN 300 AND 308 AND u.id > 2 ORDER BY u.id, k.code;

-- Write the operation, or answer what its first try came to. All NULL: it is new, go on. (Ask for one
-- field: a row with any NULL in it "is not null" to nobody.)
-- Refuses to post behind the fold horizon: that happens only in a cluster that was restored
-- elsewhere and not rebased, where transfers would never be folded.
CREATE OR REPLACE FUNCTION ledger.begin_operation(
    p_op uuid, p_home bigint, p_actor bigint, p_kind integer, p_request jsonb, p_memo jsonb, p_context text
) RETURNS ledger.outcome LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger.operation (id, home_id, actor_id, kind, request, memo, context)
    SELECT p_op, p_home, p_actor, p_kind, p_request, p_memo, p_context
      FROM ledger.fold_state WHERE pg_current_xact_id() >= horizon
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN ledger.earlier_outcome(p_op, p_actor, p_kind, p_request);
END $$;

CREATE OR REPLACE FUNCTION ledger.earlier_outcome(p_op uuid, p_actor bigint, p_kind integer, p_request jsonb)
RETURNS ledger.outcome LANGUAGE plpgsql AS $$
DECLARE
    v_first ledger.operation;
BEGIN
    SELECT * INTO v_first FROM ledger.operation WHERE id = p_op;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this ledger was restored from another cluster: run "manage.py restore" to rebase it'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF v_first.actor_id <> p_actor OR v_first.kind <> p_kind OR v_first.request <> p_request THEN
        RETURN ROW(false, false, 'conflict', NULL)::ledger.outcome;
    END IF;
    RETURN ROW(NOT v_first.is_refused, true, v_first.result ->> 'refusal', v_first.result)::ledger.outcome;
END $$;

CREATE OR REPLACE FUNCTION ledger.refuse(p_op uuid, p_refusal text, p_detail jsonb DEFAULT '{}')
RETURNS ledger.outcome LANGUAGE plpgsql AS $$
DECLARE
    v_result jsonb := p_detail || jsonb_build_object('refusal', p_refusal);
BEGIN
    UPDATE ledger.operation SET is_refused = true, result = v_result WHERE id = p_op;
    RETURN ROW(false, false, p_refusal, v_result)::ledger.outcome;
END $$;

CREATE OR REPLACE FUNCTION ledger.finish(p_op uuid, p_result jsonb) RETURNS ledger.outcome LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ledger.operation SET result = p_result WHERE id = p_op;
    RETURN ROW(true, false, NULL, p_result)::ledger.outcome;
END $$;

-- Coins bought. The purchase's own operation id makes a replayed or late notice harmless, and the
-- unique purchase id of the lot makes a second credit impossible even under another operation id.
CREATE OR REPLACE FUNCTION ledger.buy(
    p_op uuid, p_buyer bigint, p_purchase uuid, p_coins bigint, p_hold_class integer,
    p_cash_unit integer, p_gross_minor bigint, p_tax_minor bigint, p_fee_minor bigint, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_wallet bigint;
    v_lot bigint;
    v_clearing bigint := ledger.system_account(300, p_cash_unit);
    v_deferred bigint := ledger.system_account(302, p_cash_unit);
BEGIN
    v_outcome := ledger.begin_operation(p_op, p_buyer, p_buyer, 10, jsonb_build_object(
        'purchase', p_purchase, 'coins', p_coins, 'hold_class', p_hold_class, 'cash_unit', p_cash_unit,
        'gross_minor', p_gross_minor, 'tax_minor', p_tax_minor, 'fee_minor', p_fee_minor), p_memo, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_wallet := ledger.open_account(p_buyer, 110, 1);
    INSERT INTO ledger.lot (account_id, home_id, purchase_id, amount, gross_minor, tax_minor, fee_minor, cash_unit, hold_class)
    VALUES (v_wallet, p_buyer, p_purchase, p_coins, p_gross_minor, p_tax_minor, p_fee_minor, p_cash_unit, p_hold_class)
    RETURNING id INTO v_lot;
    INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
    SELECT p_op, p_buyer, leg.code, leg.unit, leg.debit, leg.credit, leg.amount, v_lot
      FROM (VALUES
        (10, 1, ledger.system_account(100, 1), v_wallet, p_coins),
        (11, p_cash_unit, v_clearing, v_deferred, p_gross_minor),
        (12, p_cash_unit, v_deferred, ledger.system_account(306, p_cash_unit), p_tax_minor),
        (13, p_cash_unit, ledger.system_account(305, p_cash_unit), v_clearing, p_fee_minor)
      ) AS leg (code, unit, debit, credit, amount)
     WHERE leg.amount > 0;
    RETURN ledger.finish(p_op, jsonb_build_object('lot', v_lot));
END $$;

-- Coins given or taken back by two members of staff. Coins given form a lot that nobody paid for
-- and no refund can return; coins taken leave the newest lots first.
CREATE OR REPLACE FUNCTION ledger.adjust_coins(
    p_op uuid, p_owner bigint, p_coins bigint, p_hold_class integer,
    p_proposer bigint, p_approver bigint, p_memo jsonb
) RETURNS ledger.outcome LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome ledger.outcome;
    v_wallet bigint;
    v_adjustment bigint := ledger.system_account(109, 1);
    v_lot record;
    v_lot_id bigint;
    v_left bigint := -p_coins;
    v_have bigint;
BEGIN
    IF p_proposer = p_approver OR p_proposer = 0 OR p_approver = 0 THEN
        RAISE EXCEPTION 'an adjustment needs two people' USING ERRCODE = 'check_violation', CONSTRAINT = 'adjustment_two_people';
    END IF;
    v_outcome := ledger.begin_operation(p_op, p_owner, p_approver, 90, jsonb_build_object(
        'owner', p_owner, 'coins', p_coins, 'hold_class', p_hold_class, 'proposer', p_proposer), p_memo, NULL);
    IF v_outcome.done IS NOT NULL THEN
        RETURN v_outcome;
    END IF;
    v_wallet := ledger.open_account(p_owner, 110, 1);
    IF p_coins > 0 THEN
        INSERT INTO ledger.lot (account_id, home_id, amount, hold_class)
        VALUES (v_wallet, p_owner, p_coins, p_hold_class) RETURNING id INTO v_lot_id;
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, p_owner, 90, 1, v_adjustment, v_wallet, p_coins, v_lot_id);
        RETURN ledger.finish(p_op, jsonb_build_object('lot', v_lot_id));
    END IF;
    SELECT credits - debits INTO v_have FROM ledger.balance WHERE account_id = v_wallet FOR NO KEY UPDATE; -- wallet
    IF v_have < v_left THEN
        RETURN ledger.refuse(p_op, 'insufficient_coins', jsonb_build_object('balance', v_have));
    END IF;
    FOR v_lot IN SELECT id, remaining FROM ledger.lot
                  WHERE account_id = v_wallet AND remaining > 0 ORDER BY id DESC LOOP
        INSERT INTO ledger.transfer (op_id, home_id, code, unit, debit_account_id, credit_account_id, amount, lot_id)
        VALUES (p_op, p_owner, 91, 1, v_wallet, v_adjustment, least(v_left, v_lot.remaining), v_lot.id);
        v_left := v_left - least(v_left, v_lot.remaining);
        EXIT WHEN v_left = 0;
    END LOOP;
    RETURN ledger.finish(p_op, jsonb_build_object('taken', -p_coins));
END $$;

-- ledger.gift names these two by number on the hot path.
DO $$
BEGIN
    ASSERT ledger.system_account(101, 1) = 4098, 'coin_spent is account 4098';
    ASSERT ledger.system_account(200, 2) = 8196, 'diamond_issued is account 8196';
END $$;
