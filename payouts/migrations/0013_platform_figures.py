"""What the back office's first page shows, counted by a clock."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payouts', '0012_exports_that_stay'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlatformDay',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False)),
                ('sold_usd_cents', models.BigIntegerField(default=0)),
                ('gifts', models.BigIntegerField(default=0)),
                ('gift_coins', models.BigIntegerField(default=0)),
                ('paid_usd_cents', models.BigIntegerField(default=0)),
                ('without_rate', models.CharField(blank=True, max_length=100)),
                ('counted_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='PlatformHoldings',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('totals', models.JSONField(default=list)),
                ('maturing', models.JSONField(default=list)),
                ('counted_at', models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name='platformholdings',
            constraint=models.CheckConstraint(condition=models.Q(('pk', 1)), name='platform_holdings_one'),
        ),
    ]
