"""The demo's people: who there is, what they have, and the secrets they sign in with.

Promises: everything is made once and left as it is afterwards, whoever changed it; passwords,
second factors and keys are random, kept in one file that only its owner may read, and written there
before they are used, so a demo that was killed half-way goes on with the same ones. The people are
invented.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Client
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts import consents, creators, services
from accounts.models import Consent, Scope, Terms, User
from config import demo_creators
from config.supervisor import write_private
from gifts import memberships, rooms
from gifts.models import MembershipOffer, Room, Video

BORN: Final = date(1994, 3, 9)
DAILY_CAP_COINS: Final = 5_000
CONSENT_DAYS: Final = 180


class NoDemoHere(Exception):
    """There is no demo in the data directory."""


class NotADemo(Exception):
    """The data directory holds a site with people of its own."""


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person. ``role`` is a group of staff, or administrator."""

    handle: str
    name: str
    country: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Creator:
    """One invented creator, what they are about, their live, and their videos."""

    person: Person
    about: str
    live: str
    videos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to sign in as one of them. ``totp_secret`` is empty where there is no second factor."""

    handle: str
    email: str
    name: str
    what: str
    password: str
    totp_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """All that the demo keeps to itself."""

    people: dict[str, Login]
    service: dict[str, str]
    keys: dict[str, str]


FAN: Final = Person("riley", "Riley Park", "US")
CREATORS: Final = (
    Creator(
        Person("mara", "Mara Quinn", "GB"),
        "Piano after midnight. Requests welcome, rain included.",
        "Late-night piano, requests open",
        ("Rain study no. 3", "How I learned to improvise"),
    ),
    Creator(
        Person("jonah", "Jonah Vale", "US"),
        "Sourdough, patience and very sharp knives.",
        "Baking through the night shift",
        ("A loaf in four minutes",),
    ),
    Creator(
        Person("priya", "Priya Lark", "IN"),
        "Watercolours of places I have never been.",
        "Painting a city from your descriptions",
    ),
    Creator(
        Person("caleb", "Caleb Thorn", "US"),
        "Speedruns of games older than me.",
        "One more attempt at the world record",
        ("The jump nobody believed",),
    ),
    Creator(
        Person("wren", "Wren Holloway", "IE"),
        "Birdsong, field notes and slow walks.",
        "Dawn chorus, live from the hedge",
    ),
    Creator(
        Person("otis", "Otis Bramley", "DE"),
        "Modular synthesizers and far too many cables.",
        "Patch from scratch, no presets",
    ),
)
STAFF: Final = (
    Person("alex", "Alex Thorne", "DE", "administrator"),
    Person("sasha", "Sasha Bell", "DE", "support"),
    Person("felix", "Felix Marsh", "DE", "finance"),
    Person("faye", "Faye Carver", "DE", "finance"),
    Person("robin", "Robin Ashdown", "DE", "risk"),
    Person("paige", "Paige Holt", "DE", "pricing"),
    Person("casey", "Casey Loom", "DE", "catalogue"),
    Person("audrey", "Audrey Finch", "DE", "auditor"),
)
# Who the simulated audience is: nobody signs in as them.
CROWD_NAMES: Final = (
    "Ada", "Bea", "Cleo", "Dara", "Eli", "Fern", "Gus", "Hana", "Ivo", "June",
    "Kit", "Lena", "Milo", "Nell", "Oona", "Pax", "Quill", "Rosa", "Sol", "Tess",
    "Uma", "Vic", "Willa", "Xan", "Yara", "Zeke", "Arlo", "Bryn", "Cass", "Dov",
)  # fmt: skip
CROWD_COUNTRIES: Final = ("US", "GB", "DE", "FR", "BR", "MX", "IE", "JP")
CROWD: Final = tuple(
    Person(f"{name.lower()}_watches", name, CROWD_COUNTRIES[place % len(CROWD_COUNTRIES)])
    for place, name in enumerate(CROWD_NAMES)
)
SERVICE_ID: Final = "demo-tip-bot"
SERVICE_SCOPES: Final = (
    "catalogue:read", "prices:read", "balance:read", "gifts:send", "rooms:read", "earnings:read",
    "ledger:read", "limits:read", "refunds:ask", "gift-cards:redeem", "reviews:read",
    "reviews:appeal", "rooms:manage", "payouts:choose",
)  # fmt: skip


def secrets_path(data: Path) -> Path:
    """Return where the demo's secrets are kept."""
    return data / "demo.json"


