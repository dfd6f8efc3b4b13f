-- The app role calls the postings of refunds, disputes and revenue, and reads what they keep.

DO $$
DECLARE
    v_role text := current_database() || '_app';
    v_function text;
BEGIN
    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO %I', v_role);
    FOREACH v_function IN ARRAY ARRAY[
        'refund_value', 'hold_refund', 'resolve_refund', 'return_refund', 'open_dispute', 'resolve_dispute', 'repay_coins', 'reach',
        'disputed', 'coins_of', 'recognise_revenue', 'audit_returns'
    ] LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION ledger.%I TO %I', v_function, v_role);
    END LOOP;
END $$;
