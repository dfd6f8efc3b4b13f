"""One answer per idempotency key: the first is kept and given again, word for word.

As the payment company does: the key is remembered with a fingerprint of its request; the same key
with another request is refused, while the first still runs it conflicts, and an answer is kept only
once execution began. The effect and its answer commit together, so a crash leaves both or neither.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from config.standin import options, refusals
from config.standin.models import Json, StoredAnswer


class KeyReused(refusals.Refused):
    """The key was first used for another request."""

    kind = "idempotency_error"


class KeyInUse(refusals.Refused):
    """The first request under the key has not been answered yet."""

    status = 409
    kind = "idempotency_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it goes out; ``is_replay`` when it was first given to an earlier request."""

    status: int
    body: str
    is_replay: bool = False


def fingerprint(*, path: str, values: Mapping[str, Any]) -> str:
    """Return what two requests have in common only if they ask for the same."""
    text = json.dumps([path, values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def once(
    *, key: str, request: str, request_id: str, at: datetime, perform: Callable[[], Json]
) -> Answer:
    """Perform and keep the answer, or give the kept one again.

    Raises KeyReused, KeyInUse, and what ``perform`` raises before execution began.
    """
    kept = _claim(key=key, request=request, request_id=request_id, at=at)
    if kept is not None:
        return kept
    try:
        with transaction.atomic(durable=True):
            answer = Answer(status=200, body=written(perform()))
            _keep(key=key, answer=answer)
    except refusals.Refused as refused:
        if not refused.is_kept:
            _forget(key=key)
            raise
        answer = Answer(status=refused.status, body=written(refused.body()))
        _keep_alone(key=key, answer=answer)
    except BaseException:
        _forget(key=key)  # nothing was committed: the key is free for another try
        raise
    return answer


def forget_unfinished() -> int:
    """Forget keys whose request died with the last run: it had no effect."""
    return StoredAnswer.objects.filter(status__isnull=True).delete()[0]


def written(body: Json) -> str:
    """Return an answer's text, laid out as the payment company's are."""
    return json.dumps(body, indent=2)


@transaction.atomic(durable=True)
def _claim(*, key: str, request: str, request_id: str, at: datetime) -> Answer | None:
    """Take the key for this request, or return the answer it already has."""
    row = StoredAnswer.objects.filter(key=key).first()
    if row is not None and row.created_at < at - timedelta(seconds=options.current().key_life_s):
        row.delete()
        row = None
    if row is None:
        StoredAnswer.objects.create(
            key=key, fingerprint=request, created_at=at, request_id=request_id
        )
        return None
    if row.fingerprint != request:
        raise KeyReused(
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request."
        )
    if row.status is None:
        raise KeyInUse(
            "There is currently another in-progress request using this Idempotent Key (that "
            "probably means you submitted twice, and the other request is still going through): "
            f"{key}. Please try again later.",
            code="idempotency_key_in_use",
        )
    return Answer(status=row.status, body=row.body, is_replay=True)


def _keep(*, key: str, answer: Answer) -> None:
    StoredAnswer.objects.filter(key=key).update(status=answer.status, body=answer.body)


@transaction.atomic(durable=True)
def _keep_alone(*, key: str, answer: Answer) -> None:
    _keep(key=key, answer=answer)


@transaction.atomic(durable=True)
def _forget(*, key: str) -> None:
    StoredAnswer.objects.filter(key=key).delete()
