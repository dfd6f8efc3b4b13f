"""What changed in the rows that staff edit: each event of a table's history beside the one before.

Promises: reads only; who and why come from the event's own context, which nobody can set
afterwards.
"""

from typing import Any, Final

from django.db import models
from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, JSONObject

from accounts.models import User

# What a history keeps about itself, beside the row's own fields.
OWN_FIELDS: Final = ("pgh_id", "pgh_created_at", "pgh_label", "pgh_obj", "pgh_context")

type Change = tuple[str, str, str]  # the field in words, as it was, as it is


def edits_of(model: type[models.Model]) -> QuerySet[Any]:
    """Events of a table, each with ``before``, ``after``, ``editor_id``, its handle and reason."""
    context = "pgh_context__metadata"
    rows = model._default_manager.all()  # noqa: SLF001
    before = rows.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id"))
    found: QuerySet[Any] = rows.annotate(
        before=Subquery(before.order_by("-pgh_id").values(row=_as_json(model))[:1]),
        after=_as_json(model),
        editor_id=Cast(
            Coalesce(KeyTextTransform("user", context), KeyTextTransform("by", context)),
            BigIntegerField(),
        ),
        reason=Coalesce(KeyTextTransform("why", context), KeyTextTransform("deed", context)),
    ).annotate(
        editor_handle=Subquery(User.objects.filter(pk=OuterRef("editor_id")).values("handle")[:1])
    )
    return found


def changes(edit: Any) -> list[Change]:
    """Name each field of an event that differs from the event before; a first one has none."""
    return [
        (name.replace("_", " "), _shown(edit.before.get(name)), _shown(value))
        for name, value in edit.after.items()
        if edit.before.get(name) != value
    ]


def tracked(model: type[models.Model]) -> list[str]:
    """The row's own fields that its history keeps."""
    return [f.name for f in model._meta.concrete_fields if f.name not in OWN_FIELDS]  # noqa: SLF001


def row_of(model: Any) -> str:
    """What a row of the table is called."""
    return str(model.pgh_tracked_model._meta.verbose_name)  # noqa: SLF001


def _as_json(model: type[models.Model]) -> JSONObject:
    return JSONObject(**{name: name for name in tracked(model)})


def _shown(value: object) -> str:
    return "nothing" if value in (None, "") else str(value)


def is_first(edit: Any) -> bool:
    """Whether nothing was kept of the row before."""
    return edit.before is None


def first_words(edit: Any) -> str:
    return "First kept" if edit.pgh_label != "insert" else "Added"
