"""The whole loop as people live it: a fan buys and gives, the creator is paid, staff see it all.

The background work is called where its time has come, as the timetable would; everything people do
goes through pages in Chromium, and the payment and the bank are the real stand-in.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Terms, TermsAcceptance, User
from gifts.models import Room, Sending
from payouts import settlements, submissions
from payouts.models import Payout, SettlementLine
from tests import factories
from tests.database import fold_everything, owner
from tests.e2e.conftest import WholeSite
from tests.standin import eventually
from wallet import ledger, services
from wallet.models import Purchase

Visit = Callable[..., Page]


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page, where somebody asked for pictures."""
    if folder := os.environ.get("CARAT_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=False)


def sign_in(page: Page, user: User) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).not_to_have_url("/accounts/login/")


def agree(user: User) -> None:
    """The person has agreed to the terms in force, as everyone does when joining."""
    for terms in Terms.objects.all():
        TermsAcceptance.objects.get_or_create(user=user, terms=terms)


def buy_coins(page: Page, coins: int, *, number: str = "4000002760000016") -> None:
    page.goto(f"/coins/checkout/?coins={coins}")
    page.get_by_role("radio", name="Card").check()
    picture(page, "checkout-390")
    page.get_by_role("button", name="Agree and pay").click()
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/coins/purchases/**")


@pytest.mark.browser
def test_a_gift_goes_from_a_card_to_a_bank_account(whole_site: WholeSite, visit: Visit) -> None:
    fan, creator = factories.make_user("alice"), factories.make_creator("bob")
    agree(fan)
    agree(creator)

    # The creator sets up where the money goes, and goes live.
    studio = visit(width=1280)
    sign_in(studio, creator)
    studio.goto("/studio/destination/")
    reauthenticate(studio)
    studio.get_by_label("Account holder").fill(creator.display_name)
    studio.get_by_label("IBAN or account number").fill("DE89370400440532013000")
    studio.get_by_label("Currency of the account").select_option("EUR")
    studio.get_by_role("button", name="Save").click()
    expect(studio.get_by_text("You are paid to")).to_be_visible()
    factories.make_payable(creator)  # who they are and their tax form have tests of their own
    studio.goto("/studio/live/")
    studio.get_by_label("Title").fill("Piano at night")
    studio.get_by_role("button", name="Go live").click()
    eventually(lambda: Room.objects.filter(creator=creator, state="live").exists())
    room = Room.objects.get(creator=creator)

    # The fan buys coins and sends a gift in the room.
    page = visit(width=390)
    sign_in(page, fan)
    page.goto("/")
    expect(page.get_by_text("Piano at night").first).to_be_visible()
    picture(page, "home-390")
    buy_coins(page, 350)
    expect(page.get_by_text("350").first).to_be_visible()
    eventually(lambda: Purchase.objects.get(buyer=fan).state == Purchase.State.CREDITED)
    page.goto("/balance/")
    picture(page, "balance-390")
    page.goto(f"/live/{room.pk}/")
    page.get_by_role("button", name="Send a gift").click()
    page.locator(".gift-cell", has_text="Paper Crane").click()
    picture(page, "room-panel-390")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("[data-room-chat]")).to_contain_text("Paper Crane")
    picture(page, "room-390")
    sending = Sending.objects.get()
    assert (sending.sender_id, sending.creator_id, sending.coins) == (fan.pk, creator.pk, 99)

    # Time passes: the hold ends, the settlement runs, the bank pays.
    mature()
    now = timezone.now()
    with override_settings(
        STANDIN_BANK_URL=f"{whole_site.standin.url}/bank/",
        STANDIN_BANK_KEY=whole_site.standin.bank_key,
        PAYOUT_MINIMUM_USD_CENTS=1,
    ):
        run = settlements.start_settlement(period_key="loop", cutoff_at=now, at=now)
        settlements.continue_settlement(run_id=run.pk, at=now)
        eventually(
            lambda: (
                submissions.sweep_payouts(at=timezone.now() + timedelta(minutes=10)) >= 0
                and Payout.objects.get().state == Payout.State.PAID
            )
        )
    line = SettlementLine.objects.get()
    # 99 diamonds x US$0.005 = US$0.495, x the euro rate, rounded down
    assert line.diamonds_milli == 99_000
    assert line.amount_minor == int(Decimal("0.495") * line.fx_per_usd * 100)
    assert Payout.objects.get().amount_minor == line.amount_minor
    assert [t["amount_minor"] for t in whole_site.standin.whole_book()["transfers"]] == [
        line.amount_minor
    ]

    # Everyone sees it.
    page.goto("/balance/history/")
    expect(page.get_by_text("Paper Crane").first).to_be_visible()
    picture(page, "history-390")
    studio.goto("/studio/")
    expect(studio.get_by_text("Paid").first).to_be_visible()
    picture(studio, "studio-1280")
    staff = visit(width=1280)
    sign_in_as_staff(staff)
    staff.goto("/admin/")
    picture(staff, "admin-1280")
    staff.goto("/admin/payouts/payout/")
    expect(staff.get_by_text("Paid").first).to_be_visible()
    staff.goto("/admin/wallet/purchase/")
    expect(staff.get_by_text("alice").first).to_be_visible()
    assert list(ledger.audit()) == []


def reauthenticate(page: Page) -> None:
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(factories.PASSWORD)
        page.get_by_role("button", name="Confirm").or_(
            page.get_by_role("button", name="Continue")
        ).first.click()


def sign_in_as_staff(page: Page) -> None:
    """Staff sign in with a code of their second factor."""
    olga = factories.make_user("olga", is_staff=True, is_superuser=True)
    secret = generate_totp_secret()
    TOTP.activate(olga, secret)
    sign_in(page, olga)
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    page.get_by_label("Authenticator code").or_(page.get_by_label("Code")).first.fill(code)
    page.get_by_role("button", name="Sign in").first.click()
    page.wait_for_url("**/")


def mature() -> None:
    """Close the period; the hold's days are made to have passed, as only the owner could."""
    fold_everything()  # the relay's own writes may still be open: what is younger is not folded yet
    assert services.close_period() is not None
    with owner(connection.settings_dict["NAME"]) as session:
        session.execute("UPDATE ledger.bucket SET release_at = clock_timestamp()")
    assert services.release_matured() == 1


@pytest.mark.browser
def test_the_fan_s_part_works_without_javascript(whole_site: WholeSite, visit: Visit) -> None:
    fan, creator = factories.make_user("alice"), factories.make_creator("bob")
    agree(fan)
    with transaction.atomic():
        room = Room.objects.create(
            id=ledger.new_operation_id(), creator=creator, title="Piano at night"
        )

    page = visit(width=390, scripts=False)
    sign_in(page, fan)
    buy_coins(page, 350)
    eventually(lambda: Purchase.objects.get(buyer=fan).state == Purchase.State.CREDITED)
    page.goto(f"/live/{room.pk}/")
    page.get_by_role("button", name="Send a gift").click()
    page.locator(".gift-cell", has_text="Paper Crane").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("[data-room-chat]")).to_contain_text("Paper Crane")

    assert Sending.objects.get().coins == 99
    page.goto("/balance/")
    expect(page.get_by_text("251").first).to_be_visible()
