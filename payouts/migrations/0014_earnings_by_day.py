"""The sums of earnings of everybody, by day."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("payouts", "0013_platform_figures")]

    operations = [
        AddIndexConcurrently(
            model_name="earningsday",
            index=models.Index(fields=["day"], name="earnings_day_of_all"),
        ),
    ]
