"""What staff did: who, when, what, why, before and after, from every table that keeps a deed.

Promises: reads only; each table is read only for whoever may view its rows, newest first, in one
query, within the days asked for. The tables themselves are only ever added to: the database
refuses their changes (``accounts/migrations/_trails.py``), and the admin offers none.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import NoReverseMatch, reverse
from pghistory import core

from accounts.models import StateChange, User
from config import edits
from wallet import history
from wallet.models import RateCard

HEAD: Final = ("When (UTC)", "Who", "What", "Object", "Before", "After", "Why")
CHUNK: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which deeds: of these days, and of one person or on one object if they are named."""

    from_day: date
    to_day: date
    by_id: int | None = None
    object_id: str = ""

    @property
    def begins_at(self) -> datetime:
        return datetime.combine(self.from_day, time(), UTC)

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.to_day, time(), UTC) + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that somebody did. ``address``: where the object is shown, if it is."""

    at: datetime
    who: str
    what: str
    object_words: str
    object_id: str
    address: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table that keeps deeds: how its rows are asked for, and read."""

    model: type[models.Model]
    rows: Callable[[Asked], QuerySet[Any]]
    read: Callable[[Any], Deed]

    @property
    def permission(self) -> str:
        options = self.model._meta  # noqa: SLF001
        return f"{options.app_label}.view_{options.model_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A table whose rows somebody makes: who, when and why stand in the row itself."""

    model: str
    what: str
    by: str
    at: str
    why: str = ""
    related: Sequence[str] = ()


MADE: Final = (
    Made(model="wallet.Adjustment", what="Proposed", by="proposer", at="proposed_at", why="reason",
         related=("owner",)),
    Made(model="wallet.GiftCardBatch", what="Proposed", by="maker", at="made_at"),
    Made(model="wallet.PurchaseLimit", what="Added", by="created_by", at="created_at",
         related=("region",)),
    Made(model="wallet.PriceAnnouncement", what="Announced", by="announced_by", at="announced_at"),
    Made(model="payouts.EligibilityOverride", what="Let pass", by="by", at="made_at",
         why="reason"),
    Made(model="payouts.UnclaimedReminder", what="Told", by="by", at="at"),
    Made(model="payouts.TaxExport", what="Saved the totals", by="by", at="at"),
    Made(model="payouts.SepaBatch", what="Closed", by="closed_by", at="closed_at"),
    Made(model="payouts.BankFile", what="Read", by="read_by", at="read_at"),
    Made(model="accounts.PaperAccess", what="Asked to see papers", by="by", at="asked_at",
         why="reason"),
    Made(model="accounts.PaperView", what="Saw a paper", by="by", at="at", why="why"),
    Made(model="gifts.GiftArt", what="Uploaded", by="created_by", at="created_at"),
)  # fmt: skip


def sources() -> list[Source]:
    """Every table that keeps what staff did."""
    return [
        Source(model=StateChange, rows=_moves, read=_move),
        Source(model=LogEntry, rows=_entries, read=_entry),
        Source(model=RateCard, rows=_cards, read=_card),
        *(_made(made) for made in MADE),
        *(_edited(model) for model in core.event_models()),
    ]


def latest(
    asked: Asked, *, user: User | AnonymousUser, skip: int = 0, limit: int
) -> tuple[list[Deed], bool]:
    """The deeds that this member of staff may see, and whether more follow."""
    found = [
        [source.read(row) for row in source.rows(asked)[: skip + limit + 1]]
        for source in _visible(user)
    ]
    merged = list(islice(heapq.merge(*found, key=_newest_first), skip, skip + limit + 1))
    return merged[:limit], len(merged) > limit


def csv_lines(asked: Asked, *, user: User | AnonymousUser) -> Iterator[str]:
    """All of them as the lines of a CSV file, that no spreadsheet takes for formulas."""
    yield history.csv_line(HEAD)
    found = [
        map(source.read, source.rows(asked).iterator(chunk_size=CHUNK)) for source in _visible(user)
    ]
    for deed in heapq.merge(*found, key=_newest_first):
        at = deed.at.astimezone(UTC)
        yield history.csv_line(
            (f"{at:%Y-%m-%d %H:%M:%S}", deed.who.removeprefix("@"), deed.what,
             f"{deed.object_words} {deed.object_id}".strip(), deed.before, deed.after, deed.why)
        )  # fmt: skip


def _visible(user: User | AnonymousUser) -> list[Source]:
    return [source for source in sources() if user.has_perm(source.permission)]


def _newest_first(deed: Deed) -> float:
    return -deed.at.timestamp()


# Moves of a state


def _moves(asked: Asked) -> QuerySet[StateChange]:
    """Moves by people who are or were staff: fans and creators move states of their own, too."""
    was_staff = apps.get_model("accounts", "UserEdit").objects.filter(
        pgh_obj_id=OuterRef("by_id"), is_staff=True
    )
    rows = StateChange.objects.filter(Q(by__is_staff=True) | Exists(was_staff))
    rows = _within(rows, asked, at="at", by="by").select_related("by")
    if asked.object_id:
        rows = rows.filter(subject_id=asked.object_id)
    return rows.order_by("-at", "-pk")


