"""The moves that a person made, by time: for the page of what staff did."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0024_let_services_choose_payouts")]

    operations = [
        AddIndexConcurrently(
            model_name="statechange",
            index=models.Index(
                fields=["-at", "-id"],
                condition=models.Q(by__isnull=False),
                name="state_change_by_people",
            ),
        ),
    ]
