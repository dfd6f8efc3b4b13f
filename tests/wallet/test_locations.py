"""Where a buyer is: the table of decisions, and what becomes of money that is set aside."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Notice, StateChange, User
from tests.standin import Standin
from wallet import alerts, captures, ledger, locations, payments, purchases, queries
from wallet.locations import Pieces, Verdict
from wallet.models import Operation, PaymentMethod, Purchase, Region
from wallet.providers.base import Declined, Unavailable
from wallet.providers.stripe import Stripe

AGREED, ALONE, CONFLICT = Verdict.AGREED, Verdict.ALONE, Verdict.CONFLICT

# Who lives in Germany and is charged for it. NO and LT: coins are not sold there.
# language, address, card: verdict, right region, whether a card could decide beforehand
TABLE: Final = {
    ("", "", ""): (ALONE, "DE", True),
    ("DE", "", ""): (AGREED, "DE", True),
    ("US", "", ""): (ALONE, "DE", True),
    ("", "DE", ""): (AGREED, "DE", False),
    ("", "FR", ""): (ALONE, "DE", True),
    ("", "NO", ""): (ALONE, "DE", True),
    ("DE", "FR", ""): (AGREED, "DE", True),
    ("", "", "DE"): (AGREED, "DE", True),
    ("US", "US", "DE"): (AGREED, "DE", True),  # travelling
    ("", "FR", "DE"): (AGREED, "DE", True),
    ("", "NO", "DE"): (AGREED, "DE", True),
    ("", "DE", "DE"): (AGREED, "DE", False),
    ("", "DE", "US"): (AGREED, "DE", False),  # two outweigh a third
    ("US", "DE", "US"): (AGREED, "DE", False),
    ("", "DE", "NO"): (AGREED, "DE", False),
    ("", "", "US"): (CONFLICT, "US", True),
    ("DE", "", "US"): (CONFLICT, "US", True),  # a language does not outweigh a card
    ("", "US", "US"): (CONFLICT, "US", True),
    ("DE", "US", "US"): (CONFLICT, "US", True),
    ("", "FR", "US"): (CONFLICT, "US", True),  # three places: the bank knows best
    ("", "NO", "US"): (CONFLICT, "US", True),
    ("", "", "LT"): (CONFLICT, None, True),
    ("DE", "", "LT"): (AGREED, "DE", True),  # there is no other price, and two agree
    ("DE", "FR", "LT"): (AGREED, "DE", True),
    ("", "FR", "LT"): (CONFLICT, None, True),
    ("", "LT", "LT"): (CONFLICT, None, True),
}


@pytest.mark.parametrize("known", TABLE, ids="-".join)
def test_the_table_of_decisions(db: None, known: tuple[str, str, str]) -> None:
    language, address, card = known
    sold_in = locations.sold_in()
    pieces = Pieces(declared="DE", language=language, address=address, card=card)

    decision = locations.decide(pieces=pieces, charged="DE", sold_in=sold_in)
    before = Pieces(declared="DE", language=language, address=address)

    found = (
        decision.verdict,
        decision.right,
        locations.card_decides(pieces=before, sold_in=sold_in),
    )
    assert found == TABLE[known]
    assert decision.may_be_charged == (decision.verdict != CONFLICT)


def test_no_card_turns_a_decision_that_was_safe_beforehand(db: None) -> None:
    """Money is taken at once exactly where no card at all could make it wrong."""
    sold_in = locations.sold_in()
    places = ("", "DE", "FR", "US", "NO")
    for language in places:
        for address in places:
            before = Pieces(declared="DE", language=language, address=address)
            verdicts = {
                locations.decide(
                    pieces=Pieces(declared="DE", language=language, address=address, card=card),
                    charged="DE",
                    sold_in=sold_in,
                ).may_be_charged
                for card in (*sold_in, "NO", "LT", "")
            }
            could_turn = False in verdicts
            assert locations.card_decides(pieces=before, sold_in=sold_in) == could_turn


def test_countries_of_one_region_are_one_place(db: None) -> None:
    sold_in = locations.sold_in() | {"AT": "DE"}

    decision = locations.decide(
        pieces=Pieces(declared="AT", card="DE"), charged="DE", sold_in=sold_in
    )

    assert (decision.verdict, decision.right) == (AGREED, "DE")


@pytest.mark.parametrize(
    ("header", "country"),
    [
        ("de-DE,de;q=0.9,en-US;q=0.8", "DE"),
        ("de,en-US;q=0.7,fr-FR;q=0.9", "FR"),
        ("zh-Hant-TW", "TW"),
        ("es-419,es;q=0.9", ""),
        ("en-XX", ""),
        ("*", ""),
        ("", ""),
        ("de-DE;q=abc", ""),
        ("x" * 9000, ""),
        (",".join(["de"] * 50 + ["de-DE"]), ""),
    ],
)
def test_the_region_of_a_language_is_read_and_nonsense_is_nothing(
    header: str, country: str
) -> None:
    assert locations.seen({"Accept-Language": header})["language"] == country


@pytest.mark.parametrize(
    ("named", "sent", "country"),
    [
        ("", {"CF-IPCountry": "US"}, ""),  # nobody vouches for it
        ("CF-IPCountry", {"CF-IPCountry": "us"}, "US"),
        ("CF-IPCountry", {"X-Country": "US"}, ""),
        ("CF-IPCountry", {"CF-IPCountry": "T1"}, ""),
        ("CF-IPCountry", {"CF-IPCountry": "XX"}, ""),
        ("CF-IPCountry", {"CF-IPCountry": "<script>"}, ""),
    ],
)
def test_an_address_counts_only_from_the_header_that_the_operator_named(
    settings: LazySettings, named: str, sent: dict[str, str], country: str
) -> None:
    settings.COUNTRY_HEADER = named

    assert locations.seen(sent)["address"] == country


# Set aside, taken, let go


def now() -> datetime:
    return datetime.now(UTC)


def start(user: User, **asked: Any) -> Purchase:
    facts: dict[str, Any] = {"coins": 700, "purchase_id": ledger.new_operation_id()}
    return purchases.start_purchase(user=user, method_code="card", at=now(), **(facts | asked))


def settle(purchase: Purchase) -> Purchase:
    return payments.settle_purchase(purchase_id=purchase.pk, at=now())


def moves(purchase: Purchase) -> list[str]:
    rows = StateChange.objects.filter(subject_id=str(purchase.pk)).order_by("id")
    return [row.after for row in rows]


def intent(standin: Standin, purchase: Purchase) -> Any:
    session = standin.client().v1.checkout.sessions.retrieve(purchase.checkout_ref)
    return standin.client().v1.payment_intents.retrieve(str(session.payment_intent))


def test_a_card_from_home_is_taken_and_both_pieces_are_kept(standin: Standin, alice: User) -> None:
    purchase = start(alice, evidence={"address": "", "language": "DE"})
    assert purchase.captures_later
    standin.pay(purchase.checkout_ref, "germany")

    purchase = settle(purchase)

    assert purchase.state == "credited"
    assert moves(purchase) == ["pending", "authorised", "paid", "credited"]
    assert purchase.evidence == {
        "country": "DE",
        "address": "",
        "language": "DE",
        "card_country": "DE",
        "charged": "DE",
        "verdict": "agreed",
        "right_region": "DE",
        "agreeing": ["declared", "language", "card"],
        "contrary": [],
    }
    assert purchase.right_region is None
    assert purchase.fee_minor is not None
    assert purchase.fee_minor > 0
    assert intent(standin, purchase).status == "succeeded"
    assert queries.coins(user_id=alice.pk) == 700


def test_a_card_from_elsewhere_is_never_charged_and_the_buyer_reads_why(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "visa")

    purchase = settle(purchase)

    assert purchase.state == "voided"
    assert moves(purchase) == ["pending", "authorised", "voided"]
    assert purchase.right_region_id == "US"
    assert purchase.evidence["verdict"] == "conflict"
    found = intent(standin, purchase)
    assert (found.status, found.amount_received) == ("canceled", 0)
    assert queries.coins(user_id=alice.pk) == 0
    assert not Operation.objects.exists()
    notice = Notice.objects.get(user=alice)
    assert notice.title == "Your payment for 700 coins was let go"
    assert notice.body == (
        "You have not been charged. The card was issued in United States of America, and you "
        "bought at the price for Germany (EUR). You can buy the same coins at the price for "
        "United States (USD)."
    )
    assert settle(purchase).state == "voided"
    assert Notice.objects.count() == 1


def test_where_the_address_speaks_for_home_money_is_taken_at_once(
    standin: Standin, alice: User
) -> None:
    purchase = start(alice, evidence={"address": "DE"})
    standin.pay(purchase.checkout_ref, "visa")

    purchase = settle(purchase)

    assert not purchase.captures_later
    assert moves(purchase) == ["pending", "paid", "credited"]
    assert purchase.evidence["contrary"] == ["card"]


def test_a_rail_that_cannot_set_aside_is_not_asked_to(alice: User) -> None:
    method = PaymentMethod.objects.get(pk="card")
    pieces = Pieces(declared="DE")

    assert captures.is_needed(method=method, pieces=pieces)
    method.rail = "ideal"
    assert not captures.is_needed(method=method, pieces=pieces)


def fail_at(monkeypatch: pytest.MonkeyPatch, deed: str, *, after: bool, error: Exception) -> None:
    """Let the provider's answer to the next deed be lost, before or after its effect."""
    real = getattr(Stripe, deed)

    def broken(self: Stripe, payment_ref: str, *, key: str) -> None:
        monkeypatch.setattr(Stripe, deed, real)
        if after:
            real(self, payment_ref, key=key)
        raise error

    monkeypatch.setattr(Stripe, deed, broken)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("card", "deed", "ends", "coins"),
    [("germany", "capture", "credited", 700), ("visa", "void", "voided", 0)],
)
def test_an_answer_that_is_lost_is_found_by_the_sweep(
    standin: Standin,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    card: str,
    deed: str,
    ends: str,
    coins: int,
    after: bool,
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, card)
    fail_at(monkeypatch, deed, after=after, error=Unavailable("no answer"))

    with pytest.raises(Unavailable):
        settle(purchase)
    purchase.refresh_from_db()
    assert purchase.state == "authorised"
    assert queries.coins(user_id=alice.pk) == 0
    assert purchases.sweep_purchases(at=now() + timedelta(minutes=1)) == 1

    purchase.refresh_from_db()
    assert purchase.state == ends
    assert queries.coins(user_id=alice.pk) == coins
    assert Operation.objects.count() == (1 if coins else 0)


