"""What the tests of gifts share: places, gifts by their slug, and a count of all that may move."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import OutboxEvent, User
from gifts import services
from gifts.models import GiftVersion, Room, Sending, Video
from gifts.services import Sent
from wallet import ledger, queries


def version(slug: str) -> GiftVersion:
    """The version that is in force now."""
    return GiftVersion.objects.filter(gift__slug=slug, valid_from__lte=timezone.now()).latest(
        "valid_from"
    )


def make_room(creator: User, **fields: Any) -> Room:
    values: dict[str, Any] = {"id": ledger.new_operation_id(), "title": "Nocturnes at ten"}
    return Room.objects.create(creator=creator, **(values | fields))


def make_video(creator: User, **fields: Any) -> Video:
    values: dict[str, Any] = {"id": ledger.new_operation_id(), "title": "How I practise"}
    return Video.objects.create(creator=creator, **(values | fields))


def send(
    sender: User,
    place: Room | Video,
    slug: str = "heart",
    *,
    quantity: int = 1,
    operation_id: UUID | None = None,
    gift_version_id: int | None = None,
    streak_id: UUID | None = None,
    client_id: str = "",
    at: datetime | None = None,
) -> Sent:
    is_room = isinstance(place, Room)
    return services.send_gift(
        operation_id=operation_id or ledger.new_operation_id(),
        sender_id=sender.pk,
        gift_version_id=gift_version_id or version(slug).pk,
        quantity=quantity,
        room_id=place.pk if is_room else None,
        video_id=None if is_room else place.pk,
        streak_id=streak_id,
        client_id=client_id,
        at=at or timezone.now(),
    )


@dataclass(frozen=True)
class Moved:
    """Everything a gift may write."""

    operations: int
    transfers: int
    sendings: int
    events: int


def written() -> Moved:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM ledger.operation), (SELECT count(*) FROM ledger.transfer)"
        )
        operations, transfers = cursor.fetchone()
    return Moved(operations, transfers, Sending.objects.count(), OutboxEvent.objects.count())


def pending_milli(creator: User) -> int:
    """The creator's pending diamonds, in thousandths."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(t.credits - t.debits), 0) FROM ledger.account a,"
            " LATERAL ledger.turnover(a.id) t WHERE a.owner_id = %s AND a.code = 210",
            [creator.pk],
        )
        return int(cursor.fetchone()[0])


def coins(user: User) -> int:
    return queries.coins(user_id=user.pk)
