"""The demo's creators: three can be paid, one waits for staff, the others see what is missing."""

import pytest
from django.utils import timezone

from accounts.models import IdentityCheck, User
from config import demo, demo_creators
from payouts import eligibility, risk
from payouts.models import Destination, TaxProfile
from tests import factories


@pytest.fixture
def cast(db: None) -> dict[str, User]:
    people = [one.person for one in demo.CREATORS]
    return {
        one.handle: factories.make_creator(
            one.handle, display_name=one.name, country=one.country, birth_date=demo.BORN
        )
        for one in people
    }


def test_three_can_be_paid_and_one_waits_for_staff(cast: dict[str, User]) -> None:
    at = timezone.now()
    for _ in range(2):  # begun again it is no change
        for creator in cast.values():
            demo_creators.make_payable(creator, totp_secret="", at=at)
        demo_creators.send_papers(at=at)

    gate = eligibility.gate(creator_ids=[creator.pk for creator in cast.values()], at=at)
    eligible = {handle for handle, one in cast.items() if risk.is_eligible(gate[one.pk])}

    assert eligible == {"mara", "jonah", "otis"}
    assert (TaxProfile.objects.count(), Destination.objects.count()) == (3, 3)
    waiting = IdentityCheck.objects.get(state="submitted")
    assert (waiting.person.handle, waiting.papers.count()) == ("wren", 2)