def _move(row: StateChange) -> Deed:
    model = _model(row.subject_type)
    until = f" until {row.until:%Y-%m-%d %H:%M} UTC" if row.until else ""
    return Deed(
        at=row.at,
        who=_name(row.by.handle if row.by else None),
        what="Moved",
        object_words=_noun(model, row.subject_type),
        object_id=row.subject_id,
        address=_address(model, row.subject_id),
        before=row.before,
        after=row.after + until,
        why=row.why,
    )


# What the admin writes down itself


def _entries(asked: Asked) -> QuerySet[LogEntry]:
    rows = _within(LogEntry.objects.all(), asked, at="action_time", by="user")
    if asked.object_id:
        rows = rows.filter(object_id=asked.object_id)
    return rows.select_related("user", "content_type").order_by("-action_time", "-pk")


def _entry(row: LogEntry) -> Deed:
    model = row.content_type.model_class() if row.content_type else None
    key = row.object_id or ""
    words = row.get_change_message()
    return Deed(
        at=row.action_time,
        who=_name(row.user.handle),
        what=row.get_action_flag_display(),
        object_words=_noun(model, str(row.content_type or "")),
        object_id=key,
        address=_address(model, key),
        before="",
        after=words or row.object_repr,
        why="",
    )


# Rows that somebody made


def _made(made: Made) -> Source:
    model = apps.get_model(made.model)

    def rows(asked: Asked) -> QuerySet[Any]:
        found = model._default_manager.filter(**{f"{made.by}__isnull": False})  # noqa: SLF001
        found = _within(found, asked, at=made.at, by=made.by)
        if asked.object_id:
            found = _with_key(found, model, asked.object_id)
        return found.select_related(made.by, *made.related).order_by(f"-{made.at}", "-pk")

    def read(row: Any) -> Deed:
        return Deed(
            at=getattr(row, made.at),
            who=_name(getattr(row, made.by).handle),
            what=made.what,
            object_words=_noun(model, ""),
            object_id=str(row.pk),
            address=_address(model, str(row.pk)),
            before="",
            after=str(row),
            why=getattr(row, made.why) if made.why else "",
        )

    return Source(model=model, rows=rows, read=read)


def _cards(asked: Asked) -> QuerySet[RateCard]:
    handle = User.objects.filter(pk=OuterRef("announced_by")).values("handle")[:1]
    rows = RateCard.objects.exclude(announced_by=0).annotate(handle=models.Subquery(handle))
    rows = _within(rows, asked, at="announced_at", by="announced_by")
    if asked.object_id:
        rows = _with_key(rows, RateCard, asked.object_id)
    return rows.order_by("-announced_at", "-pk")


def _card(row: Any) -> Deed:
    return Deed(
        at=row.announced_at,
        who=_name(row.handle),
        what="Announced",
        object_words=_noun(RateCard, ""),
        object_id=str(row.pk),
        address=_address(RateCard, str(row.pk)),
        before="",
        after=f"{row}, effective {row.effective_at:%Y-%m-%d %H:%M} UTC",
        why="",
    )


# Edits of rows, with who and why in their context


def _edited(model: Any) -> Source:
    tracked: type[models.Model] = model.pgh_tracked_model

    def rows(asked: Asked) -> QuerySet[Any]:
        found = edits.edits_of(model).filter(editor_id__isnull=False)
        found = _within(found, asked, at="pgh_created_at", by="editor_id")
        if asked.object_id:
            found = _with_key(found, tracked, asked.object_id, name="pgh_obj_id")
        return found.order_by("-pgh_created_at", "-pgh_id")

    def read(row: Any) -> Deed:
        first = edits.is_first(row)
        changed = [] if first else edits.changes(row)
        return Deed(
            at=row.pgh_created_at,
            who=_name(row.editor_handle),
            what=edits.first_words(row) if first else "Changed",
            object_words=_noun(tracked, ""),
            object_id=str(row.pgh_obj_id),
            address=_address(tracked, str(row.pgh_obj_id)),
            before="; ".join(f"{name}: {was}" for name, was, _ in changed),
            after="; ".join(f"{name}: {now}" for name, _, now in changed),
            why=row.reason or "",
        )

    return Source(model=model, rows=rows, read=read)


# What they share


def _within[M: models.Model](rows: QuerySet[M], asked: Asked, *, at: str, by: str) -> QuerySet[M]:
    rows = rows.filter(**{f"{at}__gte": asked.begins_at, f"{at}__lt": asked.ends_at})
    return rows if asked.by_id is None else rows.filter(**{by: asked.by_id})


def _with_key(
    rows: QuerySet[Any], model: type[models.Model], key: str, *, name: str = "pk"
) -> QuerySet[Any]:
    """The rows of that key, none where the table's keys are of another kind."""
    try:
        value = model._meta.pk.to_python(key)  # noqa: SLF001
    except ValidationError:
        return rows.none()
    return rows.filter(**{name: value})


def _model(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _noun(model: type[models.Model] | None, otherwise: str) -> str:
    return str(model._meta.verbose_name).capitalize() if model else otherwise  # noqa: SLF001


def _name(handle: str | None) -> str:
    return f"@{handle}" if handle else "Nobody by name"


def _address(model: type[models.Model] | None, key: str) -> str:
    """Where the admin shows the row; empty where it does not."""
    if model is None or not key or not admin.site.is_registered(model):
        return ""
    options = model._meta  # noqa: SLF001
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[key])
    except NoReverseMatch:
        return ""
