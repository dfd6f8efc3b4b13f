"""Limits through their doors: the fan's pages, the API, and the staff's desk."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import fingerprints
from accounts.models import Notice, OutboxEvent, User
from tests import factories, services
from tests.accounts.test_roles import make_role
from tests.standin import Standin
from tests.wallet.test_own_limits import bought
from tests.wallet.test_pages import fields
from tests.wallet.test_refunds import approve, ask, submit
from tests.wallet.test_refunds import bought as paid_for
from wallet import (
    disputes,
    facts,
    ledger,
    limits,
    own_limits,
    quotes,
    regional_limits,
    reviewing,
)
from wallet.models import (
    Dispute,
    HoldClass,
    OwnLimit,
    PaymentKind,
    PaymentMethod,
    Purchase,
    PurchaseAttempt,
    PurchaseLimit,
    Refund,
    Region,
    Tier,
    Window,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def fan(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def own(user: User) -> dict[str, int | None]:
    rows = facts.own_limits(user_id=user.pk, at=timezone.now())
    return {window.value: row.amount_minor for window, row in rows.items()}


def set_own(user: User, window: Window, amount_minor: int) -> None:
    own_limits.set_limit(
        user_id=user.pk, window=window, amount_minor=amount_minor, currency="EUR",
        at=timezone.now(),
    )  # fmt: skip


# The page of limits


def test_the_page_shows_each_limit_with_use_and_reset(fan: Client, alice: User) -> None:
    bought(alice, 60_00, at=timezone.now() - HOUR)
    set_own(alice, Window.WEEK, 80_00)

    page = text(fan.get("/balance/limits/"))

    for words in (
        "Limits in Germany",
        "Yours is a new account",
        "at most €100.00",
        "€60.00 of €200.00",
        "€140.00 left. Some of it is free again",
        "€60.00 of €800.00",
        "€60.00 of €80.00",
        "1 of 5",
        "1 of 15",
    ):
        assert words in page


def test_limits_are_set_together_and_what_is_empty_is_none(fan: Client, alice: User) -> None:
    answer = fan.post(
        "/balance/limits/own/", {"purchase": "20", "day": "", "week": "99.50", "month": ""}
    )

    assert answer.status_code == 302
    assert own(alice) == {"purchase": 20_00, "week": 99_50}
    page = text(fan.get("/balance/limits/"))
    assert "Your own limit in any 7 days: €99.50" in page
    assert 'value="99.50"' in page


def test_a_raise_is_shown_with_its_time_and_can_be_taken_back(fan: Client, alice: User) -> None:
    set_own(alice, Window.DAY, 20_00)

    fan.post("/balance/limits/own/", {"day": "30"})

    page = text(fan.get("/balance/limits/"))
    assert "€30.00 in any 24 hours from" in page
    assert "Keep the limit as it is" in page
    fan.post("/balance/limits/keep/", {"window": "day"})
    assert "Keep the limit as it is" not in text(fan.get("/balance/limits/"))
    assert own(alice) == {"day": 20_00}


@pytest.mark.parametrize("wrong", ["0", "-5", "1.005", "many", "1" * 30])
def test_an_amount_that_is_none_is_said_beside_the_field(
    fan: Client, alice: User, wrong: str
) -> None:
    answer = fan.post("/balance/limits/own/", {"day": wrong})

    assert answer.status_code == 400
    assert 'class="field-error"' in answer.content.decode()
    assert not OwnLimit.objects.exists()


def test_a_break_needs_to_be_meant_and_then_stands_on_every_page(fan: Client, alice: User) -> None:
    unsure = fan.post("/balance/limits/time-out/", {"days": "7"})
    assert unsure.status_code == 400
    assert "so that nobody takes a break by accident" in unsure.content.decode()

    assert fan.post("/balance/limits/time-out/", {"days": "7", "sure": "on"}).status_code == 302

    assert "You are on a break from buying" in text(fan.get("/balance/limits/"))
    checkout = text(fan.get("/coins/checkout/", {"coins": 700}))
    assert "You asked for a break from buying until" in checkout
    assert "Agree and pay" not in checkout
    shorter = fan.post("/balance/limits/time-out/", {"days": "1", "sure": "on"})
    assert (shorter.status_code, "not shorter" in text(shorter)) == (400, True)


def test_a_forged_break_or_window_changes_nothing(fan: Client, alice: User) -> None:
    assert fan.post("/balance/limits/time-out/", {"days": "999", "sure": "on"}).status_code == 400
    fan.post("/balance/limits/keep/", {"window": "year"})
    fan.post("/balance/limits/own/", {"year": "10", "user": "1"})

    assert not OwnLimit.objects.exists()


def test_where_coins_are_not_sold_the_page_says_so(client: Client, db: None) -> None:
    client.force_login(factories.make_user("nils", country="NO"))

    page = text(client.get("/balance/limits/"))

    assert "Coins are not sold in Norway yet" in page
    assert "Take a break" in page


def test_what_will_change_is_announced_on_the_page(fan: Client) -> None:
    announce(day_minor=300_00, valid_from=timezone.now() + timedelta(days=31))

    page = text(fan.get("/balance/limits/"))

    assert "What will change" in page
    assert "€250.00 a purchase, €300.00 in any 24 hours, €2,000.00 in any 30 days." in page


# Buying pages


def test_the_checkout_shows_the_limits_before_paying(fan: Client, alice: User) -> None:
    bought(alice, 60_00, at=timezone.now() - HOUR)

    page = text(fan.get("/coins/checkout/", {"coins": 700}))

    assert "Your limits before this purchase" in page
    assert "€60.00 of €200.00" in page
    assert "to 8,333 coins" in page  # €100 a purchase


def test_a_purchase_over_a_limit_is_not_offered_and_the_largest_that_fits_is(
    fan: Client, alice: User
) -> None:
    bought(alice, 150_00, at=timezone.now() - HOUR)

    page = text(fan.get("/coins/checkout/", {"coins": 7_000}))

    assert "not within your limits now" in page
    assert "You have used €150.00 of it, so €50.00 is left" in page
    assert "Buy 4,166 coins" in page
    assert "Agree and pay" not in page
    packages = text(fan.get("/coins/"))
    assert packages.count("Over your limits now: up to 4,166 coins") == 2


def test_a_limit_reached_between_the_page_and_the_agreement_refuses_with_words(
    fan: Client, alice: User
) -> None:
    form = fields(fan.get("/coins/checkout/", {"coins": 7_000}).content.decode())
    bought(alice, 150_00, at=timezone.now() - HOUR)

    answer = fan.post("/coins/checkout/", form)

    assert answer.status_code == 409
    assert "The limit by card is €200.00 in any 24 hours" in text(answer)
    assert 'href="/balance/limits/"' in answer.content.decode()
    assert Purchase.objects.filter(state="credited").count() == Purchase.objects.count() == 1


def test_the_page_of_a_purchase_notes_the_network_it_came_from(
    standin: Standin, fan: Client
) -> None:
    form = fields(fan.get("/coins/checkout/", {"coins": 700}).content.decode())

    fan.post("/coins/checkout/", form, REMOTE_ADDR="192.0.2.9")

    assert PurchaseAttempt.objects.get().network == fingerprints.digest("network", "192.0.2.9")


def test_the_balance_shows_ones_own_limits_as_bars(fan: Client, alice: User) -> None:
    bought(alice, 60_00, at=timezone.now() - HOUR)
    set_own(alice, Window.MONTH, 80_00)

    page = text(fan.get("/balance/"))

    assert "Your limit in any 30 days" in page
    assert "€60.00 of €80.00" in page


# Spending by month


def test_spending_is_summed_by_month_of_ones_own_calendar(client: Client, db: None) -> None:
    tokyo = factories.make_user("alice", country="JP", time_zone="Asia/Tokyo")
    client.force_login(tokyo)
    late = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)  # 1 October in Tokyo
    yen = {"currency": "JPY", "region_id": "JP"}
    bought(tokyo, 1_750, at=late, coins=1_000, **yen)
    bought(tokyo, 3_500, at=late + timedelta(days=3), coins=2_000, **yen)
    bought(tokyo, 525, at=late - timedelta(days=3), coins=300, **yen)
    bought(tokyo, 700, at=late, coins=400, state="pending", paid_at=None, **yen)

    page = text(client.get("/balance/spending/"))
    september = text(client.get("/balance/spending/", {"month": "2026-09"}))

    assert 'October 2026</span><span class="month-paid">¥5,250' in page
    assert "3,000 coins in 2 purchases" in page
    assert "300 coins in 1 purchase<" in page
    assert page.count('data-label="How"') == 2
    assert september.count('data-label="How"') == 1


@pytest.mark.parametrize("month", ["2026-13", "now", "2026", "0000-01", "2026-1-1"])
def test_a_month_that_is_none_is_not_found(fan: Client, month: str) -> None:
    assert fan.get("/balance/spending/", {"month": month}).status_code == 404


def test_nobody_sees_what_another_spent(fan: Client, mallory: User) -> None:
    bought(mallory, 60_00, at=timezone.now() - HOUR)

    assert "You have not paid for coins yet" in text(fan.get("/balance/spending/"))
    assert "Nothing used" in text(fan.get("/balance/limits/"))


# Money that went back


def used_of(user: User) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Used, left and gone back of each limit by whose it is and its window."""
    found = limits.all_lines(
        buyer=quotes.buyer(user=user, at=timezone.now()), kind=PaymentKind.CARD
    )
    return {
        (line.set_by.value, line.window.value): (
            line.used_minor, line.left_minor, line.returned_minor,
        )
        for line in found
        if not line.is_per_purchase
    }  # fmt: skip


