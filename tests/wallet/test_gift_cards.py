"""Gift cards: made by two, handed out once, kept as hashes, and each is coins for one person."""

import csv
import io
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import Notice, Standing, User
from tests import factories
from tests.accounts.test_roles import make_role
from tests.database import owner
from wallet import gift_batches, gift_cards, ledger, queries, receipts
from wallet.models import (
    Channel,
    GiftCard,
    GiftCardBatch,
    GiftCardTries,
    HoldClass,
    Lot,
    MethodFee,
    Purchase,
    Receipt,
    Region,
)

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
PAGE = "/coins/gift-card/"


def make_batch(maker: User, approver: User, *, count: int = 1, **facts: Any) -> GiftCardBatch:
    values: dict[str, Any] = {
        "name": "Kiosk",
        "region": Region.objects.get(pk="DE"),
        "coins": 700,
        "gross_minor": 840,
        "expires_at": timezone.now() + timedelta(days=365),
    }
    now = timezone.now()
    batch = gift_batches.propose_batch(
        batch_id=ledger.new_operation_id(), count=count, maker_id=maker.pk, at=now,
        **(values | facts),
    )  # fmt: skip
    return gift_batches.decide_batch(
        batch_id=batch.pk, approve=True, why="", by_id=approver.pk, at=now
    )


def make_codes(count: int = 1, **facts: Any) -> list[str]:
    maker, approver = factories.make_staff("mia"), factories.make_staff("max")
    batch = make_batch(maker, approver, count=count, **facts)
    return gift_batches.hand_out(batch_id=batch.pk, by_id=maker.pk, at=timezone.now())


def redeem(user: User, typed: str, **facts: Any) -> Purchase:
    values: dict[str, Any] = {"purchase_id": ledger.new_operation_id(), "at": timezone.now()}
    return gift_cards.redeem(user=user, typed=typed, **(values | facts))


def coins(user: User) -> int:
    return queries.coins(user_id=user.pk)


# Codes


def test_codes_are_twenty_letters_nobody_mistakes_in_five_groups() -> None:
    codes = {gift_cards.new_code() for _ in range(1000)}

    assert len(codes) == 1000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{20}", code) for code in codes)
    assert re.fullmatch(r"(\w{4}-){4}\w{4}", gift_cards.grouped(codes.pop()))


def test_a_code_is_read_however_it_is_typed() -> None:
    code = gift_cards.new_code()
    typed = gift_cards.grouped(code).lower().replace("-", "  ").replace("0", "o").replace("1", "l")

    assert gift_cards.read_code(f" {typed}\t") == code


def test_every_single_wrong_letter_and_every_swap_of_two_neighbours_is_noticed() -> None:
    code = gift_cards.new_code()
    missed = 0
    for place in range(19):
        for letter in gift_cards.LETTERS:
            wrong = code[:place] + letter + code[place + 1 :]
            missed += wrong != code and _passes(wrong)
        swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        missed += place < 18 and swapped != code and _passes(swapped)

    # 32 letters by a prime of 31: only "Z" for "0" and back is not seen.
    assert missed <= sum(letter in "0Z" for letter in code) + 1


def _passes(code: str) -> bool:
    try:
        return gift_cards.read_code(code) == code
    except gift_cards.CodeMistyped:
        return False


@pytest.mark.parametrize("typed", ["", "-", "ABCD", "é" * 20, "0" * 21, "!!!!" * 5, "\0" * 20])
def test_what_is_no_code_is_mistyped(typed: str) -> None:
    with pytest.raises(gift_cards.CodeMistyped):
        gift_cards.read_code(typed)


# Redeeming


