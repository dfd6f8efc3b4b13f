"""The migrations up to 0021_account_kinds_and_care in one, for new databases: each alone costs the whole state again.

Those that it replaces stay for databases that have some of them.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django_countries.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from accounts.migrations._together import Together


class Migration(migrations.Migration):

    replaces = [
        ("accounts", "0002_consent"),
        ("accounts", "0003_notices_outbox_and_edits"),
        ("accounts", "0010_reviews_and_safety"),
        ("accounts", "0015_leaving"),
        ("accounts", "0016_refund_scope"),
        ("accounts", "0017_credit_note_notices_and_scopes"),
        ("accounts", "0018_ranked_by_choice"),
        ("accounts", "0019_rooms_scope"),
        ("accounts", "0020_shown_level"),
        ("accounts", "0021_account_kinds_and_care"),
    ]
    dependencies = [
        ('accounts', '0001_people'),
        ('allauth_idp_oidc', '0003_client_allow_uri_wildcards'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        Together(
            [
                migrations.AlterModelOptions(
                    name='user',
                    options={'permissions': [('set_standing', 'Can restrict and suspend people')]},
                ),
                migrations.AddField(
                    model_name='notice',
                    name='document_name',
                    field=models.CharField(db_default='Receipt', default='Receipt', max_length=40),
                ),
                migrations.AddField(
                    model_name='notice',
                    name='document_path',
                    field=models.CharField(blank=True, db_default='', max_length=200),
                ),
                migrations.AddField(
                    model_name='notice',
                    name='email_leased_until',
                    field=models.DateTimeField(null=True),
                ),
                migrations.AddField(
                    model_name='notice',
                    name='email_tries',
                    field=models.PositiveSmallIntegerField(db_default=0, default=0),
                ),
                migrations.AddField(
                    model_name='notice',
                    name='on_site',
                    field=models.BooleanField(db_default=True, default=True),
                ),
                migrations.AddField(
                    model_name='outboxevent',
                    name='heard_by',
                    field=models.JSONField(null=True),
                ),
                migrations.AddField(
                    model_name='outboxevent',
                    name='retry_at',
                    field=models.DateTimeField(null=True),
                ),
                migrations.AddField(
                    model_name='outboxevent',
                    name='tries',
                    field=models.PositiveSmallIntegerField(db_default=0, default=0),
                ),
                migrations.AddField(
                    model_name='user',
                    name='break_after_min',
                    field=models.PositiveSmallIntegerField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name='user',
                    name='confirm_coins',
                    field=models.PositiveIntegerField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name='user',
                    name='is_ranked',
                    field=models.BooleanField(db_default=False, default=False),
                ),
                migrations.AddField(
                    model_name='user',
                    name='kind',
                    field=models.CharField(choices=[('personal', 'Personal'), ('business', 'Business'), ('charity', 'Charity'), ('political', 'Political'), ('government', 'Government')], db_default='personal', default='personal', max_length=10),
                ),
                migrations.AddField(
                    model_name='user',
                    name='shows_level',
                    field=models.BooleanField(db_default=True, default=True),
                ),
                migrations.AddField(
                    model_name='user',
                    name='terms_due_at',
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddIndex(
                    model_name='user',
                    index=models.Index(condition=models.Q(models.Q(('standing', 'good'), _negated=True), ('standing_until__isnull', False)), fields=['standing_until'], name='user_standing_ends'),
                ),
                migrations.AddConstraint(
                    model_name='user',
                    constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['personal', 'business', 'charity', 'political', 'government'])), name='user_kind_known'),
                ),
                migrations.CreateModel(
                    name='Block',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('blocked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('blocked', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('blocker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('blocker', 'blocked'), name='block_once'), models.CheckConstraint(condition=models.Q(('blocker', models.F('blocked')), _negated=True), name='block_somebody_else')],
                    },
                ),
                migrations.CreateModel(
                    name='Closure',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('state', models.CharField(choices=[('closed', 'Closed'), ('reopened', 'Opened again'), ('erased', 'Erased')], default='closed', max_length=10)),
                        ('coins_left', models.PositiveBigIntegerField(default=0)),
                        ('closed_at', models.DateTimeField()),
                        ('erase_at', models.DateTimeField()),
                        ('erased_at', models.DateTimeField(null=True)),
                        ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='closures', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'reopened'), _negated=True), fields=('person',), name='closure_one_in_force')],
                    },
                ),
                migrations.CreateModel(
                    name='Consent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('scope', models.CharField(choices=[('gifts:send', 'Send gifts with your coins'), ('balance:read', 'See your balance and history'), ('refunds:ask', 'Ask to give your unused coins back'), ('gift-cards:redeem', 'Turn gift cards into coins for you'), ('reviews:read', 'See the reviews of your account'), ('reviews:appeal', 'Appeal against reviews of your account'), ('rooms:manage', 'Start and end your lives, and switch gifts in them')], max_length=20)),
                        ('daily_cap_coins', models.PositiveIntegerField(default=0)),
                        ('until', models.DateTimeField()),
                        ('given_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('revoked_at', models.DateTimeField(blank=True, null=True)),
                        ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='allauth_idp_oidc.client')),
                        ('fan', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('fan', 'client', 'scope'), name='consent_one_in_force')],
                    },
                ),
                migrations.CreateModel(
                    name='CreatorProfileEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('about', models.CharField(blank=True, max_length=500)),
                        ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('creator', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='accounts.creatorprofile')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='DataExport',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('state', models.CharField(choices=[('asked', 'Being made'), ('ready', 'Ready'), ('gone', 'Deleted')], default='asked', max_length=10)),
                        ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('ready_at', models.DateTimeField(null=True)),
                        ('expires_at', models.DateTimeField(null=True)),
                        ('size_bytes', models.PositiveIntegerField(default=0)),
                        ('archive', models.BinaryField(null=True)),
                        ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exports', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('state', 'asked')), fields=['asked_at'], name='export_waiting')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'asked')), fields=('person',), name='export_one_at_a_time')],
                    },
                ),
                migrations.CreateModel(
                    name='Fingerprint',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('device', 'Device'), ('network', 'Network'), ('instrument', 'Payment instrument')], max_length=10)),
                        ('digest', models.CharField(max_length=64)),
                        ('first_seen_at', models.DateTimeField()),
                        ('seen_at', models.DateTimeField()),
                        ('keep_until', models.DateTimeField()),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fingerprints', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['kind', 'digest'], name='fingerprint_shared'), models.Index(fields=['keep_until'], name='fingerprint_term')],
                        'constraints': [models.UniqueConstraint(fields=('user', 'kind', 'digest'), name='fingerprint_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Review',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('reason', models.CharField(choices=[('spend_spike', 'Much more spending than usual'), ('spend_abs', 'Spending above what we check'), ('multi_card', 'Many cards or declined payments'), ('new_big', 'A very large gift from a new account'), ('late_over_limit', 'A late payment over a limit'), ('efw', 'A fraud warning from the bank'), ('dispute', 'A disputed payment'), ('minor_claim', 'The account may be used by a minor'), ('report', 'Reported by somebody')], max_length=20)),
                        ('subject_key', models.CharField(max_length=80)),
                        ('state', models.CharField(choices=[('opened', 'Waiting for a reviewer'), ('assigned', 'Being looked at'), ('decided', 'Decided'), ('appealed', 'Appealed'), ('final', 'Closed')], default='opened', max_length=10)),
                        ('is_told', models.BooleanField(default=True)),
                        ('is_by_rule', models.BooleanField(default=False)),
                        ('reasons', models.JSONField(default=list)),
                        ('signals', models.JSONField(default=list)),
                        ('restricts', models.CharField(choices=[('nothing', 'Nothing'), ('large_purchases', 'Large purchases'), ('purchases', 'Purchases'), ('gift', 'One gift')], default='nothing', max_length=16)),
                        ('restricted_until', models.DateTimeField(blank=True, null=True)),
                        ('lifted_at', models.DateTimeField(null=True)),
                        ('quiet_until', models.DateTimeField(null=True)),
                        ('opened_at', models.DateTimeField()),
                        ('decide_by_at', models.DateTimeField()),
                        ('due_at', models.DateTimeField(null=True)),
                        ('escalated_at', models.DateTimeField(null=True)),
                        ('outcome', models.CharField(blank=True, choices=[('cleared', 'Nothing wrong: what was restricted is free again'), ('upheld', 'Upheld: the restriction below holds')], max_length=10)),
                        ('statement', models.CharField(blank=True, max_length=2000)),
                        ('decided_at', models.DateTimeField(null=True)),
                        ('appeal_until_at', models.DateTimeField(null=True)),
                        ('appeal_words', models.CharField(blank=True, max_length=2000)),
                        ('appealed_at', models.DateTimeField(null=True)),
                        ('final_outcome', models.CharField(blank=True, choices=[('cleared', 'Nothing wrong: what was restricted is free again'), ('upheld', 'Upheld: the restriction below holds')], max_length=10)),
                        ('final_statement', models.CharField(blank=True, max_length=2000)),
                        ('final_at', models.DateTimeField(null=True)),
                        ('assignee', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('final_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['subject', '-id'], name='review_of_person'), models.Index(condition=models.Q(('lifted_at', None), models.Q(('restricts', 'nothing'), _negated=True)), fields=['subject'], name='review_restricting'), models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='review_clock')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['opened', 'assigned'])), fields=('subject', 'reason', 'subject_key'), name='review_one_waiting'), models.CheckConstraint(condition=models.Q(('state__in', ['opened', 'assigned']), models.Q(models.Q(('statement', ''), _negated=True), models.Q(('outcome', ''), _negated=True)), _connector='OR'), name='review_decided_with_reasons'), models.CheckConstraint(condition=models.Q(('final_by', None), models.Q(('final_by', models.F('decided_by')), _negated=True), _connector='OR'), name='review_appeal_by_another'), models.CheckConstraint(condition=models.Q(('state__in', ['opened', 'assigned', 'decided', 'appealed', 'final'])), name='review_state_known')],
                    },
                ),
                migrations.CreateModel(
                    name='UserEdit',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                        ('email', models.EmailField(max_length=254, verbose_name='email address')),
                        ('handle', models.CharField(max_length=24, validators=[django.core.validators.RegexValidator('^[a-z0-9_]{3,24}$', 'Use 3 to 24 small letters, digits or underscores.')])),
                        ('display_name', models.CharField(max_length=40)),
                        ('country', django_countries.fields.CountryField(blank=True, max_length=2)),
                        ('birth_date', models.DateField(blank=True, null=True)),
                        ('language', models.CharField(default='en', max_length=10)),
                        ('time_zone', models.CharField(default='UTC', max_length=40)),
                        ('kind', models.CharField(choices=[('personal', 'Personal'), ('business', 'Business'), ('charity', 'Charity'), ('political', 'Political'), ('government', 'Government')], db_default='personal', default='personal', max_length=10)),
                        ('is_creator', models.BooleanField(db_default=False, default=False)),
                        ('is_staff', models.BooleanField(default=False, verbose_name='staff')),
                        ('is_active', models.BooleanField(default=True)),
                        ('joined_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='ConsentUse',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('day', models.DateField()),
                        ('coins', models.PositiveBigIntegerField(default=0)),
                        ('consent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='accounts.consent')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('consent', 'day'), name='consent_use_once_a_day')],
                    },
                ),
                migrations.CreateModel(
                    name='GuardianClaim',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('handle', models.CharField(max_length=60)),
                        ('name', models.CharField(max_length=80)),
                        ('email', models.EmailField(max_length=254)),
                        ('relation', models.CharField(max_length=20)),
                        ('child_age', models.PositiveSmallIntegerField()),
                        ('words', models.CharField(max_length=2000)),
                        ('made_at', models.DateTimeField()),
                        ('confirmed_at', models.DateTimeField(null=True)),
                        ('network', models.CharField(max_length=64)),
                        ('about', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('review', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='guardian_claims', to='accounts.review')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('confirmed_at', None)), fields=['made_at'], name='guardian_claim_unproven')],
                    },
                ),
                migrations.CreateModel(
                    name='Report',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('place_key', models.CharField(max_length=80)),
                        ('reason', models.CharField(choices=[('minor', 'Somebody under age'), ('fraud', "Fraud, or somebody else's money"), ('harassment', 'Harassment or hate'), ('sexual', 'Sexual content'), ('violence', 'Violence or danger'), ('other', 'Something else')], max_length=12)),
                        ('words', models.CharField(blank=True, max_length=1000)),
                        ('reported_at', models.DateTimeField()),
                        ('about', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('reporter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to=settings.AUTH_USER_MODEL)),
                        ('review', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='accounts.review')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('reporter', 'review'), name='report_once_a_case')],
                    },
                ),
                migrations.CreateModel(
                    name='Verdict',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('rule', models.CharField(max_length=20)),
                        ('subject_key', models.CharField(max_length=80)),
                        ('is_hit', models.BooleanField()),
                        ('reasons', models.JSONField(default=list)),
                        ('facts', models.JSONField(default=dict)),
                        ('at', models.DateTimeField()),
                        ('review', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='verdicts', to='accounts.review')),
                        ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['subject', '-id'], name='verdict_of_person')],
                    },
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='creatorprofile',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_creatorprofileevent" ("about", "creator_id", "id", "opened_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."about", NEW."creator_id", NEW."id", NEW."opened_at", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='34ee5c1958e249c5e1e7afbcc5c8dd68566a7715', operation='INSERT', pgid='pgtrigger_insert_insert_20109', table='accounts_creatorprofile', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='creatorprofile',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "accounts_creatorprofileevent" ("about", "creator_id", "id", "opened_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."about", NEW."creator_id", NEW."id", NEW."opened_at", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='1ce8b802964771c48b130e4b674604b0c5dbc6c8', operation='UPDATE', pgid='pgtrigger_update_update_59922', table='accounts_creatorprofile', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='user',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_useredit" ("birth_date", "country", "display_name", "email", "handle", "id", "is_active", "is_creator", "is_staff", "is_superuser", "joined_at", "kind", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "time_zone") VALUES (NEW."birth_date", NEW."country", NEW."display_name", NEW."email", NEW."handle", NEW."id", NEW."is_active", NEW."is_creator", NEW."is_staff", NEW."is_superuser", NEW."joined_at", NEW."kind", NEW."language", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."time_zone"); RETURN NULL;', hash='77ef241ec6c0bf14f13601da2e06126093f2b68e', operation='INSERT', pgid='pgtrigger_insert_insert_3867c', table='accounts_user', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='user',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."birth_date" IS DISTINCT FROM (NEW."birth_date") OR OLD."country" IS DISTINCT FROM (NEW."country") OR OLD."display_name" IS DISTINCT FROM (NEW."display_name") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."handle" IS DISTINCT FROM (NEW."handle") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_creator" IS DISTINCT FROM (NEW."is_creator") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."joined_at" IS DISTINCT FROM (NEW."joined_at") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."language" IS DISTINCT FROM (NEW."language") OR OLD."time_zone" IS DISTINCT FROM (NEW."time_zone"))', func='INSERT INTO "accounts_useredit" ("birth_date", "country", "display_name", "email", "handle", "id", "is_active", "is_creator", "is_staff", "is_superuser", "joined_at", "kind", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "time_zone") VALUES (NEW."birth_date", NEW."country", NEW."display_name", NEW."email", NEW."handle", NEW."id", NEW."is_active", NEW."is_creator", NEW."is_staff", NEW."is_superuser", NEW."joined_at", NEW."kind", NEW."language", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."time_zone"); RETURN NULL;', hash='d1e662cf1c23ddf4b587e939ae03a99896514bf9', operation='UPDATE', pgid='pgtrigger_update_update_0e890', table='accounts_user', when='AFTER')),
                ),
            ]
        ),
    ]
