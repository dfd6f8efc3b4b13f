-- The app role calls the postings of gifts that wait.

DO $$
DECLARE
    v_role text := current_database() || '_app';
    v_function text;
BEGIN
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
    FOREACH v_function IN ARRAY ARRAY['hold_gift', 'free_gift'] LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION ledger.%I TO %I', v_function, v_role);
    END LOOP;
END $$;
