"""Reviews: somebody looks at a person's case, decides with reasons, and can be appealed against.

A review is about one person (``subject``) and one thing (``subject_key``, as ``purchase:<id>``);
the app that opens it keeps the link to its own rows. Verdicts are what rules said, hit or not.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from django.db import models

from accounts.models.people import User


class ReviewReason(models.TextChoices):
    """Why a case was opened: the code, and its short name for staff and fans."""

    SPEND_SPIKE = "spend_spike", "Much more spending than usual"
    SPEND_ABS = "spend_abs", "Spending above what we check"
    MULTI_CARD = "multi_card", "Many cards or declined payments"
    NEW_BIG = "new_big", "A very large gift from a new account"
    LATE_OVER_LIMIT = "late_over_limit", "A late payment over a limit"
    EFW = "efw", "A fraud warning from the bank"
    DISPUTE = "dispute", "A disputed payment"
    MINOR_CLAIM = "minor_claim", "The account may be used by a minor"
    REPORT = "report", "Reported by somebody"
    CONCENTRATION = "concentration", "Nearly all earnings from one or two people"
    SELF_DEAL = "self_deal", "Gifts that may come from the creator"
    LOW_AUDIENCE = "low_audience", "Large earnings with hardly any audience"
    GIFT_RING = "gift_ring", "Gifts that go round between accounts"
    PAYOUT_DUP = "payout_dup", "A payout account that somebody else uses too"
    NEW_SENDERS = "new_senders", "Nearly all earnings from accounts that had just joined"
    ONE_HAND = "one_hand", "Many senders that seem to be one person"
    BELOW_LIMITS = "below_limits", "Gifts paid for just below what we look at"
    MONEY_BACK = "money_back", "Gifts from people whose payments are taken back"
    REGION_HOP = "region_hop", "Gifts bought at the prices of several regions"
    BORROWED_CARD = "borrowed_card", "Gifts that somebody else may have paid for"
    SUDDEN = "sudden", "Sudden earnings after a long silence"

    @property
    def words(self) -> str:
        """Tell the person the review is about why it was opened."""
        return REASON_WORDS[self]


REASON_WORDS: Final[Mapping[str, str]] = {
    ReviewReason.SPEND_SPIKE: "You spent much more than you usually do. We look at this to protect "
    "you: somebody else may be using your account.",
    ReviewReason.SPEND_ABS: "Your spending has come near the highest amount we allow, and a person "
    "looks before it goes further.",
    ReviewReason.MULTI_CARD: "Several cards were used, or several payments were declined, within a "
    "short time. That is often a sign of stolen cards.",
    ReviewReason.NEW_BIG: "Your account is new and you sent a very large gift. We check that it "
    "was you who sent it.",
    ReviewReason.LATE_OVER_LIMIT: "A payment arrived late and took you over a limit. You have the "
    "coins; we look at how it came about.",
    ReviewReason.EFW: "Your bank told us that a payment may not have been made by the card's "
    "holder.",
    ReviewReason.DISPUTE: "A payment for coins in your account is disputed with the bank.",
    ReviewReason.MINOR_CLAIM: "Somebody told us that this account is used by a person under age, "
    "or we have reason to doubt the date of birth.",
    ReviewReason.REPORT: "Somebody reported you, or what you publish.",
    ReviewReason.CONCENTRATION: "Nearly all of what you earned lately came from one or two people. "
    "That can be quite right, and it is also how stolen cards are turned into cash.",
    ReviewReason.SELF_DEAL: "Some of the gifts you received came from an account that shares a "
    "device, a network, a card or a payout account with you.",
    ReviewReason.LOW_AUDIENCE: "You earned a lot lately with hardly anybody following or watching. "
    "We check that the gifts were real.",
    ReviewReason.GIFT_RING: "Some of the gifts you received belong to a group of accounts that "
    "send gifts to each other.",
    ReviewReason.PAYOUT_DUP: "Your payout account is also used by another person. Each person is "
    "paid to an account of their own.",
    ReviewReason.NEW_SENDERS: "Most of what you earned lately came from accounts that had just "
    "joined and gave to nobody else. That can be an audience you brought along, and it is also how "
    "stolen cards are used.",
    ReviewReason.ONE_HAND: "Many of those who sent you gifts share a device, a card or a network, "
    "as if they were one person.",
    ReviewReason.BELOW_LIMITS: "Many of the gifts you received were paid for in amounts just below "
    "those at which we look. We check where the money came from.",
    ReviewReason.MONEY_BACK: "A good part of what you earned came from people whose payments are "
    "asked back, by them or by their banks.",
    ReviewReason.REGION_HOP: "A good part of what you earned was bought at the prices of several "
    "regions by the same people. Prices are made for people who live there.",
    ReviewReason.BORROWED_CARD: "Some of the gifts you received may have been paid for by somebody "
    "who does not know of them, as a child's gifts with a parent's card.",
    ReviewReason.SUDDEN: "After a long time without gifts you earned a lot at once, mostly from "
    "people who do not follow you. We check that the account is still yours.",
}


class Review(models.Model):
    """One case, from opening to its last word. Reasons and statements are for the person to read.

    ``reasons``: sentences shown to the person; ``signals``: facts for staff, as [name, value].
    ``decide_by_at`` is what the person was promised, ``due_at`` the clock staff work against now.
    """

    class State(models.TextChoices):
        OPENED = "opened", "Waiting for a reviewer"
        ASSIGNED = "assigned", "Being looked at"
        DECIDED = "decided", "Decided"
        APPEALED = "appealed", "Appealed"
        FINAL = "final", "Closed"

    class Restriction(models.TextChoices):
        NOTHING = "nothing", "Nothing"
        LARGE_PURCHASES = "large_purchases", "Large purchases"
        PURCHASES = "purchases", "Purchases"
        GIFT = "gift", "One gift"
        PAYOUTS = "payouts", "Payouts"

    class Outcome(models.TextChoices):
        CLEARED = "cleared", "Nothing wrong: what was restricted is free again"
        UPHELD = "upheld", "Upheld: the restriction below holds"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.OPENED: frozenset({State.ASSIGNED}),
        State.ASSIGNED: frozenset({State.ASSIGNED, State.DECIDED}),
        State.DECIDED: frozenset({State.APPEALED, State.FINAL}),
        State.APPEALED: frozenset({State.FINAL}),
    }
    WAITING: ClassVar[tuple[str, ...]] = (State.OPENED, State.ASSIGNED, State.APPEALED)

    subject = models.ForeignKey(User, models.PROTECT, related_name="reviews")
    reason = models.CharField(max_length=20, choices=ReviewReason)
    subject_key = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=State, default=State.OPENED)
    is_told = models.BooleanField(default=True)
    is_by_rule = models.BooleanField(default=False)
    reasons = models.JSONField(default=list)
    signals = models.JSONField(default=list)

    restricts = models.CharField(max_length=16, choices=Restriction, default=Restriction.NOTHING)
    restricted_until = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True)
    quiet_until = models.DateTimeField(null=True)

    opened_at = models.DateTimeField()
    decide_by_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    assignee = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    statement = models.CharField(max_length=2000, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    appeal_until_at = models.DateTimeField(null=True)
    appeal_words = models.CharField(max_length=2000, blank=True)
    appealed_at = models.DateTimeField(null=True)
    final_outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    final_statement = models.CharField(max_length=2000, blank=True)
    final_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    final_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "reason", "subject_key"],
                condition=models.Q(state__in=["opened", "assigned"]),
                name="review_one_waiting",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["opened", "assigned"])
                | (~models.Q(statement="") & ~models.Q(outcome="")),
                name="review_decided_with_reasons",
            ),
            models.CheckConstraint(
                condition=models.Q(final_by=None) | ~models.Q(final_by=models.F("decided_by")),
                name="review_appeal_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["opened", "assigned", "decided", "appealed", "final"]
                ),
                name="review_state_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["subject", "-id"], name="review_of_person"),
            models.Index(
                fields=["subject"],
                condition=models.Q(lifted_at=None) & ~models.Q(restricts="nothing"),
                name="review_restricting",
            ),
            models.Index(
                fields=["due_at"], condition=models.Q(due_at__isnull=False), name="review_clock"
            ),
        ]

    def __str__(self) -> str:
        return f"Review {self.pk}: {self.get_reason_display()}"

    @property
    def why(self) -> str:
        """Tell the person why the review was opened."""
        return ReviewReason(self.reason).words

    @property
    def latest_outcome(self) -> str:
        """Name the decision that holds, empty before there is one."""
        return self.final_outcome or self.outcome

    @property
    def is_waiting(self) -> bool:
        """Whether staff have something to do."""
        return self.state in self.WAITING

    def is_restricting(self, at: datetime) -> bool:
        """Whether the person is held back by it at that time."""
        return (
            self.restricts != self.Restriction.NOTHING
            and self.lifted_at is None
            and (self.restricted_until is None or self.restricted_until > at)
        )

    def can_be_appealed(self, at: datetime) -> bool:
        """Whether the person can still ask for another reviewer."""
        return (
            self.state == self.State.DECIDED
            and self.appeal_until_at is not None
            and at < self.appeal_until_at
        )


class Verdict(models.Model):
    """What one rule said about one thing at one time, and the facts it went by. Never edited."""

    subject = models.ForeignKey(User, models.PROTECT, related_name="+")
    rule = models.CharField(max_length=20)
    subject_key = models.CharField(max_length=80)
    is_hit = models.BooleanField()
    reasons = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    review = models.ForeignKey(Review, models.PROTECT, null=True, related_name="verdicts")
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject", "-id"], name="verdict_of_person")]

    def __str__(self) -> str:
        return f"{self.rule} on {self.subject_key}: {'hit' if self.is_hit else 'no hit'}"
