"""Stripe Connect: transfers to creators' own Stripe accounts, by the official client.

Promises: a transfer carries the payout's id as its group, by which it is looked up, and as its
idempotency key; a try that Stripe only repeats under that key (a kept error) is made under the next
one, which is safe because a look-up has found nothing before. Nothing is retried here, and every
wait is bounded.

A transfer is in the creator's Stripe account at once; that Stripe pays it out from there to their
bank, and what becomes of that, is between them and Stripe.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from payouts.rails import base
from wallet.providers import stripe_calls, stripe_units
from wallet.providers.base import Declined as ProviderDeclined
from wallet.providers.base import Unavailable as ProviderUnavailable

if TYPE_CHECKING:
    import stripe

KEYS_MAX: Final = 5
PAGE: Final = 100
# What lies with the account: docs.stripe.com/error-codes, 2026-11.
ABOUT_ACCOUNT: Final = frozenset(
    {
        "account_closed",
        "account_invalid",
        "insufficient_capabilities_for_transfer",
        "resource_missing",
        "transfers_not_allowed",
    }
)
# What lies with our own account there, and passes: nothing was sent.
OUR_OWN: Final = frozenset({"balance_insufficient", "rate_limit", "lock_timeout"})
WITHOUT_EFFECT: Final = frozenset({401, 403, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A connected account, as Stripe shows it now."""

    ref: str
    country: str
    currency: str
    is_submitted: bool
    is_enabled: bool
    due: tuple[str, ...]
    disabled_reason: str


class StripeConnect:
    """The adapter. Address and key are those of card payments."""

    def submit(self, instruction: base.Instruction, /) -> base.Transfer:
        parameters = {
            "amount": _to_stripe(instruction),
            "currency": instruction.currency.lower(),
            "destination": instruction.account,
            "transfer_group": instruction.reference,
            "metadata": {"payout": instruction.reference},
        }
        client = stripe_calls.client(retries=0)
        for number in range(1, KEYS_MAX + 1):
            key = f"payout-{instruction.reference}" + (f"-{number}" if number > 1 else "")
            made = _try(client, parameters, key=key)
            if made is not None:
                return _answered(made, instruction)
        raise base.Unknown("Stripe repeats errors of before under every key.")

    def lookup(self, *, reference: str) -> base.Transfer | None:
        found = list(_transfers({"transfer_group": reference}))
        return found[-1] if found else None

    def list_since(self, *, since: datetime) -> Iterator[base.Transfer]:
        """Stripe lists the newest first: they are turned round."""
        yield from reversed(list(_transfers({"created": {"gte": int(since.timestamp())}})))

    def open_account(self, *, key: str, country: str, email: str) -> Account:
        """Open an account for somebody in the country; the same key is the same account.

        Raises Declined, Unavailable.
        """
        return _account(
            _called(
                lambda: stripe_calls.client(retries=0).v1.accounts.create(
                    {
                        "type": "express",
                        "country": country,
                        "email": email,
                        "business_type": "individual",
                        "capabilities": {"transfers": {"requested": True}},
                        "metadata": {"account": key},
                    },
                    {"idempotency_key": f"account-{key}"},
                )
            )
        )

    def onboarding_url(self, *, ref: str, return_url: str, refresh_url: str) -> str:
        """A link, good for minutes and once, to Stripe's page. Raises Declined, Unavailable."""
        link = _called(
            lambda: stripe_calls.client(retries=0).v1.account_links.create(
                {
                    "account": ref,
                    "type": "account_onboarding",
                    "return_url": return_url,
                    "refresh_url": refresh_url,
                }
            )
        )
        return str(link["url"])

    def fetch_account(self, *, ref: str) -> Account:
        """The account as it is now. Raises Declined, Unavailable."""
        return _account(_called(lambda: stripe_calls.client(retries=0).v1.accounts.retrieve(ref)))


