"""The register of personal data: what is kept of people, what for, how long, and how it goes.

Promises: every table with a column that names a person is in it (a test compares); an export holds
what is listed here, an erasure does what is said here, and what it keeps says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from django.apps import apps
from django.db.models import Model, QuerySet

# The words that stand where a name was.
GONE_NAME: Final = "Somebody who left"


class AtErasure(Enum):
    """What becomes of a row when its person is erased."""

    DELETE = "the row is deleted"
    SHED = "the named fields are emptied, the row stays"
    KEEP = "the row stays, for the reason given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One table of the register. ``whose``: the look-up from a row to the person's number."""

    model: str
    whose: str
    purpose: str
    at_erasure: AtErasure
    sheds: Mapping[str, Any] = field(default_factory=dict)
    why_kept: str = ""
    secret: tuple[str, ...] = ()  # fields that are in no export
    is_exported: bool = True

    def table(self) -> type[Model]:
        return apps.get_model(self.model)

    def rows(self, person_id: int) -> QuerySet[Any]:
        """The person's rows, in the order they were written."""
        table = self.table()
        rows = table._base_manager.filter(**{self.whose: person_id})  # noqa: SLF001
        return rows.order_by("pk")


# Tax law keeps what was sold for ten years (for example AO §147, 2025: eight; UStG §14b: eight to
# ten), the rules on money laundering keep who was paid for five (AMLD, article 40). GDPR, article
# 17(3)(b): what a law wants kept is not erased.
BOOKS: Final = "Tax law wants what was sold and paid kept for up to ten years."
PAID_OUT: Final = "Rules on money laundering want who was paid kept for five years."
NO_WORDS: Final = "Numbers alone: it names nobody once the account is emptied."

FAIRNESS: Final = "It shows that a decision about somebody was fair, and who made it."

