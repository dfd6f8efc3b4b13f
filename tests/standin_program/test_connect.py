"""Connect as the stand-in speaks it: accounts, links, transfers by group, reversals, lag."""

from typing import Any

import httpx
import pytest
import stripe

from tests.standin import Standin

BACK = "http://localhost:8000/back/"


def open_account(standin: Standin, *, key: str = "", country: str = "DE") -> stripe.Account:
    options: Any = {"idempotency_key": key} if key else {}
    return standin.client().v1.accounts.create(
        {
            "type": "express",
            "country": country,
            "capabilities": {"transfers": {"requested": True}},
        },
        options,
    )


def link(standin: Standin, account: str) -> str:
    made = standin.client().v1.account_links.create(
        {
            "account": account,
            "type": "account_onboarding",
            "return_url": BACK,
            "refresh_url": f"{BACK}?again",
        }
    )
    return str(made.url)


def ready(standin: Standin) -> str:
    account = open_account(standin).id
    standin.onboard(link(standin, account))
    return account


def send(standin: Standin, account: str, group: str, amount: int = 500) -> stripe.Transfer:
    return standin.client().v1.transfers.create(
        {"amount": amount, "currency": "eur", "destination": account, "transfer_group": group}
    )


def test_an_account_is_opened_once_under_a_key_and_knows_its_currency(standin: Standin) -> None:
    first, again = (open_account(standin, key="account-1", country="US") for _ in range(2))

    assert first.id == again.id
    assert (first.default_currency, first.payouts_enabled) == ("usd", False)


def test_a_link_works_once_and_the_account_takes_transfers_then(standin: Standin) -> None:
    account = open_account(standin).id
    with pytest.raises(stripe.InvalidRequestError, match="capabilities"):
        send(standin, account, "too early")
    url = link(standin, account)

    assert standin.onboard(url) == BACK
    assert httpx.get(url).headers["Location"] == f"{BACK}?again"

    shown = standin.client().v1.accounts.retrieve(account)
    assert (shown.payouts_enabled, shown.details_submitted) == (True, True)
    assert send(standin, account, "in time").destination == account


def test_what_is_left_out_is_asked_for(standin: Standin) -> None:
    account = open_account(standin).id
    standin.onboard(link(standin, account), answer="some")

    shown = standin.client().v1.accounts.retrieve(account).to_dict()

    assert shown["payouts_enabled"] is False
    assert shown["requirements"]["currently_due"] == ["individual.verification.document"]


def test_transfers_are_found_by_their_group_alone(standin: Standin) -> None:
    account = ready(standin)
    made = [send(standin, account, group) for group in ("g-1", "g-2", "g-2")]

    found = standin.client().v1.transfers.list({"transfer_group": "g-2"}).data

    assert [one.id for one in found] == [made[2].id, made[1].id]


def test_a_list_that_lags_shows_a_transfer_later_and_its_name_at_once(standin: Standin) -> None:
    account = ready(standin)
    standin.transfers(seed=3, lag_ms=3_600_000)

    made = send(standin, account, "g-late")
    standin.transfers()

    assert standin.client().v1.transfers.list({"transfer_group": "g-late"}).data == []
    assert standin.client().v1.transfers.retrieve(made.id).id == made.id


def test_no_more_is_taken_back_than_was_sent(standin: Standin) -> None:
    made = send(standin, ready(standin), "g-back")
    client = standin.client()
    client.v1.transfers.reversals.create(made.id, {"amount": 200})

    with pytest.raises(stripe.InvalidRequestError, match="greater than unreversed"):
        client.v1.transfers.reversals.create(made.id, {"amount": 301})

    assert client.v1.transfers.retrieve(made.id).amount_reversed == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"destination": "acct_none"}, "No such destination"),
        ({"amount": 0}, "greater than or equal to 1"),
        ({"currency": "xyz"}, "Invalid currency"),
        ({"colour": "blue"}, "unknown parameter"),
    ],
)
def test_what_the_real_company_would_refuse_is_refused(
    standin: Standin, changes: dict[str, Any], words: str
) -> None:
    given = {"amount": 1, "currency": "eur", "destination": ready(standin)}

    with pytest.raises(stripe.InvalidRequestError, match=words):
        standin.client().v1.transfers.create(given | changes)  # type: ignore[arg-type]


def test_the_book_has_every_transfer(standin: Standin) -> None:
    made = send(standin, ready(standin), "g-book")

    rows = standin.whole_book()["connect_transfers"]

    assert [row["id"] for row in rows if row["transfer_group"] == "g-book"] == [made.id]


def test_files_are_handed_in_at_the_banks_page_and_answered_there(standin: Standin) -> None:
    page = httpx.post(f"{standin.url}/bank/desk/", files={"file": ("x.xml", b"<nothing")})
    missing = httpx.get(f"{standin.url}/bank/desk/none/pain.002")

    assert "no XML that a bank would read" in page.text
    assert missing.status_code == 404