def test_money_that_the_bank_took_back_meanwhile_fails_and_is_told(
    standin: Standin, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "germany")
    fail_at(monkeypatch, "capture", after=False, error=Unavailable("no answer"))
    with pytest.raises(Unavailable):
        settle(purchase)
    purchase.refresh_from_db()
    standin.client().v1.payment_intents.cancel(purchase.payment_ref)

    purchase = settle(purchase)

    assert purchase.state == "failed"
    assert Notice.objects.get(user=alice).body == "You have not been charged."
    assert queries.coins(user_id=alice.pk) == 0


def test_money_set_aside_too_long_is_told_to_staff_once(
    standin: Standin, alice: User, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "germany")
    fail_at(monkeypatch, "capture", after=False, error=Declined("not now"))
    assert settle(purchase).state == "authorised"

    assert alerts.tell_of_uncredited(at=now()) == 0
    late = now() + timedelta(minutes=6)
    assert alerts.tell_of_uncredited(at=late) == 1
    assert alerts.tell_of_uncredited(at=late) == 0

    assert Notice.objects.filter(user=olga, subject_key__endswith=":staff").count() == 1
    assert settle(purchase).state == "credited"


def test_control_without_the_decision_a_foreign_card_would_be_charged(
    standin: Standin, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locations, "_right", lambda voices, _sold_in: voices["declared"])
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "visa")

    assert settle(purchase).state == "credited"


