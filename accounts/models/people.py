"""The people themselves: who they are, what they show the public, and whom they follow."""

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


class AccountKind(models.TextChoices):
    """For whom an account speaks. Staff set it; who may not be given gifts: ``accounts.risk``."""

    PERSONAL = "personal", "Personal"
    BUSINESS = "business", "Business"
    CHARITY = "charity", "Charity"
    POLITICAL = "political", "Political"
    GOVERNMENT = "government", "Government"


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


@pghistory.track(
    exclude=[
        "password",
        "last_login",
        "standing",
        "standing_until",
        "terms_due_at",
        "is_ranked",
        "shows_level",
        "confirm_coins",
        "break_after_min",
    ],
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
    kind = models.CharField(
        max_length=10,
        choices=AccountKind,
        default=AccountKind.PERSONAL,
        db_default=AccountKind.PERSONAL,
    )
    is_creator = models.BooleanField(default=False, db_default=False)
    is_ranked = models.BooleanField(default=False, db_default=False)  # named among top gifters
    shows_level = models.BooleanField(default=True, db_default=True)  # the level beside the name
    # From how many coins on they want to be asked before a gift; None: as the site asks everybody.
    confirm_coins = models.PositiveIntegerField(null=True, blank=True)
    # After how many minutes of watching they are told of it; 0: never, None: as the site does.
    break_after_min = models.PositiveSmallIntegerField(null=True, blank=True)
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
            models.CheckConstraint(
                condition=models.Q(kind__in=AccountKind.values), name="user_kind_known"
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