def is_demo(data: Path) -> bool:
    """Whether the data directory is a demo's."""
    return secrets_path(data).exists()


def read_secrets(data: Path) -> Secrets:
    """Read what was kept. Raises NoDemoHere."""
    try:
        kept: dict[str, Any] = json.loads(secrets_path(data).read_text())
    except FileNotFoundError:
        raise NoDemoHere(f"There is no demo in {data}. Run `manage.py demo` first.") from None
    people = {handle: Login(**login) for handle, login in kept["people"].items()}
    return Secrets(people=people, service=kept["service"], keys=kept["keys"])


def keep_secrets(data: Path) -> Secrets:
    """Return the demo's secrets, making those that are missing.

    Raises NotADemo where there are none and the site has people.
    """
    if is_demo(data):
        kept = read_secrets(data)
    elif _has_people():
        raise NotADemo(
            f"{data} holds a site with people of its own, and the demo would add others whose "
            "passwords are printed. Name another directory in CARAT_DATA_DIR."
        )
    else:
        kept = Secrets(people={}, service={}, keys={})
    people = [(FAN, "fan"), (CREATORS[0].person, "creator"), *((one, one.role) for one in STAFF)]
    whole = Secrets(
        people={
            one.handle: _with_second_factor(kept.people.get(one.handle) or _login(one, what))
            for one, what in people
        },
        service={"id": SERVICE_ID, "secret": secrets.token_urlsafe(32)} | kept.service,
        keys={
            "STRIPE_API_KEY": f"sk_test_{secrets.token_hex(16)}",
            "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
            "STANDIN_BANK_KEY": f"bank_{secrets.token_hex(16)}",
            "STANDIN_IDENTITY_KEY": f"identity_{secrets.token_hex(16)}",
        }
        | kept.keys,
    )
    if whole != kept:
        write_private(secrets_path(data), json.dumps(asdict(whole), indent=2) + "\n")
    return whole


def code(login: Login, *, at: datetime) -> str:
    """Return the six digits that the person's second factor shows now."""
    counter = int(at.timestamp()) // 30  # RFC 6238, section 4: steps of 30 seconds
    return str(totp.format_hotp_value(totp.hotp_value(login.totp_secret, counter)))


def populate(kept: Secrets, *, at: datetime) -> None:
    """Make what the first page shows and its fan, where missing. Runs outside a transaction."""
    fan = _person(FAN, login=kept.people[FAN.handle], at=at)
    users = [_creator(one, login=kept.people.get(one.person.handle), at=at) for one in CREATORS]
    creators.follow(fan_id=fan.pk, creator_id=users[0].pk)
    for user in users:
        login = kept.people.get(user.handle)
        demo_creators.make_payable(user, totp_secret=login.totp_secret if login else "", at=at)


def employ(kept: Secrets, *, at: datetime) -> None:
    """Make the staff and the service, where missing. Each password takes its time to hash."""
    for member in STAFF:
        _staff(member, login=kept.people[member.handle], at=at)
    _service(kept.service, fan=User.objects.get(handle=FAN.handle), at=at)
    demo_creators.send_papers(at=at)


def gather_crowd(*, at: datetime) -> Iterator[User]:
    """Yield the audience's people one by one, making those that are missing."""
    handles = [one.person.handle for one in CREATORS]
    stars = list(User.objects.filter(handle__in=handles).order_by("pk"))
    for place, person in enumerate(CROWD):
        user = _person(person, login=None, at=at)
        for number, star in enumerate(stars):
            if place % (number + 1) == 0:
                creators.follow(fan_id=user.pk, creator_id=star.pk)
        yield user