def test_a_code_becomes_coins_a_purchase_a_receipt_and_a_notice(
    alice: User, client: Client
) -> None:
    [code] = make_codes()
    client.force_login(alice)
    form = client.get(PAGE).content.decode()
    [purchase_id] = re.findall(r'name="purchase" value="([^"]+)"', form)

    answer = client.post(PAGE, {"code": code.lower(), "purchase": purchase_id})

    assert answer.status_code == 302
    assert answer["Location"] == f"/coins/purchases/{purchase_id}/"
    purchase = Purchase.objects.get()
    assert (purchase.state, purchase.channel, purchase.method_id) == (
        Purchase.State.CREDITED, Channel.GIFT_CARD, "gift_card",
    )  # fmt: skip
    assert (purchase.coins, purchase.gross_minor, purchase.tax_minor, purchase.currency) == (
        700, 840, 134, "EUR",
    )  # fmt: skip
    assert purchase.fee_minor == 0
    assert coins(alice) == 700
    lot = Lot.objects.get()
    assert (lot.hold_class, lot.gross_minor, lot.tax_minor) == (HoldClass.GIFT_CARD, 840, 134)
    assert "700 coins are yours" in client.get(answer["Location"]).content.decode()
    assert Notice.objects.get(user=alice).body == "You paid €8.40 by gift card."
    assert receipts.number_receipts(at=AT) == 1
    assert Receipt.objects.get().facts["method"] == "Gift card"
    assert list(ledger.audit()) == []


def test_what_sellers_of_cards_keep_is_booked_as_the_fee(alice: User) -> None:
    MethodFee.objects.create(method_id="gift_card", currency="EUR", fee_bps=1000)
    [code] = make_codes()

    assert redeem(alice, code).fee_minor == 84


def test_the_same_form_sent_twice_redeems_once_and_leads_to_the_same_page(
    alice: User, client: Client
) -> None:
    [code] = make_codes()
    client.force_login(alice)
    fields = {"code": code, "purchase": str(ledger.new_operation_id())}

    answers = [client.post(PAGE, fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert coins(alice) == 700
    assert GiftCardTries.objects.get().wrong == 0


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        ("mistyped", 409, "There is a mistake in this code"),
        ("unknown", 409, "We do not know this code"),
        ("used by mallory", 409, "This code was used by somebody else on"),
        ("used by alice", 409, "This code was used by you on"),
        ("voided", 409, "This card was cancelled"),
        ("expired", 409, "This card expired on 1 January 2026"),
        ("abroad", 409, "This card is for Japan, and your account is not"),
        ("empty", 400, "Enter the code on your card."),
        ("endless", 400, "This is longer than any code."),
        ("forged form", 400, "This form is damaged"),
        ("suspended", 409, "Your account is restricted"),
    ],
)
def test_a_refusal_says_why_and_moves_nothing(
    case: str, status: int, words: str, alice: User, mallory: User, client: Client
) -> None:
    facts: dict[str, Any] = (
        {"region": Region.objects.get(pk="JP"), "gross_minor": 1225} if case == "abroad" else {}
    )
    [code] = make_codes(**facts)
    arrange: dict[str, Callable[[], object]] = {
        "used by mallory": lambda: redeem(mallory, code),
        "used by alice": lambda: redeem(alice, code),
        "voided": lambda: gift_cards.void_cards(card_ids=[GiftCard.objects.get().pk], at=AT),
        "expired": lambda: GiftCardBatch.objects.update(
            expires_at=datetime(2026, 1, 1, tzinfo=UTC)
        ),
        "suspended": lambda: User.objects.filter(pk=alice.pk).update(standing=Standing.RESTRICTED),
    }
    arrange.get(case, lambda: None)()
    typed = {
        "mistyped": code[:-1] + ("A" if code[-1] != "A" else "B"),
        "unknown": gift_cards.new_code(),
        "empty": "",
        "endless": code * 4,
    }.get(case, code)
    forged = {"forged form": "00000000-0000-4000-8000-000000000000"}
    purchase_id = forged.get(case, str(ledger.new_operation_id()))
    before = (coins(alice), coins(mallory), Purchase.objects.count())
    client.force_login(alice)

    answer = client.post(PAGE, {"code": typed, "purchase": purchase_id})

    assert answer.status_code == status
    assert words in answer.content.decode()
    assert (coins(alice), coins(mallory), Purchase.objects.count()) == before


