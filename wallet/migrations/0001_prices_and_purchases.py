import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django_countries.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
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
                ('frozen', models.BooleanField()),
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
                ('kind', models.SmallIntegerField(choices=[(10, 'Purchase'), (20, 'Gift'), (30, 'Release'), (40, 'Settlement'), (50, 'Payout'), (90, 'Coin adjustment'), (92, 'Diamond adjustment')])),
                ('state', models.SmallIntegerField(choices=[(1, 'Done'), (2, 'Refused')])),
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
                ('code', models.SmallIntegerField(choices=[(10, 'Buy'), (11, 'Buy Gross'), (12, 'Buy Tax'), (13, 'Buy Fee'), (20, 'Gift Coins'), (21, 'Gift Diamonds'), (30, 'Release'), (31, 'Repay'), (40, 'Settle Diamonds'), (41, 'Settle Cash'), (50, 'Payout Reserve'), (51, 'Payout Post'), (52, 'Payout Void'), (53, 'Payout Return'), (90, 'Adjust Coins In'), (91, 'Adjust Coins Out'), (92, 'Adjust Diamonds')])),
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
            name='Region',
            fields=[
                ('code', models.CharField(max_length=8, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                ('tax_bps', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(5000)])),
                ('tax_name', models.CharField(default='VAT', max_length=20)),
                ('tax_is_included', models.BooleanField(default=True)),
                ('is_open', models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name='PaymentMethod',
            fields=[
                ('code', models.SlugField(max_length=20, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('provider', models.CharField(help_text='Dotted path of the adapter', max_length=100)),
                ('hold_class', models.PositiveSmallIntegerField(choices=[(1, 'Bank or instant transfer'), (2, 'Payment wallet'), (3, 'Gift card'), (4, 'Card, holder authenticated'), (5, 'Card'), (6, 'App store'), (7, 'Phone bill')])),
                ('is_offered', models.BooleanField(default=True)),
                ('regions', models.ManyToManyField(blank=True, related_name='methods', to='wallet.region')),
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
            name='PaymentMethodEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('code', models.SlugField(db_index=False, max_length=20, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('provider', models.CharField(help_text='Dotted path of the adapter', max_length=100)),
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
                ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prices', to='wallet.region')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('region', 'channel', 'package', 'valid_from'), name='price_one_at_a_time', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('amount_minor__gte', 1), ('coins__gte', 1)), name='price_positive')],
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
            name='ProviderEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=100)),
                ('event_id', models.CharField(max_length=100)),
                ('kind', models.CharField(max_length=80)),
                ('object_ref', models.CharField(max_length=100)),
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
            name='Purchase',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('web', 'Web'), ('app', 'App store'), ('gift_card', 'Gift card')], default='web', max_length=10)),
                ('coins', models.PositiveIntegerField()),
                ('gross_minor', models.PositiveBigIntegerField()),
                ('tax_minor', models.PositiveBigIntegerField()),
                ('tax_bps', models.PositiveIntegerField()),
                ('currency', models.CharField(choices=[('AED', 'AED'), ('AUD', 'AUD'), ('BRL', 'BRL'), ('CAD', 'CAD'), ('CHF', 'CHF'), ('EUR', 'EUR'), ('GBP', 'GBP'), ('INR', 'INR'), ('JPY', 'JPY'), ('KES', 'KES'), ('KRW', 'KRW'), ('KWD', 'KWD'), ('MXN', 'MXN'), ('PEN', 'PEN'), ('USD', 'USD'), ('VND', 'VND')], max_length=3)),
                ('state', models.CharField(choices=[('created', 'Started'), ('pending', 'Waiting for payment'), ('paid', 'Paid, coins on the way'), ('credited', 'Coins arrived'), ('failed', 'Payment failed'), ('expired', 'Not paid in time'), ('cancelled', 'Cancelled')], default='created', max_length=10)),
                ('checkout_ref', models.CharField(blank=True, max_length=100)),
                ('checkout_url', models.URLField(blank=True, max_length=1000)),
                ('payment_ref', models.CharField(blank=True, max_length=100)),
                ('hold_class', models.PositiveSmallIntegerField(choices=[(1, 'Bank or instant transfer'), (2, 'Payment wallet'), (3, 'Gift card'), (4, 'Card, holder authenticated'), (5, 'Card'), (6, 'App store'), (7, 'Phone bill')], null=True)),
                ('fee_minor', models.PositiveBigIntegerField(null=True)),
                ('failure', models.CharField(blank=True, max_length=200)),
                ('evidence', models.JSONField(default=dict)),
                ('return_path', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('paid_at', models.DateTimeField(null=True)),
                ('credited_at', models.DateTimeField(null=True)),
                ('checked_at', models.DateTimeField(null=True)),
                ('alerted_at', models.DateTimeField(null=True)),
                ('buyer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purchases', to=settings.AUTH_USER_MODEL)),
                ('method', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.paymentmethod')),
                ('region', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallet.region')),
            ],
            options={
                'indexes': [models.Index(fields=['buyer', '-created_at'], name='purchase_latest'), models.Index(condition=models.Q(('state__in', ['created', 'pending', 'paid'])), fields=['checked_at'], name='purchase_open')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('checkout_ref', ''), _negated=True), fields=('checkout_ref',), name='purchase_checkout_key'), models.UniqueConstraint(condition=models.Q(('payment_ref', ''), _negated=True), fields=('payment_ref',), name='purchase_payment_key'), models.CheckConstraint(condition=models.Q(('coins__gte', 1), ('gross_minor__gte', 1), ('tax_minor__lte', models.F('gross_minor'))), name='purchase_amounts')],
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
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='wallet.region')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Balance',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='balance', serialize=False, to='wallet.account')),
                ('sign', models.SmallIntegerField()),
                ('floor', models.BigIntegerField(null=True)),
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
        pgtrigger.migrations.AddTrigger(
            model_name='coinpackage',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_coinpackageevent" ("coins", "id", "is_offered", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."coins", NEW."id", NEW."is_offered", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='33826195b63da2212b32506b0a3e85edf62e97d5', operation='INSERT', pgid='pgtrigger_insert_insert_5ceb4', table='wallet_coinpackage', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='coinpackage',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_coinpackageevent" ("coins", "id", "is_offered", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."coins", NEW."id", NEW."is_offered", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='f5a7e4628202502049ef1cc9b601f6fbb8bf56c3', operation='UPDATE', pgid='pgtrigger_update_update_3b5af', table='wallet_coinpackage', when='AFTER')),
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
            model_name='region',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_regionevent" ("code", "currency", "is_open", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tax_bps", "tax_is_included", "tax_name") VALUES (NEW."code", NEW."currency", NEW."is_open", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."tax_bps", NEW."tax_is_included", NEW."tax_name"); RETURN NULL;', hash='817ec64d0fd23ad41910a10877320f7b1e2cf645', operation='INSERT', pgid='pgtrigger_insert_insert_55a57', table='wallet_region', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='region',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_regionevent" ("code", "currency", "is_open", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tax_bps", "tax_is_included", "tax_name") VALUES (NEW."code", NEW."currency", NEW."is_open", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."tax_bps", NEW."tax_is_included", NEW."tax_name"); RETURN NULL;', hash='1360599bb51ed11caca2e650b137b7339dfd8885', operation='UPDATE', pgid='pgtrigger_update_update_14024', table='wallet_region', when='AFTER')),
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
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_priceevent" ("amount_minor", "channel", "coins", "created_by_id", "currency", "id", "package_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "region_id", "valid_from") VALUES (NEW."amount_minor", NEW."channel", NEW."coins", NEW."created_by_id", NEW."currency", NEW."id", NEW."package_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."region_id", NEW."valid_from"); RETURN NULL;', hash='6eb86a928eeaca482c4789ae7530c7fbc422f503', operation='INSERT', pgid='pgtrigger_insert_insert_e11d4', table='wallet_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='price',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_priceevent" ("amount_minor", "channel", "coins", "created_by_id", "currency", "id", "package_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "region_id", "valid_from") VALUES (NEW."amount_minor", NEW."channel", NEW."coins", NEW."created_by_id", NEW."currency", NEW."id", NEW."package_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."region_id", NEW."valid_from"); RETURN NULL;', hash='27b100c55284e64d49795bad6be6281dd9d03333', operation='UPDATE', pgid='pgtrigger_update_update_094b3', table='wallet_price', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='paymentmethod',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "wallet_paymentmethodevent" ("code", "hold_class", "is_offered", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "provider") VALUES (NEW."code", NEW."hold_class", NEW."is_offered", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."code", NEW."provider"); RETURN NULL;', hash='6e82ac678630635f0975ec065eee1f230c1ce218', operation='INSERT', pgid='pgtrigger_insert_insert_77127', table='wallet_paymentmethod', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='paymentmethod',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "wallet_paymentmethodevent" ("code", "hold_class", "is_offered", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "provider") VALUES (NEW."code", NEW."hold_class", NEW."is_offered", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."code", NEW."provider"); RETURN NULL;', hash='b3bb03e782e3ff64d91f3a476494b751be7efe7c', operation='UPDATE', pgid='pgtrigger_update_update_298af', table='wallet_paymentmethod', when='AFTER')),
        ),
    ]