# The right region's price


def let_go(standin: Standin, user: User) -> Purchase:
    purchase = start(user, return_path="/live/1/")
    standin.pay(purchase.checkout_ref, "visa")
    found = settle(purchase)
    assert found.state == "voided"
    return found


def fields(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    found.pop("csrfmiddlewaretoken", None)
    return found | {"method": "card"}


def test_the_page_offers_the_right_price_and_the_coins_are_bought_at_it(
    standin: Standin, alice: User, client: Client
) -> None:
    first = let_go(standin, alice)
    client.force_login(alice)

    page = client.get(f"/coins/purchases/{first.pk}/").content.decode()
    assert "We let your payment go" in page
    assert "You have not been charged." in page
    assert "Buy 700 coins for $7.40" in page
    address = f"/coins/checkout/?coins=700&amp;corrects={first.pk}&amp;next=/live/1/"
    assert address in page.replace("%2F", "/")
    asked = {"coins": "700", "corrects": str(first.pk), "next": "/live/1/"}
    checkout = client.get("/coins/checkout/", asked).content.decode()
    assert "Agree and pay $7.40" in checkout
    assert "you confirm that you live there" in checkout
    answer = client.post("/coins/checkout/", fields(checkout))

    second = Purchase.objects.exclude(pk=first.pk).get()
    assert answer["Location"] == second.checkout_url
    assert (second.region_id, second.currency, second.gross_minor) == ("US", "USD", 740)
    assert second.corrects == first
    standin.pay(second.checkout_ref, "visa")
    second = settle(second)
    assert second.state == "credited"
    assert second.evidence["country"] == "DE"
    assert second.evidence["declared"] == "US"
    assert second.evidence["verdict"] == "agreed"
    assert queries.coins(user_id=alice.pk) == 700


def test_the_right_price_of_elsewhere_is_not_for_a_card_from_home(
    standin: Standin, alice: User
) -> None:
    """Nobody confirms a cheaper country and then pays from where they are."""
    first = let_go(standin, alice)

    second = start(alice, corrects_id=first.pk, evidence={"language": "US"})
    standin.pay(second.checkout_ref, "germany")
    second = settle(second)

    assert (second.state, second.right_region_id) == ("voided", "DE")
    assert queries.coins(user_id=alice.pk) == 0


def test_another_price_is_only_for_who_was_let_go_because_of_it(
    standin: Standin, alice: User, mallory: User, client: Client
) -> None:
    first = let_go(standin, alice)
    open_one = start(mallory)

    for forged in (first.pk, open_one.pk, ledger.new_operation_id()):
        with pytest.raises(purchases.PurchaseConflict):
            start(mallory, corrects_id=forged)
    client.force_login(mallory)
    page = client.get("/coins/checkout/", {"coins": "700", "corrects": str(first.pk)})

    assert page.status_code == 403
    assert "$7.40" not in page.content.decode()
    assert Purchase.objects.filter(buyer=mallory).count() == 1


def test_a_card_from_where_coins_are_not_sold_has_no_other_price(
    standin: Standin, alice: User, client: Client
) -> None:
    Region.objects.filter(pk="US").update(is_open=False)
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "visa")

    purchase = settle(purchase)

    assert (purchase.state, purchase.right_region) == ("voided", None)
    client.force_login(alice)
    page = client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert "Coins are not sold there. Pay with a card of your own country." in page
    assert "corrects=" not in page
    assert "Try again" in page


