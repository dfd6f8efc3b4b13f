"""What the API of every app is made of, and people through it.

Promises: what a request carries and we do not know is refused, not ignored; lists go by cursors
that mean a row, so nothing is skipped or doubled while rows are added; answers are never cached.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final
from uuid import RFC_4122, UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import consents, queries
from accounts.models import Scope, User

PAGE_MAX: Final = 200
PAGE: Final = 50
CURSOR_MAX: Final = 200
KEY: Final = OpenApiParameter(
    name="Idempotency-Key",
    type={"type": "string", "format": "uuid", "pattern": "-7[0-9a-fA-F]{3}-"},
    location=OpenApiParameter.HEADER,
    required=True,
    description="A UUIDv7 made before the first try; it becomes the id of what is made and never "
    "expires. The same key again answers as the first try did, and the same key with other "
    "contents is 422.",
)


class KeyMissing(APIException):
    status_code = 400
    default_code = "idempotency_key_missing"
    default_detail = "Send an Idempotency-Key: a UUIDv7 made before the first try."


class KeyMalformed(APIException):
    status_code = 400
    default_code = "idempotency_key_malformed"
    default_detail = "The Idempotency-Key is not a UUIDv7."


class Door(APIView):
    """One address of the API. ``scopes`` names what a token needs for each method it has."""

    scopes: ClassVar[Mapping[str, str]] = {}

    def asked(self, form: "type[Asked]") -> dict[str, Any]:
        """Read and check the query of a GET, or the body of anything else."""
        request = self.request
        given = request.query_params.dict() if request.method == "GET" else request.data
        return dict(_reader(form).run_validation(given))

    @property
    def client_id(self) -> str:
        """The service that calls."""
        caller: Any = self.request.auth
        return str(caller.client_id)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        answered["Cache-Control"] = "no-store"
        assert isinstance(answered, Response), "doors answer with the framework's response"
        return answered


class Pdf(BaseRenderer):
    """A file as the answer. A problem stays JSON."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        if isinstance(data, bytes):
            return data
        return JSONRenderer().render(data, accepted_media_type, renderer_context)

    @staticmethod
    def named(name: str) -> dict[str, str]:
        """Write the headers that give the file its name."""
        return {"Content-Disposition": f'attachment; filename="{name}.pdf"'}


class Asked(serializers.Serializer[Any]):
    """What a request may carry. A field that is not named here is an error."""

    def to_internal_value(self, data: Any) -> Any:
        read = super().to_internal_value(data)
        unknown = [name for name in data if name not in self.fields]
        if unknown:
            raise serializers.ValidationError(
                {_printable(name): [_unknown()] for name in sorted(unknown)}
            )
        return read


@cache
def _reader(form: type[Asked]) -> Asked:
    """Make the form once: copying its fields for each request cost most of reading one.

    It keeps nothing of what it reads, so all requests of a process share it.
    """
    return form()


class Answered(serializers.Serializer[Any]):
    """What an answer holds. Written for the API's description; answers are plain dictionaries."""


def _unknown() -> serializers.ErrorDetail:
    return serializers.ErrorDetail("There is no such field.", "unknown_field")


def _printable(name: str) -> str:
    return name[:64].encode("utf-8", "replace").decode()


class NoQuery(Asked):
    """An address that takes no query."""


class PageQuery(Asked):
    after = serializers.CharField(
        required=False,
        max_length=CURSOR_MAX,
        help_text="The `next` of the page before, as it was given.",
    )
    limit = serializers.IntegerField(
        required=False, default=PAGE, min_value=1, max_value=PAGE_MAX, help_text="Rows a page."
    )


def cursor_of(*parts: Any) -> str:
    """Write the place of a row in its list."""
    return base64.urlsafe_b64encode("|".join(map(str, parts)).encode()).decode().rstrip("=")


def read_cursor(text: str | None, *kinds: Callable[[str], Any]) -> list[Any] | None:
    """Read a cursor's parts back. None: from the beginning. Raises ValidationError."""
    if text is None:
        return None
    try:
        parts = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return [kind(part) for kind, part in zip(kinds, parts, strict=True)]
    except (ValueError, binascii.Error) as error:
        wrong = serializers.ErrorDetail("Give the `next` of the page before.", "bad_cursor")
        raise serializers.ValidationError({"after": [wrong]}) from error


def whole(text: str) -> int:
    """Read a row's number out of a cursor. Raises ValueError."""
    number = int(text)
    if not 0 <= number <= queries.ID_MAX:
        raise ValueError("no row has such a number")
    return number


def page[T](rows: Sequence[T], *, limit: int, shown: Any, cursor: Any) -> dict[str, Any]:
    """Answer a page of ``limit`` from rows that were read one beyond it."""
    mine = rows[:limit]
    more = len(rows) > limit
    return {
        "results": [shown(row) for row in mine],
        "next": cursor(mine[-1]) if more else None,
    }


@extend_schema_field(
    {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^@?[a-z0-9_]+$"}]}
)
class PersonField(serializers.Field[Any, Any, Any, Any]):
    """A person by id (a number) or by handle (``@alice``; a handle of digits alone needs the @)."""

    default_error_messages: ClassVar = {"invalid": "Give an id or a handle."}

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, (int, str)):
            self.fail("invalid")
        reference = queries.reference(data)
        if reference is None:
            self.fail("invalid")
        return reference

    def to_representation(self, value: Any) -> Any:
        return value


def consenting(door: Door, reference: int | str, scope: Scope, *, at: datetime) -> User:
    """Find the fan who allows the calling service this. Raises ConsentMissing.

    Who is unknown and who has not allowed it are answered alike.
    """
    fan = queries.person(reference)
    if fan is None:
        raise consents.missing(scope)
    consents.check(fan_id=fan.pk, client_id=door.client_id, scope=scope, at=at)
    return fan


class PersonAnswered(Answered):
    id = serializers.IntegerField()
    handle = serializers.CharField()
    display_name = serializers.CharField()


def person(user: User) -> dict[str, Any]:
    return {"id": user.pk, "handle": user.handle, "display_name": user.display_name}


def idempotency_key(request: Request) -> UUID:
    """Read the id that the caller made before the first try. Raises KeyMissing, KeyMalformed.

    Quotes around it are the header's own, if any.
    """
    given = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip().strip('"')
    if not given:
        raise KeyMissing
    try:
        key = UUID(given)
    except ValueError:
        raise KeyMalformed from None
    if str(key) != given.lower() or key.variant != RFC_4122 or key.version != 7:
        raise KeyMalformed
    return key
