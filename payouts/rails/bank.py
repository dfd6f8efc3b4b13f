"""The bank: transfers over its HTTP API, which the stand-in speaks.

The connection is opened for each call and closed after it, so a call that could not connect is
certain to have had no effect. Every wait is bounded; nothing is retried here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Never

import httpx
from django.conf import settings

from payouts.rails import base

TIMEOUT: Final = httpx.Timeout(10, connect=5)  # seconds
OK_STATUSES: Final = frozenset({200, 201})
# Refused before anything was done: wrong key, not allowed, too many requests.
WITHOUT_EFFECT: Final = frozenset({401, 403, 429})
# No byte was sent: no connection, no such scheme, or a header (the key) that HTTP does not allow.
WITHOUT_CONNECTION: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
DECLINED: Final = frozenset({400, 422})
ACCOUNT_FIELDS: Final = frozenset({"account", "name"})


class Bank:
    """The adapter. Reads its address and key from the settings at each call."""

    def submit(self, instruction: base.Instruction, /) -> base.Transfer:
        body = {
            "reference": instruction.reference,
            "amount_minor": instruction.amount_minor,
            "currency": instruction.currency,
            "account": instruction.account,
            "name": instruction.holder_name,
        }
        try:
            with _client() as client:
                answer = client.post("transfers", json=body)
        except WITHOUT_CONNECTION as error:
            raise base.Unavailable("The bank could not be reached.") from error
        except httpx.TransportError as error:
            raise base.Unknown("The bank's answer did not arrive.") from error
        if answer.status_code not in OK_STATUSES:
            _refuse(answer)
        transfer = _read(answer)
        if not _is_for(transfer, instruction):
            raise base.Unknown("The bank answered about another transfer.")
        return transfer

    def lookup(self, *, reference: str) -> base.Transfer | None:
        found, _ = _page({"reference": reference})
        return found[0] if found else None

    def list_since(self, *, since: datetime) -> Iterator[base.Transfer]:
        query = {"created_from": since.isoformat()}
        has_more = True
        while has_more:
            found, has_more = _page(query)
            yield from found
            if found:
                query["after"] = found[-1].rail_ref


def _client() -> httpx.Client:
    if not settings.STANDIN_BANK_URL:
        raise base.Unavailable("No bank is configured (STANDIN_BANK_URL).")
    try:
        return httpx.Client(
            base_url=settings.STANDIN_BANK_URL,
            headers={"Authorization": f"Bearer {settings.STANDIN_BANK_KEY}"},
            timeout=TIMEOUT,
            trust_env=False,
        )
    except httpx.InvalidURL as error:
        raise base.Unavailable("STANDIN_BANK_URL is no address.") from error


def _refuse(answer: httpx.Response) -> Never:
    """Say which of the three an error is. What is not known to be without effect is unknown."""
    error = _error(answer)
    words = str(error.get("message", f"The bank answered {answer.status_code}."))
    if answer.status_code in DECLINED:
        raise base.Declined(words, is_about_account=error.get("field") in ACCOUNT_FIELDS)
    if answer.status_code in WITHOUT_EFFECT:
        raise base.Unavailable(words)
    raise base.Unknown(words)


def _error(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _page(query: Mapping[str, str]) -> tuple[list[base.Transfer], bool]:
    """One page of the bank's list, and whether there are more."""
    try:
        with _client() as client:
            answer = client.get("transfers", params=query)
        answer.raise_for_status()
        page = answer.json()
        return [_transfer(row) for row in page["transfers"]], bool(page["has_more"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise base.Unavailable("The bank could not be asked.") from error


def _read(answer: httpx.Response) -> base.Transfer:
    try:
        return _transfer(answer.json())
    except (ValueError, KeyError, TypeError) as error:
        raise base.Unknown("The bank's answer could not be read.") from error


def _transfer(row: Mapping[str, Any]) -> base.Transfer:
    return base.Transfer(
        rail_ref=str(row["id"]),
        reference=str(row["reference"]),
        amount_minor=int(row["amount_minor"]),
        currency=str(row["currency"]),
        state=base.State(row["state"]),
        reason=str(row["reason"] or ""),
    )


def _is_for(transfer: base.Transfer, instruction: base.Instruction) -> bool:
    return (transfer.reference, transfer.amount_minor, transfer.currency) == (
        instruction.reference,
        instruction.amount_minor,
        instruction.currency,
    )
