"""A service spends for a fan only by consent, within the cap, until it is revoked."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import consents
from accounts.models import Consent, ConsentUse, Scope, User
from tests import factories
from tests.accounts.conftest import AT, make_service


def give(fan: User, **changes: object) -> Consent:
    facts: dict[str, Any] = {
        "fan_id": fan.pk,
        "client_id": "tipbot",
        "scope": Scope.GIFTS_SEND,
        "daily_cap_coins": 100,
        "until": AT + timedelta(days=30),
        "at": AT,
    }
    return consents.give(**(facts | changes))


def use(fan: User, coins: int, at: Any = AT, client_id: str = "tipbot") -> ConsentUse:
    return consents.use(
        fan_id=fan.pk, client_id=client_id, scope=Scope.GIFTS_SEND, coins=coins, at=at
    )


def used() -> list[int]:
    return list(ConsentUse.objects.order_by("pk").values_list("coins", flat=True))


def test_a_service_spends_up_to_the_cap_and_not_one_coin_more(alice: User) -> None:
    make_service()
    give(alice)

    use(alice, 60)
    use(alice, 40)
    with pytest.raises(consents.ConsentCapReached, match="100 coins a day"):
        use(alice, 1)

    assert used() == [100]


def test_the_cap_begins_anew_at_midnight_utc(alice: User) -> None:
    make_service()
    give(alice)
    use(alice, 100)

    use(alice, 30, at=AT.replace(hour=0) + timedelta(days=1))

    assert used() == [100, 30]


def test_without_consent_nothing_is_spent(alice: User, mallory: User) -> None:
    make_service()
    make_service("otherbot")
    give(alice)

    with pytest.raises(consents.ConsentMissing):
        use(mallory, 1)
    with pytest.raises(consents.ConsentMissing):
        use(alice, 1, client_id="otherbot")

    assert used() == []


def test_a_consent_ends_at_its_date(alice: User) -> None:
    make_service()
    give(alice)

    use(alice, 1, at=AT + timedelta(days=30, seconds=-1))
    with pytest.raises(consents.ConsentMissing):
        use(alice, 1, at=AT + timedelta(days=30))


def test_revoking_works_at_once_and_only_for_the_fan(alice: User, mallory: User) -> None:
    make_service()
    consent = give(alice)

    with pytest.raises(Consent.DoesNotExist):
        consents.revoke(fan_id=mallory.pk, consent_id=consent.pk, at=AT)
    use(alice, 1)
    consents.revoke(fan_id=alice.pk, consent_id=consent.pk, at=AT)

    with pytest.raises(consents.ConsentMissing):
        use(alice, 1)
    assert used() == [1]


def test_a_new_consent_replaces_the_one_before(alice: User) -> None:
    make_service()
    first = give(alice)
    second = give(alice, daily_cap_coins=5)

    first.refresh_from_db()
    assert first.revoked_at == AT
    assert list(Consent.objects.filter(revoked_at=None)) == [second]
    with pytest.raises(consents.ConsentCapReached):
        use(alice, 6)


def test_a_refused_spending_is_given_back(alice: User) -> None:
    make_service()
    give(alice)

    counted = use(alice, 70)
    consents.give_back(counted=counted, coins=70)

    assert used() == [0]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"client_id": "nobody"}, consents.UnknownService),
        ({"scope": "ledger:read"}, consents.ScopeNotOffered),
        ({"daily_cap_coins": 0}, consents.BadConsent),
        ({"until": AT}, consents.BadConsent),
        ({"until": AT + timedelta(days=366)}, consents.BadConsent),
    ],
)
def test_a_consent_that_makes_no_sense_is_refused(alice: User, changes: Any, refusal: Any) -> None:
    make_service()

    with pytest.raises(refusal):
        give(alice, **changes)

    assert Consent.objects.count() == 0


def spend_at_once(fan: User, threads: int, coins: int) -> int:
    """Several connections spend at the same moment; says how many were let through."""
    start, let_through = threading.Barrier(threads), []

    def spend() -> None:
        try:
            start.wait(timeout=10)
            with transaction.atomic():
                use(fan, coins)
            let_through.append(1)
        except consents.ConsentCapReached:
            pass
        finally:
            connection.close()

    workers = [threading.Thread(target=spend) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    return len(let_through)


def test_twelve_at_once_spend_the_cap_exactly(committed: str) -> None:
    alice = factories.make_user("alice")
    make_service()
    give(alice)

    assert spend_at_once(alice, threads=12, coins=20) == 5
    assert used() == [100]


def test_control_without_the_comparison_more_than_the_cap_is_spent(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = factories.make_user("alice")
    make_service()
    give(alice)
    unguarded = consents.USE_SQL.replace(
        "WHERE used.coins + excluded.coins <= (SELECT daily_cap_coins FROM consent)", ""
    )
    monkeypatch.setattr(consents, "USE_SQL", unguarded)

    assert spend_at_once(alice, threads=12, coins=20) == 12


def spend_while_revoked(fan: User, consent: Consent) -> bool:
    """Somebody spends while a revocation is under way; says whether they were let through."""
    let_through = []

    def spend() -> None:
        try:
            with transaction.atomic():
                use(fan, 1)
            let_through.append(1)
        except consents.ConsentMissing:
            pass
        finally:
            connection.close()

    spender = threading.Thread(target=spend)
    with transaction.atomic():
        Consent.objects.select_for_update().get(pk=consent.pk)
        Consent.objects.filter(pk=consent.pk).update(revoked_at=AT)
        spender.start()
        spender.join(timeout=0.5)
    spender.join(timeout=10)
    return bool(let_through)


def test_a_revocation_under_way_is_waited_for(committed: str) -> None:
    alice = factories.make_user("alice")
    make_service()

    assert not spend_while_revoked(alice, give(alice))
    assert used() == []


def test_control_without_the_lock_a_spending_slips_past_a_revocation(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = factories.make_user("alice")
    make_service()
    consent = give(alice)
    # Today's count is there already, so that no foreign key makes it wait.
    ConsentUse.objects.create(consent=consent, day=AT.date(), coins=0)
    unlocked = consents.USE_SQL.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(consents, "USE_SQL", unlocked)

    assert spend_while_revoked(alice, consent)
