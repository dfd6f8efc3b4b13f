"""The pages as a browser without JavaScript meets them: paying, failing, looking at the books."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests import standin as programs

type Open = Callable[..., Any]

FILLED = {"expiry": "12 / 34", "cvc": "123"}


@pytest.fixture
def browser(standin: programs.Standin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standin.url, timeout=20) as opened:
        yield opened


def page_of(session: Any) -> str:
    return f"/c/pay/{session.id}"


def attempt_on(html: str) -> str:
    """Return the number of the attempt that a page's form carries."""
    found = re.search(r'name="attempt" value="(\d+)"', html)
    assert found is not None
    return found[1]


def submit(browser: httpx.Client, session: Any, number: str, **changes: str) -> httpx.Response:
    """Open the page of a session and send its form."""
    attempt = attempt_on(browser.get(page_of(session)).text)
    form = {"attempt": attempt, "number": number, **FILLED, **changes}
    return browser.post(page_of(session), data=form)


def charges_of(client: stripe.StripeClient, session: Any) -> list[str]:
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    if intent is None:
        return []
    charges = client.v1.charges.list({"payment_intent": str(intent)}).data
    return [charge.status for charge in charges]


def test_the_page_says_what_is_bought_for_how_much_and_that_no_money_moves(
    browser: httpx.Client, open_session: Open
) -> None:
    session = open_session(amount_minor=1225, currency="jpy", name="700 coins")

    page = browser.get(page_of(session))

    assert page.status_code == 200
    for words in (
        "No real money moves here.",
        "Pay Carat",
        "700 coins",
        "¥1,225",
        "alice@example.com",
        "4242 4242 4242 4242",
        'href="http://localhost:8000/cancelled"',
    ):
        assert words in page.text


def test_the_page_is_strict_about_what_it_may_do_and_keeps_no_cookie(
    browser: httpx.Client, open_session: Open
) -> None:
    page = browser.get(page_of(open_session()))

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://localhost:8000" in policy
    assert "unsafe" not in policy
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert browser.get("/assets/standin.css").headers["Content-Type"].startswith("text/css")


def test_a_tapped_test_card_fills_the_form_and_pays_nothing_yet(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    page = browser.get(page_of(session), params={"card": "amex"})

    assert 'value="3782 822463 10005"' in page.text
    assert 'value="1234"' in page.text
    assert charges_of(client, session) == []


def test_paying_leads_back_to_the_merchant_with_the_session(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    answer = submit(browser, session, "4242 4242 4242 4242")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"http://localhost:8000/back?session={session.id}"
    assert charges_of(client, session) == ["succeeded"]


def test_a_form_sent_many_times_at_once_charges_once(
    standin: programs.Standin,
    browser: httpx.Client,
    client: stripe.StripeClient,
    open_session: Open,
) -> None:
    session = open_session()
    form = {
        "attempt": attempt_on(browser.get(page_of(session)).text),
        "number": "4242424242424242",
        **FILLED,
    }

    def send(_: int) -> httpx.Response:
        return httpx.post(f"{standin.url}{page_of(session)}", data=form, timeout=20)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))

    places = {answer.headers.get("Location") for answer in answers}
    assert places == {f"http://localhost:8000/back?session={session.id}"}
    assert charges_of(client, session) == ["succeeded"]


def test_a_declined_form_sent_twice_tries_the_card_once_and_the_next_form_once_more(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    form = {"attempt": "1", "number": "4000000000000002", **FILLED}

    answers = [browser.post(page_of(session), data=form) for _ in range(2)]

    for answer in answers:
        assert "Your card was declined." in answer.text
        assert "Nothing was charged." in answer.text
        assert attempt_on(answer.text) == "2"
    assert charges_of(client, session) == ["failed"]
    browser.post(page_of(session), data={**form, "attempt": "2"})
    assert charges_of(client, session) == ["failed", "failed"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"number": "4242 4242 4242 4241"}, "incomplete or mistyped"),
        ({"number": ""}, "incomplete or mistyped"),
        ({"number": "4111 1111 1111 1111"}, "This is not a test card"),
        ({"expiry": "13 / 34"}, "Enter month and year"),
        ({"expiry": "01 / 20"}, "This date is in the past"),
        ({"cvc": "12"}, "Enter the 3 digits"),
        ({"number": "378282246310005", "cvc": "123"}, "Enter the 4 digits"),
    ],
)
def test_a_form_with_a_mistake_says_what_to_do_and_tries_no_card(
    browser: httpx.Client,
    client: stripe.StripeClient,
    open_session: Open,
    changes: dict[str, str],
    words: str,
) -> None:
    session = open_session()
    form = {"attempt": "1", "number": "4242424242424242", **FILLED, **changes}

    answer = browser.post(page_of(session), data=form)

    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'name="number"' in answer.text
    assert f'value="{form["number"] or "4242"}' not in answer.text
    assert charges_of(client, session) == []