def _has_people() -> bool:
    return "accounts_user" in connection.introspection.table_names() and User.objects.exists()


def _login(person: Person, what: str) -> Login:
    return Login(
        handle=person.handle,
        email=_email(person),
        name=person.name,
        what=what,
        password=secrets.token_urlsafe(12),
        totp_secret=totp.generate_totp_secret() if person.role or what == "creator" else "",
    )


def _with_second_factor(login: Login) -> Login:
    """Give a creator a second factor, who in an older demo had none: nobody is paid without."""
    if login.what != "creator" or login.totp_secret:
        return login
    return replace(login, totp_secret=totp.generate_totp_secret())


def _email(person: Person) -> str:
    return f"{person.handle}@demo.example"


def _person(person: Person, *, login: Login | None, at: datetime) -> User:
    """Somebody who has joined with a verified address and accepted the terms."""
    user = User.objects.filter(handle=person.handle).first()
    if user is None:
        user = User(email=_email(person))
        if login is None:
            user.set_unusable_password()
        else:
            user.set_password(login.password)
        user = services.join(
            user=user,
            handle=person.handle,
            display_name=person.name,
            country=person.country,
            birth_date=BORN,
            language="en",
            time_zone="UTC",
            terms_id=Terms.objects.order_by("-effective_at").values_list("pk", flat=True).first(),
            at=at,
        )
    EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    return user


def _staff(person: Person, *, login: Login, at: datetime) -> User:
    user = _person(person, login=login, at=at)
    if not user.is_staff:
        with transaction.atomic():
            user.is_staff = True
            user.is_superuser = person.role == "administrator"
            user.save(update_fields=["is_staff", "is_superuser"])
            user.groups.set(Group.objects.filter(name=person.role))
            Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
            totp.TOTP.activate(user, login.totp_secret)
    return user


def _creator(creator: Creator, *, login: Login | None, at: datetime) -> User:
    """A creator who is live, and has posted videos once."""
    user = _person(creator.person, login=login, at=at)
    if not user.is_creator:
        creators.open_creator(user_id=user.pk, about=creator.about, at=at)
    if not Room.objects.filter(creator=user, state=Room.State.LIVE).exists():
        number = Room.objects.filter(creator=user).count()
        rooms.start_room(
            room_id=uuid5(NAMESPACE_URL, f"carat:demo:{user.handle}:room:{number}"),
            creator_id=user.pk,
            title=creator.live,
            at=at,
        )
    if not MembershipOffer.objects.filter(creator=user).exists():
        memberships.set_offer(
            creator_id=user.pk,
            is_on=True,
            price_coins=MembershipOffer.PRICES[1],
            words="Rooms and videos for members, and a say in what comes next.",
            at=at,
        )
    if not Video.objects.filter(creator=user).exists():
        for title in creator.videos:
            rooms.post_video(
                video_id=uuid5(NAMESPACE_URL, f"carat:demo:{user.handle}:video:{title}"),
                creator_id=user.pk,
                title=title,
                at=at,
            )
    return user


def _service(kept: Mapping[str, str], *, fan: User, at: datetime) -> None:
    """A service that may send the fan's coins, with the fan's consent."""
    if not Client.objects.filter(pk=kept["id"]).exists():
        service = Client(
            id=kept["id"],
            name="Demo Tip Bot",
            type=Client.Type.CONFIDENTIAL,
            grant_types=Client.GrantType.CLIENT_CREDENTIALS,
        )
        service.set_secret(kept["secret"])
        service.set_scopes(list(SERVICE_SCOPES))
        service.save()
    for scope in (Scope.GIFTS_SEND, Scope.BALANCE_READ):
        if not Consent.objects.filter(fan=fan, client_id=kept["id"], scope=scope).exists():
            consents.give(
                fan_id=fan.pk,
                client_id=kept["id"],
                scope=scope,
                daily_cap_coins=DAILY_CAP_COINS,
                until=at + timedelta(days=CONSENT_DAYS),
                at=at,
            )
