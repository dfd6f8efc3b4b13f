"""What each role of staff may see and do, as groups with an explicit list of permissions.

Nothing is inherited or guessed: a permission that is not in a role's list is taken from its group,
and one that names nothing real stops the command. Deeds on money ask for the permission to change
the object the deed is about. Superusers alone give roles and change who is staff.
"""

from collections.abc import Iterable
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction


class UnknownPermission(Exception):
    pass


def _view(app: str, *models: str) -> frozenset[str]:
    return frozenset(f"{app}.view_{model}" for model in models)


def _edit(app: str, *models: str) -> frozenset[str]:
    """See, add and change; nobody deletes."""
    deeds = ("view", "add", "change")
    return frozenset(f"{app}.{deed}_{model}" for model in models for deed in deeds)


PEOPLE: Final = _view(
    "accounts", "user", "creatorprofile", "follow", "statechange", "terms", "termsacceptance",
    "consent", "consentuse", "notice", "closure", "dataexport",
)  # fmt: skip
PRICES: Final = _view(
    "wallet", "region", "regioncountry", "coinpackage", "price", "paymentmethod", "methodfee",
    "fxrate", "ratecard", "purchaselimit", "priceannouncement",
    "cardannouncement", "waitingrate",
)  # fmt: skip
# What fans set themselves: looked at, never changed.
OWN_LIMITS: Final = _view("wallet", "ownlimit", "spendinglimits")
BOOKS: Final = _view(
    "wallet", "account", "balance", "operation", "lot", "transfer", "period", "bucket",
    "adjustment",
)  # fmt: skip
PURCHASES: Final = (
    _view(
        "wallet",
        "purchase",
        "providerevent",
        "receipt",
        "creditnote",
        "seller",
        "giftcardbatch",
        "giftcard",
        "refund",
        "dispute",
        "recoursepolicy",
        "customertoforget",
    )
    | OWN_LIMITS
)
RECONCILED: Final = _view("wallet", "reconciliation", "difference")
CATALOGUE: Final = _view(
    "gifts", "gift", "giftversion", "giftart", "room", "video", "sending", "goal", "chatmessage",
    "mute", "entitlement", "membershipoffer", "clubgifter", "fantotal", "plannedlive", "plandeed",
)  # fmt: skip
PAYOUTS: Final = _view(
    "payouts", "destination", "settlementrun", "settlementline", "payout", "sepabatch",
    "sepaentry", "bankfile", "bankfileline", "stripeaccount", "unclaimedreminder",
)  # fmt: skip
# How people sign in, without their secrets: to find an account, and why it cannot be opened.
SIGN_IN: Final = _view("account", "emailaddress") | _view("mfa", "authenticator")
OPERATION: Final = _view("accounts", "outboxevent")
# Who people are: the checks, who asked for papers and who looked, never the papers themselves.
IDENTITY: Final = _view("accounts", "identitycheck", "paperaccess", "paperview")
# What creators certified, with numbers masked, and what the gate said of them.
GATE: Final = _view(
    "payouts", "taxprofile", "taxexport", "eligibilityresult", "eligibilityoverride"
)
# Cases about people, and what they were opened for.
REVIEWS: Final = _view("accounts", "review", "report", "guardianclaim", "block")
SIGNALS: Final = _view("accounts", "verdict", "fingerprint")
# Who changed what and why, row by row.
EDITS: Final = (
    _view("admin", "logentry")
    | _view("accounts", "useredit", "creatorprofileevent")
    | _view(
        "wallet", "regionevent", "coinpackageevent", "priceevent", "paymentmethodevent",
        "methodfeeevent", "fxrateevent", "sellerevent", "recoursepolicyevent",
    )
    | _view("gifts", "giftversionevent")
)  # fmt: skip