def test_a_challenge_leads_to_the_banks_page_and_from_there_to_the_merchant(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    asked = submit(browser, session, "4000000000003220")
    page = browser.get(asked.headers["Location"])
    between = charges_of(client, session)
    answer = browser.post(
        asked.headers["Location"], data={"attempt": attempt_on(page.text), "answer": "approve"}
    )

    assert asked.headers["Location"] == f"{page_of(session)}/challenge"
    assert "Is it you who pays $7.40?" in page.text
    assert between == []
    assert answer.headers["Location"] == f"http://localhost:8000/back?session={session.id}"
    assert charges_of(client, session) == ["succeeded"]


def test_a_challenge_refused_leads_back_to_the_card_form(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    asked = submit(browser, session, "4000000000003220")
    page = browser.get(asked.headers["Location"])

    answer = browser.post(
        asked.headers["Location"], data={"attempt": attempt_on(page.text), "answer": "fail"}
    )

    assert "We are unable to authenticate your payment method." in answer.text
    assert charges_of(client, session) == []
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_the_answer_to_an_old_challenge_pays_nothing(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    asked = submit(browser, session, "4000000000003220")
    submit(browser, session, "4000000000000002")

    browser.post(asked.headers["Location"], data={"attempt": "1", "answer": "approve"})

    assert charges_of(client, session) == ["failed"]


def test_a_page_that_breaks_down_has_taken_the_money_once(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    broken = submit(browser, session, "4000000000000341")
    later = browser.get(page_of(session))

    assert broken.status_code == 504
    assert "Your bank did not answer in time" in broken.text
    assert "$7.40 was paid to Carat" in later.text
    assert charges_of(client, session) == ["succeeded"]


def test_a_slow_card_leads_back_at_once_and_the_page_says_that_it_settles(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()

    answer = submit(browser, session, "4000000000000085")
    programs.eventually(lambda: charges_of(client, session) == ["failed"])
    later = browser.get(page_of(session))

    assert answer.headers["Location"].startswith("http://localhost:8000/back")
    assert "did not settle" in later.text
    assert "Nothing was charged." in later.text


def test_a_page_that_is_over_or_unknown_says_so(
    browser: httpx.Client, client: stripe.StripeClient, open_session: Open
) -> None:
    session = open_session()
    client.v1.checkout.sessions.expire(session.id)

    over = browser.get(page_of(session))
    late = browser.post(page_of(session), data={"number": "4242424242424242", **FILLED})
    unknown = browser.get("/c/pay/cs_test_unknown")

    assert (over.status_code, late.status_code, unknown.status_code) == (410, 410, 404)
    assert "no longer open" in over.text
    assert "There is no such payment page" in unknown.text
    assert charges_of(client, session) == []


def test_words_from_outside_are_only_words_on_the_page(
    browser: httpx.Client, open_session: Open
) -> None:
    session = open_session(name="<script>alert(1)</script>")

    page = browser.get(page_of(session))

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


def test_the_books_can_be_read_by_people(
    standin: programs.Standin, browser: httpx.Client, open_session: Open
) -> None:
    session = open_session(client_reference_id="purchase-on-the-page")
    standin.pay(session.id, "mastercard")
    httpx.post(
        f"{standin.url}/bank/transfers",
        json={
            "reference": "payout-on-the-page",
            "amount_minor": 1050,
            "currency": "KWD",
            "account": "KW8112345678",
            "name": "Bob Creator",
        },
        headers={"Authorization": f"Bearer {standin.bank_key}"},
    ).raise_for_status()

    payments = browser.get("/book/").text
    bank = browser.get("/bank/").text

    for words in ("purchase-on-the-page", "Mastercard •••• 4444", "$7.40", "$0.51", "$6.89"):
        assert words in payments
    for words in ("payout-on-the-page", "Bob Creator", "•••• 5678", "KWD\N{NO-BREAK SPACE}1.050"):
        assert words in bank
    assert "KW8112345678" not in bank
    assert "Payments" in browser.get("/").text


def test_no_card_number_is_ever_written_down(
    standin: programs.Standin, browser: httpx.Client, open_session: Open
) -> None:
    for number in ("4242424242424242", "4000000000000002", "4000000000003220"):
        submit(browser, open_session(), number)
    submit(browser, open_session(), "4111111111111111")

    written = b"".join(path.read_bytes() for path in standin.book.parent.iterdir())

    for number in ("4242424242424242", "4000000000000002", "4000000000003220", "4111111111111111"):
        assert number.encode() not in written
    assert b'"last4": "4242"' in written
