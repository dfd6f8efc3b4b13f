"""The migrations up to 0032_credit_notes_of_old_returns in one, for new databases: each alone costs the whole state again.

Those that it replaces stay for databases that have some of them.
"""

from pathlib import Path

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django_countries.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from accounts.migrations._together import Together

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "0001_schema.sql",
    "0002_posting.sql",
    "0003_gifts.sql",
    "0004_fold.sql",
    "0005_release.sql",
    "0006_settlement.sql",
    "0007_rate_cards.sql",
    "0008_audit.sql",
    "0009_roles.sql",
    "0010_rebase.sql",
    "0011_rebase_roles.sql",
    "0012_catch_up.sql",
    "0013_return_tables.sql",
    "0014_refunds.sql",
    "0015_disputes.sql",
    "0016_recognition.sql",
    "0017_audit_returns.sql",
    "0018_returns_roles.sql",
    "0019_held_gifts.sql",
    "0020_held_gifts_roles.sql",
    "0040_forget.sql",
    "0041_forget_roles.sql",
)


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("wallet", "0001_prices_and_purchases"),
        ("wallet", "0002_ledger"),
        ("wallet", "0003_rebase"),
        ("wallet", "0004_name_the_look_up"),
        ("wallet", "0005_returns"),
        ("wallet", "0010_know_more_objects"),
        ("wallet", "0016_windows_and_announcements"),
        ("wallet", "0017_windows_of_the_law"),
        ("wallet", "0018_evidence_of_place"),
        ("wallet", "0018_refunds_and_disputes"),
        ("wallet", "0019_reconciliations"),
        ("wallet", "0020_receipts_and_gift_cards"),
        ("wallet", "0021_receipts_of_old_purchases"),
        ("wallet", "0022_forget"),
        ("wallet", "0025_limits"),
        ("wallet", "0026_recourse_history"),
        ("wallet", "0027_returns_again"),
        ("wallet", "0028_disputes_not_booked"),
        ("wallet", "0029_customers_to_forget"),
        ("wallet", "0030_held_gifts"),
        ("wallet", "0031_credit_notes"),
        ("wallet", "0032_credit_notes_of_old_returns"),
    ]
    dependencies = [
        ("accounts", "0018_ranked_by_choice"),
        ('pghistory', '0007_auto_20250421_0444'),
            ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name='Account',
                    fields=[
                        ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('owner_id', models.BigIntegerField()),
                        ('code', models.SmallIntegerField(choices=[(100, 'Coin Issued'), (101, 'Coin Spent'), (109, 'Coin Adjustment'), (110, 'Wallet'), (112, 'Coin Hold'), (113, 'Coin Debt'), (200, 'Diamond Issued'), (201, 'Diamond Settled'), (209, 'Diamond Adjustment'), (210, 'Diamond Pending'), (211, 'Diamond Available'), (212, 'Diamond Disputed'), (213, 'Diamond Debt'), (300, 'Provider Clearing'), (301, 'Bank'), (302, 'Deferred Revenue'), (303, 'Gift Revenue'), (304, 'Creator Cost'), (305, 'Provider Fee'), (306, 'Tax Payable'), (307, 'Chargeback Loss'), (308, 'Payout Fee'), (310, 'Cash Payable'), (311, 'Cash In Payout')])),
                        ('unit', models.SmallIntegerField()),
                        ('card_id', models.IntegerField()),
                        ('hold_class', models.SmallIntegerField()),
                        ('mode', models.CharField(max_length=1)),
                        ('sign', models.SmallIntegerField()),
                        ('opened_at', models.DateTimeField()),
                    ],
                    options={
                        'db_table': '"ledger"."account"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='Bucket',
                    fields=[
                        ('pk', models.CompositePrimaryKey('period', 'account', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('home_id', models.BigIntegerField()),
                        ('amount', models.BigIntegerField()),
                        ('clawed', models.BigIntegerField()),
                        ('released', models.BigIntegerField()),
                        ('release_at', models.DateTimeField(null=True)),
                        ('done', models.BooleanField()),
                    ],
                    options={
                        'db_table': '"ledger"."bucket"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='Lot',
                    fields=[
                        ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('home_id', models.BigIntegerField()),
                        ('amount', models.BigIntegerField()),
                        ('remaining', models.BigIntegerField()),
                        ('gross_minor', models.BigIntegerField()),
                        ('tax_minor', models.BigIntegerField()),
                        ('fee_minor', models.BigIntegerField()),
                        ('cash_unit', models.SmallIntegerField(null=True)),
                        ('hold_class', models.SmallIntegerField()),
                        ('state', models.SmallIntegerField(choices=[(0, 'Good'), (1, 'Disputed'), (2, 'Lost')])),
                        ('created_at', models.DateTimeField()),
                    ],
                    options={
                        'db_table': '"ledger"."lot"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='Operation',
                    fields=[
                        ('id', models.UUIDField(primary_key=True, serialize=False)),
                        ('home_id', models.BigIntegerField()),
                        ('actor_id', models.BigIntegerField()),
                        ('kind', models.SmallIntegerField(choices=[(10, 'Purchase'), (20, 'Gift'), (21, 'Gift waits'), (22, 'Gift waits no more'), (30, 'Release'), (40, 'Settlement'), (50, 'Payout'), (60, 'Refund asked for'), (61, 'Refund'), (62, 'Refund came back'), (70, 'Dispute opened'), (71, 'Dispute ended'), (72, 'Coins paid back'), (80, 'Revenue recognised'), (90, 'Coin adjustment'), (92, 'Diamond adjustment')])),
                        ('is_refused', models.BooleanField()),
                        ('request', models.JSONField()),
                        ('memo', models.JSONField(null=True)),
                        ('context', models.TextField(null=True)),
                        ('result', models.JSONField(null=True)),
                        ('recorded_at', models.DateTimeField()),
                    ],
                    options={
                        'db_table': '"ledger"."operation"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='Period',
                    fields=[
                        ('id', models.IntegerField(primary_key=True, serialize=False)),
                        ('opened_at', models.DateTimeField()),
                        ('closed_at', models.DateTimeField(null=True)),
                        ('transfers', models.BigIntegerField(null=True)),
                        ('sums', models.JSONField(null=True)),
                        ('seal', models.BinaryField(null=True)),
                    ],
                    options={
                        'db_table': '"ledger"."period"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='RateCard',
                    fields=[
                        ('id', models.IntegerField(primary_key=True, serialize=False)),
                        ('name', models.TextField()),
                        ('diamonds_per_coin_milli', models.IntegerField()),
                        ('diamond_usd', models.DecimalField(decimal_places=6, max_digits=12)),
                        ('hold_days', models.JSONField()),
                        ('notice_days', models.IntegerField()),
                        ('announced_at', models.DateTimeField()),
                        ('effective_at', models.DateTimeField()),
                        ('announced_by', models.BigIntegerField()),
                    ],
                    options={
                        'db_table': '"ledger"."rate_card"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='Transfer',
                    fields=[
                        ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('amount', models.BigIntegerField()),
                        ('home_id', models.BigIntegerField()),
                        ('code', models.SmallIntegerField(choices=[(10, 'Buy'), (11, 'Buy Gross'), (12, 'Buy Tax'), (13, 'Buy Fee'), (20, 'Gift Coins'), (21, 'Gift Diamonds'), (22, 'Gift Hold'), (23, 'Gift Free'), (30, 'Release'), (31, 'Repay'), (40, 'Settle Diamonds'), (41, 'Settle Cash'), (50, 'Payout Reserve'), (51, 'Payout Post'), (52, 'Payout Void'), (53, 'Payout Return'), (60, 'Refund Hold'), (61, 'Refund Give Back'), (62, 'Refund Coins'), (63, 'Return Net'), (64, 'Return Tax'), (65, 'Came Back Coins'), (66, 'Came Back Net'), (67, 'Came Back Tax'), (70, 'Dispute Hold Coins'), (71, 'Dispute Hold Diamonds'), (72, 'Dispute Give Back Coins'), (73, 'Dispute Give Back Diamonds'), (74, 'Loss Coins'), (75, 'Loss Cover'), (76, 'Loss Diamonds'), (77, 'Loss Owed'), (78, 'Repay Coins'), (80, 'Recognise'), (87, 'Loss'), (88, 'Dispute Fee'), (89, 'Loss Beyond'), (90, 'Adjust Coins In'), (91, 'Adjust Coins Out'), (92, 'Adjust Diamonds')])),
                        ('unit', models.SmallIntegerField()),
                    ],
                    options={
                        'db_table': '"ledger"."transfer"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='CoinPackage',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('coins', models.PositiveIntegerField(unique=True, validators=[django.core.validators.MinValueValidator(1)])),
                        ('is_offered', models.BooleanField(default=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='Seller',
                    fields=[
                        ('code', models.CharField(help_text='Begins the number of each of its receipts.', max_length=8, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[A-Z0-9]{1,8}$', 'Use up to 8 capital letters and digits.')])),
                        ('name', models.CharField(max_length=100)),
                        ('address', models.TextField(help_text='As it stands on receipts, line by line.', max_length=300)),
                        ('country', django_countries.fields.CountryField(max_length=2)),
                        ('tax_number', models.CharField(blank=True, max_length=40)),
                        ('contact', models.CharField(blank=True, help_text='Where buyers write to.', max_length=100)),
                        ('is_default', models.BooleanField(default=False, help_text='Sells where no other is named.')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='seller_one_default')],
                    },
                ),
                migrations.CreateModel(
                    name='CustomerToForget',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(max_length=100)),
                        ('customer_ref', models.CharField(max_length=100)),
                        ('asked_at', models.DateTimeField()),
                        ('tried_at', models.DateTimeField(null=True)),
                        ('problem', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'verbose_name_plural': 'customers to forget',
                        'constraints': [models.UniqueConstraint(fields=('provider', 'customer_ref'), name='customer_to_forget_once')],
                    },
                ),
                migrations.CreateModel(
                    name='FxRate',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('per_usd', models.DecimalField(decimal_places=8, max_digits=18)),
                        ('quoted_at', models.DateTimeField()),
                        ('source', models.CharField(max_length=60)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('currency', 'quoted_at'), name='fx_rate_key'), models.CheckConstraint(condition=models.Q(('per_usd__gt', 0)), name='fx_rate_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='GiftCardTries',
                    fields=[
                        ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                        ('since', models.DateTimeField()),
                        ('wrong', models.PositiveIntegerField(default=0)),
                    ],
                ),
                migrations.CreateModel(
                    name='OwnLimit',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('window', models.CharField(choices=[('purchase', 'a purchase'), ('day', 'in any 24 hours'), ('week', 'in any 7 days'), ('month', 'in any 30 days')], max_length=10)),
                        ('amount_minor', models.PositiveBigIntegerField(null=True)),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('asked_at', models.DateTimeField()),
                        ('effective_at', models.DateTimeField()),
                        ('withdrawn_at', models.DateTimeField(null=True)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='own_limits', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['user', 'window', '-effective_at'], name='own_limit_in_force')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('amount_minor', None), ('amount_minor__gte', 1), _connector='OR'), name='own_limit_positive'), models.CheckConstraint(condition=models.Q(('withdrawn_at', None), ('withdrawn_at__lte', models.F('effective_at')), _connector='OR'), name='own_limit_withdrawn_before_it_began')],
                    },
                ),
                migrations.CreateModel(
                    name='ProviderEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(max_length=100)),
                        ('event_id', models.CharField(max_length=100)),
                        ('kind', models.CharField(max_length=80)),
                        ('object_ref', models.CharField(max_length=100)),
                        ('object_kind', models.CharField(choices=[('checkout', 'Checkout'), ('refund', 'Refund'), ('dispute', 'Dispute'), ('warning', 'Warning'), ('none', 'Nothing of ours')], default='checkout', max_length=10)),
                        ('body', models.TextField()),
                        ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('handled_at', models.DateTimeField(null=True)),
                        ('outcome', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('handled_at', None)), fields=['id'], name='provider_event_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('provider', 'event_id'), name='provider_event_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Reconciliation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(max_length=100)),
                        ('since', models.DateTimeField()),
                        ('until', models.DateTimeField()),
                        ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('compared', models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['-started_at'], name='reconciliation_latest')],
                    },
                ),
                migrations.CreateModel(
                    name='RecoursePolicy',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('ground', models.CharField(blank=True, help_text='Empty: every ground', max_length=60)),
                        ('days_max', models.PositiveIntegerField(help_text='Payments up to this old, in days')),
                        ('recourse', models.CharField(choices=[('none', 'Nothing: the platform and the payer bear it'), ('unreleased_only', 'Diamonds that are still pending'), ('full', 'Pending, then available, then as debt')], max_length=16)),
                        ('takes_cover', models.BooleanField(default=True, help_text="Burn the payer's other bought coins for the loss first")),
                    ],
                    options={
                        'verbose_name_plural': 'recourse policies',
                        'constraints': [models.UniqueConstraint(fields=('ground', 'days_max'), name='recourse_policy_key')],
                    },
                ),
                migrations.CreateModel(
                    name='Region',
                    fields=[
                        ('code', models.CharField(max_length=8, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=40)),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('tax_bps', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(5000)])),
                        ('tax_name', models.CharField(default='VAT', max_length=20)),
                        ('tax_is_included', models.BooleanField(default=True)),
                        ('is_open', models.BooleanField(default=True)),
                        ('withdrawal_days', models.PositiveSmallIntegerField(default=14, help_text='For so many days unused coins can be given back. 0: they cannot.', validators=[django.core.validators.MaxValueValidator(365)])),
                        ('is_goodwill', models.BooleanField(default=True, help_text='The law gives no such right here; we do.', verbose_name='is our goodwill')),
                        ('refund_days', models.PositiveSmallIntegerField(default=7, help_text='Working days within which the money is on its way back.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(30)])),
                        ('age_min', models.PositiveSmallIntegerField(default=18, help_text='In years. Nobody below the age of our terms buys, whatever stands here.', validators=[django.core.validators.MinValueValidator(13), django.core.validators.MaxValueValidator(30)], verbose_name='youngest buyer')),
                    ],
                ),
                migrations.CreateModel(
                    name='SpendingLimits',
                    fields=[
                        ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='spending_limits', serialize=False, to=settings.AUTH_USER_MODEL)),
                        ('time_out_until', models.DateTimeField(null=True)),
                        ('time_out_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'verbose_name_plural': 'spending limits',
                    },
                ),
                migrations.CreateModel(
                    name='Adjustment',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('unit', models.CharField(choices=[('coin', 'Coins'), ('diamond', 'Diamonds (thousandths)')], max_length=8)),
                        ('amount', models.BigIntegerField()),
                        ('card_id', models.IntegerField(blank=True, null=True)),
                        ('reason', models.CharField(max_length=300)),
                        ('state', models.CharField(choices=[('proposed', 'Waiting for a second person'), ('approved', 'Posted'), ('rejected', 'Rejected'), ('refused', 'Refused by the ledger')], default='proposed', max_length=10)),
                        ('proposed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('approver', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to=settings.AUTH_USER_MODEL)),
                        ('proposer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('proposer', models.F('approver')), _negated=True), name='adjustment_two_people'), models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='adjustment_moves_something')],
                    },
                ),
                migrations.CreateModel(
                    name='CoinPackageEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('coins', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('is_offered', models.BooleanField(default=True)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.coinpackage')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Difference',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('payment', 'Payment'), ('refund', 'Refund'), ('dispute', 'Dispute')], max_length=8)),
                        ('ref', models.CharField(max_length=100)),
                        ('purchase_id', models.UUIDField(null=True)),
                        ('ours', models.CharField(max_length=120)),
                        ('theirs', models.CharField(max_length=120)),
                        ('reconciliation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='differences', to='wallet.reconciliation')),
                    ],
                ),
                migrations.CreateModel(
                    name='FxRateEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('per_usd', models.DecimalField(decimal_places=8, max_digits=18)),
                        ('quoted_at', models.DateTimeField()),
                        ('source', models.CharField(max_length=60)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.fxrate')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='GiftCardBatch',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=60)),
                        ('coins', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('gross_minor', models.PositiveBigIntegerField()),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('count', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)])),
                        ('expires_at', models.DateTimeField()),
                        ('state', models.CharField(choices=[('proposed', 'Waiting for a second person'), ('approved', 'Approved, codes not made'), ('issued', 'Codes handed out'), ('rejected', 'Rejected'), ('voided', 'Voided')], default='proposed', max_length=10)),
                        ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('issued_at', models.DateTimeField(null=True)),
                        ('approver', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('maker', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.region')),
                    ],
                    options={
                        'verbose_name': 'gift-card batch',
                        'verbose_name_plural': 'gift-card batches',
                        'constraints': [models.CheckConstraint(condition=models.Q(('maker', models.F('approver')), _negated=True), name='gift_card_batch_two_people'), models.CheckConstraint(condition=models.Q(('coins__gte', 1), ('count__range', (1, 10000)), ('gross_minor__gte', 1)), name='gift_card_batch_amounts')],
                    },
                ),
                migrations.CreateModel(
                    name='PaymentMethod',
                    fields=[
                        ('code', models.SlugField(max_length=20, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=40)),
                        ('provider', models.CharField(help_text='Dotted path of the adapter', max_length=100)),
                        ('rail', models.CharField(default='card', help_text="The provider's name for what is paid with: card, paypal, ideal, pix, ...", max_length=20)),
                        ('hold_class', models.PositiveSmallIntegerField(choices=[(1, 'Bank or instant transfer'), (2, 'Payment wallet'), (3, 'Gift card'), (4, 'Card, holder authenticated'), (5, 'Card'), (6, 'App store'), (7, 'Phone bill')])),
                        ('is_offered', models.BooleanField(default=True)),
                        ('regions', models.ManyToManyField(blank=True, related_name='methods', to='wallet.region')),
                    ],
                ),
                migrations.CreateModel(
                    name='PriceAnnouncement',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('valid_from', models.DateTimeField()),
                        ('title', models.CharField(max_length=120)),
                        ('body', models.CharField(max_length=500)),
                        ('announced_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('told_up_to_id', models.BigIntegerField(default=0)),
                        ('people_told', models.PositiveIntegerField(default=0)),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('announced_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.region')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('finished_at', None)), fields=['id'], name='price_announcement_to_tell')],
                    },
                ),
                migrations.CreateModel(
                    name='PurchaseLimit',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('card', 'Card'), ('wallet', 'Payment wallet'), ('bank', 'Bank or instant transfer'), ('carrier', 'Phone bill'), ('gift_card', 'Gift card'), ('app_store', 'App store')], max_length=10)),
                        ('is_hard', models.BooleanField(default=False, verbose_name='cap of law or network')),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('purchase_minor', models.PositiveBigIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='a purchase')),
                        ('day_minor', models.PositiveBigIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='in any 24 hours')),
                        ('month_minor', models.PositiveBigIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='in any 30 days')),
                        ('first_day_minor', models.PositiveBigIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='in the first 24 hours of a new method')),
                        ('new_bps', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MaxValueValidator(1000000)])),
                        ('verified_bps', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MaxValueValidator(1000000)])),
                        ('valid_from', models.DateTimeField()),
                        ('source', models.CharField(max_length=200)),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='limits', to='wallet.region')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('region', 'kind', 'is_hard', 'valid_from'), name='purchase_limit_one_at_a_time'), models.CheckConstraint(condition=models.Q(('is_hard', False), models.Q(('new_bps', 10000), ('verified_bps', 10000)), _connector='OR'), name='purchase_limit_hard_is_the_same_for_all'), models.CheckConstraint(condition=models.Q(('new_bps__gte', 1), ('new_bps__lte', 10000), ('verified_bps__gte', 10000)), name='purchase_limit_trust_grows')],
                    },
                ),
                migrations.CreateModel(
                    name='RecoursePolicyEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('ground', models.CharField(blank=True, help_text='Empty: every ground', max_length=60)),
                        ('days_max', models.PositiveIntegerField(help_text='Payments up to this old, in days')),
                        ('recourse', models.CharField(choices=[('none', 'Nothing: the platform and the payer bear it'), ('unreleased_only', 'Diamonds that are still pending'), ('full', 'Pending, then available, then as debt')], max_length=16)),
                        ('takes_cover', models.BooleanField(default=True, help_text="Burn the payer's other bought coins for the loss first")),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.recoursepolicy')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='RegionCountry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('country', django_countries.fields.CountryField(max_length=2, unique=True)),
                        ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='countries', to='wallet.region')),
                    ],
                ),
                migrations.CreateModel(
                    name='RegionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('code', models.CharField(max_length=8, serialize=False)),
                        ('name', models.CharField(max_length=40)),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('tax_bps', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(5000)])),
                        ('tax_name', models.CharField(default='VAT', max_length=20)),
                        ('tax_is_included', models.BooleanField(default=True)),
                        ('is_open', models.BooleanField(default=True)),
                        ('withdrawal_days', models.PositiveSmallIntegerField(default=14, help_text='For so many days unused coins can be given back. 0: they cannot.', validators=[django.core.validators.MaxValueValidator(365)])),
                        ('is_goodwill', models.BooleanField(default=True, help_text='The law gives no such right here; we do.', verbose_name='is our goodwill')),
                        ('refund_days', models.PositiveSmallIntegerField(default=7, help_text='Working days within which the money is on its way back.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(30)])),
                        ('age_min', models.PositiveSmallIntegerField(default=18, help_text='In years. Nobody below the age of our terms buys, whatever stands here.', validators=[django.core.validators.MinValueValidator(13), django.core.validators.MaxValueValidator(30)], verbose_name='youngest buyer')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.region')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='SellerEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('code', models.CharField(help_text='Begins the number of each of its receipts.', max_length=8, serialize=False, validators=[django.core.validators.RegexValidator('^[A-Z0-9]{1,8}$', 'Use up to 8 capital letters and digits.')])),
                        ('name', models.CharField(max_length=100)),
                        ('address', models.TextField(help_text='As it stands on receipts, line by line.', max_length=300)),
                        ('country', django_countries.fields.CountryField(max_length=2)),
                        ('tax_number', models.CharField(blank=True, max_length=40)),
                        ('contact', models.CharField(blank=True, help_text='Where buyers write to.', max_length=100)),
                        ('is_default', models.BooleanField(default=False, help_text='Sells where no other is named.')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.seller')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='SellerRegion',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('region', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='seller', to='wallet.region')),
                        ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='regions', to='wallet.seller')),
                    ],
                ),
                migrations.CreateModel(
                    name='Balance',
                    fields=[
                        ('account', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='balance', serialize=False, to='wallet.account')),
                        ('sign', models.SmallIntegerField()),
                        ('floor', models.BigIntegerField()),
                        ('debits', models.BigIntegerField()),
                        ('credits', models.BigIntegerField()),
                        ('version', models.BigIntegerField()),
                    ],
                    options={
                        'db_table': '"ledger"."balance"',
                        'abstract': False,
                        'managed': False,
                    },
                ),
                migrations.CreateModel(
                    name='CreditNoteSeries',
                    fields=[
                        ('seller', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='credit_note_series', serialize=False, to='wallet.seller')),
                        ('last_number', models.PositiveBigIntegerField(default=0)),
                    ],
                    options={
                        'verbose_name_plural': 'credit note series',
                    },
                ),
                migrations.CreateModel(
                    name='ReceiptSeries',
                    fields=[
                        ('seller', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='series', serialize=False, to='wallet.seller')),
                        ('last_number', models.PositiveBigIntegerField(default=0)),
                    ],
                ),
                migrations.CreateModel(
                    name='MethodFee',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('fee_bps', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(5000)])),
                        ('fee_minor', models.PositiveBigIntegerField(default=0)),
                        ('method', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fees', to='wallet.paymentmethod')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('method', 'currency'), name='method_fee_key')],
                    },
                ),
                migrations.CreateModel(
                    name='PaymentMethodEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('code', models.SlugField(db_index=False, max_length=20, serialize=False)),
                        ('name', models.CharField(max_length=40)),
                        ('provider', models.CharField(help_text='Dotted path of the adapter', max_length=100)),
                        ('rail', models.CharField(default='card', help_text="The provider's name for what is paid with: card, paypal, ideal, pix, ...", max_length=20)),
                        ('hold_class', models.PositiveSmallIntegerField(choices=[(1, 'Bank or instant transfer'), (2, 'Payment wallet'), (3, 'Gift card'), (4, 'Card, holder authenticated'), (5, 'Card'), (6, 'App store'), (7, 'Phone bill')])),
                        ('is_offered', models.BooleanField(default=True)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.paymentmethod')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Price',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('channel', models.CharField(choices=[('web', 'Web'), ('app', 'App store'), ('gift_card', 'Gift card')], default='web', max_length=10)),
                        ('coins', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('amount_minor', models.PositiveBigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('valid_from', models.DateTimeField()),
                        ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('package', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='prices', to='wallet.coinpackage')),
                        ('announcement', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='prices', to='wallet.priceannouncement')),
                        ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prices', to='wallet.region')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('region', 'channel', 'package', 'valid_from'), name='price_one_at_a_time', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('amount_minor__gte', 1), ('coins__gte', 1)), name='price_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='Purchase',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('channel', models.CharField(choices=[('web', 'Web'), ('app', 'App store'), ('gift_card', 'Gift card')], default='web', max_length=10)),
                        ('coins', models.PositiveIntegerField()),
                        ('gross_minor', models.PositiveBigIntegerField()),
                        ('tax_minor', models.PositiveBigIntegerField()),
                        ('tax_bps', models.PositiveIntegerField()),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('state', models.CharField(choices=[('created', 'Started'), ('pending', 'Waiting for payment'), ('authorised', 'Payment being checked'), ('paid', 'Paid, coins on the way'), ('credited', 'Coins arrived'), ('failed', 'Payment failed'), ('expired', 'Not paid in time'), ('cancelled', 'Cancelled'), ('voided', 'Payment let go, not charged')], default='created', max_length=10)),
                        ('checkout_ref', models.CharField(blank=True, max_length=100)),
                        ('checkout_url', models.URLField(blank=True, max_length=1000)),
                        ('payment_ref', models.CharField(blank=True, max_length=100)),
                        ('customer_ref', models.CharField(blank=True, max_length=100)),
                        ('hold_class', models.PositiveSmallIntegerField(choices=[(1, 'Bank or instant transfer'), (2, 'Payment wallet'), (3, 'Gift card'), (4, 'Card, holder authenticated'), (5, 'Card'), (6, 'App store'), (7, 'Phone bill')], null=True)),
                        ('fee_minor', models.PositiveBigIntegerField(null=True)),
                        ('failure', models.CharField(blank=True, max_length=200)),
                        ('evidence', models.JSONField(default=dict)),
                        ('captures_later', models.BooleanField(db_default=False, default=False)),
                        ('return_path', models.CharField(blank=True, max_length=200)),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('authorised_at', models.DateTimeField(null=True)),
                        ('paid_at', models.DateTimeField(null=True)),
                        ('credited_at', models.DateTimeField(null=True)),
                        ('checked_at', models.DateTimeField(null=True)),
                        ('alerted_at', models.DateTimeField(null=True)),
                        ('buyer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purchases', to=settings.AUTH_USER_MODEL)),
                        ('corrects', models.ForeignKey(help_text='The one let go before.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.purchase')),
                        ('method', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.paymentmethod')),
                        ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.region')),
                        ('right_region', models.ForeignKey(help_text='Whose price is right.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.region')),
                    ],
                    options={
                        'permissions': [('look_up_purchase', 'Can look up purchases at their provider')],
                        'indexes': [models.Index(fields=['buyer', '-created_at'], name='purchase_latest'), models.Index(condition=models.Q(('state__in', ['created', 'pending', 'authorised', 'paid'])), fields=['checked_at'], name='purchase_open')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('checkout_ref', ''), _negated=True), fields=('checkout_ref',), name='purchase_checkout_key'), models.UniqueConstraint(condition=models.Q(('payment_ref', ''), _negated=True), fields=('payment_ref',), name='purchase_payment_key'), models.CheckConstraint(condition=models.Q(('coins__gte', 1), ('gross_minor__gte', 1), ('tax_minor__lte', models.F('gross_minor'))), name='purchase_amounts')],
                    },
                ),
                migrations.CreateModel(
                    name='Dispute',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('open_id', models.UUIDField(editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('dispute', 'Dispute'), ('provider_refund', 'Refund made at the payment company')], max_length=16)),
                        ('provider_ref', models.CharField(max_length=100, unique=True)),
                        ('state', models.CharField(choices=[('learnt', 'Learnt of'), ('open', 'Open: coins and diamonds held'), ('won', 'Won'), ('lost', 'Lost'), ('unbooked', 'Not booked: staff look at it')], default='learnt', max_length=10)),
                        ('amount_minor', models.PositiveBigIntegerField()),
                        ('lost_minor', models.PositiveBigIntegerField(default=0)),
                        ('fee_minor', models.PositiveBigIntegerField(default=0)),
                        ('ground', models.CharField(blank=True, max_length=60)),
                        ('recourse', models.CharField(blank=True, max_length=16)),
                        ('outcome', models.JSONField(default=dict)),
                        ('due_at', models.DateTimeField(null=True)),
                        ('learnt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('checked_at', models.DateTimeField(null=True)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('purchase', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='wallet.purchase')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('state__in', ['learnt', 'open'])), fields=['checked_at'], name='dispute_under_way')],
                    },
                ),
                migrations.CreateModel(
                    name='GiftCard',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code_hash', models.CharField(max_length=64, unique=True)),
                        ('ending', models.CharField(help_text="The code's last four, to talk about it.", max_length=4)),
                        ('redeemed_at', models.DateTimeField(null=True)),
                        ('voided_at', models.DateTimeField(null=True)),
                        ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cards', to='wallet.giftcardbatch')),
                        ('purchase', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='gift_card', to='wallet.purchase')),
                    ],
                    options={
                        'verbose_name': 'gift card',
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('purchase', None), ('redeemed_at', None)), models.Q(('purchase__isnull', False), ('redeemed_at__isnull', False), ('voided_at', None)), _connector='OR'), name='gift_card_redeemed_whole')],
                    },
                ),
                migrations.CreateModel(
                    name='MethodFeeEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('fee_bps', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(5000)])),
                        ('fee_minor', models.PositiveBigIntegerField(default=0)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.methodfee')),
                        ('method', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallet.paymentmethod')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='PriceEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('channel', models.CharField(choices=[('web', 'Web'), ('app', 'App store'), ('gift_card', 'Gift card')], default='web', max_length=10)),
                        ('coins', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('amount_minor', models.PositiveBigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                        ('valid_from', models.DateTimeField()),
                        ('announcement', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallet.priceannouncement')),
                        ('created_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('package', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallet.coinpackage')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.price')),
                        ('region', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='wallet.region')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Receipt',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('number', models.PositiveBigIntegerField(null=True)),
                        ('facts', models.JSONField(default=dict)),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('issued_at', models.DateTimeField(null=True)),
                        ('purchase', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='receipt', to='wallet.purchase')),
                        ('seller', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='wallet.seller')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('number', None)), fields=['id'], name='receipt_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('seller', 'number'), name='receipt_number_key'), models.CheckConstraint(condition=models.Q(models.Q(('issued_at', None), ('number', None), ('seller', None)), models.Q(('issued_at__isnull', False), ('number__gte', 1), ('seller__isnull', False)), _connector='OR'), name='receipt_numbered_whole')],
                    },
                ),
                migrations.CreateModel(
                    name='Refund',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('hold_id', models.UUIDField(editable=False, unique=True)),
                        ('end_id', models.UUIDField(editable=False, unique=True)),
                        ('coins', models.PositiveIntegerField()),
                        ('approved_coins', models.PositiveIntegerField(null=True)),
                        ('amount_minor', models.PositiveBigIntegerField()),
                        ('ground', models.CharField(choices=[('withdrawal', 'Changed my mind'), ('unused', 'I do not need the coins'), ('mistake', 'Bought by mistake, or twice'), ('unknown', 'I did not make this purchase'), ('other', 'Something else')], max_length=12)),
                        ('words', models.CharField(blank=True, max_length=500)),
                        ('state', models.CharField(choices=[('requested', 'Asked for'), ('approved', 'Approved, money on its way'), ('submitted', 'Sent to the payment company'), ('paid', 'Paid back'), ('denied', 'Denied'), ('failed', 'Could not be paid back'), ('cancelled', 'Taken back')], default='requested', max_length=10)),
                        ('due_at', models.DateTimeField()),
                        ('reason', models.CharField(blank=True, max_length=500)),
                        ('proposed_coins', models.PositiveIntegerField(null=True)),
                        ('provider_ref', models.CharField(blank=True, max_length=100)),
                        ('problem', models.CharField(blank=True, max_length=200)),
                        ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('decided_at', models.DateTimeField(null=True)),
                        ('checked_at', models.DateTimeField(null=True)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('approver', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('proposer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('purchase', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='wallet.purchase')),
                    ],
                    options={
                        'permissions': [('decide_refund', 'Can approve and deny refunds')],
                        'indexes': [models.Index(condition=models.Q(('state__in', ['approved', 'submitted'])), fields=['checked_at'], name='refund_under_way')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['requested', 'approved', 'submitted'])), fields=('purchase',), name='refund_one_open'), models.CheckConstraint(condition=models.Q(('coins__gte', 1), models.Q(('approved_coins', None), ('approved_coins__lte', models.F('coins')), _connector='OR')), name='refund_coins'), models.CheckConstraint(condition=models.Q(('proposer', models.F('approver')), _negated=True), name='refund_two_people')],
                    },
                ),
                migrations.CreateModel(
                    name='PurchaseAttempt',
                    fields=[
                        ('purchase', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='attempt', serialize=False, to='wallet.purchase')),
                        ('network', models.CharField(blank=True, max_length=64)),
                        ('instrument', models.CharField(blank=True, max_length=64)),
                        ('at', models.DateTimeField()),
                    ],
                    options={
                        'indexes': [models.Index(fields=['network', 'at'], name='purchase_attempt_network'), models.Index(fields=['at'], name='purchase_attempt_term')],
                    },
                ),
                migrations.CreateModel(
                    name='CreditNote',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('coins', models.PositiveIntegerField()),
                        ('gross_minor', models.PositiveBigIntegerField()),
                        ('tax_minor', models.PositiveBigIntegerField()),
                        ('number', models.PositiveBigIntegerField(null=True)),
                        ('facts', models.JSONField(default=dict)),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('issued_at', models.DateTimeField(null=True)),
                        ('takes_back', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='taken_back_by', to='wallet.creditnote')),
                        ('seller', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='wallet.seller')),
                        ('dispute', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_note', to='wallet.dispute')),
                        ('receipt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='wallet.receipt')),
                        ('refund', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_note', to='wallet.refund')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('number', None)), fields=['created_at'], name='credit_note_waiting')],
                        'constraints': [models.UniqueConstraint(fields=('seller', 'number'), name='credit_note_number_key'), models.CheckConstraint(condition=models.Q(models.Q(('issued_at', None), ('number', None), ('seller', None)), models.Q(('issued_at__isnull', False), ('number__gte', 1), ('seller__isnull', False)), _connector='OR'), name='credit_note_numbered_whole'), models.CheckConstraint(condition=models.Q(models.Q(('dispute', None), ('refund__isnull', False), ('takes_back', None)), models.Q(('dispute__isnull', False), ('refund', None), ('takes_back', None)), models.Q(('dispute', None), ('refund', None), ('takes_back__isnull', False)), _connector='OR'), name='credit_note_one_cause'), models.CheckConstraint(condition=models.Q(('gross_minor__gte', 1), ('tax_minor__lte', models.F('gross_minor'))), name='credit_note_amounts')],
                    },
                ),
                migrations.CreateModel(
                    name='ReceiptFile',
                    fields=[
                        ('receipt', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='file', serialize=False, to='wallet.receipt')),
                        ('pdf', models.BinaryField()),
                        ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                    ],
                ),
                migrations.CreateModel(
                    name='CreditNoteFile',
                    fields=[
                        ('credit_note', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='file', serialize=False, to='wallet.creditnote')),
                        ('pdf', models.BinaryField()),
                        ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                    ],
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='coinpackage',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_coinpackageevent" ("coins", "id", "is_offered", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."coins", NEW."id", NEW."is_offered", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='33826195b63da2212b32506b0a3e85edf62e97d5', operation='INSERT', pgid='pgtrigger_insert_insert_5ceb4', table='wallet_coinpackage', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='coinpackage',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_coinpackageevent" ("coins", "id", "is_offered", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."coins", NEW."id", NEW."is_offered", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='f5a7e4628202502049ef1cc9b601f6fbb8bf56c3', operation='UPDATE', pgid='pgtrigger_update_update_3b5af', table='wallet_coinpackage', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='seller',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_sellerevent" ("address", "code", "contact", "country", "is_default", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tax_number") VALUES (NEW."address", NEW."code", NEW."contact", NEW."country", NEW."is_default", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."tax_number"); RETURN NULL;', hash='55832788c39cff818e384afcd689eb5035611d01', operation='INSERT', pgid='pgtrigger_insert_insert_aacbb', table='wallet_seller', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='seller',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_sellerevent" ("address", "code", "contact", "country", "is_default", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tax_number") VALUES (NEW."address", NEW."code", NEW."contact", NEW."country", NEW."is_default", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."tax_number"); RETURN NULL;', hash='2831a36879f6b6bd72b8f97270b8f6c571ea21cc', operation='UPDATE', pgid='pgtrigger_update_update_acae5', table='wallet_seller', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='fxrate',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_fxrateevent" ("currency", "id", "per_usd", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quoted_at", "source") VALUES (NEW."currency", NEW."id", NEW."per_usd", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."quoted_at", NEW."source"); RETURN NULL;', hash='691be0bf1685cb1c7a1ad759fbf746a6ae70a923', operation='INSERT', pgid='pgtrigger_insert_insert_5dc0e', table='wallet_fxrate', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='fxrate',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_fxrateevent" ("currency", "id", "per_usd", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "quoted_at", "source") VALUES (NEW."currency", NEW."id", NEW."per_usd", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."quoted_at", NEW."source"); RETURN NULL;', hash='0da4f004046b6cfffbec1a8f0c7dbe528029746a', operation='UPDATE', pgid='pgtrigger_update_update_a91cf', table='wallet_fxrate', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='recoursepolicy',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_recoursepolicyevent" ("days_max", "ground", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recourse", "takes_cover") VALUES (NEW."days_max", NEW."ground", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."recourse", NEW."takes_cover"); RETURN NULL;', hash='7fd29321dee5d715c39ab7e9dd4b03e32b58a64f', operation='INSERT', pgid='pgtrigger_insert_insert_4dd21', table='wallet_recoursepolicy', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='recoursepolicy',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_recoursepolicyevent" ("days_max", "ground", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recourse", "takes_cover") VALUES (NEW."days_max", NEW."ground", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."recourse", NEW."takes_cover"); RETURN NULL;', hash='46e693861e70fb700d0c1a519eb408e8b3d74884', operation='UPDATE', pgid='pgtrigger_update_update_66635', table='wallet_recoursepolicy', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='region',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_regionevent" ("age_min", "code", "currency", "is_goodwill", "is_open", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "refund_days", "tax_bps", "tax_is_included", "tax_name", "withdrawal_days") VALUES (NEW."age_min", NEW."code", NEW."currency", NEW."is_goodwill", NEW."is_open", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."refund_days", NEW."tax_bps", NEW."tax_is_included", NEW."tax_name", NEW."withdrawal_days"); RETURN NULL;', hash='13bcc2c467fb18b77bded4e1a4ae8d04c26ef950', operation='INSERT', pgid='pgtrigger_insert_insert_55a57', table='wallet_region', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='region',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_regionevent" ("age_min", "code", "currency", "is_goodwill", "is_open", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "refund_days", "tax_bps", "tax_is_included", "tax_name", "withdrawal_days") VALUES (NEW."age_min", NEW."code", NEW."currency", NEW."is_goodwill", NEW."is_open", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."refund_days", NEW."tax_bps", NEW."tax_is_included", NEW."tax_name", NEW."withdrawal_days"); RETURN NULL;', hash='73a20358d39c42f0ea0af815f7daf163833ac6a3', operation='UPDATE', pgid='pgtrigger_update_update_14024', table='wallet_region', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='creditnotefile',
                    trigger=pgtrigger.compiler.Trigger(name='credit_note_file_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete or update rows from % table', TG_TABLE_NAME;", hash='870ea7eccdd51a7d1e0c09885299273eeecbbc7f', operation='DELETE OR UPDATE', pgid='pgtrigger_credit_note_file_kept_dc6a5', table='wallet_creditnotefile', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='methodfee',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_methodfeeevent" ("currency", "fee_bps", "fee_minor", "id", "method_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."currency", NEW."fee_bps", NEW."fee_minor", NEW."id", NEW."method_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='27a0a737645bcf9aef9a2874af3d3fb536e0539a', operation='INSERT', pgid='pgtrigger_insert_insert_e70f0', table='wallet_methodfee', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='methodfee',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_methodfeeevent" ("currency", "fee_bps", "fee_minor", "id", "method_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."currency", NEW."fee_bps", NEW."fee_minor", NEW."id", NEW."method_id", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='2c2d97efdd90572bfb7758c96b0affcbe04ac962', operation='UPDATE', pgid='pgtrigger_update_update_eb75e', table='wallet_methodfee', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='receiptfile',
                    trigger=pgtrigger.compiler.Trigger(name='receipt_file_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete or update rows from % table', TG_TABLE_NAME;", hash='9c3960496166b697038bc353236a4230aaea6583', operation='DELETE OR UPDATE', pgid='pgtrigger_receipt_file_kept_6db58', table='wallet_receiptfile', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='receipt',
                    trigger=pgtrigger.compiler.Trigger(name='receipt_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='652d4398c7a6a251b800613c55fc84d9364a9ae0', operation='DELETE', pgid='pgtrigger_receipt_kept_a6c33', table='wallet_receipt', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='receipt',
                    trigger=pgtrigger.compiler.Trigger(name='receipt_final', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."number" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='e2bae5f46d80df647859c5810d4d60c16bc82a76', operation='UPDATE', pgid='pgtrigger_receipt_final_d6401', table='wallet_receipt', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='creditnote',
                    trigger=pgtrigger.compiler.Trigger(name='credit_note_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='54a2616d0bfc6068e95f31cc2a210fb787d5f4a6', operation='DELETE', pgid='pgtrigger_credit_note_kept_0dac0', table='wallet_creditnote', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='creditnote',
                    trigger=pgtrigger.compiler.Trigger(name='credit_note_final', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."number" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='423d7a1e278a51b216814e8be1c109596b23e0dd', operation='UPDATE', pgid='pgtrigger_credit_note_final_e5e45', table='wallet_creditnote', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='price',
                    trigger=pgtrigger.compiler.Trigger(name='stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1079091d3a1bedbda246d4cbed79e0efccbe48c2', operation='UPDATE OR DELETE', pgid='pgtrigger_stays_eb088', table='wallet_price', when='BEFORE')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='price',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_priceevent" ("amount_minor", "announcement_id", "channel", "coins", "created_by_id", "currency", "id", "package_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "region_id", "valid_from") VALUES (NEW."amount_minor", NEW."announcement_id", NEW."channel", NEW."coins", NEW."created_by_id", NEW."currency", NEW."id", NEW."package_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."region_id", NEW."valid_from"); RETURN NULL;', hash='879e9d9200d95cb602deb9f2045ce34c14f38d36', operation='INSERT', pgid='pgtrigger_insert_insert_e11d4', table='wallet_price', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='price',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_priceevent" ("amount_minor", "announcement_id", "channel", "coins", "created_by_id", "currency", "id", "package_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "region_id", "valid_from") VALUES (NEW."amount_minor", NEW."announcement_id", NEW."channel", NEW."coins", NEW."created_by_id", NEW."currency", NEW."id", NEW."package_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."region_id", NEW."valid_from"); RETURN NULL;', hash='9bd9b2a0b4a9a271c47559b30813447aa1c06d3a', operation='UPDATE', pgid='pgtrigger_update_update_094b3', table='wallet_price', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='paymentmethod',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_paymentmethodevent" ("code", "hold_class", "is_offered", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "provider", "rail") VALUES (NEW."code", NEW."hold_class", NEW."is_offered", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."provider", NEW."rail"); RETURN NULL;', hash='ede42fc8de5d002ebb010def6aaf582e38d4c141', operation='INSERT', pgid='pgtrigger_insert_insert_77127', table='wallet_paymentmethod', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='paymentmethod',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_paymentmethodevent" ("code", "hold_class", "is_offered", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "provider", "rail") VALUES (NEW."code", NEW."hold_class", NEW."is_offered", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."provider", NEW."rail"); RETURN NULL;', hash='64459eb1510bfd6449a133757ae9f066d2e4c1f1', operation='UPDATE', pgid='pgtrigger_update_update_298af', table='wallet_paymentmethod', when='AFTER')),
                ),
            ]
        ),
        # One string in a list: Django must not split function bodies at their semicolons.
        *(
            migrations.RunSQL(
                [(SQL / name).read_text()],
                reverse_sql=["DROP SCHEMA ledger CASCADE"]
                if name == FILES[0]
                else migrations.RunSQL.noop,
            )
            for name in FILES
        ),
    ]
