"""The log of a room: what everyone there sees, in one order.

Promises: an event is numbered once, after its cause has committed, from 1 without a gap; viewers
are shown each number once, in order. PostgreSQL holds the log. Valkey holds a copy of its end for
those who watch, which is made again from PostgreSQL wherever it is missing something. Any number of
relays may run: a room's numbers are given under a lock on its log, and showing is idempotent.

What everyone may see of an event is said in ``SHOWN``, field by field; all else stays behind.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest

from accounts import valkey
from accounts.models import OutboxEvent
from gifts import events
from gifts.models import Room, RoomEvent, RoomLog

KEPT: Final = 2_000  # events of a room in Valkey, for viewers who come back
KEPT_FOR_S: Final = 86_400
PAGE: Final = 500
FORGOTTEN_AFTER: Final = timedelta(days=30)  # after a room's end: names are in its events

# What everyone in the room may see of each event. An event that is not here is not shown.
SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    events.GIFT_SENT: (
        "sending_id", "sender", "sender_handle", "gift", "slug", "category", "animation_ms",
        "quantity", "coins", "streak_id", "streak_quantity", "streak_coins", "level", "club_level",
    ),
    events.STREAK_ENDED: ("streak_id", "sender", "gift", "slug", "quantity", "coins"),
    events.ROOM_ENDED: (),
    events.GIFTS_SWITCHED: ("gifts_on",),
    events.CHAT_SAID: ("message_id", "from", "handle", "words", "level", "club_level"),
    events.CHAT_REMOVED: ("message_id",),
    events.CHAT_SLOWED: ("slow_s",),
    events.CLUB_JOINED: ("entitlement_id", "kind", "from", "handle", "level", "club_level"),
    events.GOAL_CHANGED: ("goal_id", "words", "target_coins"),
    events.GOAL_REACHED: ("goal_id", "words", "target_coins", "coins"),
}  # fmt: skip
# What only some events of a name have.
SHOWN_IF_THERE: Final[Mapping[str, tuple[str, ...]]] = {
    events.GIFT_SENT: ("words", "highlight_s", "is_hidden", "art"),
}

# What counts the events that are numbered, in the same transaction and after the logs are locked:
# it says what everyone may see besides, by the event's id.
type Counter = Callable[[Sequence[OutboxEvent]], Mapping[int, Mapping[str, Any]]]

# Appends what Valkey does not have yet, and nothing after a gap: then it says how far it has come,
# and whoever calls brings what is missing. ARGV: the number before the first one, 1 to bridge a
# gap, how many to keep and for how long, then number and text of each.
SHOW_LUA: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local top = 0
if #last > 0 then top = tonumber(string.match(last[1][1], '^%d+')) end
if top < tonumber(ARGV[1]) and ARGV[2] == '0' then return top end
for place = 5, #ARGV, 2 do
  if tonumber(ARGV[place]) > top then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], ARGV[place] .. '-0', 'e', ARGV[place + 1])
    top = tonumber(ARGV[place])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return top
"""

# One writer a room: the row of its log is locked until the numbers are committed.
NUMBER_SQL: Final = """
INSERT INTO gifts_roomlog AS log (room_id, last_number, shown_number)
SELECT room_id, count, 0 FROM unnest(%s::uuid[], %s::bigint[]) AS more (room_id, count)
 ORDER BY room_id
    ON CONFLICT (room_id) DO UPDATE SET last_number = log.last_number + excluded.last_number
RETURNING room_id, last_number
"""

log = structlog.get_logger(__name__)


def stream_of(room_id: UUID | str) -> str:
    """Name the copy of a room's log in Valkey."""
    return f"carat:room:{room_id}"


def number(happened: Sequence[OutboxEvent], *, counters: Sequence[Counter] = ()) -> int:
    """Give the events of rooms their numbers, in the order given; how many were.

    For the relay, in the transaction that marks them as handed on, so that each is numbered once.
    Locks the logs of their rooms, in order of their ids, until the commit. What counts is called
    with all that happened once they are locked: a room's events are counted in their order.
    """
    assert connection.in_atomic_block, "an event is numbered when it is handed on, or not at all"
    by_room: dict[UUID, list[OutboxEvent]] = {}
    for event in happened:
        if event.name in SHOWN and event.subject.startswith("room:"):
            by_room.setdefault(UUID(event.subject.removeprefix("room:")), []).append(event)
    last = _lock(by_room) if by_room else {}
    told: dict[int, dict[str, Any]] = {}
    for counter in counters:
        for event_id, facts in counter(happened).items():
            told.setdefault(event_id, {}).update(facts)
    made = [
        RoomEvent(
            room_id=room_id,
            number=last[room_id] - len(of_room) + place,
            name=event.name,
            payload=_shown(event) | told.get(event.pk, {}),
            at=event.created_at,
            outbox_id=event.pk,
        )
        for room_id, of_room in by_room.items()
        for place, event in enumerate(of_room, start=1)
    ]
    RoomEvent.objects.bulk_create(made)
    return len(made)


