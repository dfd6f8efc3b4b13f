"""The migrations up to 0002_follow_payouts_to_their_end in one, for new databases: each alone costs the whole state again.

Those that it replaces stay for databases that have some of them.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from accounts.migrations._together import Together


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("payouts", "0001_settlements_and_payouts"),
        ("payouts", "0002_follow_payouts_to_their_end"),
    ]
    dependencies = [
        ("accounts", "0018_ranked_by_choice"),
            ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name='Destination',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('rail', models.CharField(choices=[('bank', 'Bank transfer')], default='bank', max_length=10)),
                        ('holder_name', models.CharField(max_length=70)),
                        ('account', models.CharField(max_length=34)),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('added_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('replaced_at', models.DateTimeField(null=True)),
                        ('blocked_at', models.DateTimeField(null=True)),
                        ('blocked_why', models.CharField(blank=True, max_length=200)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='destinations', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('replaced_at', None)), fields=('creator',), name='destination_one_in_use')],
                    },
                ),
                migrations.CreateModel(
                    name='SettlementRun',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('period_key', models.CharField(max_length=40, unique=True)),
                        ('cutoff_at', models.DateTimeField()),
                        ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done')], default='running', max_length=8)),
                        ('after_creator_id', models.BigIntegerField(default=0)),
                        ('stopped_why', models.CharField(blank=True, max_length=300)),
                        ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('ended_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('state',), name='settlement_one_running')],
                    },
                ),
                migrations.CreateModel(
                    name='SettlementLine',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('card_id', models.IntegerField()),
                        ('diamonds_milli', models.PositiveBigIntegerField()),
                        ('diamond_usd', models.DecimalField(decimal_places=6, max_digits=12)),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('fx_per_usd', models.DecimalField(decimal_places=8, max_digits=18)),
                        ('fx_source', models.CharField(max_length=60)),
                        ('fx_quoted_at', models.DateTimeField()),
                        ('amount_minor', models.PositiveBigIntegerField()),
                        ('remainder_minor', models.DecimalField(decimal_places=17, max_digits=18)),
                        ('settled_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='settlement_lines', to=settings.AUTH_USER_MODEL)),
                        ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='payouts.settlementrun')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['creator', '-settled_at'], name='settlement_line_latest')],
                        'constraints': [models.UniqueConstraint(fields=('run', 'creator', 'card_id'), name='settlement_line_once'), models.CheckConstraint(condition=models.Q(('remainder_minor__gte', 0), ('remainder_minor__lt', 1)), name='settlement_line_floor')],
                    },
                ),
                migrations.CreateModel(
                    name='Payout',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('amount_minor', models.PositiveBigIntegerField()),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('state', models.CharField(choices=[('requested', 'Waiting for two approvals'), ('checked', 'Waiting for one more approval'), ('reserved', 'About to be sent'), ('sending', 'Being sent'), ('unknown', 'Being looked up'), ('submitted', 'On its way'), ('paid', 'Paid'), ('failed', 'Failed'), ('returned', 'Returned by the bank'), ('cancelled', 'Cancelled')], default='reserved', max_length=10)),
                        ('reserve_op', models.UUIDField(editable=False, unique=True)),
                        ('resolve_op', models.UUIDField(editable=False, unique=True)),
                        ('return_op', models.UUIDField(editable=False, unique=True)),
                        ('rail_ref', models.CharField(blank=True, max_length=100)),
                        ('failure', models.CharField(blank=True, max_length=200)),
                        ('needs_approval', models.BooleanField(default=False)),
                        ('attempts', models.PositiveIntegerField(default=0)),
                        ('due_at', models.DateTimeField(null=True)),
                        ('leased_until', models.DateTimeField(null=True)),
                        ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('sent_at', models.DateTimeField(null=True)),
                        ('submitted_at', models.DateTimeField(null=True)),
                        ('resolved_at', models.DateTimeField(null=True)),
                        ('approved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('checked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to=settings.AUTH_USER_MODEL)),
                        ('destination', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='payouts.destination')),
                        ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='payouts.settlementrun')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['creator', '-requested_at'], name='payout_latest'), models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='payout_due')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('amount_minor__gte', 1)), name='payout_positive'), models.CheckConstraint(condition=models.Q(models.Q(('checked_by', models.F('approved_by')), _negated=True), models.Q(('checked_by', models.F('creator')), _negated=True), models.Q(('approved_by', models.F('creator')), _negated=True)), name='payout_two_people'), models.CheckConstraint(condition=models.Q(('needs_approval', False), ('state__in', ['requested', 'checked', 'cancelled']), models.Q(('approved_by__isnull', False), ('checked_by__isnull', False)), _connector='OR'), name='payout_approved_when_large')],
                    },
                ),
            ]
        ),
    ]
