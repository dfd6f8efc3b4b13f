"""The sandbox: a company that checks papers and is none, asked over HTTP. It verifies whoever says.

Promises: it is asked only where a stand-in is allowed by name. A case is opened once per reference,
whatever is lost on the way; every wait is bounded, nothing is retried here.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

import httpx
from django.conf import settings

from accounts.providers import base

TIMEOUT: Final = httpx.Timeout(10, connect=5)  # seconds


class Sandbox:
    """The adapter. Reads its address and key from the settings at each call."""

    code: str = "sandbox"
    label: str = "Verify with your camera"
    is_hosted: bool = True

    def start(self, *, reference: UUID, return_url: str) -> base.Begun:
        body = {"reference": str(reference), "return_url": return_url}
        case = _ask("POST", "checks", body)
        return base.Begun(provider_ref=str(case["id"]), url=str(case["url"]))

    def look(self, *, provider_ref: str) -> base.Answer:
        case = _ask("GET", f"checks/{provider_ref}")
        try:
            born = case["birth_date"]
            return base.Answer(
                outcome=base.Outcome(case["status"]),
                name=str(case["name"]),
                birth_date=date.fromisoformat(born) if born else None,
                why=str(case["reason"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise base.Unavailable("The answer could not be read.") from error


def _ask(method: str, path: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """Ask once. Whatever is not an answer is nothing known."""
    if not settings.ALLOW_STANDIN or not settings.STANDIN_IDENTITY_URL:
        raise base.Unavailable("No sandbox is allowed here (ALLOW_STANDIN, STANDIN_IDENTITY_URL).")
    try:
        with httpx.Client(
            base_url=settings.STANDIN_IDENTITY_URL,
            headers={"Authorization": f"Bearer {settings.STANDIN_IDENTITY_KEY}"},
            timeout=TIMEOUT,
            trust_env=False,
        ) as client:
            answer = client.request(method, path, json=body)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict) or not {"id", "url"} <= set(found):
            raise base.Unavailable("The answer could not be read.")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise base.Unavailable("The sandbox could not be asked.") from error
    return found
