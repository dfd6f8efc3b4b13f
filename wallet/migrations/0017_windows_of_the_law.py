from django.db import migrations

# code: withdrawal days, whether they are our goodwill, working days until the refund, age.
# The same as the opening catalogue has (config/seed.py), for sites that were opened before.
WINDOWS = {
    "BR": (7, False, 7, 18),
    "GB": (14, False, 7, 18),
    "DE": (14, False, 7, 18),
    "FR": (14, False, 7, 18),
    "IE": (14, False, 7, 18),
    "KR": (7, False, 3, 19),
}


def set_windows(apps, schema_editor):
    """Give the regions of the opening the windows that their law has; the others keep goodwill."""
    regions = apps.get_model("wallet", "Region").objects
    for code, (days, is_goodwill, refund_days, age_min) in WINDOWS.items():
        regions.filter(pk=code).update(
            withdrawal_days=days,
            is_goodwill=is_goodwill,
            refund_days=refund_days,
            age_min=age_min,
        )


class Migration(migrations.Migration):
    dependencies = [("wallet", "0016_windows_and_announcements")]
    operations = [migrations.RunPython(set_windows, migrations.RunPython.noop)]