def all_used(used: int, returned: int) -> dict[tuple[str, str], tuple[int, int, int]]:
    """The same of every limit in the tests below: of a new account's and one of 80 a week."""
    return {
        key: (used, limit - used, returned)
        for key, limit in {
            ("region", "day"): 200_00,
            ("region", "month"): 800_00,
            ("own", "week"): 80_00,
        }.items()
    }


def test_a_refund_gives_its_money_back_to_the_limits_when_it_is_paid_and_not_before(
    standin: Standin, fan: Client, alice: User, olga: User
) -> None:
    set_own(alice, Window.WEEK, 80_00)
    purchase = paid_for(standin, alice)
    refund = ask(purchase, 300)
    assert used_of(alice) == all_used(8_40, 0)
    approve(refund, olga)
    assert used_of(alice) == all_used(8_40, 0)

    submit(refund)

    assert used_of(alice) == all_used(4_80, 3_60)
    page = text(fan.get("/balance/limits/"))
    assert "€4.80 of €200.00" in page
    assert "€4.80 of €80.00" in page
    assert page.count("€3.60 went back to you and does not count.") == 3
    rest = ask(purchase, 400)
    approve(rest, olga)
    submit(rest)
    assert used_of(alice) == all_used(0, 8_40)
    page = text(fan.get("/balance/limits/"))
    assert "Nothing used: €80.00 left. €8.40 went back to you and does not count." in page
    for count in ("1 of 5", "1 of 15", "1 of 3"):  # purchases, attempts and cards stay counted
        assert count in page
    facts_now = reviewing.buyer_facts(user_id=alice.pk, at=timezone.now())
    assert (facts_now.spent_24h_usd_cents, facts_now.spent_30d_usd_cents) == (0, 0)
    assert ledger.audit() == []


