"""Money that goes back: refunds that fans ask for, and disputes that their banks open."""

from collections.abc import Mapping
from typing import ClassVar

import pghistory
from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from wallet.models.purchases import Purchase
from wallet.money import money


class Refund(models.Model):
    """Unused coins of a purchase that go back as money, by the way it was paid.

    Its id, made with the form, is the key under which the provider pays it; the operations of the
    ledger have ids of our own making.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Asked for"
        APPROVED = "approved", "Approved, money on its way"
        SUBMITTED = "submitted", "Sent to the payment company"
        PAID = "paid", "Paid back"
        DENIED = "denied", "Denied"
        FAILED = "failed", "Could not be paid back"
        CANCELLED = "cancelled", "Taken back"

    class Ground(models.TextChoices):
        WITHDRAWAL = "withdrawal", "Changed my mind"
        UNUSED = "unused", "I do not need the coins"
        MISTAKE = "mistake", "Bought by mistake, or twice"
        UNKNOWN = "unknown", "I did not make this purchase"
        OTHER = "other", "Something else"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.REQUESTED: frozenset({State.APPROVED, State.DENIED, State.CANCELLED}),
        State.APPROVED: frozenset({State.SUBMITTED, State.CANCELLED}),
        State.SUBMITTED: frozenset({State.PAID, State.FAILED}),
        # A bank can send a refund back days after it was paid: the coins are free again.
        State.PAID: frozenset({State.FAILED}),
    }
    UNSENT: ClassVar[tuple[State, ...]] = (State.REQUESTED, State.APPROVED)
    OPEN: ClassVar[tuple[State, ...]] = (*UNSENT, State.SUBMITTED)

    id = models.UUIDField(primary_key=True, editable=False)
    purchase = models.ForeignKey(Purchase, models.PROTECT, related_name="refunds")
    hold_id = models.UUIDField(unique=True, editable=False)  # the operation that froze the coins
    end_id = models.UUIDField(unique=True, editable=False)  # the one that pays or frees them
    coins = models.PositiveIntegerField()
    approved_coins = models.PositiveIntegerField(null=True)
    amount_minor = (
        models.PositiveBigIntegerField()
    )  # of the coins asked for, then of those approved
    ground = models.CharField(max_length=12, choices=Ground)
    words = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    due_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)  # of the decision, for the fan
    proposer = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    proposed_coins = models.PositiveIntegerField(null=True)
    approver = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    provider_ref = models.CharField(max_length=100, blank=True)
    problem = models.CharField(max_length=200, blank=True)
    requested_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["purchase"],
                condition=models.Q(state__in=["requested", "approved", "submitted"]),
                name="refund_one_open",
            ),
            models.CheckConstraint(
                condition=models.Q(coins__gte=1)
                & (models.Q(approved_coins=None) | models.Q(approved_coins__lte=models.F("coins"))),
                name="refund_coins",
            ),
            models.CheckConstraint(
                condition=~models.Q(proposer=models.F("approver")), name="refund_two_people"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["checked_at"],
                condition=models.Q(state__in=["approved", "submitted"]),
                name="refund_under_way",
            )
        ]
        permissions: ClassVar = [("decide_refund", "Can approve and deny refunds")]

    def __str__(self) -> str:
        return f"{self.coins:,} coins of {self.purchase_id}"

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.purchase.currency)


class Dispute(models.Model):
    """A payment that its payer's bank, or the provider's own staff, takes back.

    ``provider_ref`` is the provider's name of the dispute, or of the refund that was made there.
    One that is *unbooked* moved nothing and never will here: its last change of state says why.
    """

    class Kind(models.TextChoices):
        DISPUTE = "dispute", "Dispute"
        PROVIDER_REFUND = "provider_refund", "Refund made at the payment company"

    class State(models.TextChoices):
        LEARNT = "learnt", "Learnt of"
        OPEN = "open", "Open: coins and diamonds held"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        UNBOOKED = "unbooked", "Not booked: staff look at it"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.LEARNT: frozenset({State.OPEN, State.WON, State.UNBOOKED}),
        State.OPEN: frozenset({State.WON, State.LOST}),
        State.UNBOOKED: frozenset({State.WON}),
    }
    OPEN: ClassVar[tuple[State, ...]] = (State.LEARNT, State.OPEN)
    UNOPENED: ClassVar[tuple[State, ...]] = (State.LEARNT, State.UNBOOKED)  # nothing is held

    id = models.UUIDField(primary_key=True, editable=False)  # the operation that ends it
    open_id = models.UUIDField(unique=True, editable=False)  # the operation that opens it
    purchase = models.ForeignKey(Purchase, models.PROTECT, related_name="disputes")
    kind = models.CharField(max_length=16, choices=Kind)
    provider_ref = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.LEARNT)
    amount_minor = models.PositiveBigIntegerField()
    lost_minor = models.PositiveBigIntegerField(default=0)
    fee_minor = models.PositiveBigIntegerField(default=0)
    ground = models.CharField(max_length=60, blank=True)
    recourse = models.CharField(max_length=16, blank=True)
    outcome = models.JSONField(default=dict)  # what a loss took from where, as it was booked
    due_at = models.DateTimeField(null=True)
    learnt_at = models.DateTimeField(db_default=Now(), editable=False)
    checked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["checked_at"],
                condition=models.Q(state__in=["learnt", "open"]),
                name="dispute_under_way",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.provider_ref}"

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.purchase.currency)

    @property
    def lost(self) -> Money:
        return money(self.lost_minor, self.purchase.currency)


@pghistory.track()
class RecoursePolicy(models.Model):
    """What of a loss creators bear, by how old the gift's payment is and why it was taken back.

    The row with the most exact ground and the least age that still fits applies.
    """

    class Recourse(models.TextChoices):
        NONE = "none", "Nothing: the platform and the payer bear it"
        UNRELEASED_ONLY = "unreleased_only", "Diamonds that are still pending"
        FULL = "full", "Pending, then available, then as debt"

    ground = models.CharField(max_length=60, blank=True, help_text="Empty: every ground")
    days_max = models.PositiveIntegerField(help_text="Payments up to this old, in days")
    recourse = models.CharField(max_length=16, choices=Recourse)
    takes_cover = models.BooleanField(
        default=True, help_text="Burn the payer's other bought coins for the loss first"
    )

    class Meta:
        verbose_name_plural = "recourse policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ground", "days_max"], name="recourse_policy_key")
        ]

    def __str__(self) -> str:
        return f"{self.ground or 'any ground'}, up to {self.days_max} days: {self.recourse}"