ROLES: Final = {
    # Answers people: sees what concerns them, corrects profiles, looks up lost payments, decides
    # about refunds, proposes adjustments.
    "support": PEOPLE
    | SIGN_IN
    | REVIEWS
    | PURCHASES
    | CATALOGUE
    | _view("accounts", "identitycheck")
    | _view("payouts", "eligibilityresult", "eligibilityoverride")
    | _view("payouts", "settlementline", "payout")
    | _view("wallet", "operation", "transfer", "lot")
    | {
        "accounts.change_user",
        "accounts.change_closure",
        "wallet.look_up_purchase",
        "wallet.decide_refund",
        "wallet.view_adjustment",
        "wallet.add_adjustment",
    },
    # Moves money by two people: adjustments, settlements, payouts, refunds; says who bears losses.
    "finance": PEOPLE
    | PRICES
    | BOOKS
    | PURCHASES
    | CATALOGUE
    | PAYOUTS
    | IDENTITY
    | GATE
    | OPERATION
    | _edit("wallet", "recoursepolicy")
    | RECONCILED
    | {
        "accounts.grant_papers",
        "payouts.export_tax_totals",
        "wallet.add_reconciliation",
        "wallet.look_up_purchase",
        "wallet.decide_refund",
        "wallet.add_adjustment",
        "wallet.change_adjustment",
        "wallet.change_waitingrate",
        "wallet.add_giftcardbatch",
        "wallet.change_giftcardbatch",
        "wallet.change_giftcard",
        "wallet.add_seller",
        "wallet.change_seller",
        "wallet.add_sellerregion",
        "wallet.change_sellerregion",
        "wallet.view_sellerregion",
        "payouts.change_payout",
        "payouts.change_settlementrun",
        "payouts.add_sepabatch",
        "payouts.change_sepabatch",
        "payouts.add_bankfile",
        "payouts.add_unclaimedreminder",
    },
    # Judges people and payments.
    "risk": PEOPLE
    | SIGN_IN
    | REVIEWS
    | SIGNALS
    | BOOKS
    | PURCHASES
    | CATALOGUE
    | PAYOUTS
    | IDENTITY
    | GATE
    | _edit("wallet", "recoursepolicy")
    | {
        "accounts.ask_papers",
        "accounts.decide_identity",
        "payouts.add_eligibilityoverride",
        "payouts.change_eligibilityoverride",
        "accounts.set_standing",
        "accounts.change_review",
        "gifts.change_room",
        "gifts.change_video",
        "gifts.change_plannedlive",
        "gifts.change_chatmessage",
        "gifts.view_rankdifference",
        "gifts.change_rankdifference",
    },
    # Sets what coins cost and diamonds are worth.
    "pricing": PRICES
    | CATALOGUE
    | _edit(
        "wallet",
        "region",
        "regioncountry",
        "coinpackage",
        "price",
        "paymentmethod",
        "methodfee",
        "fxrate",
        "ratecard",
        "purchaselimit",
    )
    | {"wallet.change_waitingrate"},
    # Sets which gifts there are, and closes the places they are sent in.
    "catalogue": CATALOGUE
    | _edit("gifts", "gift", "giftversion")
    | {
        "gifts.add_giftart",
        "gifts.change_room",
        "gifts.change_video",
        "gifts.change_plannedlive",
    },
    # Sees everything, changes nothing.
    "auditor": PEOPLE
    | PRICES
    | BOOKS
    | PURCHASES
    | CATALOGUE
    | PAYOUTS
    | IDENTITY
    | GATE
    | SIGN_IN
    | REVIEWS
    | SIGNALS
    | _view("gifts", "rankdifference")
    | OPERATION
    | RECONCILED
    | EDITS
    | _view("auth", "group")
    | _view("usersessions", "usersession")
    | _view("allauth_idp_oidc", "client", "token"),
}


@transaction.atomic(durable=True)
def sync() -> dict[str, int]:
    """Make the groups hold exactly what is listed here; says how many permissions each has.

    Raises UnknownPermission for a name that no model has.
    """
    known = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    counts = {}
    for role, names in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set(_ids(names, known))
        counts[role] = len(names)
    return counts


def _ids(names: Iterable[str], known: dict[str, int]) -> list[int]:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UnknownPermission(f"No model has {', '.join(unknown)}. Run migrate, then look again.")
    return [known[name] for name in names]