def test_services_see_limits_without_what_went_back(
    standin: Standin, alice: User, olga: User
) -> None:
    tipbot = services.service()
    set_own(alice, Window.WEEK, 80_00)
    services.consent(alice, scope="balance:read", cap=0)
    refund = ask(paid_for(standin, alice), 300)
    approve(refund, olga)
    submit(refund)

    answer = tipbot.get("/api/v1/limits?fan=alice").json()

    shown = {
        (line["set_by"], line["window"]): (
            line["used"]["amount_minor"], line["left"]["amount_minor"],
        )
        for line in answer["results"]
        if line["kind"] in ("card", None) and line["window"] != "purchase"
    }  # fmt: skip
    assert shown == {
        ("region", "day"): (4_80, 195_20),
        ("region", "month"): (4_80, 795_20),
        ("own", "week"): (4_80, 75_20),
    }


def test_a_refund_made_at_the_company_counts_as_gone_back_and_a_lost_dispute_does_not(
    standin: Standin, alice: User
) -> None:
    set_own(alice, Window.WEEK, 80_00)
    first, second = paid_for(standin, alice), paid_for(standin, alice)
    stripe = first.method.provider
    made = standin.refund(first.payment_ref, 1_20)["id"]

    disputes.mirror_refund(provider=stripe, ref=made, at=timezone.now())

    assert used_of(alice) == all_used(15_60, 1_20)
    ref = standin.dispute(second.payment_ref)["id"]
    standin.decide(ref, "lose")
    disputes.learn(provider=stripe, ref=ref, at=timezone.now())
    assert set(Dispute.objects.values_list("state", flat=True)) == {"lost"}
    assert used_of(alice) == all_used(15_60, 1_20)