def _lock(by_room: Mapping[UUID, Sequence[OutboxEvent]]) -> dict[UUID, int]:
    """Lock the logs of rooms and take their numbers; the last of each."""
    with connection.cursor() as cursor:
        counts = [len(of_room) for of_room in by_room.values()]
        cursor.execute(NUMBER_SQL, [list(by_room), counts])
        return dict(cursor.fetchall())


def _shown(event: OutboxEvent) -> dict[str, Any]:
    payload = event.payload
    more = {name: payload[name] for name in SHOWN_IF_THERE.get(event.name, ()) if name in payload}
    return {name: payload.get(name) for name in SHOWN[event.name]} | more


def show_all() -> int:
    """Bring every room's copy up to its log; how many rooms were behind.

    A Valkey that is away leaves them behind for the next time.
    """
    behind = RoomLog.objects.filter(last_number__gt=F("shown_number"))
    rooms = list(behind.values_list("room_id", "shown_number"))
    for room_id, shown in rooms:
        try:
            upto = _show(room_id, after=shown)
        except redis.RedisError as error:
            log.warning("room not shown", room_id=str(room_id), error=type(error).__name__)
            break
        RoomLog.objects.filter(pk=room_id).update(shown_number=Greatest(F("shown_number"), upto))
    return len(rooms)


def _show(room_id: UUID, *, after: int) -> int:
    """Append what comes after a number; what Valkey has lost since comes first."""
    upto = _append(room_id, events_after(room_id=room_id, number=after), after=after)
    while upto < after:
        last = RoomLog.objects.values_list("last_number", flat=True).get(pk=room_id)
        missing = max(upto, last - KEPT)
        page = events_after(room_id=room_id, number=missing)
        if not page:
            return after  # forgotten: nobody watches a room that ended long ago
        upto = _append(room_id, page, after=missing, bridge=True)
    return upto


def _append(room_id: UUID, page: Sequence[RoomEvent], *, after: int, bridge: bool = False) -> int:
    texts = [value for event in page for value in (event.number, text_of(event))]
    facts = (after, int(bridge), KEPT, KEPT_FOR_S)
    upto: Any = valkey.client().eval(SHOW_LUA, 1, stream_of(room_id), *facts, *texts)
    return int(upto)


def events_after(*, room_id: UUID, number: int, limit: int = PAGE) -> list[RoomEvent]:
    """Read the log on from a number."""
    rows = RoomEvent.objects.filter(room_id=room_id, number__gt=number).order_by("number")
    return list(rows[:limit])


def last_number(*, room_id: UUID) -> int:
    """How far the room's log has come; 0 before its first event."""
    found = RoomLog.objects.filter(pk=room_id).values_list("last_number", flat=True).first()
    return found or 0


def note_viewers(*, room_id: UUID, count: int) -> None:
    """Keep how many watched at once, when there were never more."""
    RoomLog.objects.bulk_create([RoomLog(room_id=room_id)], ignore_conflicts=True)
    RoomLog.objects.filter(pk=room_id, peak_viewers__lt=count).update(peak_viewers=count)


def facts_of(event: RoomEvent) -> dict[str, Any]:
    """What viewers and services get of an event."""
    facts: dict[str, Any] = {
        "number": event.number,
        "name": event.name,
        "at": event.at.isoformat(),
    }
    return {**facts, **event.payload}


def text_of(event: RoomEvent) -> str:
    """Write the event as viewers get it."""
    return json.dumps(facts_of(event), separators=(",", ":"))


def forget(*, at: datetime) -> int:
    """Delete the events of rooms that ended long ago; how many. The gifts themselves are kept."""
    ended = Room.objects.filter(ended_at__lt=at - FORGOTTEN_AFTER)
    old = RoomEvent.objects.filter(room__in=ended)
    return old._raw_delete(old.db)  # noqa: SLF001 - nothing hangs on them
