"""State changes: every one goes along a table, under a lock, and leaves a row.

A stateful model names its field and its table of allowed moves. ``move`` is the only way its
state changes after it was created.
"""

from collections.abc import Mapping
from datetime import datetime

from django.apps import apps
from django.db import connection, models


class Refused(Exception):
    """A move that the model's table does not allow from where the row is now."""


def move[T: models.Model](
    row: T,
    *,
    to: str,
    why: str,
    at: datetime,
    by_id: int | None = None,
    until: datetime | None = None,
) -> T:
    """Move ``row`` to the state ``to``, and record from, to, when, who and why.

    Locks the row and looks again, so of two concurrent moves the second sees the first. The
    caller opens the transaction and sets nothing else on the returned, locked row but fields it
    then saves itself. Raises Refused.
    """
    assert connection.in_atomic_block, "the caller opens the transaction"
    model: type[T] = type(row)
    field: str = model.STATE_FIELD  # type: ignore[attr-defined]
    table: Mapping[str, frozenset[str]] = model.TRANSITIONS  # type: ignore[attr-defined]
    locked = model._base_manager.select_for_update(no_key=True, of=("self",)).get(pk=row.pk)  # noqa: SLF001
    before = getattr(locked, field)
    if to not in table.get(before, frozenset()):
        raise Refused(f"{model._meta.verbose_name} {row.pk} cannot go from {before} to {to}.")  # noqa: SLF001
    setattr(locked, field, to)
    locked.save(update_fields=[field])
    record = apps.get_model("accounts", "StateChange")
    record._base_manager.create(  # noqa: SLF001
        subject_type=model._meta.label_lower,  # noqa: SLF001
        subject_id=str(row.pk),
        before=before,
        after=to,
        why=why,
        by_id=by_id,
        until=until,
        at=at,
    )
    setattr(row, field, to)
    return locked