def test_a_refund_that_failed_or_was_denied_gives_nothing_back_to_the_limits(
    standin: Standin, alice: User, olga: User
) -> None:
    set_own(alice, Window.WEEK, 80_00)
    purchase = paid_for(standin, alice)
    denied = ask(purchase, 300)
    approve(denied, olga, coins=0)
    came_back = ask(purchase, 300)
    approve(came_back, olga)
    submit(came_back)
    assert used_of(alice) == all_used(4_80, 3_60)

    Refund.objects.filter(pk=came_back.pk).update(
        state=Refund.State.FAILED
    )  # its bank sent it back

    assert used_of(alice) == all_used(8_40, 0)


def test_the_notice_of_an_own_limit_counts_what_was_kept(
    standin: Standin, alice: User, olga: User
) -> None:
    set_own(alice, Window.DAY, 16_80)
    refund = ask(paid_for(standin, alice), 700)  # half of it is used
    approve(refund, olga)
    submit(refund)
    Notice.objects.filter(subject_key__startswith="own-limit-use").delete()

    paid_for(standin, alice)

    (notice,) = Notice.objects.filter(subject_key__startswith="own-limit-use")
    assert notice.title == "You have used 50 % of your own limit"
    assert notice.body.startswith("€8.40 of €16.80")


# The API


def test_the_limits_of_a_region_are_listed_by_tier(db: None) -> None:
    answer = services.service().get("/api/v1/limits?region=DE").json()

    assert (answer["region"]["code"], answer["tier"], answer["time_out_until"]) == (
        "DE", None, None,
    )  # fmt: skip
    carrier = [line for line in answer["results"] if line["kind"] == "carrier"]
    assert {(line["tier"], line["window"]) for line in carrier} == {
        (tier.value, window) for tier in Tier for window in ("purchase", "day", "month")
    }
    assert carrier[0] == {
        "set_by": "law",
        "kind": "carrier",
        "tier": "new",
        "window": "purchase",
        "is_first_day": False,
        "amount": {"amount_minor": 50_00, "currency": "EUR", "decimals": 2},
        "used": None,
        "left": None,
        "room_at": None,
        "resets_at": None,
    }