DELETE, SHED, KEEP = AtErasure.DELETE, AtErasure.SHED, AtErasure.KEEP
REGISTER: Final = (
    # Who they are: the last to go, see ``config.leaving.erase_person``.
    Held(model="accounts.User", whose="pk", purpose="The account", at_erasure=SHED,
         sheds={"display_name": GONE_NAME, "country": "", "birth_date": None, "language": "en",
                "time_zone": "UTC", "last_login": None, "is_ranked": False,
                "confirm_coins": None, "break_after_min": None},
         secret=("password",)),
    Held(model="accounts.UserEdit", whose="pgh_obj_id", purpose="Who corrected the profile",
         at_erasure=DELETE),
    Held(model="accounts.CreatorProfile", whose="creator", purpose="The public page",
         at_erasure=SHED, sheds={"about": ""}),
    Held(model="accounts.CreatorProfileEvent", whose="creator", purpose="Its earlier words",
         at_erasure=DELETE),
    Held(model="accounts.Follow", whose="fan", purpose="Whom they follow", at_erasure=DELETE),
    Held(model="accounts.TermsAcceptance", whose="user", purpose="What they agreed to",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="accounts.Consent", whose="fan", purpose="Services they let act", at_erasure=KEEP,
         why_kept=NO_WORDS),
    Held(model="accounts.Notice", whose="user", purpose="What they were told", at_erasure=DELETE),
    Held(model="accounts.NoticePreference", whose="user", purpose="Where they want to be told",
         at_erasure=DELETE),
    Held(model="accounts.DataExport", whose="person", purpose="Copies asked for",
         at_erasure=DELETE, secret=("archive",)),
    Held(model="accounts.Closure", whose="person", purpose="That it was closed", at_erasure=KEEP,
         why_kept="It shows that, and when, the rest was erased."),
    Held(model="accounts.StateChange", whose="by", purpose="Decisions they made as staff",
         at_erasure=KEEP, why_kept=NO_WORDS),
    # What was looked into, and whom they keep away.
    Held(model="accounts.Review", whose="subject", purpose="Reviews", at_erasure=SHED,
         sheds={"appeal_words": ""}, why_kept=FAIRNESS, secret=("signals",)),
    Held(model="accounts.Verdict", whose="subject", purpose="What rules said", at_erasure=KEEP,
         why_kept=FAIRNESS, is_exported=False),
    Held(model="accounts.Fingerprint", whose="user", purpose="Devices, networks, instruments",
         at_erasure=DELETE, secret=("digest",)),
    Held(model="accounts.GuardianClaim", whose="about", purpose="What a guardian told us",
         at_erasure=SHED, sheds={"name": GONE_NAME, "email": "gone@invalid", "words": "-"},
         is_exported=False),
    Held(model="accounts.Report", whose="reporter", purpose="What they reported",
         at_erasure=SHED, sheds={"words": ""}, why_kept=FAIRNESS),
    Held(model="accounts.Block", whose="blocker", purpose="Whom they blocked", at_erasure=DELETE),
    # Who they are, as far as the law on payments and money laundering wants it kept.
    Held(model="accounts.IdentityCheck", whose="person", purpose="Checks of their identity",
         at_erasure=SHED, sheds={"provider_url": "", "why": "-"}, why_kept=PAID_OUT,
         secret=("name_sealed", "name_mark")),
    Held(model="accounts.IdentityPaper", whose="check_of__person", purpose="Papers they sent",
         at_erasure=KEEP, why_kept="That there was one; what was on it is deleted at once.",
         secret=("sealed",)),
    Held(model="accounts.PaperAccess", whose="check_of__person",
         purpose="Staff who asked to see their papers", at_erasure=SHED, sheds={"reason": "-"},
         why_kept=FAIRNESS),
    Held(model="accounts.PaperView", whose="access__check_of__person",
         purpose="Staff who saw their papers", at_erasure=SHED, sheds={"why": "-"},
         why_kept=FAIRNESS),
    # How they sign in.
    Held(model="account.EmailAddress", whose="user", purpose="Signing in", at_erasure=DELETE),
    Held(model="mfa.Authenticator", whose="user", purpose="Second factors", at_erasure=DELETE,
         secret=("data",)),
    Held(model="usersessions.UserSession", whose="user", purpose="Where they are signed in",
         at_erasure=DELETE, secret=("session_key", "data")),
    Held(model="allauth_idp_oidc.Token", whose="user", purpose="Services' tokens",
         at_erasure=DELETE, secret=("hash", "data")),
    Held(model="admin.LogEntry", whose="user", purpose="What they did as staff", at_erasure=KEEP,
         why_kept="Staff's deeds stay traceable by number.", is_exported=False),
    # What they bought.
    Held(model="wallet.Purchase", whose="buyer", purpose="What was bought", at_erasure=SHED,
         sheds={"return_path": "", "checkout_url": "", "failure": "", "customer_ref": ""},
         why_kept=BOOKS),
    Held(model="wallet.Refund", whose="purchase__buyer", purpose="Refunds", at_erasure=SHED,
         sheds={"words": ""}, why_kept=BOOKS),
    Held(model="wallet.Dispute", whose="purchase__buyer", purpose="Disputed payments",
         at_erasure=KEEP, why_kept=BOOKS),
    Held(model="wallet.SpendingLimits", whose="user", purpose="A break from buying",
         at_erasure=DELETE),
    Held(model="wallet.OwnLimit", whose="user", purpose="Limits of their own",
         at_erasure=DELETE),
    Held(model="wallet.Receipt", whose="purchase__buyer", purpose="Receipts", at_erasure=KEEP,
         why_kept=BOOKS),
    Held(model="wallet.CreditNote", whose="receipt__purchase__buyer", purpose="Credit notes",
         at_erasure=KEEP, why_kept=BOOKS),
    Held(model="wallet.GiftCard", whose="purchase__buyer", purpose="Cards redeemed",
         at_erasure=KEEP, why_kept=BOOKS, secret=("code_hash",)),
    Held(model="wallet.GiftCardTries", whose="user", purpose="Wrong codes", at_erasure=DELETE),
    Held(model="wallet.Adjustment", whose="owner", purpose="Corrections by staff",
         at_erasure=SHED, sheds={"reason": "-"}, why_kept=BOOKS),
    Held(model="wallet.Operation", whose="home_id", purpose="Their part of the ledger",
         at_erasure=KEEP, why_kept="The books. Names in memos are taken out by ledger.forget.",
         secret=("request", "result")),
    # What they gave, showed and earned.
    Held(model="gifts.Sending", whose="sender", purpose="Gifts sent", at_erasure=KEEP,
         why_kept=BOOKS),
    Held(model="gifts.HeldGift", whose="sender", purpose="Gifts that waited", at_erasure=KEEP,
         why_kept=BOOKS),
    Held(model="gifts.Streak", whose="sender", purpose="Combos", at_erasure=KEEP,
         why_kept=NO_WORDS),
    Held(model="gifts.RoomGifter", whose="gifter", purpose="Sums of gifts in rooms",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="gifts.WeekGifter", whose="gifter", purpose="Sums of gifts in weeks",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="gifts.ReceivedGift", whose="creator", purpose="Gifts received", at_erasure=KEEP,
         why_kept=NO_WORDS),
    Held(model="gifts.FanTotal", whose="gifter", purpose="What they gave in all",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="gifts.ClubGifter", whose="gifter", purpose="Points in clubs",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="gifts.Entitlement", whose="fan", purpose="Clubs and memberships",
         at_erasure=KEEP, why_kept=BOOKS),
    Held(model="gifts.MembershipOffer", whose="creator", purpose="The membership they offer",
         at_erasure=SHED, sheds={"words": "", "is_on": False}),
    Held(model="gifts.RankDifference", whose="creator", purpose="Sums that were wrong",
         at_erasure=KEEP, why_kept=NO_WORDS, is_exported=False),
    Held(model="gifts.Goal", whose="room__creator", purpose="Goals", at_erasure=SHED,
         sheds={"words": "-"}),
    Held(model="gifts.ChatMessage", whose="author", purpose="What they said in rooms",
         at_erasure=DELETE),
    Held(model="gifts.ChatRules", whose="creator", purpose="How people talk in their rooms",
         at_erasure=DELETE),
    Held(model="gifts.Moderator", whose="person", purpose="Whose rooms they keep order in",
         at_erasure=DELETE),
    Held(model="gifts.Mute", whose="person", purpose="Where they are muted", at_erasure=DELETE),
    Held(model="gifts.PlannedLive", whose="creator", purpose="Lives they planned",
         at_erasure=SHED, sheds={"title": "A planned live", "words": ""}),
    Held(model="gifts.PlanDeed", whose="planned__creator", purpose="What they did with plans",
         at_erasure=SHED, sheds={"title": "A planned live", "words": ""}),
    Held(model="gifts.LiveReminder", whose="fan", purpose="Lives they are reminded of",
         at_erasure=DELETE),
    Held(model="gifts.Overlay", whose="creator", purpose="That they have an overlay",
         at_erasure=DELETE, secret=("digest",)),
    Held(model="gifts.Room", whose="creator", purpose="Live rooms", at_erasure=SHED,
         sheds={"title": "A live room", "stream_url": ""}),
    Held(model="gifts.Video", whose="creator", purpose="Videos", at_erasure=SHED,
         sheds={"title": "A video", "video_url": "", "is_public": False}),
    Held(model="payouts.Destination", whose="creator", purpose="Where they are paid",
         at_erasure=KEEP, why_kept=PAID_OUT, secret=("account_sealed", "mark")),
    Held(model="payouts.SepaEntry", whose="payout__creator", purpose="Transfers to their bank",
         at_erasure=KEEP, why_kept=PAID_OUT),
    Held(model="payouts.StripeAccount", whose="creator", purpose="Their account at Stripe",
         at_erasure=KEEP, why_kept=PAID_OUT),
    Held(model="payouts.TaxProfile", whose="creator", purpose="What tax offices are told",
         at_erasure=KEEP, why_kept=BOOKS, secret=("sealed", "name_mark", "tin_mark")),
    Held(model="payouts.EligibilityResult", whose="creator", purpose="Whether they may be paid",
         at_erasure=DELETE),
    Held(model="payouts.EligibilityOverride", whose="creator",
         purpose="What staff let pass on their checklist", at_erasure=SHED,
         sheds={"reason": "-"}, why_kept=FAIRNESS),
    Held(model="payouts.SettlementLine", whose="creator", purpose="Earnings", at_erasure=KEEP,
         why_kept=BOOKS),
    Held(model="payouts.EarningsDay", whose="creator", purpose="Sums of earnings",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="payouts.EarningsLabel", whose="creator", purpose="What places were called",
         at_erasure=DELETE),
    Held(model="payouts.LiveAudience", whose="creator", purpose="How many watched their lives",
         at_erasure=DELETE),
    Held(model="payouts.GifterMonth", whose="gifter", purpose="Sums of gifts to creators",
         at_erasure=KEEP, why_kept=NO_WORDS),
    Held(model="payouts.Statement", whose="creator", purpose="Monthly statements",
         at_erasure=KEEP, why_kept=BOOKS),
    Held(model="payouts.PayoutChoice", whose="creator", purpose="Whether runs pay them out",
         at_erasure=DELETE),
    Held(model="payouts.UnclaimedReminder", whose="creator",
         purpose="That staff told them of money that waits", at_erasure=KEEP, why_kept=PAID_OUT),
    Held(model="payouts.Payout", whose="creator", purpose="Payouts", at_erasure=SHED,
         sheds={"failure": ""}, why_kept=PAID_OUT),
)  # fmt: skip

# Columns that name members of staff who did something, by number: the deed stays theirs.
STAFF_COLUMNS: Final = frozenset(
    {
        "maker",
        "approver",
        "proposer",
        "proposed_by",
        "created_by",
        "checked_by",
        "approved_by",
        "by",
        "granted_by",
        "announced_by",
        "assignee",
        "removed_by",
        "decided_by",
        "final_by",
        "closed_by",
        "read_by",
    }
)
# Tables about two people: listed for one of them, and the other's rows name them by number alone.
OTHER_SIDES: Final = frozenset(
    {
        ("accounts.Block", "blocked"),
        ("accounts.Follow", "creator"),
        ("accounts.Report", "about"),
        ("gifts.Sending", "creator"),
        ("gifts.WeekGifter", "creator"),
        ("gifts.ClubGifter", "creator"),
        ("gifts.Entitlement", "creator"),
        ("gifts.Moderator", "creator"),
        ("gifts.Mute", "creator"),
        ("payouts.GifterMonth", "creator"),
        ("allauth_idp_oidc.Client", "owner"),
    }
)
