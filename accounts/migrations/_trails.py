"""What makes a trail stay as it was written: for the migrations of every app that keeps one.

Promises: a row of such a table is never changed nor deleted, whoever is signed in to the database,
its owner included; what a person who left may ask for (their words emptied) is named, and
happens only for an account that is closed. The app's login has no grant to change it either:
``wallet/sql/0050_trail_roles.sql`` takes it from every table that has the trigger ``trail_kept``.
"""

FUNCTIONS = """
CREATE OR REPLACE FUNCTION trail_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: what was done stays as it was written', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- Whether the owner of an account has closed it: only then are words about them forgotten.
CREATE OR REPLACE FUNCTION trail_account_is_closed(p_person text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM accounts_closure
                    WHERE person_id::text = p_person AND state = 'closed')
$$;

CREATE OR REPLACE FUNCTION trail_names_a_person(p_content_type integer) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM django_content_type
                    WHERE id = p_content_type AND app_label = 'accounts' AND model = 'user')
$$;

CREATE OR REPLACE FUNCTION trail_papers_are_of_the_closed(p_access bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM accounts_paperaccess a
                     JOIN accounts_identitycheck c ON c.id = a.check_of_id
                    WHERE a.id = p_access AND trail_account_is_closed(c.person_id::text))
$$;
"""


def keep(table: str, *, change: str = "", delete: str = "") -> str:
    """Forbid changes and deletions. ``change`` and ``delete``: when one is let pass, in SQL."""
    return f"""
CREATE OR REPLACE TRIGGER trail_kept BEFORE UPDATE ON {table} FOR EACH ROW
{f"WHEN (NOT coalesce({change}, false))" if change else ""} EXECUTE FUNCTION trail_forbid();
CREATE OR REPLACE TRIGGER trail_stays BEFORE DELETE ON {table} FOR EACH ROW
{f"WHEN (NOT coalesce({delete}, false))" if delete else ""} EXECUTE FUNCTION trail_forbid();
"""


def let_go(table: str) -> str:
    """Undo ``keep``."""
    return (
        f"DROP TRIGGER IF EXISTS trail_kept ON {table};"
        f"DROP TRIGGER IF EXISTS trail_stays ON {table};"
    )


def only(*columns: str) -> str:
    """Say in SQL that nothing but these columns is changed."""
    names = f"ARRAY[{', '.join(f"'{column}'" for column in columns)}]"
    return f"to_jsonb(NEW) - {names} = to_jsonb(OLD) - {names}"
