-- Who may do what: the app role reads the ledger and calls its posting functions, nothing more.
--
-- Promise: the role carries the database's name, so databases on one server do not share one; it has
-- no write grant on any table of the ledger. Created here without a password, it cannot sign in over
-- a network until the operator gives it one.

DO $$
DECLARE
    v_role text := current_database() || '_app';
    v_function text;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = v_role) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', v_role);
    END IF;
    REVOKE ALL ON SCHEMA ledger FROM PUBLIC;
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
    EXECUTE format('GRANT USAGE ON SCHEMA ledger TO %I', v_role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO %I', v_role);
    FOREACH v_function IN ARRAY ARRAY[
        'buy', 'gift', 'post_gifts', 'adjust_coins', 'adjust_diamonds', 'fold', 'close_period', 'seal_period',
        'release', 'release_due', 'settle', 'payout', 'announce_card', 'turnover', 'audit', 'expected_seal',
        'canonical', 'is_worse'
    ] LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION ledger.%I TO %I', v_function, v_role);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', v_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', v_role);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', v_role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', v_role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO %I', v_role);
END $$;