def test_a_purchases_id_of_somebody_else_is_refused_and_the_card_is_kept(
    alice: User, mallory: User
) -> None:
    one, other = make_codes(2)
    first = redeem(alice, one)

    with pytest.raises(gift_cards.CannotRedeem, match="sent before"):
        redeem(mallory, other, purchase_id=first.pk)

    assert (coins(alice), coins(mallory)) == (700, 0)
    assert redeem(mallory, other).coins == 700


def test_ten_wrong_codes_close_the_door_for_an_hour_and_not_for_others(
    alice: User, mallory: User, client: Client
) -> None:
    [code] = make_codes()
    client.force_login(mallory)
    for _ in range(10):
        wrong = {"code": gift_cards.new_code(), "purchase": str(ledger.new_operation_id())}
        assert client.post(PAGE, wrong).status_code == 409
    right = {"code": code, "purchase": str(ledger.new_operation_id())}

    answer = client.post(PAGE, right)

    assert answer.status_code == 429
    assert "You entered 10 codes that did not work. You can try again from" in (
        answer.content.decode()
    )
    assert coins(mallory) == 0
    later = timezone.now() + timedelta(hours=1)
    assert redeem(mallory, code, at=later).coins == 700
    assert coins(alice) == 0


def at_once(people: list[User], typed: list[str]) -> tuple[int, list[str]]:
    """Everybody enters a code in the same moment: how many got coins, and the refusals' names."""
    start, refusals, done = threading.Barrier(len(people)), list[str](), list[Purchase]()

    def enter(person: User, code: str) -> None:
        try:
            start.wait(30)
            done.append(redeem(person, code))
        except gift_cards.CannotRedeem as refusal:
            refusals.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=enter, args=pair) for pair in zip(people, typed, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return len(done), refusals


def test_one_code_entered_by_sixteen_at_once_gives_its_coins_once(committed: str) -> None:
    people = [factories.make_user(f"fan{number}") for number in range(16)]
    [code] = make_codes()

    done, refusals = at_once(people, [code] * 16)

    assert (done, refusals) == (1, ["CodeUsed"] * 15)
    assert sum(coins(person) for person in people) == 700
    assert Purchase.objects.count() == 1
    assert list(ledger.audit()) == []


def test_control_without_lock_and_keys_one_code_gives_coins_again_and_again(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [factories.make_user(f"fan{number}") for number in range(8)]
    [code] = make_codes()
    with owner(committed) as session:
        session.execute("DROP INDEX purchase_payment_key")
    together = threading.Barrier(8)

    def unlocked(typed: str) -> GiftCard:
        card = GiftCard.objects.select_related("batch__region").get(
            code_hash=gift_cards.code_hash(typed)
        )
        together.wait(30)
        return card

    monkeypatch.setattr(gift_cards, "_locked_card", unlocked)

    done, _ = at_once(people, [code] * 8)

    assert done == 8
    assert sum(coins(person) for person in people) == 8 * 700


def test_control_the_database_alone_lets_a_card_pay_one_purchase(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is off, the key is on: still once."""
    people = [factories.make_user(f"fan{number}") for number in range(8)]
    [code] = make_codes()
    together = threading.Barrier(8)

    def unlocked(typed: str) -> GiftCard:
        card = GiftCard.objects.select_related("batch__region").get(
            code_hash=gift_cards.code_hash(typed)
        )
        together.wait(30)
        return card

    monkeypatch.setattr(gift_cards, "_locked_card", unlocked)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # IntegrityError, as it should

    done, _ = at_once(people, [code] * 8)

    assert done == 1
    assert sum(coins(person) for person in people) == 700


def test_forty_wrong_tries_of_one_person_at_once_are_counted_exactly(committed: str) -> None:
    mallory = factories.make_user("mallory")
    with transaction.atomic():
        make = [gift_cards.new_code() for _ in range(40)]

    done, refusals = at_once([mallory] * 40, make)

    assert done == 0
    assert sorted(refusals) == ["CodeUnknown"] * 10 + ["TooManyTries"] * 30


def test_no_table_holds_a_code_and_no_log_says_one(
    committed: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    alice = factories.make_user("alice")
    codes = make_codes(3)
    redeem(alice, codes[0])
    client = Client()
    client.force_login(alice)
    client.post(PAGE, {"code": codes[1], "purchase": str(ledger.new_operation_id())})

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('public', 'ledger') AND table_type = 'BASE TABLE'"
        )
        tables = cursor.fetchall()
        held = ""
        for schema, table in tables:
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t')
            held += "\n".join(row[0] for row in cursor.fetchall())
    assert len(tables) > 40
    for code in codes:
        for form in (code, code.replace("-", "")):
            assert form not in held
            assert form not in caplog.text


# Staff


def form_of(**changes: str) -> dict[str, str]:
    fields = {
        "batch_id": str(ledger.new_operation_id()), "name": "Kiosk", "region": "DE",
        "coins": "700", "price": "8.40", "count": "3", "expires_at_0": "2027-11-22",
        "expires_at_1": "00:00:00", "confirm": "Propose it",
    }  # fmt: skip
    return fields | changes


def second_factor(client: Client, person: User, *, ago_s: int = 0) -> None:
    """Note in the session that a second factor was just shown, the way allauth does."""
    request = RequestFactory().get("/")
    request.session = client.session
    record_authentication(request, person, method="mfa")
    request.session[AUTHENTICATION_METHODS_SESSION_KEY][0]["at"] -= ago_s
    request.session.save()


def deed(batch: GiftCardBatch, name: str) -> str:
    return f"/admin/wallet/giftcardbatch/{batch.pk}/{name}/"


def test_a_batch_is_proposed_seen_before_decided_by_another_and_handed_out_once(
    db: None, client: Client
) -> None:
    mia, max_ = make_role("mia", "finance"), make_role("max", "finance")
    client.force_login(mia)
    fields = form_of()
    del fields["confirm"]
    seen = client.post("/admin/wallet/giftcardbatch/add/", fields).content.decode()
    assert not GiftCardBatch.objects.exists()
    client.post("/admin/wallet/giftcardbatch/add/", form_of())
    for words in ("3 of 700 coins", "2,100", "€8.40", "The same coins on the web"):
        assert words in seen
    batch = GiftCardBatch.objects.get()
    assert (batch.state, batch.maker_id) == (GiftCardBatch.State.PROPOSED, mia.pk)
    approve = {"decision": "approve", "confirm": "Do it"}
    assert (
        "Somebody else has to decide"
        in client.post(deed(batch, "decide"), approve).content.decode()
    )
    client.force_login(max_)
    client.post(deed(batch, "decide"), approve)
    second_factor(client, max_)
    client.post(deed(batch, "codes"), {"confirm": "1"})
    batch.refresh_from_db()
    assert (batch.state, GiftCard.objects.count()) == (GiftCardBatch.State.APPROVED, 0)

    client.force_login(mia)
    second_factor(client, mia)
    handed = client.post(deed(batch, "codes"), {"confirm": "1"})
    again = client.post(deed(batch, "codes"), {"confirm": "1"}, follow=True)

    rows = list(csv.reader(io.StringIO(handed.content.decode())))
    assert handed["Content-Type"] == "text/csv; charset=utf-8"
    assert rows[0] == ["Code", "Coins", "Price", "Currency", "Region", "Expires"]
    assert [row[1:] for row in rows[1:]] == [["700", "8.40", "EUR", "Germany", "2027-11-22"]] * 3
    assert {gift_cards.code_hash(row[0].replace("-", "")) for row in rows[1:]} == set(
        GiftCard.objects.values_list("code_hash", flat=True)
    )
    assert "Codes are handed out once" in again.content.decode()
    assert rows[1][0] not in again.content.decode()
    assert GiftCard.objects.count() == 3


@pytest.mark.parametrize("ago_s", [None, 301])
def test_codes_need_a_second_factor_shown_just_now(
    ago_s: int | None, olga: User, client: Client
) -> None:
    batch = make_batch(olga, factories.make_staff("max"))
    client.force_login(olga)
    if ago_s is not None:
        second_factor(client, olga, ago_s=ago_s)

    answer = client.post(deed(batch, "codes"), {"confirm": "1"})

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/2fa/reauthenticate/")
    assert GiftCard.objects.count() == 0
    assert Authenticator.objects.filter(user=olga).exists()


@pytest.mark.parametrize("role", ["support", "risk", "pricing", "catalogue", "auditor"])
def test_other_roles_make_decide_and_void_nothing(role: str, olga: User, client: Client) -> None:
    batch = make_batch(olga, factories.make_staff("max"))
    sam = make_role("sam", role)
    client.force_login(sam)
    second_factor(client, sam)

    answers = [
        client.post("/admin/wallet/giftcardbatch/add/", form_of()),
        client.post(deed(batch, "decide"), {"decision": "approve", "confirm": "1"}),
        client.post(deed(batch, "codes"), {"confirm": "1"}),
        client.post(deed(batch, "void"), {"why": "x", "confirm": "1"}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert GiftCardBatch.objects.get().state == GiftCardBatch.State.APPROVED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": "1.00"}, "Raise the price"),
        ({"price": "8.405"}, "EUR has 2 decimals"),
        ({"count": "10001"}, "less than or equal to 10000"),
        ({"expires_at_0": "2020-01-01"}, "would have expired already"),
        ({"region": "JP", "price": "8.40"}, "JPY has 0 decimals"),
    ],
)
def test_a_batch_that_cannot_be_sold_is_refused(
    change: dict[str, str], words: str, olga: User, client: Client
) -> None:
    client.force_login(olga)

    page = client.post("/admin/wallet/giftcardbatch/add/", form_of(**change)).content.decode()

    assert words in page
    assert not GiftCardBatch.objects.exists()


def test_a_voided_batch_gives_nothing_and_leaves_what_was_redeemed(
    olga: User, alice: User, client: Client
) -> None:
    used, left = make_codes(2)
    redeem(alice, used)
    batch = GiftCardBatch.objects.get()
    client.force_login(olga)

    client.post(deed(batch, "void"), {"why": "Stolen from the kiosk.", "confirm": "Void it"})

    assert GiftCard.objects.filter(voided_at=None).count() == 1
    with pytest.raises(gift_cards.CodeVoided):
        redeem(alice, left)
    assert coins(alice) == 700


def test_a_single_lost_card_is_voided_and_a_redeemed_one_is_not(
    olga: User, alice: User, client: Client
) -> None:
    used, left = make_codes(2)
    redeem(alice, used)
    client.force_login(olga)

    page = client.post(
        "/admin/wallet/giftcard/",
        {"action": "void", "_selected_action": list(GiftCard.objects.values_list("pk", flat=True))},
        follow=True,
    ).content.decode()

    assert "1 of 2 voided" in page
    with pytest.raises(gift_cards.CodeVoided):
        redeem(alice, left)
    assert coins(alice) == 700


def test_the_list_of_cards_shows_endings_and_no_hash(olga: User, client: Client) -> None:
    [code] = make_codes()
    client.force_login(olga)

    page = client.get("/admin/wallet/giftcard/").content.decode()
    row = client.get(f"/admin/wallet/giftcard/{GiftCard.objects.get().pk}/change/").content.decode()

    assert f"…{code[-4:]}" in page
    assert gift_cards.code_hash(code.replace("-", "")) not in page + row
