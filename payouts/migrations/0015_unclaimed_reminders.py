"""Whom staff told of money that waits for them; it stays as it was written."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.migrations import _trails

ROLES = Path(__file__).resolve().parents[2] / "wallet/sql/0050_trail_roles.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('payouts', '0014_earnings_by_day'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='UnclaimedReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('held', models.CharField(max_length=200)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['creator', '-at'], name='unclaimed_reminder_latest')],
            },
        ),
        migrations.RunSQL(
            _trails.keep("payouts_unclaimedreminder"), _trails.let_go("payouts_unclaimedreminder")
        ),
        migrations.RunSQL(ROLES.read_text(), migrations.RunSQL.noop),
    ]
