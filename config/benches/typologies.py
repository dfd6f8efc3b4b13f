"""Twelve ways to launder money by gifts, planted into a crowd.

They are those that fraud in live streams is known for. Who plants them knows what is published, as
the amounts from which purchases are looked at, and knows neither the rules on earnings nor their
thresholds. Carat has no bonus coins to farm: what is farmed here are gift cards, many small ones
redeemed by accounts that exist for nothing else. Each pattern draws its sums and numbers from the
seed, and each creator in it has some honest fans, too.
"""

from collections.abc import Callable, Sequence
from typing import Final

from config.benches.crowds import CHEAP, DAY, PACKS, Person, World
from wallet import rules
from wallet.models import HoldClass

MINUTE: Final = DAY / 1440


def plant(world: World) -> None:
    """Plant each pattern once, and let honest fans come by."""
    passers_by = [one for one in world.people.values() if one.loves and not one.is_creator]
    for pattern, planter in PATTERNS.items():
        creators = planter(world)
        world.planted[pattern] = [creator.id for creator in creators]
        for creator in creators:
            _decoys(world, creator, passers_by)


def _creator(world: World, *, days_ago: float = 0) -> Person:
    draw = world.random
    creator = world.join(
        days_ago=days_ago or draw.uniform(40, 400), is_creator=True, is_honest=False
    )
    world.equip(creator)
    return creator


def _account(world: World, *, days_ago: float, equipped: bool = True) -> Person:
    person = world.join(days_ago=days_ago, is_honest=False)
    if equipped:
        world.equip(person)
    return person


def _decoys(world: World, creator: Person, passers_by: Sequence[Person]) -> None:
    """Some honest fans give a little, and some dozens follow."""
    draw = world.random
    for fan in draw.sample(passers_by, draw.randint(3, 12)):
        coins = max(1, round(min(fan.taste, 200) * draw.uniform(0.5, 2)))
        at = world.moment(days_ago=draw.uniform(0, min(25, (world.now - fan.joined_at) / DAY)))
        if world.random.random() < 0.5:
            world.follows.add((fan.id, creator.id))
        world.buy(fan, next(size for size in PACKS if size >= coins), at)
        world.give(fan, creator.id, coins, at)


def _spread(world: World, person: Person, creator: Person, coins: int, *, days: float) -> None:
    """Buy and give so many coins in parts, over days up to now."""
    draw = world.random
    left = coins
    while left > 0:
        part = min(left, round(coins * draw.uniform(0.05, 0.3)) + 1)
        at = world.moment(days_ago=draw.uniform(0, days))
        world.buy(person, part, at)
        world.give(person, creator.id, part, at + draw.uniform(1, 50) * MINUTE)
        left -= part


def self_gift(world: World) -> list[Person]:
    """A second account of the creator's: from their phone, by their card, or from their home."""
    creator, draw = _creator(world), world.random
    other = _account(world, days_ago=draw.uniform(15, 90), equipped=False)
    kind, value = draw.choice(
        (("device", "device"), ("instrument", "card"), ("network", "network"))
    )
    for own_kind, own in (("device", "device"), ("instrument", "card"), ("network", "network")):
        whose = creator if own_kind == kind else other
        world.use(other, own_kind, f"{own if own_kind != kind else value} {whose.id}")
    _spread(world, other, creator, draw.randint(15_000, 80_000), days=14)
    return [creator]


def _ring(world: World, size: int) -> list[Person]:
    draw = world.random
    members = [_creator(world) for _ in range(size)]
    for number, member in enumerate(members):
        after = members[(number + 1) % size]
        _spread(world, member, after, draw.randint(8_000, 30_000), days=20)
    return members


def ring_of_three(world: World) -> list[Person]:
    """Three creators send what they are given on to the next."""
    return _ring(world, 3)


def ring_of_eight(world: World) -> list[Person]:
    """Eight of them, who also give others, and whom others give as much again in part."""
    draw = world.random
    outside = [one for one in world.people.values() if one.is_creator and one.is_honest]
    fans = [one for one in world.people.values() if one.is_honest and not one.is_creator]
    members = _ring(world, 8)
    for member in members:
        for other in draw.sample(outside, 12):
            coins = draw.randint(20, 400)
            at = world.moment(days_ago=draw.uniform(0, 20))
            world.buy(member, coins, at)
            world.give(member, other.id, coins, at)
        for fan in draw.sample(fans, 8):
            coins = draw.randint(100, 1_500)
            at = world.moment(days_ago=draw.uniform(0, min(20, (world.now - fan.joined_at) / DAY)))
            world.buy(fan, coins, at)
            world.give(fan, member.id, coins, at)
    return members


def stolen_cards(world: World) -> list[Person]:
    """New accounts with stolen cards spend all they buy within minutes, in two days."""
    creator, draw = _creator(world), world.random
    begins = draw.uniform(3, 20)
    for _ in range(draw.randint(12, 30)):
        days_ago = begins - draw.uniform(0, 2)
        thief = _account(world, days_ago=days_ago)
        coins = draw.choice(PACKS[4:])
        at = world.moment(days_ago=days_ago) + draw.uniform(5, 60) * MINUTE
        world.buy(thief, coins, at)
        world.give(thief, creator.id, coins, at + draw.uniform(1, 30) * MINUTE)
    return [creator]


