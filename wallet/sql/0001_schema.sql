-- The ledger's tables.
--
-- Promise: a transfer moves one amount of one unit from one account to another, so it cannot be
-- unbalanced; transfers and operations are only ever added; balances and what is left of a lot are
-- written by the transfer trigger alone, so they equal the sum of the transfers by construction.

CREATE SCHEMA ledger;

CREATE TABLE ledger.unit (
    id smallint PRIMARY KEY,          -- 1 coins, 2 diamonds, otherwise the ISO 4217 number
    code text NOT NULL UNIQUE,
    scale smallint NOT NULL CHECK (scale BETWEEN 0 AND 4)
);

-- What kinds of account exist. A locked account ('L') moves its balance row inside the transaction
-- and cannot pass its floor; a folded one ('F') is only appended to and is summed later by fold().
CREATE TABLE ledger.account_kind (
    code smallint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    mode "char" NOT NULL CHECK (mode IN ('L', 'F')),
    sign smallint NOT NULL CHECK (sign IN (1, -1)),   -- +1: grows by credits, -1: by debits
    floor bigint,
    CHECK ((mode = 'L') = (floor IS NOT NULL))
);

-- An account's number says what it is: serial x 2048 + unit x 2 + 1 if locked. So a transfer of the
-- wrong unit is refused, and a balance found, without looking the account up.
-- Serials below 1000 (numbers below 2,048,000) are the platform's own accounts. They sit in most
-- transfers and are never listed row by row, so the indexes of ledger.transfer leave them out.
CREATE SEQUENCE ledger.system_account_serial MAXVALUE 999;
CREATE SEQUENCE ledger.account_serial START 1000;

CREATE TABLE ledger.account (
    id bigint PRIMARY KEY,
    owner_id bigint NOT NULL,                          -- a person; 0 is the platform
    home_id bigint NOT NULL GENERATED ALWAYS AS (owner_id) STORED,
    code smallint NOT NULL REFERENCES ledger.account_kind,
    unit smallint NOT NULL REFERENCES ledger.unit,
    card_id integer NOT NULL DEFAULT 0,                -- rate card of diamonds; 0 where none applies
    hold_class smallint NOT NULL DEFAULT 0,            -- payment class of pending diamonds; 0: none
    mode "char" NOT NULL,
    sign smallint NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT account_number CHECK (
        (id >> 1) & 1023 = unit AND (id & 1 = 1) = (mode = 'L') AND (owner_id = 0) = (id < 2048000)),
    CONSTRAINT account_key UNIQUE (owner_id, code, unit, card_id, hold_class)
);

