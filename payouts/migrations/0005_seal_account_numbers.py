"""Room for encrypted account numbers, their marks, and the hold after a change."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payouts", "0004_tax_and_eligibility")]

    operations = [
        migrations.AddField("destination", "account_sealed", models.BinaryField(null=True)),
        migrations.AddField("destination", "last4", models.CharField(max_length=4, default="")),
        migrations.AddField("destination", "mark", models.CharField(max_length=64, default="")),
        migrations.AddField(
            "destination", "bic", models.CharField(max_length=11, blank=True, default="")
        ),
        migrations.AddField(
            "destination",
            "usable_at",
            models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False
            ),
        ),
        migrations.AlterField(
            "destination",
            "rail",
            models.CharField(
                choices=[
                    ("bank", "Bank transfer"),
                    ("sepa", "SEPA transfer"),
                    ("stripe", "Stripe"),
                ],
                default="bank",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            "destination", models.Index(fields=["mark"], name="destination_same_account")
        ),
    ]
