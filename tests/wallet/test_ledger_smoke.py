"""The ledger's shortest way through: coins, a gift, a fold, a period."""

from django.db import transaction

from accounts.models import User
from tests import factories
from wallet import ledger


def a_gift(payer: User, creator: User, coins: int) -> ledger.Gift:
    operation_id = ledger.new_operation_id()
    return ledger.Gift(operation_id, payer.pk, creator.pk, coins, payer.pk, "room:1", {})


def test_a_gift_leaves_the_rest_of_the_coins_and_clean_books(alice: User, bob: User) -> None:
    factories.give_coins(alice, 100)

    outcome = ledger.gift(a_gift(alice, bob, 30))

    assert outcome.done
    assert outcome.result["balance"] == 70
    assert ledger.audit() == []


def test_committed_gifts_fold_and_their_period_closes(committed: str) -> None:
    alice = factories.make_user("alice")
    bob = factories.make_creator("bob")
    with transaction.atomic():
        factories.give_coins(alice, 100)
    with transaction.atomic():
        ledger.gift(a_gift(alice, bob, 30))

    with transaction.atomic():
        folded = ledger.fold()
    with transaction.atomic():
        closed = ledger.close_period()

    assert folded
    assert closed
    assert ledger.audit() == []
