"""tmp"""
from django.db import connection, transaction

from tests.factories import give_coins, make_creator, make_user
from wallet import ledger


def test_smoke(alice, bob):
    give_coins(alice, 100)
    out = ledger.gift(ledger.Gift(ledger.new_operation_id(), alice.pk, bob.pk, 30, alice.pk, "room:1", {}))
    assert out.done, out
    assert out.result["balance"] == 70
    assert ledger.audit() == []


def test_committed(committed):
    a = make_user("alice"); b = make_creator("bob")
    with transaction.atomic():
        give_coins(a, 100)
    with transaction.atomic():
        ledger.gift(ledger.Gift(ledger.new_operation_id(), a.pk, b.pk, 30, a.pk, "room:1", {}))
    with transaction.atomic():
        assert ledger.fold() > 0
    with transaction.atomic():
        assert ledger.close_period()
    assert ledger.audit() == []
    with connection.cursor() as c:
        c.execute("select current_user")
        print(c.fetchone())
