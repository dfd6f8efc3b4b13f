-- What 0001 says now and did not say when it first landed; nothing is left to do on a new ledger.
-- The floors of balances and the bounds of lots moved from CHECKs into the transfer trigger, and a
-- wallet's balance is found by its owner.

ALTER TABLE ledger.balance DROP CONSTRAINT IF EXISTS balance_floor, ADD COLUMN IF NOT EXISTS wallet_of bigint UNIQUE;
ALTER TABLE ledger.lot DROP CONSTRAINT IF EXISTS lot_remaining;
ALTER TABLE ledger.balance SET (fillfactor = 85);
ALTER TABLE ledger.lot SET (fillfactor = 85);
UPDATE ledger.balance AS b SET wallet_of = a.owner_id
  FROM ledger.account AS a WHERE a.id = b.account_id AND a.code = 110 AND b.wallet_of IS NULL;
