"""An honest platform as a plan: who is there, what they share, what they buy and whom they give.

Made from a seed and from guesses about people, each beside its number: nothing here knows the rules
on earnings or their thresholds. ``typologies`` plants its crooks into it, ``laundering`` posts it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from wallet.models import HoldClass

DAY: Final = timedelta(days=1)
DAYS: Final = 60  # over which the gifts are spread, up to now
PACKS: Final = (70, 350, 700, 1400, 3500, 7000, 17500)
# Local prices: minor units of the region's currency for a hundred coins (``config.seed``).
REGIONS: Final = {"DE": ("EUR", 120), "GB": ("GBP", 105), "US": ("USD", 106), "BR": ("BRL", 540)}
CHEAP: Final = {"IN": ("INR", 11286), "KE": ("KES", 14000), "BR": ("BRL", 540)}
PLACES: Final = REGIONS | CHEAP


@dataclass(slots=True)
class Person:
    """Somebody on the platform. ``loves``: whom they give to, the dearest first."""

    id: int
    joined_at: datetime
    is_creator: bool = False
    region: str = "DE"
    opened_at: datetime | None = None
    is_honest: bool = True
    balance: int = 0
    hold_class: int = HoldClass.CARD
    loves: list[int] = field(default_factory=list)
    taste: float = 20.0  # coins of their usual gift


@dataclass(frozen=True, slots=True)
class Bought:
    buyer_id: int
    coins: int
    at: datetime
    region: str
    hold_class: int


@dataclass(frozen=True, slots=True)
class Given:
    sender_id: int
    creator_id: int
    coins: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Print:
    user_id: int
    kind: str
    value: str
    first_seen_at: datetime


@dataclass(slots=True)
class World:
    """All that is posted. ``planted``: the creators of each pattern, by its name."""

    random: Random
    now: datetime
    first_id: int
    people: dict[int, Person] = field(default_factory=dict)
    prints: list[Print] = field(default_factory=list)
    follows: set[tuple[int, int]] = field(default_factory=set)
    bought: list[Bought] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    lives: list[tuple[int, int, datetime]] = field(default_factory=list)
    returned: list[Bought] = field(default_factory=list)  # purchases that were asked back
    claimed: list[int] = field(default_factory=list)  # of whom somebody says they are minors
    same_account: list[tuple[int, int]] = field(default_factory=list)
    planted: dict[str, list[int]] = field(default_factory=dict)

    def join(self, *, days_ago: float, is_creator: bool = False, is_honest: bool = True) -> Person:
        person = Person(
            id=self.first_id + len(self.people),
            joined_at=self.now - days_ago * DAY,
            is_creator=is_creator,
            is_honest=is_honest,
        )
        if is_creator:
            person.opened_at = person.joined_at + min(days_ago / 2, 5) * DAY
        self.people[person.id] = person
        return person

    def use(self, person: Person, kind: str, value: str, *, since: datetime | None = None) -> None:
        self.prints.append(Print(person.id, kind, value, since or person.joined_at))

    def equip(self, person: Person, *, network: str = "") -> None:
        """A device, a card and a network that are the person's own."""
        self.use(person, "device", f"device {person.id}")
        self.use(person, "instrument", f"card {person.id}")
        self.use(person, "network", network or f"network {person.id}")

    def buy(
        self, person: Person, coins: int, at: datetime, *, region: str = "", hold_class: int = 0
    ) -> Bought:
        bought = Bought(
            person.id, coins, at, region or person.region, hold_class or person.hold_class
        )
        self.bought.append(bought)
        person.balance += coins
        return bought

    def give(self, person: Person, creator_id: int, coins: int, at: datetime) -> None:
        """Give coins that are there."""
        assert person.balance >= coins, "what is given was bought before"
        person.balance -= coins
        self.given.append(Given(person.id, creator_id, coins, at))

    def moment(self, *, days_ago: float) -> datetime:
        return self.now - days_ago * DAY


