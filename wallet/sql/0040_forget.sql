-- Taking a person's words out of the memos of operations: names and titles that histories showed.
--
-- Promise: the books do not change. Transfers, requests, outcomes, times and seals stay as they are;
-- of a memo only the listed words can go, and none can be added or written differently. Histories
-- then say "a creator" where the name was.

-- Take a person out of every memo: what they were called where they paid, where they earned, and what
-- staff wrote about them. Answers how many operations lost words. Again is no change.
CREATE FUNCTION ledger.forget(p_person bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_paid bigint;
    v_earned bigint;
BEGIN
    UPDATE ledger.operation SET memo = memo - ARRAY['from', 'from_handle', 'reason']
     WHERE home_id = p_person AND memo ?| ARRAY['from', 'from_handle', 'reason'];
    GET DIAGNOSTICS v_paid = ROW_COUNT;
    UPDATE ledger.operation SET memo = memo - ARRAY['text']
     WHERE home_id = p_person AND kind IN (90, 92) AND memo ? 'text';
    UPDATE ledger.operation o SET memo = o.memo - ARRAY['to', 'to_handle', 'where']
      FROM ledger.transfer t
      JOIN ledger.account a ON a.id = t.credit_account_id
     WHERE a.owner_id = p_person AND a.code = 210 AND t.code = 21
       AND o.id = t.op_id AND o.memo ?| ARRAY['to', 'to_handle', 'where'];
    GET DIAGNOSTICS v_earned = ROW_COUNT;
    RETURN v_paid + v_earned;
END $$;
