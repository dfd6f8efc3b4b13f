-- Who may settle and reserve: the app role, by the functions alone.

DO $$
DECLARE
    v_role text := current_database() || '_app';
    v_function text;
BEGIN
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
    FOREACH v_function IN ARRAY ARRAY['settle', 'reserve_payouts', 'payout'] LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION ledger.%I TO %I', v_function, v_role);
    END LOOP;
END $$;
