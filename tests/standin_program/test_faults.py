"""The fault script: what goes wrong goes wrong by the seed, and the book stays right."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests import standin as programs
from tests.standin_program.conftest import Merchant, open_merchant, order

ALWAYS = 1000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[programs.Standin]:
    with programs.running_standin(tmp_path_factory.mktemp("faults"), key_life_s="2") as found:
        yield found


@pytest.fixture(autouse=True)
def healed(running: programs.Standin) -> Iterator[None]:
    yield
    running.faults()


@pytest.fixture
def intent(running: programs.Standin) -> str:
    client = running.client()
    session = client.v1.checkout.sessions.create(order())  # type: ignore[arg-type]
    running.pay(session.id)
    return str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)


def refund(standin: programs.Standin, intent: str, key: str, retries: int = 0) -> Any:
    client = standin.client(retries=retries)
    return client.v1.refunds.create(
        {"payment_intent": intent, "amount": 100}, {"idempotency_key": key}
    )


def refunds_in_book(standin: programs.Standin, intent: str) -> int:
    return sum(row["payment_intent"] == intent for row in standin.whole_book()["refunds"])


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("timeout_before", stripe.APIConnectionError, 0),
        ("timeout_after", stripe.APIConnectionError, 1),
        ("too_many", stripe.RateLimitError, 0),
        ("error_500", stripe.APIError, 0),
        ("error_500_kept", stripe.APIError, 0),
    ],
)
def test_each_fault_of_a_request_has_the_effect_it_says_and_is_counted(
    running: programs.Standin,
    intent: str,
    fault: str,
    error: type[Exception],
    effects: int,
) -> None:
    running.faults(seed=1, **{fault: ALWAYS})

    with pytest.raises(error):
        refund(running, intent, key=f"{fault}-{intent}")

    assert refunds_in_book(running, intent) == effects
    assert running.faults_done() == {fault: 1}


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "too_many", "error_500"])
def test_the_same_key_asked_again_ends_with_one_refund(
    running: programs.Standin, intent: str, fault: str
) -> None:
    running.faults(seed=1, **{fault: ALWAYS})
    with pytest.raises(stripe.StripeError):
        refund(running, intent, key=f"again-{fault}-{intent}")
    running.faults()

    made = refund(running, intent, key=f"again-{fault}-{intent}")

    assert made.status == "succeeded"
    assert refunds_in_book(running, intent) == 1


def test_a_kept_error_is_given_again_until_the_key_expires(
    running: programs.Standin, intent: str
) -> None:
    key = f"kept-{intent}"
    running.faults(seed=1, error_500_kept=ALWAYS)
    began = time.monotonic()
    with pytest.raises(stripe.APIError):
        refund(running, intent, key=key)
    running.faults()

    with pytest.raises(stripe.APIError) as again:
        refund(running, intent, key=key)

    assert again.value.headers["idempotent-replayed"] == "true"  # type: ignore[index]

    def answered() -> Any:
        try:
            return refund(running, intent, key=key)
        except stripe.APIError:
            return None

    assert programs.eventually(answered).status == "succeeded"
    assert time.monotonic() - began >= 2
    assert refunds_in_book(running, intent) == 1


def test_a_key_that_expired_is_a_new_request(running: programs.Standin, intent: str) -> None:
    """Why a merchant looks before it asks again: past its life a key protects nobody."""
    key = f"old-{intent}"
    first = refund(running, intent, key=key)

    def another() -> bool:
        return bool(refund(running, intent, key=key).id != first.id)

    programs.eventually(another)
    assert refunds_in_book(running, intent) == 2


def test_a_seed_gives_the_same_requests_the_same_fates(running: programs.Standin) -> None:
    def fates(seed: int) -> list[int | None]:
        running.faults(seed=seed, too_many=300, error_500=300)
        key = {"Authorization": f"Bearer {running.api_key}"}
        return [
            httpx.get(f"{running.url}/v1/charges?limit=1", headers=key).status_code
            for _ in range(20)
        ]

    first = fates(7)

    assert fates(7) == first
    assert fates(8) != first
    assert set(first) == {200, 429, 500}


def test_unknown_faults_and_rates_past_the_whole_are_refused(running: programs.Standin) -> None:
    for rates in ({"meteor": 1}, {"too_many": 600, "error_500": 600}):
        with pytest.raises(httpx.HTTPStatusError):
            running.faults(**rates)


# What happens to events.


@pytest.fixture
def ear() -> Iterator[Merchant]:
    with open_merchant() as opened:
        yield opened


@pytest.fixture
def telling(ear: Merchant, tmp_path: Path) -> Iterator[programs.Standin]:
    """A stand-in that tells a merchant, who believes what the official client verifies."""
    with programs.running_standin(tmp_path, webhook_url=ear.url) as found:
        yield found


def buy(standin: programs.Standin) -> None:
    session = standin.client().v1.checkout.sessions.create(order())  # type: ignore[arg-type]
    standin.pay(session.id)


def believed(ear: Merchant) -> list[str]:
    """The ids of the events that verify, in the order they came."""
    found = []
    for heard in ear.heard:
        try:
            event = stripe.Webhook.construct_event(
                heard.body, heard.headers["Stripe-Signature"], programs.WEBHOOK_SECRET
            )
        except stripe.SignatureVerificationError:
            continue
        found.append(str(event.id))
    return found


def settled(standin: programs.Standin) -> Callable[[], bool]:
    return lambda: standin.whole_book()["deliveries"]["waiting"] == 0


def test_dropped_events_never_come_and_can_be_listed(
    ear: Merchant, telling: programs.Standin
) -> None:
    telling.faults(seed=3, drop=500)
    for _ in range(4):
        buy(telling)

    programs.eventually(settled(telling))

    dropped = telling.faults_done()["drop"]
    listed = telling.client().v1.events.list({"limit": 100}).data
    assert 0 < dropped < 16 == len(listed)
    assert len(set(believed(ear))) == 16 - dropped


def test_doubled_events_come_three_times(ear: Merchant, telling: programs.Standin) -> None:
    telling.faults(seed=3, duplicate=ALWAYS)
    buy(telling)

    programs.eventually(settled(telling))

    came = believed(ear)
    assert len(came) == 12
    assert len(set(came)) == 4


def test_late_events_are_overtaken(ear: Merchant, telling: programs.Standin) -> None:
    telling.faults(seed=3, late=500, late_ms=600)
    for _ in range(3):
        buy(telling)

    programs.eventually(settled(telling))

    told = [event.id for event in telling.client().v1.events.list({"limit": 100}).data][::-1]
    assert sorted(believed(ear)) == sorted(told)
    assert believed(ear) != told


def test_forged_events_are_wrong_in_every_way_and_are_not_repeated(
    ear: Merchant, telling: programs.Standin
) -> None:
    telling.faults(seed=3, forge=ALWAYS)
    for _ in range(3):
        buy(telling)

    programs.eventually(settled(telling))

    forged = [one for one in ear.heard if json.loads(one.body)["id"].endswith("_forged")]
    assert len(forged) == 12
    assert len(ear.heard) == 24
    assert not [name for name in believed(ear) if name.endswith("_forged")]
    delivered = telling.whole_book()["deliveries"]
    assert delivered["waiting"] == 0
