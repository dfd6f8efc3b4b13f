-- Who may take a person's words out of memos: the app role, by the function alone.

DO $$
DECLARE
    v_role text := current_database() || '_app';
BEGIN
    REVOKE ALL ON FUNCTION ledger.forget(bigint) FROM PUBLIC;
    EXECUTE format('GRANT EXECUTE ON FUNCTION ledger.forget(bigint) TO %I', v_role);
END $$;
