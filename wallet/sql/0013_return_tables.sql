-- What refunds, disputes and earned revenue keep beside the lots.

-- What became of the money of a lot: how many of its coins went back and how much was paid for them
-- (whole, and without tax), and what of the rest was earned. Beside the lot and not in it: gifts
-- update lots, and each CHECK there would cost every one of them.
CREATE TABLE ledger.lot_money (
    lot_id bigint PRIMARY KEY REFERENCES ledger.lot,
    home_id bigint NOT NULL,
    gross_minor bigint NOT NULL,
    net_minor bigint NOT NULL,                          -- gross without tax
    returned_coins bigint NOT NULL DEFAULT 0,
    returned_minor bigint NOT NULL DEFAULT 0,
    returned_net_minor bigint NOT NULL DEFAULT 0,       -- the part of it that was not yet earned
    returned_tax_minor bigint NOT NULL DEFAULT 0,
    spent_coins bigint NOT NULL DEFAULT 0,              -- in the periods recognised so far
    recognised_minor bigint NOT NULL DEFAULT 0,
    CONSTRAINT lot_money_returned CHECK (returned_minor BETWEEN 0 AND gross_minor),
    CONSTRAINT lot_money_earned CHECK (
        recognised_minor >= 0 AND returned_net_minor >= 0 AND recognised_minor + returned_net_minor <= net_minor)
);

-- Coins of one lot that were burned for the loss of another: they stand for gifts that lot paid for,
-- so a loss of theirs is followed on to those gifts.
CREATE TABLE ledger.lot_cover (
    lot_id bigint NOT NULL REFERENCES ledger.lot,       -- whose loss it was
    cover_lot_id bigint NOT NULL REFERENCES ledger.lot, -- whose coins covered it
    coins bigint NOT NULL CHECK (coins > 0),
    op_id uuid NOT NULL,
    PRIMARY KEY (lot_id, cover_lot_id, op_id)
);
CREATE INDEX lot_cover_by ON ledger.lot_cover (cover_lot_id);

-- How far revenue was recognised: every period up to this one. One row.
CREATE TABLE ledger.recognition_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    period_id integer NOT NULL DEFAULT 0
);
INSERT INTO ledger.recognition_state DEFAULT VALUES;

-- The smallest amount that can be charged or sent back: three-decimal currencies move in tens
-- (docs.stripe.com/currencies, 2026-11).
ALTER TABLE ledger.unit ADD COLUMN step smallint NOT NULL DEFAULT 1 CHECK (step > 0);
UPDATE ledger.unit SET step = 10 WHERE scale = 3 AND id > 2;