def _to_stripe(instruction: base.Instruction) -> int:
    amount = stripe_units.to_stripe(instruction.amount_minor, instruction.currency)
    if amount % stripe_units.STEPS.get(instruction.currency, 1):
        raise base.Declined(
            f"Stripe does not send this amount of {instruction.currency}.", is_about_account=False
        )
    return amount


def _try(
    client: "stripe.StripeClient", parameters: Mapping[str, Any], *, key: str
) -> dict[str, Any] | None:
    """Call once. None: Stripe repeated an error of an earlier try, and did nothing.

    Raises Declined, Unavailable, Unknown.
    """
    import stripe  # noqa: PLC0415

    try:
        made: dict[str, Any] = client.v1.transfers.create(
            parameters,  # type: ignore[arg-type]
            {"idempotency_key": key},
        ).to_dict()
    except stripe.APIConnectionError as error:
        raise base.Unknown("Stripe's answer did not arrive.") from error
    except stripe.StripeError as error:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if headers.get("idempotent-replayed") == "true":
            return None
        _refuse(error)
    return made


def _refuse(error: "stripe.StripeError") -> None:
    """Say which of the three an error is. What is not known to be without effect is unknown."""
    words = f"{error.user_message or error}"[:200]
    status = error.http_status or 0
    if status in WITHOUT_EFFECT or error.code in OUR_OWN:
        raise base.Unavailable(words) from error
    if status in (400, 402, 404) and error.code != "idempotency_key_in_use":
        raise base.Declined(words, is_about_account=error.code in ABOUT_ACCOUNT) from error
    raise base.Unknown(words) from error


def _answered(made: Mapping[str, Any], instruction: base.Instruction) -> base.Transfer:
    transfer = _transfer(made)
    if (transfer.reference, transfer.amount_minor, transfer.currency) != (
        instruction.reference,
        instruction.amount_minor,
        instruction.currency,
    ):
        raise base.Unknown("Stripe answered about another transfer.")
    return transfer


def _transfers(query: Mapping[str, Any]) -> Iterator[base.Transfer]:
    """All transfers of a query, newest first. Raises base.Unavailable."""
    client = stripe_calls.client(retries=0)
    try:
        for one in stripe_calls.every(client.v1.transfers.list, query):
            yield _transfer(one)
    except (ProviderDeclined, ProviderUnavailable, KeyError, ValueError, TypeError) as error:
        raise base.Unavailable("Stripe could not be asked.") from error


def _transfer(row: Mapping[str, Any]) -> base.Transfer:
    """A transfer is paid when it is there; taken back it is returned, in part it differs."""
    currency = str(row["currency"]).upper()
    is_returned = bool(row["reversed"])
    kept = row["amount"] if is_returned else row["amount"] - row["amount_reversed"]
    return base.Transfer(
        rail_ref=str(row["id"]),
        reference=str(row["transfer_group"] or ""),
        amount_minor=stripe_units.from_stripe(kept, currency),
        currency=currency,
        state=base.State.RETURNED if is_returned else base.State.PAID,
        reason="Stripe took the transfer back." if is_returned else "",
    )


def _called(call: Any) -> dict[str, Any]:
    """Call about an account. Raises base.Declined, base.Unavailable."""
    try:
        return stripe_calls.answer(call)
    except ProviderUnavailable as error:
        raise base.Unavailable(str(error)) from error
    except ProviderDeclined as error:
        raise base.Declined(str(error), is_about_account=True) from error


def _account(row: Mapping[str, Any]) -> Account:
    wanted = row.get("requirements") or {}
    transfers = (row.get("capabilities") or {}).get("transfers")
    return Account(
        ref=str(row["id"]),
        country=str(row.get("country") or ""),
        currency=str(row.get("default_currency") or "").upper(),
        is_submitted=bool(row.get("details_submitted")),
        is_enabled=bool(row.get("payouts_enabled")) and transfers == "active",
        due=tuple(str(name) for name in wanted.get("currently_due") or ()),
        disabled_reason=str(wanted.get("disabled_reason") or "")[:60],
    )
