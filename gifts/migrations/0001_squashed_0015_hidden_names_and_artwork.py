"""The migrations up to 0015_hidden_names_and_artwork in one, for new databases: each alone costs the whole state again.

Those that it replaces stay for databases that have some of them.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from accounts.migrations._together import Together


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("gifts", "0001_catalogue_and_rooms"),
        ("gifts", "0002_sendings_by_time"),
        ("gifts", "0003_videos_without_address"),
        ("gifts", "0004_room_log"),
        ("gifts", "0005_held_gifts"),
        ("gifts", "0006_streaks"),
        ("gifts", "0007_ranks_and_goals"),
        ("gifts", "0008_chat"),
        ("gifts", "0009_gifts_with_words"),
        ("gifts", "0010_peak_viewers"),
        ("gifts", "0011_overlays"),
        ("gifts", "0012_schedule"),
        ("gifts", "0013_clubs"),
        ("gifts", "0014_count_clubs"),
        ("gifts", "0015_hidden_names_and_artwork"),
    ]
    dependencies = [
        ("accounts", "0021_account_kinds_and_care"),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name='ChatRules',
                    fields=[
                        ('creator', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='chat_rules', serialize=False, to=settings.AUTH_USER_MODEL)),
                        ('slow_s', models.PositiveSmallIntegerField(default=0)),
                        ('banned_words', models.TextField(blank=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='FanTotal',
                    fields=[
                        ('gifter', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='given', serialize=False, to=settings.AUTH_USER_MODEL)),
                        ('coins', models.PositiveBigIntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name='Gift',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('slug', models.SlugField(max_length=40, unique=True)),
                    ],
                ),
                migrations.CreateModel(
                    name='Room',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('title', models.CharField(max_length=80)),
                        ('stream_url', models.URLField(blank=True, max_length=500)),
                        ('gifts_on', models.BooleanField(default=True)),
                        ('for_members', models.BooleanField(db_default=False, default=False)),
                        ('state', models.CharField(choices=[('live', 'Live'), ('ended', 'Ended')], default='live', max_length=8)),
                        ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rooms', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('state', 'live')), fields=['-started_at'], name='room_live'), models.Index(fields=['creator', 'started_at'], name='room_creator_start')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('creator',), name='room_one_live')],
                    },
                ),
                migrations.CreateModel(
                    name='GiftArt',
                    fields=[
                        ('digest', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=60)),
                        ('moving', models.BinaryField()),
                        ('still', models.BinaryField()),
                        ('width', models.PositiveSmallIntegerField()),
                        ('height', models.PositiveSmallIntegerField()),
                        ('frames', models.PositiveSmallIntegerField()),
                        ('length_ms', models.PositiveIntegerField()),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'artwork',
                        'verbose_name_plural': 'artwork',
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('frames', 1), ('length_ms', 0)), models.Q(('frames__gte', 2), ('length_ms__gte', 1)), _connector='OR'), name='gift_art_moves_or_not')],
                    },
                ),
                migrations.CreateModel(
                    name='MembershipOffer',
                    fields=[
                        ('creator', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='membership_offer', serialize=False, to=settings.AUTH_USER_MODEL)),
                        ('is_on', models.BooleanField(default=False)),
                        ('price_coins', models.PositiveIntegerField()),
                        ('words', models.CharField(blank=True, max_length=300)),
                        ('changed_at', models.DateTimeField()),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('price_coins__in', (100, 300, 500, 1000))), name='membership_price_listed')],
                    },
                ),
                migrations.CreateModel(
                    name='Moderator',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('named_at', models.DateTimeField()),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='moderators', to=settings.AUTH_USER_MODEL)),
                        ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('creator', 'person'), name='moderator_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Mute',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('until', models.DateTimeField(null=True)),
                        ('muted_at', models.DateTimeField()),
                        ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('creator', 'person'), name='mute_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Overlay',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                        ('made_at', models.DateTimeField()),
                        ('creator', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('creator',), name='overlay_one_a_creator')],
                    },
                ),
                migrations.CreateModel(
                    name='RankDifference',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('what', models.CharField(max_length=120)),
                        ('counted_coins', models.PositiveBigIntegerField()),
                        ('real_coins', models.PositiveBigIntegerField()),
                        ('found_at', models.DateTimeField()),
                        ('seen_at', models.DateTimeField(null=True)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                ),
                migrations.CreateModel(
                    name='Video',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('title', models.CharField(max_length=80)),
                        ('video_url', models.URLField(blank=True, max_length=500)),
                        ('gifts_on', models.BooleanField(default=True)),
                        ('for_members', models.BooleanField(db_default=False, default=False)),
                        ('is_public', models.BooleanField(default=True)),
                        ('posted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='videos', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['-posted_at'], name='video_latest')],
                    },
                ),
                migrations.CreateModel(
                    name='WeekGifter',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('coins', models.PositiveBigIntegerField()),
                        ('gifts', models.PositiveBigIntegerField()),
                        ('taken_coins', models.PositiveBigIntegerField(default=0)),
                        ('taken_gifts', models.PositiveBigIntegerField(default=0)),
                        ('reached_at', models.DateTimeField()),
                        ('week', models.DateField()),
                        ('is_hidden', models.BooleanField(db_default=False, default=False)),
                        ('creator', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('gifter', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['creator', 'week', '-coins', 'reached_at'], name='week_gifter_rank'), models.Index(fields=['week', 'creator'], name='week_gifter_week')],
                        'constraints': [models.UniqueConstraint(fields=('creator', 'week', 'gifter', 'is_hidden'), name='week_gifter_once')],
                    },
                ),
                migrations.CreateModel(
                    name='ClubGifter',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('coins', models.PositiveBigIntegerField()),
                        ('gifts', models.PositiveBigIntegerField()),
                        ('taken_coins', models.PositiveBigIntegerField(default=0)),
                        ('taken_gifts', models.PositiveBigIntegerField(default=0)),
                        ('reached_at', models.DateTimeField()),
                        ('creator', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('gifter', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('creator', 'gifter'), name='club_gifter_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Entitlement',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(choices=[('club', 'Fan club'), ('membership', 'Membership')], max_length=10)),
                        ('coins', models.PositiveBigIntegerField()),
                        ('starts_at', models.DateTimeField()),
                        ('ends_at', models.DateTimeField(null=True)),
                        ('revoked_at', models.DateTimeField(null=True)),
                        ('reminded_at', models.DateTimeField(null=True)),
                        ('creator', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('fan', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='entitlements', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['creator', 'kind', '-starts_at'], name='entitlement_creator'), models.Index(condition=models.Q(('kind', 'membership'), ('reminded_at', None), ('revoked_at', None)), fields=['ends_at'], name='entitlement_unreminded')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'club'), ('revoked_at', None)), fields=('fan', 'creator'), name='club_joined_once'), models.UniqueConstraint(condition=models.Q(('kind', 'membership'), ('revoked_at', None)), fields=('fan', 'creator', 'starts_at'), name='membership_period_once'), models.CheckConstraint(condition=models.Q(models.Q(('ends_at', None), ('kind', 'club')), models.Q(('ends_at__gt', models.F('starts_at')), ('kind', 'membership')), _connector='OR'), name='entitlement_period'), models.CheckConstraint(condition=models.Q(('fan', models.F('creator')), _negated=True), name='entitlement_to_another')],
                    },
                ),
                migrations.CreateModel(
                    name='GiftVersion',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('name', models.CharField(max_length=40)),
                        ('category', models.CharField(choices=[('hearts', 'Hearts'), ('classic', 'Classic'), ('animated', 'Animated'), ('exclusive', 'Exclusive')], max_length=10)),
                        ('price_coins', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('is_streakable', models.BooleanField(default=False)),
                        ('is_join_gift', models.BooleanField(default=False)),
                        ('on_videos', models.BooleanField(default=False)),
                        ('animation_ms', models.PositiveIntegerField(default=1000)),
                        ('unlock_level', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('club_level', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('highlight_s', models.PositiveIntegerField(db_default=0, default=0)),
                        ('valid_from', models.DateTimeField()),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                        ('art', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.giftart')),
                        ('gift', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='gifts.gift')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('gift', 'version'), name='gift_version_key'), models.CheckConstraint(condition=models.Q(('price_coins__gte', 1)), name='gift_costs_coins')],
                    },
                ),
                migrations.CreateModel(
                    name='PlannedLive',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('title', models.CharField(max_length=80)),
                        ('words', models.CharField(blank=True, max_length=200)),
                        ('starts_at', models.DateTimeField()),
                        ('planned_at', models.DateTimeField()),
                        ('cancelled_at', models.DateTimeField(null=True)),
                        ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='planned_lives', to=settings.AUTH_USER_MODEL)),
                        ('room', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='plan', to='gifts.room')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('cancelled_at', None), ('room', None)), fields=['starts_at'], name='planned_live_coming')],
                    },
                ),
                migrations.CreateModel(
                    name='ReceivedGift',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('coins', models.PositiveBigIntegerField()),
                        ('gifts', models.PositiveBigIntegerField()),
                        ('taken_coins', models.PositiveBigIntegerField(default=0)),
                        ('taken_gifts', models.PositiveBigIntegerField(default=0)),
                        ('reached_at', models.DateTimeField()),
                        ('creator', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('gift', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.gift')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('creator', 'gift'), name='received_gift_once')],
                    },
                ),
                migrations.CreateModel(
                    name='RoomLog',
                    fields=[
                        ('room', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='log', serialize=False, to='gifts.room')),
                        ('last_number', models.PositiveBigIntegerField(default=0)),
                        ('shown_number', models.PositiveBigIntegerField(default=0)),
                        ('peak_viewers', models.PositiveIntegerField(db_default=0, default=0)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('last_number__gt', models.F('shown_number'))), fields=['room'], name='room_log_unshown')],
                    },
                ),
                migrations.CreateModel(
                    name='Goal',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('words', models.CharField(max_length=60)),
                        ('target_coins', models.PositiveBigIntegerField()),
                        ('coins', models.PositiveBigIntegerField(default=0)),
                        ('has_begun', models.BooleanField(default=False)),
                        ('set_at', models.DateTimeField()),
                        ('reached_at', models.DateTimeField(null=True)),
                        ('removed_at', models.DateTimeField(null=True)),
                        ('room', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='goals', to='gifts.room')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('room',), name='goal_one_a_room'), models.CheckConstraint(condition=models.Q(('target_coins__gte', 1)), name='goal_costs_coins')],
                    },
                ),
                migrations.CreateModel(
                    name='ChatMessage',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('words', models.CharField(max_length=200)),
                        ('said_at', models.DateTimeField()),
                        ('paid_coins', models.PositiveBigIntegerField(db_default=0, default=0)),
                        ('highlight_s', models.PositiveIntegerField(db_default=0, default=0)),
                        ('is_hidden', models.BooleanField(db_default=False, default=False)),
                        ('removed_at', models.DateTimeField(null=True)),
                        ('author', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('removed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('room', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='gifts.room')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['room', '-said_at'], name='chat_message_latest'), models.Index(fields=['author', 'room', '-said_at'], name='chat_message_pace')],
                    },
                ),
                migrations.CreateModel(
                    name='RoomEvent',
                    fields=[
                        ('pk', models.CompositePrimaryKey('room', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('number', models.PositiveBigIntegerField()),
                        ('name', models.CharField(max_length=40)),
                        ('payload', models.JSONField()),
                        ('at', models.DateTimeField()),
                        ('outbox_id', models.BigIntegerField(unique=True)),
                        ('room', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='gifts.room')),
                    ],
                ),
                migrations.CreateModel(
                    name='RoomGifter',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('coins', models.PositiveBigIntegerField()),
                        ('gifts', models.PositiveBigIntegerField()),
                        ('taken_coins', models.PositiveBigIntegerField(default=0)),
                        ('taken_gifts', models.PositiveBigIntegerField(default=0)),
                        ('reached_at', models.DateTimeField()),
                        ('is_hidden', models.BooleanField(db_default=False, default=False)),
                        ('gifter', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('room', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='gifters', to='gifts.room')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['room', '-coins', 'reached_at'], name='room_gifter_rank')],
                        'constraints': [models.UniqueConstraint(fields=('room', 'gifter', 'is_hidden'), name='room_gifter_once')],
                    },
                ),
                migrations.CreateModel(
                    name='GiftVersionEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('version', models.PositiveIntegerField(default=1)),
                        ('name', models.CharField(max_length=40)),
                        ('category', models.CharField(choices=[('hearts', 'Hearts'), ('classic', 'Classic'), ('animated', 'Animated'), ('exclusive', 'Exclusive')], max_length=10)),
                        ('price_coins', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                        ('is_streakable', models.BooleanField(default=False)),
                        ('is_join_gift', models.BooleanField(default=False)),
                        ('on_videos', models.BooleanField(default=False)),
                        ('animation_ms', models.PositiveIntegerField(default=1000)),
                        ('unlock_level', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('club_level', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('highlight_s', models.PositiveIntegerField(db_default=0, default=0)),
                        ('valid_from', models.DateTimeField()),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                        ('art', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='gifts.giftart')),
                        ('gift', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='gifts.gift')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='gifts.giftversion')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='LiveReminder',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('asked_at', models.DateTimeField()),
                        ('fan', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('planned', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reminders', to='gifts.plannedlive')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('planned', 'fan'), name='live_reminder_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Streak',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('quantity', models.PositiveBigIntegerField()),
                        ('coins', models.PositiveBigIntegerField()),
                        ('is_hidden', models.BooleanField(db_default=False, default=False)),
                        ('started_at', models.DateTimeField()),
                        ('last_at', models.DateTimeField()),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('gift_version', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.giftversion')),
                        ('room', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.room')),
                        ('sender', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('video', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.video')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('ended_at', None)), fields=['id'], name='streak_running')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('room', None), ('video__isnull', False)), models.Q(('room__isnull', False), ('video', None)), _connector='OR'), name='streak_in_one_place'), models.CheckConstraint(condition=models.Q(('coins__gte', 1), ('quantity__gte', 1)), name='streak_amounts')],
                    },
                ),
                migrations.CreateModel(
                    name='Sending',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('quantity', models.PositiveIntegerField()),
                        ('coins', models.PositiveBigIntegerField()),
                        ('streak_id', models.UUIDField(null=True)),
                        ('client_id', models.CharField(blank=True, max_length=100)),
                        ('shown_minor', models.PositiveBigIntegerField(null=True)),
                        ('shown_currency', models.CharField(blank=True, max_length=3)),
                        ('is_hidden', models.BooleanField(db_default=False, default=False)),
                        ('sent_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('creator', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='gifts_received', to=settings.AUTH_USER_MODEL)),
                        ('gift_version', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.giftversion')),
                        ('room', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sendings', to='gifts.room')),
                        ('sender', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='gifts_sent', to=settings.AUTH_USER_MODEL)),
                        ('video', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sendings', to='gifts.video')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('room__isnull', False)), fields=['room', 'sent_at'], name='sending_room'), models.Index(condition=models.Q(('video__isnull', False)), fields=['video', 'sent_at'], name='sending_video'), models.Index(fields=['creator', 'id'], name='sending_creator'), models.Index(condition=models.Q(('streak_id__isnull', False)), fields=['streak_id'], name='sending_streak')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('room', None), ('video__isnull', False)), models.Q(('room__isnull', False), ('video', None)), _connector='OR'), name='sending_in_one_place'), models.CheckConstraint(condition=models.Q(('coins__gte', 1), ('quantity__gte', 1), models.Q(('sender', models.F('creator')), _negated=True)), name='sending_amounts')],
                    },
                ),
                migrations.CreateModel(
                    name='HeldGift',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('hold_id', models.UUIDField(editable=False, unique=True)),
                        ('quantity', models.PositiveIntegerField()),
                        ('coins', models.PositiveBigIntegerField()),
                        ('is_hidden', models.BooleanField(db_default=False, default=False)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('taken_back', 'Taken back'), ('refused', 'Not sent')], default='waiting', max_length=10)),
                        ('due_at', models.DateTimeField()),
                        ('held_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                        ('ended_at', models.DateTimeField(null=True)),
                        ('gift_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.giftversion')),
                        ('review', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.review')),
                        ('sender', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gifts_held', to=settings.AUTH_USER_MODEL)),
                        ('room', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.room')),
                        ('video', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gifts.video')),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='held_gift_waiting'), models.Index(fields=['sender', '-held_at'], name='held_gift_sender')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('room', None), ('video__isnull', False)), models.Q(('room__isnull', False), ('video', None)), _connector='OR'), name='held_gift_in_one_place')],
                    },
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='giftversion',
                    trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "gifts_giftversionevent" ("animation_ms", "art_id", "category", "club_level", "gift_id", "highlight_s", "id", "is_join_gift", "is_streakable", "name", "on_videos", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_coins", "retired_at", "unlock_level", "valid_from", "version") VALUES (NEW."animation_ms", NEW."art_id", NEW."category", NEW."club_level", NEW."gift_id", NEW."highlight_s", NEW."id", NEW."is_join_gift", NEW."is_streakable", NEW."name", NEW."on_videos", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."price_coins", NEW."retired_at", NEW."unlock_level", NEW."valid_from", NEW."version"); RETURN NULL;', hash='ded950ca05c2f1a88302088097a51bf90c695a09', operation='INSERT', pgid='pgtrigger_insert_insert_52706', table='gifts_giftversion', when='AFTER')),
                ),
                pgtrigger.migrations.AddTrigger(
                    model_name='giftversion',
                    trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "gifts_giftversionevent" ("animation_ms", "art_id", "category", "club_level", "gift_id", "highlight_s", "id", "is_join_gift", "is_streakable", "name", "on_videos", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "price_coins", "retired_at", "unlock_level", "valid_from", "version") VALUES (NEW."animation_ms", NEW."art_id", NEW."category", NEW."club_level", NEW."gift_id", NEW."highlight_s", NEW."id", NEW."is_join_gift", NEW."is_streakable", NEW."name", NEW."on_videos", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."price_coins", NEW."retired_at", NEW."unlock_level", NEW."valid_from", NEW."version"); RETURN NULL;', hash='1381d6eb1f4d5289d9db7a5c550b84b4ce66b460', operation='UPDATE', pgid='pgtrigger_update_update_32926', table='gifts_giftversion', when='AFTER')),
                ),
            ]
        ),
    ]
