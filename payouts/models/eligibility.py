"""What the gate said about creators, and what staff decided otherwise."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models


class EligibilityResult(models.Model):
    """What the gate said last about a creator, kept for staff. Settling asks the gate anew."""

    creator = models.OneToOneField(
        "accounts.User", models.PROTECT, primary_key=True, related_name="eligibility"
    )
    is_eligible = models.BooleanField()
    lines = models.JSONField()  # [{key, title, state, reason, is_waived}] not met, or let pass
    unmet = models.CharField(max_length=200, blank=True)  # the keys of the lines not met
    evaluated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.creator_id}: {'eligible' if self.is_eligible else self.unmet}"


class EligibilityOverride(models.Model):
    """One line of the gate that staff let pass for a creator, with a reason, until a date.

    The row is its own trail: it is never edited, only ended, and that leaves its own row.
    """

    class State(models.TextChoices):
        IN_FORCE = "in_force", "In force"
        ENDED = "ended", "Ended"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.IN_FORCE: frozenset({State.ENDED}),
    }
    # What nobody may let pass: the law (age, kind), a case that is open, and what cannot be done
    # without (a profile, an account to pay to).
    NEVER: ClassVar[tuple[str, ...]] = ("age", "kind", "review", "profile", "destination")

    creator = models.ForeignKey(
        "accounts.User", models.PROTECT, related_name="eligibility_overrides"
    )
    line = models.CharField(max_length=20)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    until = models.DateTimeField()
    made_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.IN_FORCE)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["creator", "line"],
                condition=models.Q(state="in_force"),
                name="eligibility_override_one_a_line",
            ),
            models.CheckConstraint(
                condition=~models.Q(by=models.F("creator")),
                name="eligibility_override_not_own",
            ),
            models.CheckConstraint(
                condition=~models.Q(line__in=["age", "kind", "review", "profile", "destination"]),
                name="eligibility_override_never",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason="") & models.Q(until__gt=models.F("made_at")),
                name="eligibility_override_reasoned_and_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line} of {self.creator_id} until {self.until:%Y-%m-%d}"