def test_the_checkout_says_when_the_buyer_seems_to_be_elsewhere(
    alice: User, client: Client, settings: LazySettings
) -> None:
    client.force_login(alice)
    settings.COUNTRY_HEADER = "CF-IPCountry"

    away = client.get("/coins/checkout/?coins=700", headers={"CF-IPCountry": "FR"})
    home = client.get("/coins/checkout/?coins=700", headers={"CF-IPCountry": "DE"})

    assert "You seem to be in France." in away.content.decode()
    assert "You seem to be" not in home.content.decode()


def test_staff_read_the_verdict_and_what_it_rests_on(
    standin: Standin, alice: User, olga: User, client: Client
) -> None:
    purchase = let_go(standin, alice)
    client.force_login(olga)

    page = client.get(f"/admin/wallet/purchase/{purchase.pk}/change/").content.decode()
    found = client.get("/admin/wallet/purchase/?right_region__code__exact=US").content.decode()

    assert "conflict (card: yes, declared: no)" in page
    assert "Payment let go, not charged" in page
    assert str(purchase.pk) in found


def test_a_waiting_page_says_the_payment_is_looked_at(
    standin: Standin, alice: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = start(alice)
    standin.pay(purchase.checkout_ref, "germany")
    fail_at(monkeypatch, "capture", after=False, error=Unavailable("no answer"))
    client.force_login(alice)

    page = client.get(f"/coins/purchases/{purchase.pk}/").content.decode()

    assert "700 coins are on the way" in page
    assert Purchase.objects.get().state == "authorised"
    cancelled = client.post(f"/coins/purchases/{purchase.pk}/cancel/", follow=True)
    assert "You cancelled" not in cancelled.content.decode()
    assert settle(purchase).state == "credited"