def test_a_fans_limits_need_their_consent_and_show_their_use(alice: User) -> None:
    tipbot = services.service()
    assert services.refused(tipbot.get("/api/v1/limits?fan=alice")) == (403, "consent_missing")
    services.consent(alice, scope="balance:read", cap=0)
    paid_at = timezone.now() - HOUR
    bought(alice, 60_00, at=paid_at)
    set_own(alice, Window.WEEK, 80_00)

    answer = tipbot.get("/api/v1/limits?fan=alice").json()

    assert answer["tier"] == "new"
    lines = {(line["set_by"], line["kind"], line["window"]): line for line in answer["results"]}
    day, week = lines["region", "card", "day"], lines["own", None, "week"]
    assert (day["used"]["amount_minor"], day["left"]["amount_minor"]) == (60_00, 140_00)
    assert datetime.fromisoformat(day["resets_at"]) == paid_at + timedelta(days=1)
    assert (week["tier"], week["used"]["amount_minor"]) == (None, 60_00)
    quoted = tipbot.post("/api/v1/quotes", {"coins": 700, "fan": "alice"}).json()
    assert day in quoted["limits"]
    assert week in quoted["limits"]
    over = tipbot.post("/api/v1/quotes", {"coins": 7_000, "fan": "alice"}).json()["methods"][0]
    assert not over["is_offered"]
    assert over["why_not"].startswith("Your own limit is €80.00 in any 7 days.")


def test_a_service_without_the_scope_reads_no_limits(db: None) -> None:
    plain: APIClient = services.service("plain", ("prices:read",))

    assert services.refused(plain.get("/api/v1/limits?region=DE")) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (400, "invalid")),
        ("region=DE&fan=1", (400, "invalid")),
        ("region=XX", (404, "not_found")),
        ("fan=nobody", (403, "consent_missing")),
        ("region=DE&tier=new", (400, "invalid")),
    ],
)
def test_a_bad_question_about_limits_is_refused(
    db: None, query: str, expected: tuple[int, str]
) -> None:
    assert services.refused(services.service().get(f"/api/v1/limits?{query}")) == expected


# The staff's desk


def announce(**facts_of_row: Any) -> PurchaseLimit:
    values: dict[str, Any] = {
        "region": Region.objects.get(pk="DE"), "kind": "card", "is_hard": False, "currency": "EUR",
        "purchase_minor": 250_00, "day_minor": 500_00, "month_minor": 2_000_00, "new_bps": 4_000,
        "verified_bps": 40_000, "valid_from": timezone.now() + HOUR, "source": "For a test.",
    }  # fmt: skip
    return regional_limits.add_limit(
        row=PurchaseLimit(**(values | facts_of_row)), at=timezone.now()
    )


ADD = "admin:wallet_purchaselimit_add"
FORM = {
    "region": "DE", "kind": "card", "purchase": "300", "day": "600", "month": "2500",
    "first_day": "", "new_percent": "40", "verified_percent": "400",
    "source": "Chargebacks are few.", "valid_from_0": "", "valid_from_1": "",
}  # fmt: skip


