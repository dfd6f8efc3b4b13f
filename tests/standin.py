"""Runs the real stand-in as a program of its own, for every test that needs the outside world.

``running_standin`` starts it, waits until it answers and ends it; the object it yields speaks to
its tests' door. It is the same program the demo starts, only with shorter times.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import stripe

ROOT: Final = Path(__file__).parent.parent
API_KEY: Final = "sk_test_carat_tests"
BANK_KEY: Final = "bank_carat_tests"
IDENTITY_KEY: Final = "identity_carat_tests"
WEBHOOK_SECRET: Final = "whsec_carat_tests_0123456789abcdef"
CONNECT_SECRET: Final = "whsec_carat_connect_0123456789abcdef"
START_WITHIN_S: Final = 30.0
STOP_WITHIN_S: Final = 10.0

# Times short enough for tests; each can be given anew to running_standin.
SHORT_TIMES: Final = {
    "slow_s": "0.3",
    "session_min_s": "0",
    "webhook_delays_s": "0.05,0.1,0.2",
    "webhook_timeout_s": "3",
    "bank_delay_s": "0.2",
    "bank_return_s": "0.3",
    "bank_long_s": "3600",
    "tick_s": "0.03",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standin:
    """A stand-in that runs, and what a test may ask of it."""

    url: str
    port: int
    book: Path
    process: subprocess.Popen[str]
    http: httpx.Client  # carries the secret key
    api_key: str = API_KEY
    bank_key: str = BANK_KEY
    identity_key: str = IDENTITY_KEY
    webhook_secret: str = WEBHOOK_SECRET

    def client(
        self,
        *,
        api_key: str = API_KEY,
        retries: int = 0,
        http_client: stripe.HTTPClient | None = None,
    ) -> stripe.StripeClient:
        """Return the official client, pointed here."""
        return stripe.StripeClient(
            api_key,
            base_addresses={"api": self.url},
            max_network_retries=retries,
            http_client=http_client,
        )

    def pay(
        self,
        session_id: str,
        card: str = "visa",
        challenge: str = "",
        *,
        save: bool = False,
        holder: str = "",
    ) -> dict[str, Any]:
        """Pay a session with a test card (its name or number) or a rail, as a payer would."""
        asked: dict[str, Any] = {"session": session_id, "card": card, "save": save}
        asked["holder"] = holder
        if challenge:
            asked["challenge"] = challenge
        return self.ask("POST", "/standin/pay", asked)

    def refund(self, payment_intent: str, amount: int | None = None) -> dict[str, Any]:
        """Refund a payment as somebody at the company's dashboard would."""
        asked = {"payment_intent": payment_intent, "amount": amount}
        return self.ask("POST", "/standin/refunds", asked)

    def dispute(self, payment_intent: str, **asked: Any) -> dict[str, Any]:
        """Let the payer's bank dispute a payment: amount, reason, inquiry."""
        return self.ask("POST", "/standin/disputes", {"payment_intent": payment_intent, **asked})

    def decide(self, dispute: str, do: str, amount: int | None = None) -> dict[str, Any]:
        """Move a dispute on: escalate, review, win (with an amount: in part), lose, close."""
        asked = {"dispute": dispute, "do": do, "amount": amount}
        return self.ask("POST", "/standin/disputes", asked)

    def warn(self, payment_intent: str, fraud_type: str = "misc") -> dict[str, Any]:
        """Let the card's issuer warn that a payment may be fraud."""
        asked = {"payment_intent": payment_intent, "fraud_type": fraud_type}
        return self.ask("POST", "/standin/warnings", asked)

    def onboard(self, url: str, *, answer: str = "all") -> str:
        """Fill in the page that an account's link leads to; where it leads back to."""
        response = httpx.post(url, data={"answer": answer}, follow_redirects=False)
        assert response.status_code == 302, response
        return response.headers["Location"]

    def change_account(self, account: str, **changes: Any) -> dict[str, Any]:
        """Change an account as the company would: due, disabled_reason, submitted."""
        return self.ask("POST", "/standin/accounts", {"account": account, **changes})

    def transfers(self, *, seed: int = 0, lag_ms: int = 0, broke: bool = False) -> dict[str, Any]:
        """Let lists of transfers lag by a seed, or the merchant's balance be empty."""
        return self.ask(
            "POST", "/standin/connect", {"seed": seed, "lag_ms": lag_ms, "broke": broke}
        )

    def faults(self, seed: int = 0, *, late_ms: int = 200, **per_mille: int) -> dict[str, Any]:
        """Let things go wrong from now on, by a seed, so many in a thousand; none ends it."""
        asked = {"seed": seed, "late_ms": late_ms, "per_mille": per_mille}
        return self.ask("POST", "/standin/faults", asked)

    def faults_done(self) -> dict[str, int]:
        """Return how often each fault happened since the script was given."""
        done: dict[str, int] = self.ask("GET", "/standin/faults")["done"]
        return done

    def deliver(
        self, *, mode: str = "deliver", copies: int = 1, reorder_seed: int | None = None
    ) -> dict[str, Any]:
        """Deliver, hold or drop events from now on, in copies, shuffled by a seed."""
        plan = {"mode": mode, "copies": copies, "reorder_seed": reorder_seed}
        return self.ask("POST", "/standin/webhooks", plan)

    def flush(self, **asked: Any) -> list[dict[str, Any]]:
        """Deliver what waits, now and in turn; ``event`` names one to deliver again."""
        tries: list[dict[str, Any]] = self.ask("POST", "/standin/webhooks/flush", asked)["tries"]
        return tries

    def whole_book(self) -> dict[str, Any]:
        """Return all payments, fees and transfers, for reconciling by id."""
        return self.ask("GET", "/book.json")

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.http.request(method, path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.terminate()
        return self.process.wait(STOP_WITHIN_S)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(STOP_WITHIN_S)


@contextmanager
def running_standin(
    folder: Path, *, webhook_url: str = "", connect_url: str = "", port: int = 0, **times: str
) -> Iterator[Standin]:
    """Start a stand-in with its book in ``folder``, and end it afterwards.

    A second start with the same folder goes on with the same book.
    """
    book = folder / "standin.sqlite3"
    given = {
        **SHORT_TIMES,
        **times,
        "book": str(book),
        "api_key": API_KEY,
        "bank_key": BANK_KEY,
        "identity_key": IDENTITY_KEY,
        "webhook_secret": WEBHOOK_SECRET,
        "webhook_url": webhook_url,
        "connect_webhook_url": connect_url,
        "connect_webhook_secret": CONNECT_SECRET,
        "with_parent": "1",
    }
    environ = {f"STANDIN_{name.upper()}": value for name, value in given.items()}
    with (folder / "standin.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.standin", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        ready = _ready_line(process, log=folder / "standin.log")
        key = {"Authorization": f"Bearer {API_KEY}"}
        with httpx.Client(base_url=ready["url"], headers=key, timeout=30) as http:
            yield Standin(
                url=ready["url"], port=ready["port"], book=book, process=process, http=http
            )
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def eventually[Found](look: Callable[[], Found], *, within_s: float = 10.0) -> Found:
    """Return what ``look`` finds as soon as it is true; fail when it stays false."""
    end = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < end, f"still {found!r} after {within_s} s"
        time.sleep(0.02)
    return found


def _ready_line(process: subprocess.Popen[str], *, log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    has_spoken, _, _ = select.select([process.stdout], [], [], START_WITHIN_S)
    line = process.stdout.readline() if has_spoken else ""
    assert line, f"the stand-in did not start:\n{log.read_text()}"
    ready: dict[str, Any] = json.loads(line)
    return ready
