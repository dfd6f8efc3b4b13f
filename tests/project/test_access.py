"""Who may open what: every address of the site, asked for by each kind of visitor.

The table is complete: an address that is not in it fails the test, and so does a row without an
address. A row says how each visitor is answered, in the order of VISITORS: a status, `>name` for a
redirect there, `-` where it is not asked. Objects in addresses are alice's (a purchase, an
operation, a consent, a session, a review) and bob's (a room, a video, a payout).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from allauth.idp.oidc.models import Client as Service
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from accounts.models import Consent, IdentityCheck, Review, ReviewReason, Scope, User
from gifts.models import ChatMessage, GiftVersion, HeldGift, PlannedLive, Room, Video
from payouts.models import Payout
from tests import factories
from tests.payouts.books import bare_destination
from tests.payouts.earned import make_statement
from wallet import ledger
from wallet.models import Lot, PaymentMethod, Purchase, RateCard, Refund

# Fans, creators, staff without and with a second factor.
VISITORS: Final = ("nobody", "alice", "mallory", "bob", "carol", "stan", "olga")

PUBLIC = "200 200 200 200 200 200 200"
ABSENT = "404 404 404 404 404 404 404"
POSTED = "405 405 405 405 405 405 405"
VISITOR = "200 >home >home >home >home >home >home"
SIGNED_IN = ">login 200 200 200 200 200 200"
ALICE = ">login 200 404 404 404 404 404"
BOB = ">login 404 404 200 404 404 404"
CREATORS = ">login 403 403 200 200 403 403"
CONFIRMED = ">login >sure >sure >sure >sure >sure >sure"  # after signing in anew

TABLE: Final = {
    # The site
    "GET livez": PUBLIC,
    "GET readyz": PUBLIC,
    "GET home": PUBLIC,
    "GET discover": PUBLIC,
    "GET help": PUBLIC,
    "GET demo_mail": ABSENT,  # outside the demo
    # People
    "GET accounts:terms": PUBLIC,
    "GET accounts:creator": PUBLIC,
    "GET accounts:profile": SIGNED_IN,
    "GET accounts:gift_choices": SIGNED_IN,
    "GET accounts:menu": SIGNED_IN,
    "GET accounts:notifications": SIGNED_IN,
    "GET accounts:preferences": SIGNED_IN,
    "GET accounts:consents": SIGNED_IN,
    "GET accounts:consent_new": ">login 404 404 404 404 404 404",  # of no service
    "POST accounts:consent_new": CONFIRMED,
    "POST accounts:consent_revoke": ">login >accounts:consents 404 404 404 404 404",
    "GET accounts:become_creator": SIGNED_IN,
    "GET accounts:accept_terms": SIGNED_IN,
    "POST accounts:session_end": ">login >usersessions_list 404 404 404 404 404",
    "GET accounts:follow": ">login" + 6 * " >accounts:creator",
    "POST accounts:follow": ">login" + 6 * " >accounts:creator",
    "GET accounts:reviews": SIGNED_IN,
    "GET accounts:review": ALICE,
    "POST accounts:review": ">login 200 404 404 404 404 404",  # without words
    "GET accounts:identity": SIGNED_IN,
    "POST accounts:identity_start": ">login 404 404 404 404 404 404",  # by no way we have
    "POST accounts:identity_papers": ">login 422 422 422 422 422 422",  # of nothing
    "GET accounts:identity_return": ">login >accounts:identity 404 404 404 404 404",
    "GET accounts:blocks": SIGNED_IN,
    "POST accounts:block": ">login" + 6 * " >accounts:blocks",
    "GET report_person": SIGNED_IN,
    "POST report_person": SIGNED_IN,  # without a reason
    "GET report_room": SIGNED_IN,
    "GET report_video": SIGNED_IN,
    "GET accounts:guardian": PUBLIC,
    "GET accounts:guardian_confirm": ABSENT,  # of a link we did not send
    "GET accounts:leaving": SIGNED_IN,
    "POST accounts:ask_export": ">login" + 6 * " >accounts:leaving",
    "GET accounts:export_file": CONFIRMED,
    "GET accounts:close": SIGNED_IN,
    "POST accounts:close": CONFIRMED,
    # Coins
    "GET wallet:balance": SIGNED_IN,
    "GET wallet:packages": SIGNED_IN,
    "GET wallet:checkout": ">login 400 400 400 400 400 400",  # of nothing
    "GET wallet:return_page": ALICE,
    "GET wallet:receipt": ">login 404 404 404 404 404 404",  # it has no coins yet
    "GET wallet:credit_note": ">login 200 404 404 404 404 404",
    "POST wallet:cancel_purchase": ">login >wallet:return_page 404 404 404 404 404",
    "GET wallet:ask_refund": ALICE,
    "POST wallet:ask_refund": ">login 400 404 404 404 404 404",  # of nothing
    "GET wallet:refunds": SIGNED_IN,
    "GET wallet:refund": ALICE,
    "POST wallet:cancel_refund": ">login >wallet:refund 404 404 404 404 404",
    "GET wallet:gift_card": SIGNED_IN,
    "GET wallet:stripe_hook": POSTED,
    "POST wallet:stripe_hook": "400 400 400 400 400 400 400",  # without a signature
    "GET wallet:history": SIGNED_IN,
    "GET wallet:history_csv": SIGNED_IN,
    "GET wallet:lots": SIGNED_IN,
    "GET wallet:lot": ALICE,
    "GET wallet:operation": ALICE,
    "GET wallet:limits": SIGNED_IN,
    "POST wallet:set_limits": ">login" + 6 * " >wallet:limits",  # nothing to set
    "POST wallet:keep_limit": ">login" + 6 * " >wallet:limits",
    "POST wallet:time_out": ">login 400 400 400 400 400 400",  # of nothing
    "GET wallet:spending": SIGNED_IN,
    "GET wallet:rates": PUBLIC,
    "GET wallet:rate_card": PUBLIC,
    "GET wallet:seals": PUBLIC,
    "GET wallet:seals_json": PUBLIC,
    # Gifts
    "GET gifts:room": PUBLIC,
    "POST gifts:send": ">login 422 422 422 422 422 422",  # of nothing
    "GET gifts:held_gifts": SIGNED_IN,
    "GET gifts:visit": SIGNED_IN,
    "GET gifts:art_moving": ABSENT,  # of a picture nobody uploaded
    "GET gifts:art_still": ABSENT,
    "POST gifts:take_back": ">login >gifts:room 404 404 404 404 404",
    "POST gifts:end_streak": ">login 204 204 204 204 204 204",  # of nothing
    "GET gifts:club": PUBLIC,
    "GET gifts:membership": ">login" + 6 * " >gifts:club",  # bob offers none
    "POST gifts:membership": ">login" + 6 * " >gifts:club",
    "GET gifts:own_clubs": SIGNED_IN,
    "GET gifts:studio_club": CREATORS,
    "POST gifts:studio_club": ">login 403 403 200 200 403 403",  # of nothing: asked again
    "GET gifts:video": PUBLIC,
    "POST gifts:video_send": ">login 422 422 422 422 422 422",
    "GET gifts:go_live": CREATORS,
    "GET gifts:end_live": ">login 403 403 200 404 403 403",
    "POST gifts:end_live": ">login 403 403 >gifts:room 404 403 403",
    "POST gifts:switch_gifts": ">login 403 403 >gifts:room 404 403 403",
    "POST gifts:say": ">login" + 6 * " >gifts:room",  # nothing: the room says so
    "GET gifts:message": SIGNED_IN,
    "POST gifts:message": ">login >gifts:room 403 >gifts:room 403 403 403",  # alice's own
    "GET gifts:moderation": ">login 403 403 200 403 403 403",
    "POST gifts:moderators": ">login 403 403 >gifts:moderation 403 403 403",
    "POST gifts:unmute": ">login 403 403 >gifts:moderation 403 403 403",
    "GET gifts:goal": BOB,
    "GET gifts:overlay": ABSENT,  # of an address that nobody was told
    "GET gifts:overlay_now": ABSENT,
    "GET gifts:popular_gifts": CREATORS,
    "GET gifts:schedule": CREATORS,
    "GET gifts:planned": ">login 403 403 200 404 403 403",
    "GET gifts:remind": ">login" + 6 * " >accounts:creator",
    "POST gifts:remind": ">login" + 6 * " >accounts:creator",
    "GET gifts:studio_overlay": CREATORS,
    "GET report_message": SIGNED_IN,
    "GET gifts:post_video": CREATORS,
    "POST gifts:hide_video": ">login 403 403 >gifts:post_video 404 403 403",
    # Studio: everybody may look at their own, which is empty for those who are no creators.
    "GET payouts:studio": SIGNED_IN,
    "GET payouts:charts": SIGNED_IN,
    "GET payouts:earnings": SIGNED_IN,
    "GET payouts:settlements": SIGNED_IN,
    "GET payouts:forecast": SIGNED_IN,
    "GET payouts:explained": SIGNED_IN,
    "GET payouts:tax_year": SIGNED_IN,
    "GET payouts:tax_year_csv": SIGNED_IN,
    "GET payouts:statements": SIGNED_IN,
    "GET payouts:statement": BOB,
    "GET payouts:statement_pdf": BOB,
    "GET payouts:statement_csv": BOB,
    "GET payouts:verify": PUBLIC,
    "GET payouts:payouts": SIGNED_IN,
    "GET payouts:choose_automatic": ">login 405 405 405 405 405 405",
    "POST payouts:choose_automatic": ">login 422 422 422 422 422 422",  # without a choice
    "GET payouts:request_payout": SIGNED_IN,
    "GET payouts:payout": BOB,
    "POST payouts:cancel_payout": ">login 404 404 - 404 404 404",
    "GET payouts:destination": CONFIRMED,
    "GET payouts:tax": CONFIRMED,
    "GET payouts:connect_stripe": CONFIRMED,
    "POST payouts:connect_stripe": CONFIRMED,
    "GET payouts:back_from_stripe": ">login" + 6 * " >payouts:destination",  # of no account
    "GET payouts:stripe_connect_hook": POSTED,
    "POST payouts:stripe_connect_hook": "400 400 400 400 400 400 400",  # without a signature
    # Signing in
    "GET account_login": VISITOR,
    "GET account_signup": VISITOR,
    "GET account_logout": ">home 200 200 200 200 200 200",
    "GET account_inactive": PUBLIC,
    "GET account_reauthenticate": SIGNED_IN,
    "GET account_email": SIGNED_IN,
    "GET account_email_verification_sent": ">login" + 6 * " >account_email",
    "GET account_change_password": SIGNED_IN,
    "GET account_set_password": ">login" + 6 * " >account_change_password",
    "GET account_reset_password": PUBLIC,
    "GET account_reset_password_done": PUBLIC,
    "GET account_reset_password_from_key": PUBLIC,  # the page says that the link is used up
    "GET account_reset_password_from_key_done": PUBLIC,
    "GET account_confirm_login_code": ">login" + 6 * " >home",
    "GET mfa_index": SIGNED_IN,
    "GET mfa_authenticate": ">login" + 6 * " >home",
    "GET mfa_reauthenticate": ">login >sure >sure >sure >sure >sure 200",
    "GET mfa_activate_totp": CONFIRMED,
    "GET mfa_deactivate_totp": ">login 404 404 404 404 404 >sure",
    "GET mfa_view_recovery_codes": ">login 404 404 404 404 404 404",  # nobody has any
    "GET mfa_generate_recovery_codes": CONFIRMED,
    "GET mfa_download_recovery_codes": ">login 404 404 404 404 404 404",
    "GET mfa_list_webauthn": SIGNED_IN,
    "GET mfa_add_webauthn": CONFIRMED,
    "GET mfa_reauthenticate_webauthn": CONFIRMED,
    "GET mfa_remove_webauthn": CONFIRMED,
    "GET mfa_edit_webauthn": CONFIRMED,
    "GET mfa_login_webauthn": ">login" + 6 * " >home",
    "GET usersessions_list": SIGNED_IN,
    # Tokens for services
    "GET idp:oidc:configuration": PUBLIC,
    "GET idp:oidc:jwks": PUBLIC,
    "GET idp:oidc:authorization": SIGNED_IN,
    "GET idp:oidc:device_authorization": SIGNED_IN,
    "GET idp:oidc:logout": ">home 200 200 200 200 200 200",
    "GET api_schema": PUBLIC,
    "POST idp:oidc:token": "400 400 400 400 400 400 400",  # without a client
    "POST idp:oidc:revoke": "400 400 400 400 400 400 400",
    "POST idp:oidc:device_code": "400 400 400 400 400 400 400",
    "GET idp:oidc:userinfo": "401 401 401 401 401 401 401",
    # The admin's own doors; the rest of it is one rule, below.
    "GET admin:login": ">login 403 403 403 403 >mfa_index >admin:index",
    "POST admin:logout": 5 * ">admin:index " + ">mfa_index 200",
}
KINDS: Final = ("nobody", "alice", "bob", "stan", "olga")  # one of each
WAYS: Final = ("GET", "POST", "PUT", "DELETE")
SHORT: Final = {"account_login": "login", "account_reauthenticate": "sure"}
# Addresses that are written as regular expressions.
ADDRESSES: Final = {
    "account_reset_password_from_key": "/accounts/password/reset/key/1-abc/",
    "admin:app_list": "/admin/accounts/",
    "admin:": "/admin/no/such/page/",
}


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    path: str

    def address(self, facts: dict[str, Any]) -> str:
        """Fill in the objects; what there is none of has the number 1."""
        known = ADDRESSES.get(self.name)
        if known and "(?P" in self.path:
            return known
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(facts.get(m[1], 1)), self.path)


def routes(
    patterns: list[URLPattern | URLResolver], path: str = "", space: str = ""
) -> Iterator[Route]:
    """Yield every address of the site."""
    for pattern in patterns:
        here = f"{path}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from routes(pattern.url_patterns, here, inner)
        else:
            yield Route(f"{space}{pattern.name or ''}", here)


ROUTES: Final = list(routes(get_resolver().url_patterns))


@dataclass(slots=True)
class World:
    facts: dict[str, Any]
    visitors: dict[str, Client]

    def ask(self, who: str, method: str, address: str) -> str:
        """Ask, undo what the answer did, and return the answer as the table writes it."""
        before = transaction.savepoint_create()
        response = getattr(self.visitors[who], method.lower())(address)
        transaction.savepoint_rollback(before)
        return verdict(response)


def verdict(response: HttpResponseBase) -> str:
    if response.status_code in {301, 302, 303}:
        name = resolve(urlsplit(response["Location"]).path).view_name
        return f">{SHORT.get(name, name)}"
    return str(response.status_code)


@pytest.fixture
def world(alice: User, bob: User, mallory: User, olga: User) -> World:
    cache.clear()  # of rate limits
    people = {
        "alice": alice,
        "mallory": mallory,
        "bob": bob,
        "carol": factories.make_creator("carol"),
        "stan": factories.make_user("stan", is_staff=True, is_superuser=True),
        "olga": olga,
    }
    visitors = {name: Client(raise_request_exception=False) for name in VISITORS}
    for name, user in people.items():
        visitors[name].force_login(user)
    objects = {**alices_objects(alice, bob), **bobs_objects(bob)}
    held = HeldGift.objects.create(  # one that was taken back: taking it back again is no change
        id=ledger.new_operation_id(),
        hold_id=ledger.new_operation_id(),
        sender=alice,
        room_id=objects["room_id"],
        gift_version=GiftVersion.objects.latest("pk"),
        quantity=1,
        coins=5_000,
        state=HeldGift.State.TAKEN_BACK,
        due_at=timezone.now(),
    )
    more = {
        "card_id": RateCard.objects.get().pk,
        "held_id": held.pk,
        "message_id": a_message(alice, objects["room_id"]),
    }
    return World(objects | more, visitors)


def alices_objects(alice: User, bob: User) -> dict[str, Any]:
    factories.give_coins(alice, 100)
    gift = ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 5, alice.pk, "room:1", {})
    ledger.gift(gift).check()
    purchase = Purchase.objects.create(
        id=ledger.new_operation_id(),
        buyer=alice,
        region_id="DE",
        method=PaymentMethod.objects.get(pk="card"),
        coins=350,
        gross_minor=420,
        tax_minor=67,
        tax_bps=1900,
        currency="EUR",
    )
    refund = Refund.objects.create(
        id=ledger.new_operation_id(),
        purchase=purchase,
        hold_id=ledger.new_operation_id(),
        end_id=ledger.new_operation_id(),
        coins=10,
        amount_minor=12,
        ground="other",
        state="cancelled",
        due_at=timezone.now(),
    )
    note = factories.make_credit_note(alice)
    service = Service(id="tipbot", name="Tip Bot", grant_types="client_credentials")
    service.save()
    consent = Consent.objects.create(
        fan=alice,
        client=service,
        scope=Scope.GIFTS_SEND,
        daily_cap_coins=100,
        until=timezone.now() + timedelta(days=1),
    )
    session = UserSession.objects.create(
        user=alice, session_key="another device", ip="192.0.2.1", user_agent="A browser"
    )
    review = Review.objects.create(
        subject=alice,
        reason=ReviewReason.EFW,
        subject_key=f"purchase:{purchase.pk}",
        opened_at=timezone.now(),
        decide_by_at=timezone.now(),
    )
    check = IdentityCheck.objects.create(
        id=ledger.new_operation_id(), person=alice, adapter="manual", asked_at=timezone.now()
    )
    return {
        "check_id": check.pk,
        "given": check.pk,
        "creator_id": bob.pk,
        "review_id": review.pk,
        "operation_id": gift.operation_id,
        "sending_id": gift.operation_id,
        "purchase_id": purchase.pk,
        "refund_id": refund.pk,
        "note_id": note.pk,
        "lot_id": Lot.objects.filter(account__owner_id=alice.pk).get().pk,
        "export_id": purchase.pk,  # of no copy
        "consent_id": consent.pk,
        "session_id": session.pk,
        "object_id": alice.pk,
    }


def bobs_objects(bob: User) -> dict[str, Any]:
    room = Room.objects.create(id=ledger.new_operation_id(), creator=bob, title="Nocturnes")
    video = Video.objects.create(id=ledger.new_operation_id(), creator=bob, title="Practice")
    payout = Payout.objects.create(
        id=ledger.new_operation_id(),
        creator=bob,
        destination=bare_destination(bob),
        amount_minor=1000,
        currency="EUR",
        reserve_op=ledger.new_operation_id(),
        resolve_op=ledger.new_operation_id(),
        return_op=ledger.new_operation_id(),
    )
    planned = PlannedLive.objects.create(
        id=ledger.new_operation_id(),
        creator=bob,
        title="Nocturnes",
        starts_at=timezone.now() + timedelta(days=1),
        planned_at=timezone.now(),
    )
    places = {
        "planned_id": planned.pk,
        "room_id": room.pk,
        "streak_id": ledger.new_operation_id(),
        "video_id": video.pk,
    }
    month = make_statement(bob).month.month
    times = {"month": f"{month:%Y-%m}", "year": timezone.now().year}
    return {"handle": "bob", "payout_id": payout.pk} | times | places


def a_message(alice: User, room_id: UUID) -> UUID:
    """What alice says in bob's room."""
    return ChatMessage.objects.create(
        id=ledger.new_operation_id(),
        room_id=room_id,
        author=alice,
        words="Hello",
        said_at=timezone.now(),
    ).pk