def test_a_limit_is_previewed_by_tier_then_added_and_its_fans_are_told(
    client: Client, alice: User, mallory: User
) -> None:
    mallory.country = "US"
    mallory.save()
    client.force_login(make_role("priya", "pricing"))

    shown = text(client.post(reverse(ADD), FORM))
    before = PurchaseLimit.objects.count()
    done = client.post(reverse(ADD), FORM | {"confirm": "1"})

    assert "€250.00 a purchase, €500.00 in any 24 hours" in shown
    assert "€1,200.00 a purchase" in shown  # of a verified account
    assert (done.status_code, PurchaseLimit.objects.count()) == (302, before + 1)
    row = PurchaseLimit.objects.latest("pk")
    assert (row.purchase_minor, row.new_bps, row.created_by.handle) == (300_00, 4_000, "priya")  # type: ignore[union-attr]
    told = Notice.objects.filter(subject_key=f"limit:{row.pk}").order_by("user_id")
    assert {one.user.handle for one in told} == {"alice", "priya"}  # mallory is in the US
    notice = told[0]
    assert notice.title == "What you can pay by card changes"
    assert notice.body.endswith("New accounts can pay 40 % of that. Why: Chargebacks are few.")
    assert OutboxEvent.objects.filter(name="limit.announced").count() == 1
    assert set(facts.rows_in_force(region=row.region, at=timezone.now())) >= {row}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"purchase": "249"}, "fans were promised 30 days"),
        ({"new_percent": "33"}, "fans were promised 30 days"),
        ({"first_day": "100"}, "fans were promised 30 days"),
        ({"day": "200"}, "cannot be lower than one over a shorter time"),
        ({"month": "2500.005"}, "EUR has 2 decimals"),
        ({"valid_from_0": "2026-01-02", "valid_from_1": "00:00"}, "cannot begin in the past"),
        ({"source": ""}, "This field is required"),
        ({"new_percent": "101"}, "less than or equal to 100"),
        ({"region": "XX"}, "Select a valid choice"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_in_words_and_nobody_is_told(
    client: Client, olga: User, wrong: dict[str, str], words: str
) -> None:
    client.force_login(olga)
    before = PurchaseLimit.objects.count()

    page = text(client.post(reverse(ADD), FORM | wrong | {"confirm": "1"}))

    assert words.replace("'", "&#x27;") in page
    assert PurchaseLimit.objects.count() == before
    assert not Notice.objects.exists()


def test_a_cap_of_law_may_begin_at_once_and_is_the_same_for_all(
    client: Client, olga: User, alice: User
) -> None:
    client.force_login(olga)

    client.post(
        reverse(ADD),
        FORM | {"is_hard": "on", "purchase": "90", "day": "", "month": "", "confirm": "1"},
    )

    row = PurchaseLimit.objects.latest("pk")
    assert (row.is_hard, row.new_bps, row.verified_bps) == (True, 10_000, 10_000)
    rows = list(facts.rows_in_force(region=row.region, at=timezone.now()))
    amounts = [
        limits.published(rows=rows, kind=PaymentKind.CARD, tier=tier)[0].amount_minor
        for tier in Tier
    ]
    assert amounts == [90_00, 90_00, 90_00]


def test_two_limits_of_one_sort_cannot_begin_at_once(db: None) -> None:
    first = announce(day_minor=600_00)

    with pytest.raises(regional_limits.LimitDateTaken):
        announce(day_minor=700_00, valid_from=first.valid_from)


def test_a_limit_of_a_method_that_had_none_needs_no_notice(db: None) -> None:
    row = announce(kind="app_store", purchase_minor=1_00)

    assert row.pk is not None


@pytest.mark.parametrize("role", ["support", "finance", "risk", "catalogue", "auditor"])
def test_only_pricing_adds_limits(db: None, client: Client, role: str) -> None:
    client.force_login(make_role("sam", role))

    assert client.post(reverse(ADD), FORM | {"confirm": "1"}).status_code == 403
    assert not PurchaseLimit.objects.filter(source="Chargebacks are few.").exists()


@pytest.mark.parametrize("model", ["purchaselimit", "ownlimit", "spendinglimits"])
def test_nobody_edits_or_deletes_limits(
    client: Client, olga: User, alice: User, model: str
) -> None:
    set_own(alice, Window.DAY, 20_00)
    client.force_login(olga)
    pk = {
        "purchaselimit": PurchaseLimit.objects.latest("pk").pk,
        "ownlimit": OwnLimit.objects.get().pk,
        "spendinglimits": alice.pk,
    }[model]

    name = f"admin:wallet_{model}"
    answers = [
        client.get(reverse(f"{name}_changelist")).status_code,
        client.post(reverse(f"{name}_change", args=[pk]), {"amount_minor": 1}).status_code,
        client.post(reverse(f"{name}_delete", args=[pk]), {"post": "yes"}).status_code,
    ]

    assert answers == [200, 403, 403]
    assert own(alice) == {"day": 20_00}


def test_a_method_of_a_kind_without_limits_is_not_offered(fan: Client) -> None:
    shop = PaymentMethod.objects.create(
        code="shop", name="App shop", provider="wallet.providers.stripe.Stripe",
        hold_class=HoldClass.APP_STORE,
    )  # fmt: skip
    shop.regions.add(Region.objects.get(pk="DE"))
    form = fields(fan.get("/coins/checkout/", {"coins": 700}).content.decode())

    answer = fan.post("/coins/checkout/", form | {"method": "shop"})

    assert answer.status_code == 409
    assert "App store cannot be used in Germany yet" in text(answer)
    assert not Purchase.objects.exists()
    assert ledger.audit() == []
