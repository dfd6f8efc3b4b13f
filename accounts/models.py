"""People and what concerns them, before any money: who they are, whom they follow, what they were
told, what they agreed to, and the outbox every app publishes through.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import pghistory
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django_countries.fields import CountryField

HANDLE: Final = RegexValidator(
    r"^[a-z0-9_]{3,24}$", "Use 3 to 24 small letters, digits or underscores."
)


class Standing(models.TextChoices):
    GOOD = "good", "Good"
    RESTRICTED = "restricted", "Restricted"
    SUSPENDED = "suspended", "Suspended"


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


@pghistory.track(
    exclude=["password", "last_login", "standing", "standing_until", "terms_due_at"],
    model_name="UserEdit",
)
class User(AbstractBaseUser, PermissionsMixin):
    """A person. The ledger knows them by this row's id alone.

    ``terms_due_at``: from when on they must accept newer terms before buying or sending; None when
    they have accepted the newest. It is kept here so that no gift costs a query for it.
    """

    STATE_FIELD: ClassVar[str] = "standing"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        Standing.GOOD: frozenset({Standing.RESTRICTED, Standing.SUSPENDED}),
        # A new reason or date for the same standing is a change too, and leaves its row.
        Standing.RESTRICTED: frozenset(Standing),
        Standing.SUSPENDED: frozenset(Standing),
    }
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    email = models.EmailField("email address", max_length=254)
    handle = models.CharField(
        max_length=24,
        validators=[HANDLE],
    )
    display_name = models.CharField(max_length=40)
    country = CountryField(blank=True)
    birth_date = models.DateField(null=True, blank=True)
    language = models.CharField(max_length=10, default="en")
    time_zone = models.CharField(max_length=40, default="UTC")
    standing = models.CharField(
        max_length=12, choices=Standing, default=Standing.GOOD, db_default=Standing.GOOD
    )
    standing_until = models.DateTimeField(null=True, blank=True)
    terms_due_at = models.DateTimeField(null=True, blank=True)
    is_creator = models.BooleanField(default=False, db_default=False)
    is_staff = models.BooleanField("staff", default=False)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_key"),
            models.UniqueConstraint(Lower("handle"), name="user_handle_key"),
            models.CheckConstraint(
                condition=models.Q(standing__in=Standing.values), name="user_standing_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["standing_until"],
                condition=~models.Q(standing="good") & models.Q(standing_until__isnull=False),
                name="user_standing_ends",
            )
        ]
        permissions: ClassVar = [("set_standing", "Can restrict and suspend people")]

    def __str__(self) -> str:
        return f"{self.display_name} (@{self.handle})"

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name


@pghistory.track()
class CreatorProfile(models.Model):
    """What a creator shows the public. A person becomes a creator by having one."""

    creator = models.OneToOneField(User, models.PROTECT, related_name="creator_profile")
    about = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return str(self.creator)


class Follow(models.Model):
    fan = models.ForeignKey(User, models.CASCADE, related_name="follows")
    creator = models.ForeignKey(User, models.CASCADE, related_name="followers")
    followed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fan", "creator"], name="follow_once"),
            models.CheckConstraint(
                condition=~models.Q(fan=models.F("creator")), name="follow_somebody_else"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fan} follows {self.creator}"


class StateChange(models.Model):
    """One move of one stateful row, of any app: the trail that staff cannot edit."""

    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=40)
    before = models.CharField(max_length=20)
    after = models.CharField(max_length=20)
    why = models.CharField(max_length=500)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    until = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="state_change_subject")
        ]

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id}: {self.before} to {self.after}"


class Terms(models.Model):
    """One version of what people agree to."""

    version = models.CharField(max_length=20, unique=True)
    text = models.TextField()
    effective_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "terms"

    def __str__(self) -> str:
        return f"Terms {self.version}"


class TermsAcceptance(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="terms_acceptances")
    terms = models.ForeignKey(Terms, models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "terms"], name="terms_accepted_once")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.terms}"


class Scope(models.TextChoices):
    """What a fan may let a service do for them."""

    GIFTS_SEND = "gifts:send", "Send gifts with your coins"
    BALANCE_READ = "balance:read", "See your balance and history"
    REFUNDS_ASK = "refunds:ask", "Ask to give your unused coins back"


class Consent(models.Model):
    """A fan's word that one service may act for them, within a daily cap, until a date."""

    fan = models.ForeignKey(User, models.CASCADE, related_name="consents")
    client = models.ForeignKey("allauth_idp_oidc.Client", models.PROTECT, related_name="+")
    scope = models.CharField(max_length=20, choices=Scope)
    daily_cap_coins = models.PositiveIntegerField(default=0)  # counts for sending only
    until = models.DateTimeField()
    given_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fan", "client", "scope"],
                condition=models.Q(revoked_at=None),
                name="consent_one_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.fan} lets {self.client} {self.scope}"


class ConsentUse(models.Model):
    """The coins a service has spent under one consent on one UTC day."""

    consent = models.ForeignKey(Consent, models.CASCADE, related_name="uses")
    day = models.DateField()
    coins = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["consent", "day"], name="consent_use_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.consent} on {self.day}: {self.coins}"


class NoticeKind(models.TextChoices):
    """What people are told about. What concerns their money or safety cannot be turned off."""

    PURCHASE = "purchase", "Coins arrived or a payment failed"
    GIFT = "gift", "Gifts you received"
    LIVE = "live", "A creator you follow is live"
    EARNINGS = "earnings", "Diamonds became available, settlements"
    PAYOUT = "payout", "Payouts on their way, arrived or failed"
    RATES = "rates", "Rates and prices change"
    ACCOUNT = "account", "Your account and its safety"

    @property
    def is_kept(self) -> bool:
        """Whether people are always told, on the site and by email."""
        return self in {
            NoticeKind.PURCHASE,
            NoticeKind.PAYOUT,
            NoticeKind.RATES,
            NoticeKind.ACCOUNT,
        }

    @property
    def by_email_at_first(self) -> bool:
        """Whether it is emailed until the person chooses. A gift may come every second."""
        return self != NoticeKind.GIFT


class Notice(models.Model):
    """One thing a person was told, on the site and perhaps by email."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=12, choices=NoticeKind)
    subject_key = models.CharField(max_length=80)
    title = models.CharField(max_length=120)
    body = models.CharField(max_length=500, blank=True)
    path = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    read_at = models.DateTimeField(null=True)
    on_site = models.BooleanField(default=True, db_default=True)
    email_due = models.BooleanField(default=False)
    emailed_at = models.DateTimeField(null=True)
    email_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    email_leased_until = models.DateTimeField(null=True)  # a sender has it in hand, or it waits

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "subject_key"], name="notice_told_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="notice_latest"),
            models.Index(
                fields=["id"],
                condition=models.Q(email_due=True, emailed_at=None),
                name="notice_email_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class NoticePreference(models.Model):
    """Where a person wants to hear of one kind of notice. No row: as NoticeKind says."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notice_preferences")
    kind = models.CharField(max_length=12, choices=NoticeKind)
    on_site = models.BooleanField(default=True)
    by_email = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "kind"], name="notice_preference_once")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind}"


class OutboxEvent(models.Model):
    """Something that happened, committed with its cause. The relay hands it on at least once."""

    name = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    relayed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    heard_by = models.JSONField(null=True)  # after a failure: the subscribers that did hear it

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=models.Q(relayed_at=None), name="outbox_event_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"
