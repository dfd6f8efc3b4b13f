"""What was done stays as it was written: moves, edits, looks at papers, and the admin's own log."""

from django.db import migrations

from accounts.migrations import _trails

KEPT = {
    "accounts_statechange": {
        "change": "NEW.why = '' AND OLD.subject_type = 'accounts.user' AND "
        f"{_trails.only('why')} AND trail_account_is_closed(OLD.subject_id)"
    },
    # The edits of a person's own row are emptied with it.
    "accounts_useredit": {"delete": "trail_account_is_closed(OLD.pgh_obj_id::text)"},
    "accounts_creatorprofileevent": {"delete": "trail_account_is_closed(OLD.creator_id::text)"},
    "accounts_paperview": {
        "change": f"NEW.why = '-' AND {_trails.only('why')} AND "
        "trail_papers_are_of_the_closed(OLD.access_id)"
    },
    "django_admin_log": {
        "change": "NEW.object_repr = '' AND NEW.change_message = '' AND "
        f"{_trails.only('object_repr', 'change_message')} AND "
        "trail_names_a_person(OLD.content_type_id) AND trail_account_is_closed(OLD.object_id)"
    },
    # Who and why of the edits of one request. While it runs it may say more, never who else.
    "pghistory_context": {
        "change": f"{_trails.only('metadata', 'updated_at')} AND "
        "NEW.metadata -> 'user' IS NOT DISTINCT FROM OLD.metadata -> 'user' AND "
        "coalesce(NEW.metadata -> 'by' = OLD.metadata -> 'by', NOT OLD.metadata ? 'by') AND "
        "OLD.created_at > clock_timestamp() - interval '10 minutes'"
    },
}


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0025_find_what_staff_did"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("pghistory", "0007_auto_20250421_0444"),
    ]

    operations = [
        migrations.RunSQL(_trails.FUNCTIONS, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(_trails.keep(table, **passes), _trails.let_go(table))
            for table, passes in KEPT.items()
        ),
    ]
