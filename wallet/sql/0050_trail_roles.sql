-- Who may change a trail: nobody. The app role adds rows and reads them.
--
-- Promise: every table with the trigger trail_kept has lost the app role's grants to change and delete
-- its rows, but for the few columns that are emptied when a person leaves, which that trigger guards.

DO $$
DECLARE
    v_role text := current_database() || '_app';
    v_table regclass;
    v_left record;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = v_role) THEN
        RETURN;    -- it is made later, and this is run again after
    END IF;
    FOR v_table IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'trail_kept' LOOP
        EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM %I', v_table, v_role);
    END LOOP;
    FOR v_left IN
        SELECT * FROM (VALUES
            ('accounts_statechange', 'UPDATE (why)'),
            ('accounts_paperview', 'UPDATE (why)'),
            ('accounts_useredit', 'DELETE'),
            ('accounts_creatorprofileevent', 'DELETE'),
            ('django_admin_log', 'UPDATE (object_repr, change_message)'),
            ('pghistory_context', 'UPDATE (metadata, updated_at)')
        ) AS kept (name, may)
         WHERE to_regclass('public.' || kept.name) IS NOT NULL
    LOOP
        EXECUTE format('GRANT %s ON %I TO %I', v_left.may, v_left.name, v_role);
    END LOOP;
END $$;
