"""The bank's API: send money once per reference, and look it up again.

JSON in and out, the bank's own key as a bearer token. Errors are
``{"error": {"code", "message", "field"}}``.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime

from config.standin import accounts, bank, bank_files, options, protocol
from config.standin.models import BankOrder, BankTransfer

_SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "reference": (r"[A-Za-z0-9-]{1,64}", "up to 64 letters, digits and hyphens"),
    "currency": (r"[A-Z]{3}", "three capital letters"),
    "account": (r"[A-Za-z0-9]{4,64}", "4 to 64 letters and digits"),
    "name": (r"[^\x00-\x1f]{1,140}", "1 to 140 characters"),
}
AMOUNT_MAX: Final = 10**15
LIST_MAX: Final = 100


class Unfit(Exception):
    """A field of the request is missing or of the wrong form."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


type Door = Callable[..., HttpResponse]


def for_the_bank(view: Door) -> Door:
    """Ask for the bank's key before anything is looked at."""

    @wraps(view)
    def guarded(request: HttpRequest, **names: str) -> HttpResponse:
        given = protocol.secret_given(request)
        if not constant_time_compare(given, options.current().bank_key):
            return _error(401, "unauthorized", "This needs the bank's key as a bearer token.")
        try:
            return view(request, **names)
        except Unfit as unfit:
            return _error(422, "unfit", str(unfit), field=unfit.field)

    return guarded


@for_the_bank
def transfers(request: HttpRequest) -> HttpResponse:
    """Send money, or list what was sent."""
    if request.method == "POST":
        return _send(request)
    if request.method == "GET":
        return _list(request)
    return _error(405, "method", "Use GET or POST.")


@for_the_bank
def transfer(request: HttpRequest, *, public_id: str) -> HttpResponse:
    """Show one transfer by the bank's name for it."""
    row = BankTransfer.objects.filter(public_id=public_id).first()
    if row is None:
        return _error(404, "unknown", f"There is no transfer {public_id}.")
    return JsonResponse(bank.shape(row))


@for_the_bank
def files(request: HttpRequest) -> HttpResponse:
    """Take a file of transfers (pain.001)."""
    if request.method != "POST":
        return _error(405, "method", "Use POST.")
    try:
        order, is_new = bank_files.take(content=request.body, at=datetime.now(UTC))
    except bank_files.UnfitFile as unfit:
        return _error(422, "unfit", str(unfit), field="file")
    except bank_files.FileTaken as taken:
        return _error(409, "file_taken", str(taken), field="file")
    shown = {
        "message_id": order.message_id,
        "transfers": BankTransfer.objects.filter(order=order).count(),
    }
    return JsonResponse(shown, status=201 if is_new else 200)


@for_the_bank
def answer_file(request: HttpRequest, *, message_id: str, kind: str) -> HttpResponse:
    """Give the file that says what became of a file: pain.002, or camt.054 when money came back."""
    return _answer(message_id=message_id, kind=kind, is_saved=False)


def desk(request: HttpRequest) -> HttpResponse:
    """Be the bank's page for its customer: hand in a file, and get the bank's answers to it.

    Open to whoever sits at this machine, as the books are: no real money moves.
    """
    told = ""
    if request.method == "POST" and "file" in request.FILES:
        file = request.FILES["file"]
        assert isinstance(file, UploadedFile)  # one name, one file
        try:
            order, is_new = bank_files.take(content=file.read(), at=datetime.now(UTC))
        except (bank_files.UnfitFile, bank_files.FileTaken) as refusal:
            told = str(refusal)
        else:
            told = f"{order.message_id}: taken{'' if is_new else ' before, and not again'}."
    context = {"orders": BankOrder.objects.order_by("-number")[:LIST_MAX], "told": told}
    return render(request, "standin/bank_files.html", context)


def desk_answer(_request: HttpRequest, *, message_id: str, kind: str) -> HttpResponse:
    """Give the bank's answer to a file, at its page."""
    return _answer(message_id=message_id, kind=kind, is_saved=True)


def _answer(*, message_id: str, kind: str, is_saved: bool) -> HttpResponse:
    order = BankOrder.objects.filter(message_id=message_id).first()
    if order is None:
        return _error(404, "unknown", f"There is no file {message_id}.")
    write = bank_files.status_file if kind == "pain.002" else bank_files.returns_file
    content = write(order, at=datetime.now(UTC))
    if content is None:
        return _error(404, "nothing", "Nothing came back.")
    response = HttpResponse(content, content_type="application/xml")
    if is_saved:
        name = f"{kind}-{message_id}.xml"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _send(request: HttpRequest) -> HttpResponse:
    instruction = _read_instruction(request)
    try:
        receipt = bank.send(instruction=instruction, at=datetime.now(UTC))
    except bank.ReferenceTaken as taken:
        return _error(409, "reference_taken", str(taken), field="reference")
    except bank.BankBroke as broke:
        return _error(500, "bank_broke", str(broke))
    fate = accounts.fate_of(account=instruction.account)
    if receipt.is_new and fate == accounts.Fate.UNANSWERED:
        # The transfer is in the book; its answer is lost on the way.
        request.META["standin.hang_up"]()
    return JsonResponse(bank.shape(receipt.transfer), status=201 if receipt.is_new else 200)


def _list(request: HttpRequest) -> HttpResponse:
    rows = BankTransfer.objects.filter(order=None).order_by("number")
    if reference := request.GET.get("reference"):
        rows = rows.filter(reference=reference)
    if since := _read_moment(request, "created_from"):
        rows = rows.filter(created_at__gte=since)
    if until := _read_moment(request, "created_until"):
        rows = rows.filter(created_at__lt=until)
    if after := request.GET.get("after"):
        last = BankTransfer.objects.filter(public_id=after).first()
        if last is None:
            raise Unfit(f"There is no transfer {after}.", field="after")
        rows = rows.filter(number__gt=last.number)
    page = list(rows[: LIST_MAX + 1])
    return JsonResponse(
        {
            "transfers": [bank.shape(row) for row in page[:LIST_MAX]],
            "has_more": len(page) > LIST_MAX,
        }
    )


def _read_instruction(request: HttpRequest) -> bank.Instruction:
    try:
        given = json.loads(request.body)
    except ValueError as error:
        raise Unfit("The body is not JSON.", field="") from error
    if not isinstance(given, dict):
        raise Unfit("The body is not an object.", field="")
    unknown = sorted(set(given) - {*_SHAPES, "amount_minor"})
    if unknown:
        raise Unfit(f"There is no field {unknown[0]}.", field=unknown[0])
    texts = {field: _read_text(given, field) for field in _SHAPES}
    amount = given.get("amount_minor")
    if type(amount) is not int or not 0 < amount <= AMOUNT_MAX:
        raise Unfit("amount_minor must be a whole number above zero.", field="amount_minor")
    return bank.Instruction(amount_minor=amount, **texts)


def _read_text(given: Mapping[str, Any], field: str) -> str:
    pattern, words = _SHAPES[field]
    value = given.get(field)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Unfit(f"{field} must be {words}.", field=field)
    return value


def _read_moment(request: HttpRequest, name: str) -> datetime | None:
    value = request.GET.get(name)
    if not value:
        return None
    try:
        moment = parse_datetime(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Unfit(f"{name} must be a time with its zone, in ISO 8601.", field=name)
    return moment


def _error(status: int, code: str, message: str, *, field: str = "") -> HttpResponse:
    error = {"code": code, "message": message}
    if field:
        error["field"] = field
    return JsonResponse({"error": error}, status=status)
