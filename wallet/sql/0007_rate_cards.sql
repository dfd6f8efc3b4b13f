-- Rate cards: announced before they bind, and never changed.
--
-- Promise: a card that is worse for creators than the one before it (a coin earns less value, or any
-- payment class or the first payouts wait longer, or it promises less notice) cannot take effect inside the notice that the
-- card before it promised, and no card can take effect in the past, so no card ever touches diamonds already earned.

CREATE OR REPLACE FUNCTION ledger.is_worse(p_card ledger.rate_card, p_before ledger.rate_card) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_card.diamonds_per_coin_milli * p_card.diamond_usd < p_before.diamonds_per_coin_milli * p_before.diamond_usd
        OR p_card.notice_days < p_before.notice_days
        OR EXISTS (SELECT 1 FROM generate_series(0, 7) AS class
                    WHERE coalesce((p_card.hold_days ->> class::text)::integer, 0)
                        > coalesce((p_before.hold_days ->> class::text)::integer, 0))
$$;

CREATE OR REPLACE FUNCTION ledger.guard_rate_card() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_neighbour ledger.rate_card;
BEGIN
    IF EXISTS (SELECT 1 FROM generate_series(1, 7) AS class
                WHERE NEW.hold_days ->> class::text IS NULL OR (NEW.hold_days ->> class::text)::integer < 0)
       OR (NEW.hold_days ->> '0')::integer < 0 THEN
        RAISE EXCEPTION 'a rate card gives a hold of 0 or more days for every payment class'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'rate_card_holds';
    END IF;
    -- Announcements form one line: two at once would each be compared with the card before both.
    PERFORM pg_advisory_xact_lock(hashtext('ledger.rate_card'));
    SELECT * INTO v_neighbour FROM ledger.rate_card WHERE effective_at <= NEW.effective_at ORDER BY effective_at DESC LIMIT 1;
    IF NOT FOUND THEN
        IF EXISTS (SELECT 1 FROM ledger.rate_card) THEN
            RAISE EXCEPTION 'a rate card cannot take effect before the first one'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'rate_card_notice';
        END IF;
        RETURN NEW;                                    -- the card a platform opens with
    END IF;
    NEW.announced_at := clock_timestamp();
    IF NEW.effective_at < NEW.announced_at
       OR ledger.is_worse(NEW, v_neighbour)
          AND NEW.effective_at < NEW.announced_at + make_interval(days => v_neighbour.notice_days) THEN
        RAISE EXCEPTION 'rate card "%" would take effect inside the notice of % days that "%" promises',
            NEW.name, v_neighbour.notice_days, v_neighbour.name
            USING ERRCODE = 'check_violation', CONSTRAINT = 'rate_card_notice';
    END IF;
    -- The card that follows must not become a worsening without notice by what is put before it.
    SELECT * INTO v_neighbour FROM ledger.rate_card WHERE effective_at > NEW.effective_at ORDER BY effective_at LIMIT 1;
    IF FOUND AND ledger.is_worse(v_neighbour, NEW)
       AND v_neighbour.effective_at < NEW.announced_at + make_interval(days => NEW.notice_days) THEN
        RAISE EXCEPTION 'rate card "%" would follow "%" as a worse card inside its notice', v_neighbour.name, NEW.name
            USING ERRCODE = 'check_violation', CONSTRAINT = 'rate_card_notice';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER rate_card_guard BEFORE INSERT ON ledger.rate_card
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_rate_card();

-- Announce a card. Answers its id.
CREATE OR REPLACE FUNCTION ledger.announce_card(
    p_name text, p_diamonds_per_coin_milli integer, p_diamond_usd numeric, p_hold_days jsonb,
    p_notice_days integer, p_effective_at timestamptz, p_announced_by bigint
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id integer;
BEGIN
    INSERT INTO ledger.rate_card (name, diamonds_per_coin_milli, diamond_usd, hold_days, notice_days,
                                  announced_at, effective_at, announced_by)
    VALUES (p_name, p_diamonds_per_coin_milli, p_diamond_usd, p_hold_days, p_notice_days,
            clock_timestamp(), p_effective_at, p_announced_by)
    RETURNING id INTO v_id;
    RETURN v_id;
END $$;
