"""Pages that show several apps at once: home, discover, a creator's page, help, the demo's mail."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import queries as people
from accounts import views as people_views
from accounts.models import Standing, User
from gifts import coming, crowd
from gifts.models import Room, Video
from wallet import pricebook

ROOMS_MAX: Final = 24
VIDEOS_MAX: Final = 12
CREATORS_MAX: Final = 12
MAILS_MAX: Final = 50


def home(request: HttpRequest) -> HttpResponse:
    """Who is live, whom the person follows, and the latest videos."""
    followed: list[Any] = []
    if request.user.is_authenticated:
        followed = list(people.followed(fan_id=request.user.pk, limit=CREATORS_MAX))
    rooms = list(_live_rooms()[:ROOMS_MAX])
    live_ids = {room.creator_id for room in rooms}
    context = {
        "rooms": rooms,
        "coming": coming.coming_from(
            creator_ids=[creator.pk for creator in followed],
            viewer=_viewer(request),
            at=timezone.now(),
        )
        if followed
        else [],
        "followed": [(creator, creator.pk in live_ids) for creator in followed],
        "videos": list(_videos()[:VIDEOS_MAX]),
        "creators": [] if followed else list(people.creators(limit=CREATORS_MAX)),
    }
    return render(request, "home.html", context)


def discover(request: HttpRequest) -> HttpResponse:
    """Everything public, or what contains the words searched for."""
    words = request.GET.get("q", "").strip()[:80]
    rooms, videos = _live_rooms(), _videos()
    if words:
        named = Q(title__icontains=words) | _by_creator(words)
        rooms, videos = rooms.filter(named), videos.filter(named)
    context = {
        "words": words,
        "coming": [] if words else coming.coming_up(viewer=_viewer(request), at=timezone.now()),
        "rooms": list(rooms[:ROOMS_MAX]),
        "creators": list(people.creators(words=words, limit=CREATORS_MAX)),
        "videos": list(videos[: 2 * VIDEOS_MAX]),
    }
    return render(request, "discover.html", context)


def creator(request: HttpRequest, handle: str) -> HttpResponse:
    """A creator's public page."""
    person = people.creator(handle=handle)
    if person is None:
        raise Http404
    if person.handle != handle:
        return redirect("accounts:creator", person.handle, permanent=True)
    context = people_views.follow_context(request, person) | {
        "room": _live_rooms().filter(creator=person).first(),
        "videos": list(_videos().filter(creator=person)[: 2 * VIDEOS_MAX]),
        "week": crowd.ranks_of_week(creator_id=person.pk, at=timezone.now()),
        "gallery": crowd.gallery(creator_id=person.pk),
        "coming": coming.planned_by(
            creator_id=person.pk, viewer=_viewer(request), at=timezone.now()
        ),
    }
    return render(request, "accounts/creator.html", context)


def help_page(request: HttpRequest) -> HttpResponse:
    """Answer what people ask first, with the facts of every country where coins are sold."""
    places = [
        {
            "region": region,
            "tax_percent": f"{region.tax_bps / 100:g}",
            "methods": [method.name for method in region.methods.all()],
        }
        for region in pricebook.open_regions()
    ]
    context = {
        "places": places,
        "confirm_coins": settings.GIFT_CONFIRM_COINS,
        "identity_paper_days": settings.IDENTITY_PAPER_DAYS,
        **_how_creators_are_paid(),
    }
    return render(request, "help.html", context)


def _how_creators_are_paid() -> dict[str, Any]:
    """The operator's terms, in dollars where they are: each creator sees them in their own."""
    return {
        "settles_every": settings.SETTLEMENT_INTERVAL_S // 60,
        "settles_monthly": settings.SETTLEMENT_CALENDAR == "monthly",
        "destination_days": settings.DESTINATION_HOLD_DAYS,
        "payout_minimum": (settings.PAYOUT_MINIMUM_USD_CENTS, "USD"),
        "payout_day": (settings.PAYOUT_DAY_MAX_USD_CENTS, "USD"),
        "payout_week": (settings.PAYOUT_WEEK_MAX_USD_CENTS, "USD"),
        "payout_second": (settings.PAYOUT_SECOND_PERSON_USD_CENTS, "USD"),
        "debt_share_percent": settings.DEBT_SHARE_BPS // 100,
    }


def _viewer(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None


def _live_rooms() -> QuerySet[Room]:
    return (
        Room.objects.filter(state=Room.State.LIVE)
        .exclude(creator__standing=Standing.SUSPENDED)
        .select_related("creator")
        .order_by("-started_at", "pk")
    )


def _videos() -> QuerySet[Video]:
    return (
        Video.objects.filter(is_public=True)
        .exclude(creator__standing=Standing.SUSPENDED)
        .select_related("creator")
        .order_by("-posted_at", "pk")
    )


def _by_creator(words: str) -> Q:
    handle = words.removeprefix("@")
    return Q(creator__handle__icontains=handle) | Q(creator__display_name__icontains=words)


# The demo's mail


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    recipients: str
    sent_at: datetime
    text: str


def demo_mail(request: HttpRequest) -> HttpResponse:
    """The emails the demo would have sent, newest first. There is no such page but in the demo."""
    if not settings.DEMO:
        raise Http404
    wanted = request.GET.get("to", "").strip().lower()
    mails = [mail for mail in _mails() if wanted in mail.recipients.lower()]
    return render(request, "demo/mail.html", {"mails": mails[:MAILS_MAX], "to": wanted})


def _mails() -> list[Mail]:
    """Every mail of the newest files. A file holds the messages of one connection."""
    folder = Path(settings.CARAT_DATA_DIR) / "mail"
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return [mail for file in files[:MAILS_MAX] for mail in reversed(_read(file))]


def _read(file: Path) -> list[Mail]:
    parser = BytesParser(_class=EmailMessage, policy=policy.default)
    parts = file.read_bytes().split(b"\n" + b"-" * 79 + b"\n")
    messages = [parser.parsebytes(part.lstrip()) for part in parts if part.strip()]
    at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return [_mail(message, at) for message in messages]


def _mail(message: EmailMessage, at: datetime) -> Mail:
    body = message.get_body(preferencelist=("plain",))
    return Mail(
        subject=str(message["Subject"] or ""),
        recipients=str(message["To"] or ""),
        sent_at=at,
        text=body.get_content().strip() if body else "",
    )
