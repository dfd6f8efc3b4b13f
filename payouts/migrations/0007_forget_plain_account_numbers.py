"""Account numbers are kept encrypted alone: the plain column goes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payouts", "0006_seal_known_account_numbers")]

    operations = [
        # A way back needs a value for the rows of after; opening them again gives the real ones.
        migrations.AlterField("destination", "account", models.CharField(max_length=34, default="")),
        migrations.RemoveField("destination", "account"),
        migrations.AlterField("destination", "account_sealed", models.BinaryField()),
        migrations.AlterField("destination", "last4", models.CharField(max_length=4)),
        migrations.AlterField("destination", "mark", models.CharField(max_length=64)),
        migrations.AlterField("destination", "bic", models.CharField(blank=True, max_length=11)),
    ]
