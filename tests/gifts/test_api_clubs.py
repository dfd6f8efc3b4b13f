"""What services ask about clubs: may this fan watch, and what do fans have with creators."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from gifts import memberships
from tests.factories import make_creator
from tests.gifts.test_memberships import buy, offer
from tests.gifts.test_ranks import fan
from tests.gifts.world import make_room, make_video, send
