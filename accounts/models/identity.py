"""Who somebody is: checks of their identity, the papers they sent for one, and who looked at them.

What was verified is kept; the papers go after their term. A row of ``PaperView`` is one look of one
person, and is never changed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from django.db import models
from django.db.models.functions import Now

from accounts import encryption, names
from accounts.models.people import User

MANUAL: Final = "manual"  # the adapter by which our own staff look at papers


def name_mark(name: str) -> str:
    """Give the mark by which two spellings of one name are the same, and nothing else is told."""
    return encryption.mark(names.normal(name), purpose="name of a person")


class IdentityCheck(models.Model):
    """One try to find out who a person is. Declined or expired, they can try again.

    The name is encrypted; its mark is compared with the holder of a payout account.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Waiting for you"
        SUBMITTED = "submitted", "Being checked"
        APPROVED = "approved", "Verified"
        DECLINED = "declined", "Declined"
        EXPIRED = "expired", "Expired"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.ASKED: frozenset({State.SUBMITTED, State.EXPIRED}),
        State.SUBMITTED: frozenset({State.APPROVED, State.DECLINED, State.EXPIRED}),
        State.APPROVED: frozenset({State.EXPIRED}),
    }
    IN_FORCE: ClassVar[tuple[str, ...]] = (State.ASKED, State.SUBMITTED, State.APPROVED)

    id = models.UUIDField(primary_key=True, editable=False)  # the reference at the provider
    person = models.ForeignKey(User, models.PROTECT, related_name="identity_checks")
    adapter = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    provider_ref = models.CharField(max_length=100, blank=True)
    provider_url = models.CharField(max_length=500, blank=True)
    name_sealed = models.BinaryField(null=True)
    name_mark = models.CharField(max_length=64, blank=True)
    birth_date = models.DateField(null=True)
    why = models.CharField(max_length=500, blank=True)  # what the person reads of the decision
    asked_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    expires_at = models.DateTimeField(null=True)  # an asked one that nobody goes on with
    look_at = models.DateTimeField(null=True)  # when to ask the provider next; none: not any more

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"],
                condition=models.Q(state__in=["asked", "submitted", "approved"]),
                name="identity_one_in_force",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="approved")
                | (
                    models.Q(name_sealed__isnull=False, birth_date__isnull=False)
                    & ~models.Q(name_mark="")
                ),
                name="identity_approved_is_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="declined") | ~models.Q(why=""),
                name="identity_declined_with_words",
            ),
            models.CheckConstraint(
                condition=models.Q(decided_by=None) | ~models.Q(decided_by=models.F("person")),
                name="identity_not_by_oneself",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person", "-asked_at"], name="identity_latest"),
            models.Index(
                fields=["look_at"], condition=models.Q(look_at__isnull=False), name="identity_due"
            ),
        ]
        permissions: ClassVar = [
            ("decide_identity", "Can decide about identity checks"),
            ("ask_papers", "Can ask to see identity papers"),
            ("grant_papers", "Can let a colleague see identity papers"),
        ]

    def __str__(self) -> str:
        return f"Identity check of {self.person_id}"

    @property
    def is_manual(self) -> bool:
        return self.adapter == MANUAL

    @property
    def verified_name(self) -> str:
        """Open the name that was verified, for who may read it."""
        if self.name_sealed is None:
            return ""
        return encryption.decrypt(self.name_sealed, context=self.name_context).decode()

    @property
    def name_context(self) -> str:
        return f"accounts_identitycheck:{self.pk}:name"


class IdentityPaper(models.Model):
    """One picture or PDF of a paper, encrypted, until its term. The row outlives its content."""

    class Kind(models.TextChoices):
        FRONT = "front", "Front of the paper"
        BACK = "back", "Back of the paper"
        SELFIE = "selfie", "You, holding the paper"

    id = models.UUIDField(primary_key=True, editable=False)
    check_of = models.ForeignKey(IdentityCheck, models.PROTECT, related_name="papers")
    kind = models.CharField(max_length=6, choices=Kind)
    content_type = models.CharField(max_length=20)
    size_bytes = models.PositiveIntegerField()
    sealed = models.BinaryField(null=True)
    uploaded_at = models.DateTimeField()
    delete_at = models.DateTimeField(null=True)  # set when the check is over
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["check_of", "kind"], name="identity_paper_once"),
            models.CheckConstraint(
                condition=models.Q(sealed=None) ^ models.Q(deleted_at=None),
                name="identity_paper_there_or_deleted",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["delete_at"],
                condition=models.Q(deleted_at=None),
                name="identity_paper_term",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.content_type})"

    @property
    def context(self) -> str:
        return f"accounts_identitypaper:{self.pk}:content"


class PaperAccess(models.Model):
    """A member of staff asks to see the papers of one check, another lets them, for an hour."""

    class State(models.TextChoices):
        ASKED = "asked", "Waiting for a colleague"
        GRANTED = "granted", "Granted"
        REFUSED = "refused", "Refused"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.ASKED: frozenset({State.GRANTED, State.REFUSED}),
    }

    check_of = models.ForeignKey(IdentityCheck, models.PROTECT, related_name="accesses")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField()
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(granted_by=None) | ~models.Q(granted_by=models.F("by")),
                name="paper_access_two_people",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="granted")
                | models.Q(granted_by__isnull=False, ends_at__isnull=False),
                name="paper_access_granted_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["check_of", "by"],
                condition=models.Q(state="asked"),
                name="paper_access_asked_once",
            ),
        ]
        verbose_name_plural = "paper accesses"

    def __str__(self) -> str:
        return f"Access {self.pk}"

    def is_open(self, at: datetime) -> bool:
        """Whether the papers may be seen through it at that time."""
        return self.state == self.State.GRANTED and self.ends_at is not None and at < self.ends_at


class PaperView(models.Model):
    """One look at one paper: who, when, and through which access. Never edited."""

    access = models.ForeignKey(PaperAccess, models.PROTECT, related_name="views")
    paper = models.ForeignKey(IdentityPaper, models.PROTECT, related_name="views")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    why = models.CharField(max_length=300)
    at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.by_id} saw {self.paper_id}"