def is_admin(route: Route) -> bool:
    return route.name.startswith("admin:") and route.name not in {"admin:login", "admin:logout"}


def is_api(route: Route) -> bool:
    return route.path.startswith("api/v1/") and route.name != "api_schema"


def test_every_address_is_in_the_table_and_every_row_has_an_address() -> None:
    listed = {row.split()[1] for row in TABLE}
    there = {route.name for route in ROUTES if not (is_admin(route) or is_api(route))}

    assert there - listed == set(), "say in TABLE who may open these"
    assert listed - there == set()


def test_every_visitor_is_answered_as_the_table_says(world: World) -> None:
    by_name = {route.name: route for route in ROUTES}
    wrong = []
    for row, expected in TABLE.items():
        method, name = row.split()
        address = by_name[name].address(world.facts)
        for who, answer in zip(VISITORS, expected.split(), strict=True):
            if answer != "-" and (got := world.ask(who, method, address)) != answer:
                wrong.append(f"{row}: {who} gets {got}, not {answer}")

    assert not wrong, "\n" + "\n".join(wrong)


def test_the_admin_opens_for_staff_with_a_second_factor_alone(world: World) -> None:
    wrong = []
    for route in filter(is_admin, ROUTES):
        address = route.address(world.facts)
        answers = {who: world.ask(who, "GET", address) for who in KINDS}
        turned_away = {answers[who] for who in ("nobody", "alice", "bob")} == {">admin:login"}
        if not turned_away or answers["stan"] != ">mfa_index":
            wrong.append(f"{address}: {answers}")
        if answers["olga"] in {">admin:login", ">mfa_index", "500"}:
            wrong.append(f"{address}: olga gets {answers['olga']}")

    assert not wrong, "\n" + "\n".join(wrong)


def test_the_api_opens_for_tokens_alone_whoever_is_signed_in(world: World) -> None:
    wrong = []
    for route in filter(is_api, ROUTES):
        address = route.address(world.facts)
        asked = {(who, way): world.ask(who, way, address) for who in KINDS for way in WAYS}
        wrong += [
            f"{way} {address}: {who} gets {got}"
            for (who, way), got in asked.items()
            if got != "401"
        ]

    assert not wrong, "\n" + "\n".join(wrong)


def test_control_an_address_nobody_listed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROUTES", [*ROUTES, Route("wallet:secret", "secret/")])

    with pytest.raises(AssertionError, match="wallet:secret"):
        test_every_address_is_in_the_table_and_every_row_has_an_address()
