"""The bank: one transfer per reference, and every way a transfer can end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests import standin as programs

INSTRUCTION = {
    "reference": "payout-0",
    "amount_minor": 12_345,
    "currency": "EUR",
    "account": "DE0012345678",
    "name": "Bob Creator",
}


class Bank:
    """A client with the bank's key."""

    def __init__(self, standin: programs.Standin) -> None:
        self.http = httpx.Client(
            base_url=standin.url,
            headers={"Authorization": f"Bearer {standin.bank_key}"},
            timeout=10,
        )

    def send(self, reference: str, account: str = "DE0012345678", **changes: Any) -> httpx.Response:
        return self.http.post(
            "/bank/transfers",
            json={**INSTRUCTION, "reference": reference, "account": account, **changes},
        )

    def listed(self, **filters: str) -> Any:
        return self.http.get("/bank/transfers", params=filters).json()

    def find(self, reference: str) -> Any:
        return self.listed(reference=reference)["transfers"]

    def states(self, reference: str) -> list[str]:
        return [entry["state"] for entry in self.find(reference)[0]["history"]]

    def await_states(self, reference: str, *states: str) -> Any:
        programs.eventually(lambda: self.states(reference) == list(states))
        return self.find(reference)[0]


@pytest.fixture(scope="module")
def bank(standin: programs.Standin) -> Iterator[Bank]:
    opened = Bank(standin)
    yield opened
    opened.http.close()


def test_a_transfer_is_accepted_and_paid_a_while_later(bank: Bank) -> None:
    answer = bank.send("payout-1")

    sent = answer.json()
    assert answer.status_code == 201
    assert sent["state"] == "accepted"
    assert {
        key: sent[key] for key in ("reference", "amount_minor", "currency", "account", "name")
    } == {
        "reference": "payout-1",
        "amount_minor": 12_345,
        "currency": "EUR",
        "account": "DE0012345678",
        "name": "Bob Creator",
    }
    paid = bank.await_states("payout-1", "accepted", "paid")
    assert (paid["state"], paid["reason"]) == ("paid", None)
    assert bank.http.get(f"/bank/transfers/{sent['id']}").json() == paid


def test_the_same_reference_asked_again_is_the_same_transfer(bank: Bank) -> None:
    first = bank.send("payout-2")

    again = bank.send("payout-2")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert len(bank.find("payout-2")) == 1


def test_many_requests_at_once_for_one_reference_send_once(bank: Bank) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bank.send("payout-crowd"), range(24)))

    assert sorted(answer.status_code for answer in answers) == [200] * 23 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(bank.find("payout-crowd")) == 1


@pytest.mark.parametrize(
    "changes",
    [{"amount_minor": 12_346}, {"currency": "USD"}, {"account": "DE0099"}, {"name": "Mallory"}],
)
def test_a_reference_with_other_details_is_refused_and_sends_nothing(
    bank: Bank, changes: dict[str, Any]
) -> None:
    bank.send("payout-3")
    before = bank.find("payout-3")[0]

    answer = bank.send("payout-3", **changes)

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "reference_taken"
    after = bank.find("payout-3")
    assert [{**row, "state": "", "history": []} for row in after] == [
        {**before, "state": "", "history": []}
    ]


def test_a_closed_account_fails_at_once(bank: Bank) -> None:
    answer = bank.send("payout-4", "DE000000")

    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["reason"]) == ("failed", "AC04")
    assert bank.states("payout-4") == ["failed"]


def test_a_blocked_account_is_paid_and_then_returned(bank: Bank) -> None:
    bank.send("payout-5", "DE001111")

    returned = bank.await_states("payout-5", "accepted", "paid", "returned")

    assert (returned["state"], returned["reason"]) == ("returned", "AC06")


def test_an_answer_that_is_lost_has_had_its_effect_and_can_be_looked_up(bank: Bank) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        bank.send("payout-6", "DE002222")

    assert len(bank.find("payout-6")) == 1
    again = bank.send("payout-6", "DE002222")
    assert again.status_code == 200
    assert len(bank.find("payout-6")) == 1
    bank.await_states("payout-6", "accepted", "paid")


def test_some_transfers_stay_accepted_for_long(bank: Bank) -> None:
    bank.send("payout-7", "DE003333")
    bank.send("payout-8")

    bank.await_states("payout-8", "accepted", "paid")

    assert bank.states("payout-7") == ["accepted"]


def test_a_bank_that_breaks_down_first_has_sent_nothing_and_sends_when_asked_again(
    bank: Bank,
) -> None:
    broke = bank.send("payout-9", "DE004444")
    found_between = bank.find("payout-9")
    again = bank.send("payout-9", "DE004444")

    assert (broke.status_code, broke.json()["error"]["code"]) == (500, "bank_broke")
    assert found_between == []
    assert again.status_code == 201
    bank.await_states("payout-9", "accepted", "paid")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_minor": 0}, "amount_minor"),
        ({"amount_minor": -5}, "amount_minor"),
        ({"amount_minor": 12.5}, "amount_minor"),
        ({"amount_minor": "100"}, "amount_minor"),
        ({"amount_minor": True}, "amount_minor"),
        ({"currency": "eur"}, "currency"),
        ({"account": "x"}, "account"),
        ({"name": ""}, "name"),
        ({"reference": "with space"}, "reference"),
        ({"urgent": True}, "urgent"),
    ],
)
def test_an_unfit_instruction_is_refused_by_field_and_sends_nothing(
    bank: Bank, changes: dict[str, Any], field: str
) -> None:
    before = bank.listed()["transfers"][-1:]

    answer = bank.http.post("/bank/transfers", json={**INSTRUCTION, **changes})

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert [row["id"] for row in bank.listed()["transfers"][-1:]] == [row["id"] for row in before]


def test_the_bank_needs_its_own_key(standin: programs.Standin, bank: Bank) -> None:
    without = httpx.get(f"{standin.url}/bank/transfers")
    with_the_wrong_one = httpx.post(
        f"{standin.url}/bank/transfers",
        json={},
        headers={"Authorization": f"Bearer {standin.api_key}"},
    )

    assert (without.status_code, with_the_wrong_one.status_code) == (401, 401)
    assert bank.http.get("/bank/transfers/bt_unknown").status_code == 404


def test_transfers_are_listed_by_time_and_page_by_page(bank: Bank) -> None:
    start = bank.send("payout-first", "DE003333").json()
    for number in range(103):
        bank.send(f"payout-of-many-{number}", "DE003333")

    first = bank.listed(after=start["id"])
    last_shown = first["transfers"][-1]
    second = bank.listed(after=last_shown["id"])
    since = bank.listed(created_from=last_shown["created_at"])
    until = bank.listed(created_from=start["created_at"], created_until=last_shown["created_at"])
    unfit = bank.http.get("/bank/transfers", params={"created_from": "yesterday"})

    references = [row["reference"] for row in first["transfers"] + second["transfers"]]
    assert references == [f"payout-of-many-{number}" for number in range(103)]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert "payout-of-many-102" in {row["reference"] for row in since["transfers"]}
    assert "payout-of-many-102" not in {row["reference"] for row in until["transfers"]}
    assert "payout-of-many-0" in {row["reference"] for row in until["transfers"]}
    assert (unfit.status_code, unfit.json()["error"]["field"]) == (422, "created_from")
