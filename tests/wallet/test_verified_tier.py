"""A fan who verified their identity may buy up to the limits of verified accounts, at once."""

from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests import factories
from wallet import facts, reviewing
from wallet.models import Region, Tier


def tier(person: User) -> Tier:
    region = Region.objects.get(pk="DE")
    return facts.of_buyer(user=person, region=region, at=timezone.now()).tier


def test_a_verified_identity_is_the_highest_tier_and_its_end_takes_it_back(
    alice: User, client: Client
) -> None:
    client.force_login(alice)
    before, page = tier(alice), client.get("/balance/limits/").content.decode()
    check = factories.verify_identity(alice)
    verified, after = tier(alice), client.get("/balance/limits/").content.decode()
    rules_see = reviewing.buyer_facts(user_id=alice.pk, at=timezone.now()).tier
    type(check).objects.filter(pk=check.pk).update(state="expired")

    assert (before, verified, rules_see, tier(alice)) == (
        Tier.NEW, Tier.VERIFIED, Tier.VERIFIED, Tier.NEW,
    )  # fmt: skip
    assert 'href="/me/identity/"' in page
    assert "Your identity is verified: these are the highest limits there are." in after


def test_a_check_that_is_not_approved_changes_nothing(alice: User) -> None:
    check = factories.verify_identity(alice)
    for state in ("asked", "submitted", "declined", "expired"):
        type(check).objects.filter(pk=check.pk).update(state=state, why="-")
        assert tier(alice) == Tier.NEW