-- One row per locked account. Nothing references it by key: a reference would take row locks on
-- the hottest rows there are. Its floor is kept by the transfer trigger, its only writer, and not by a
-- CHECK: PostgreSQL reads a CHECK from its text again in every statement (a tenth of a gift's time).
CREATE TABLE ledger.balance (
    account_id bigint PRIMARY KEY,
    sign smallint NOT NULL,
    floor bigint NOT NULL,
    debits bigint NOT NULL DEFAULT 0,
    credits bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    wallet_of bigint UNIQUE                            -- whose wallet it is; NULL for every other account
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01);

-- A rate card says what a coin earns and what a diamond is worth. Rows are never changed.
CREATE TABLE ledger.rate_card (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    diamonds_per_coin_milli integer NOT NULL CHECK (diamonds_per_coin_milli > 0),
    diamond_usd numeric(12, 6) NOT NULL CHECK (diamond_usd > 0),
    hold_days jsonb NOT NULL,                          -- {"<hold class>": days}, one for every class; "0": first payouts
    notice_days integer NOT NULL CHECK (notice_days >= 0),
    announced_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    announced_by bigint NOT NULL,
    CONSTRAINT rate_card_effective_at_key UNIQUE (effective_at)
);

-- The operation's id is made by the client before its first try and is the idempotency key. The
-- outcome is stored, a refusal too, so asking again can only give the first answer.
CREATE TABLE ledger.operation (
    id uuid PRIMARY KEY,
    home_id bigint NOT NULL,                           -- whose operation it is: payer or creator
    actor_id bigint NOT NULL,                          -- who asked for it; 0 is the platform
    kind smallint NOT NULL,
    is_refused boolean NOT NULL DEFAULT false,
    card_id integer,
    request jsonb NOT NULL,                            -- compared when the id comes again
    memo jsonb,                                        -- frozen words for histories; not compared
    context text,                                      -- where it happened, in the caller's terms
    result jsonb,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Keyed by operation first: nobody looks for a transfer by its number alone. No foreign keys to
-- account: they cost a popular creator 28 % of its speed (measured); the trigger checks instead.
CREATE TABLE ledger.transfer (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    debit_account_id bigint NOT NULL,
    credit_account_id bigint NOT NULL,
    amount bigint NOT NULL,
    lot_id bigint,                                     -- the purchase that paid for what moves
    reverses_id bigint,
    home_id bigint NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    op_id uuid NOT NULL,
    code smallint NOT NULL,
    unit smallint NOT NULL,
    PRIMARY KEY (op_id, id)
);
CREATE INDEX transfer_debit ON ledger.transfer (debit_account_id, id) WHERE debit_account_id >= 2048000;
CREATE INDEX transfer_credit ON ledger.transfer (credit_account_id, id) WHERE credit_account_id >= 2048000;
-- A gift's coin leg is found through its diamond leg, so the lot's index needs only one of them.
CREATE INDEX transfer_lot ON ledger.transfer (lot_id, id) WHERE lot_id IS NOT NULL AND code <> 20;
CREATE INDEX transfer_reverses ON ledger.transfer (reverses_id) WHERE reverses_id IS NOT NULL;
CREATE INDEX transfer_xid ON ledger.transfer (xid);

-- A lot is what one payment bought. hold_class says how long what it funds must wait. What is left of
-- it stays between nothing and all: the transfer trigger sees to that, as to the floors of balances.
CREATE TABLE ledger.lot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    home_id bigint NOT NULL,
    purchase_id uuid UNIQUE,                           -- NULL: given by staff, not bought
    amount bigint NOT NULL,
    remaining bigint NOT NULL DEFAULT 0,
    gross_minor bigint NOT NULL DEFAULT 0,
    tax_minor bigint NOT NULL DEFAULT 0,
    fee_minor bigint NOT NULL DEFAULT 0,
    cash_unit smallint REFERENCES ledger.unit,
    hold_class smallint NOT NULL,
    state smallint NOT NULL DEFAULT 0,                 -- 0 good, 1 disputed, 2 lost
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX lot_open ON ledger.lot (account_id, id) WHERE remaining > 0;
CREATE INDEX lot_account ON ledger.lot (account_id, id);

-- How far folding has come: every transaction below the horizon has ended, so no transfer can
-- appear below it any more. One row.
CREATE TABLE ledger.fold_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    horizon xid8 NOT NULL,
    folded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ledger.folded (
    account_id bigint PRIMARY KEY,
    debits bigint NOT NULL DEFAULT 0,
    credits bigint NOT NULL DEFAULT 0
);

-- An exact range of transactions. The seal chains each closed period to the one before it.
CREATE TABLE ledger.period (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid_from xid8 NOT NULL,
    xid_to xid8,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    transfers bigint,
    sums jsonb,
    seal bytea,
    CONSTRAINT period_seal_length CHECK (seal IS NULL OR length(seal) = 32),
    CONSTRAINT period_closed CHECK ((xid_to IS NULL) = (closed_at IS NULL))
);
CREATE UNIQUE INDEX period_one_open ON ledger.period ((true)) WHERE xid_to IS NULL;

-- What one period brought to one pending account, and what became of it.
CREATE TABLE ledger.bucket (
    period_id integer NOT NULL REFERENCES ledger.period,
    account_id bigint NOT NULL,
    home_id bigint NOT NULL,
    amount bigint NOT NULL DEFAULT 0,
    clawed bigint NOT NULL DEFAULT 0 CHECK (clawed >= 0),
    released bigint NOT NULL DEFAULT 0 CHECK (released >= 0),
    release_at timestamptz,
    release_op uuid NOT NULL DEFAULT gen_random_uuid(),
    done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (period_id, account_id),
    CONSTRAINT bucket_bounds CHECK (clawed + released <= amount)
);
CREATE INDEX bucket_due ON ledger.bucket (release_at) WHERE NOT done;
CREATE INDEX bucket_account ON ledger.bucket (account_id, period_id);

INSERT INTO ledger.unit (id, code, scale) VALUES
    (1, 'COIN', 0), (2, 'DIA', 3),
    (36, 'AUD', 2), (124, 'CAD', 2), (356, 'INR', 2), (392, 'JPY', 0), (404, 'KES', 2),
    (410, 'KRW', 0), (414, 'KWD', 3), (484, 'MXN', 2), (604, 'PEN', 2), (704, 'VND', 0),
    (756, 'CHF', 2), (784, 'AED', 2), (826, 'GBP', 2), (840, 'USD', 2), (978, 'EUR', 2),
    (986, 'BRL', 2);

INSERT INTO ledger.account_kind (code, name, mode, sign, floor) VALUES
    (100, 'coin_issued', 'F', -1, NULL),
    (101, 'coin_spent', 'F', 1, NULL),
    (109, 'coin_adjustment', 'F', -1, NULL),
    (110, 'wallet', 'L', 1, 0),
    (112, 'coin_hold', 'L', 1, 0),
    (113, 'coin_debt', 'L', -1, 0),
    (200, 'diamond_issued', 'F', -1, NULL),
    (201, 'diamond_settled', 'F', 1, NULL),
    (209, 'diamond_adjustment', 'F', -1, NULL),
    (210, 'diamond_pending', 'F', 1, NULL),
    (211, 'diamond_available', 'L', 1, 0),
    (212, 'diamond_disputed', 'L', 1, 0),
    (213, 'diamond_debt', 'L', -1, 0),
    (300, 'provider_clearing', 'F', -1, NULL),
    (301, 'bank', 'F', -1, NULL),
    (302, 'deferred_revenue', 'F', 1, NULL),
    (303, 'gift_revenue', 'F', 1, NULL),
    (304, 'creator_cost', 'F', -1, NULL),
    (305, 'provider_fee', 'F', -1, NULL),
    (306, 'tax_payable', 'F', 1, NULL),
    (307, 'chargeback_loss', 'F', -1, NULL),
    (308, 'payout_fee', 'F', -1, NULL),
    (310, 'cash_payable', 'L', 1, 0),
    (311, 'cash_in_payout', 'L', 1, 0);

INSERT INTO ledger.fold_state (horizon) VALUES (pg_snapshot_xmin(pg_current_snapshot()));
INSERT INTO ledger.period (xid_from) SELECT horizon FROM ledger.fold_state;

-- What a posting answers. A replay has the outcome of the first try.
CREATE TYPE ledger.outcome AS (
    done boolean,
    replayed boolean,
    refusal text,
    result jsonb
);
