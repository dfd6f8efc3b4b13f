"""Encrypt the account numbers that are known already, each for its own row."""

from django.db import migrations

from accounts import encryption

PURPOSE = "payout account"


def seal(apps, schema_editor):
    destinations = apps.get_model("payouts", "Destination")
    for row in destinations.objects.filter(account_sealed=None).iterator(chunk_size=500):
        row.account_sealed = encryption.encrypt(
            row.account.encode(), context=f"destination:{row.pk}:account"
        )
        row.last4 = row.account[-4:]
        row.mark = encryption.mark(row.account, purpose=PURPOSE)
        row.usable_at = row.added_at
        row.save(update_fields=["account_sealed", "last4", "mark", "usable_at"])


def open_again(apps, schema_editor):
    destinations = apps.get_model("payouts", "Destination")
    for row in destinations.objects.exclude(account_sealed=None).iterator(chunk_size=500):
        context = f"destination:{row.pk}:account"
        row.account = encryption.decrypt(row.account_sealed, context=context).decode()
        row.save(update_fields=["account"])


class Migration(migrations.Migration):
    dependencies = [("payouts", "0005_seal_account_numbers")]

    operations = [migrations.RunPython(seal, open_again, elidable=False)]