def honest(seed: int, *, gifts: int, now: datetime, first_id: int) -> World:
    """So many gifts by a tenth as many fans to a hundredth as many creators."""
    world = World(Random(seed), now, first_id)  # noqa: S311 - a plan, not a secret
    creators = [_creator(world) for _ in range(max(40, gifts // 100))]
    fans = [_fan(world) for _ in range(max(300, gifts // 10))]
    _share(world, fans, creators)
    _choose(world, fans, creators)
    _befriend(world, creators)
    _live(world, creators)
    _spend(world, [*fans, *creators], gifts)
    _ask_back(world, fans)
    world.claimed = [fan.id for fan in world.random.sample(fans, max(1, len(fans) // 1000))]
    return world


def _creator(world: World) -> Person:
    """Most have been here for months, some came lately; one in four hides where they are."""
    draw = world.random
    person = world.join(days_ago=draw.choice((*range(20, 60), *range(60, 1200, 20))),
                        is_creator=True)  # fmt: skip
    person.region = draw.choice(tuple(REGIONS))
    world.equip(person)
    return person


def _fan(world: World) -> Person:
    """One in six joined in the last month. How much a gift costs them differs by a hundred."""
    draw = world.random
    person = world.join(
        days_ago=draw.uniform(0.5, 30) if draw.random() < 0.16 else draw.uniform(30, 1500)
    )
    person.region = draw.choices(tuple(REGIONS), (5, 3, 4, 2))[0]
    person.taste = math.exp(draw.gauss(math.log(20), 1.2))
    if draw.random() < 0.01:
        person.taste *= 25  # a whale
    roll = draw.random()
    person.hold_class = (
        HoldClass.GIFT_CARD if roll < 0.04 else HoldClass.WALLET if roll < 0.3 else HoldClass.CARD
    )
    return person


def _share(world: World, fans: Sequence[Person], creators: Sequence[Person]) -> None:
    """Homes of two to five, some with one tablet or one card; campuses and phone companies."""
    draw = world.random
    waiting = list(fans)
    draw.shuffle(waiting)
    hosts = [f"campus {number}" for number in range(max(2, len(fans) // 700))]
    home = 0
    while waiting:
        roll = draw.random()
        if roll < 0.2:
            world.equip(waiting.pop(), network=draw.choice(hosts))
        elif roll < 0.34:
            home += 1
            members = [waiting.pop() for _ in range(min(draw.randint(2, 5), len(waiting)))]
            _home(world, members, f"home {home}")
        else:
            world.equip(waiting.pop())
    for creator in draw.sample(creators, max(1, len(creators) // 12)):
        partner = draw.choice(fans)  # somebody who lives with them, and may be a fan
        world.use(partner, "network", f"network {creator.id}")
        partner.loves.insert(draw.randint(0, min(2, len(partner.loves))), creator.id)


def _home(world: World, members: Sequence[Person], name: str) -> None:
    draw = world.random
    shares_device, shares_card = draw.random() < 0.2, draw.random() < 0.25
    for member in members:
        own = f"{member.id}"
        world.use(member, "network", name)
        world.use(member, "device", f"device {name}" if shares_device else f"device {own}")
        world.use(member, "instrument", f"card {name}" if shares_card else f"card {own}")


def _choose(world: World, fans: Sequence[Person], creators: Sequence[Person]) -> None:
    """Few creators have most fans (as Zipf's law has it); one fan in eight has only one love."""
    draw = world.random
    weights = [1 / (place + 3) for place in range(len(creators))]
    ids = [creator.id for creator in creators]
    for fan in fans:
        count = 1 if draw.random() < 0.125 else draw.randint(2, 8)
        loved = dict.fromkeys([*fan.loves, *draw.choices(ids, weights, k=count)])
        if draw.random() < 0.1:  # a small creator whom few know
            loved[draw.choice(ids)] = None
        fan.loves = list(loved)
        for creator_id in fan.loves:
            if draw.random() < 0.8:
                world.follows.add((fan.id, creator_id))


def _befriend(world: World, creators: Sequence[Person]) -> None:
    """A third of the creators are fans of two or three others, and some of them return it."""
    draw = world.random
    for creator in draw.sample(creators, len(creators) // 3):
        others = [one for one in draw.sample(creators, 3) if one is not creator]
        creator.loves = [one.id for one in others]
        creator.taste = math.exp(draw.gauss(math.log(15), 1.0))
        if draw.random() < 0.4:
            others[0].loves = [creator.id, *others[0].loves]
        world.follows.update((creator.id, one.id) for one in others)


def _live(world: World, creators: Sequence[Person]) -> None:
    """Whoever is better known has more viewers; the platform's followers are more than its fans."""
    draw = world.random
    for place, creator in enumerate(creators):
        known = len(creators) / (place + 3)
        for _ in range(draw.randint(1, 6)):
            viewers = max(1, round(known * draw.uniform(3, 15)))
            world.lives.append((creator.id, viewers, world.moment(days_ago=draw.uniform(0, 30))))
    # People who only watch follow too, more of them than those who give.
    watchers = [world.join(days_ago=draw.uniform(30, 1500)) for _ in range(max(150, len(creators)))]
    for place, creator in enumerate(creators):
        count = min(len(watchers), round(12 * len(creators) / (place + 3)) + draw.randint(5, 90))
        world.follows.update((one.id, creator.id) for one in draw.sample(watchers, count))


def _spend(world: World, people: Sequence[Person], gifts: int) -> None:
    """Gifts over two months, by who is active; coins are bought in packs when they run out."""
    draw = world.random
    givers = [person for person in people if person.loves]
    # Most give now and then and some every day, but nobody the whole day long.
    activity = [min(draw.paretovariate(1.2), 60) for _ in givers]
    times = sorted(world.now - draw.random() * DAYS * DAY for _ in range(gifts))
    for at, person in zip(times, draw.choices(givers, activity, k=gifts), strict=True):
        when = max(at, person.joined_at + draw.random() * (world.now - person.joined_at) * 0.5)
        dear = draw.choices(person.loves, [1 / (n + 1) for n in range(len(person.loves))])[0]
        coins = max(1, round(person.taste * math.exp(draw.gauss(0, 0.8))))
        is_new = world.now - person.joined_at < 30 * DAY
        if is_new and draw.random() < 0.004:
            coins = draw.choice((5_000, 10_000, 20_000, 30_000))  # one big gift, now and then
        _pay(world, person, coins, when)
        world.give(person, dear, coins, when)


def _pay(world: World, person: Person, coins: int, at: datetime) -> None:
    draw = world.random
    while person.balance < coins:
        pack = next((size for size in PACKS if size >= coins - person.balance), PACKS[-1])
        pack = max(pack, draw.choice(PACKS[:3]))
        away = draw.random() < 0.004  # on a journey, with the prices of another place
        region = draw.choice(tuple(REGIONS)) if away else person.region
        world.buy(person, pack, at - draw.random() ** 4 * DAY / 2, region=region)


def _ask_back(world: World, fans: Sequence[Person]) -> None:
    """One fan in a hundred asks a payment back, one in a thousand again and again."""
    draw = world.random
    for number, fan in enumerate(draw.sample(fans, max(2, len(fans) // 100))):
        for _ in range(3 if number % 10 == 0 else 1):
            at = world.moment(days_ago=draw.uniform(1, 29))
            if at > fan.joined_at:
                world.returned.append(world.buy(fan, draw.choice(PACKS[:4]), at))