def below_limits(world: World) -> list[Person]:
    """Day by day just below the amount at which a purchase is looked at."""
    creator, draw = _creator(world), world.random
    day_cents = sorted(day for day, _ in rules.SPEND_ABS.values())
    for _ in range(draw.randint(2, 4)):
        payer = _account(world, days_ago=draw.uniform(35, 200))
        limit = draw.choice(day_cents[:2])
        for day in draw.sample(range(25), draw.randint(7, 14)):
            cents = limit * draw.uniform(0.88, 0.99)
            at = world.now.replace(hour=3) - (day + 1) * DAY + draw.uniform(0, 600) * MINUTE
            coins = int(cents / 106 * 100)  # at the price of a coin in the US
            world.buy(payer, coins, at, region="US")
            world.give(payer, creator.id, coins, at + draw.uniform(5, 300) * MINUTE)
    return [creator]


def refund_then_gift(world: World) -> list[Person]:
    """What was bought twice is given once and asked back once, again and again."""
    creator, draw = _creator(world), world.random
    for _ in range(draw.randint(3, 6)):
        payer = _account(world, days_ago=draw.uniform(20, 200))
        for _ in range(draw.randint(2, 4)):
            coins, at = draw.choice(PACKS[3:6]), world.moment(days_ago=draw.uniform(1, 18))
            world.buy(payer, coins, at)
            world.give(payer, creator.id, coins, at + 20 * MINUTE)
            world.returned.append(world.buy(payer, coins, at + 60 * MINUTE))
    return [creator]


def gift_card_farm(world: World) -> list[Person]:
    """Dozens of accounts on a few devices redeem a gift card each, and give it all."""
    creator, draw = _creator(world), world.random
    devices = [f"farm {creator.id} {number}" for number in range(draw.randint(3, 6))]
    for _ in range(draw.randint(30, 60)):
        days_ago = draw.uniform(1, 12)
        account = _account(world, days_ago=days_ago, equipped=False)
        world.use(account, "device", draw.choice(devices))
        world.use(account, "network", f"network {account.id}")
        account.hold_class = HoldClass.GIFT_CARD
        coins, at = draw.choice(PACKS[1:4]), world.moment(days_ago=days_ago) + 30 * MINUTE
        world.buy(account, coins, at)
        world.give(account, creator.id, coins, at + 10 * MINUTE)
    return [creator]


def mule(world: World) -> list[Person]:
    """A creator without an audience is paid by old accounts that have nothing in common."""
    creator, draw = _creator(world, days_ago=world.random.uniform(40, 80)), world.random
    for _ in range(draw.randint(8, 20)):
        payer = _account(world, days_ago=draw.uniform(60, 700))
        _spread(world, payer, creator, draw.randint(12_000, 30_000), days=20)
    return [creator]


def region_hopper(world: World) -> list[Person]:
    """Coins bought wherever they are cheap, given to a creator elsewhere."""
    creator, draw = _creator(world), world.random
    for _ in range(draw.randint(2, 4)):
        payer = _account(world, days_ago=draw.uniform(35, 300))
        for place in [*draw.choices(tuple(CHEAP), k=draw.randint(3, 6)), "IN", "KE"]:
            coins, at = draw.choice(PACKS[4:6]), world.moment(days_ago=draw.uniform(0, 20))
            world.buy(payer, coins, at, region=place)
            world.give(payer, creator.id, coins, at + 40 * MINUTE)
    return [creator]


def minors_card(world: World) -> list[Person]:
    """A child pays with a parent's card, night after night; in half the cases the parent writes."""
    creator, draw = _creator(world), world.random
    parent = _account(world, days_ago=draw.uniform(150, 900))
    child = _account(world, days_ago=draw.uniform(12, 40), equipped=False)
    world.use(child, "device", f"device {child.id}")
    world.use(child, "network", f"network {parent.id}")
    world.use(child, "instrument", f"card {parent.id}")
    _spread(world, child, creator, draw.randint(10_000, 45_000), days=11)
    if draw.random() < 0.5:
        world.claimed.append(child.id)
    return [creator]


def dormant(world: World) -> list[Person]:
    """An old account that earned nothing for months wakes up, given by people it never met."""
    creator, draw = _creator(world, days_ago=world.random.uniform(300, 900)), world.random
    begins = draw.uniform(4, 15)
    for _ in range(draw.randint(15, 40)):
        payer = _account(world, days_ago=draw.uniform(35, 600))
        coins = draw.choice(PACKS[3:6])
        at = world.moment(days_ago=begins - draw.uniform(0, 3))
        world.buy(payer, coins, at)
        world.give(payer, creator.id, coins, at + draw.uniform(60, 2000) * MINUTE)
    return [creator]


def split_accounts(world: World) -> list[Person]:
    """One card, or one phone, behind many accounts that joined over months."""
    creator, draw = _creator(world), world.random
    kind, value = draw.choice((("instrument", "card"), ("device", "device")))
    for _ in range(draw.randint(6, 12)):
        account = _account(world, days_ago=draw.uniform(30, 200), equipped=False)
        for own_kind, own in (("device", "device"), ("instrument", "card"), ("network", "network")):
            whose = f"of {creator.id}'s friend" if own_kind == kind else f"{account.id}"
            world.use(account, own_kind, f"{value if own_kind == kind else own} {whose}")
        _spread(world, account, creator, draw.randint(1_500, 6_000), days=20)
    return [creator]


type Planter = Callable[[World], list[Person]]

PATTERNS: Final[dict[str, Planter]] = {
    "self_gift": self_gift,
    "ring_of_three": ring_of_three,
    "ring_of_eight": ring_of_eight,
    "stolen_cards": stolen_cards,
    "below_limits": below_limits,
    "refund_then_gift": refund_then_gift,
    "gift_card_farm": gift_card_farm,
    "mule": mule,
    "region_hopper": region_hopper,
    "minors_card": minors_card,
    "dormant": dormant,
    "split_accounts": split_accounts,
}
