-- Who may rebase: the owner alone.
--
-- Files named *_roles.sql only grant and revoke. A backup carries no grants, because it may be
-- restored under another role's name; a restore runs these files again, in order.

REVOKE ALL ON PROCEDURE ledger.rebase() FROM PUBLIC;
