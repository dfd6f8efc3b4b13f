"""Saying whether a statement is genuine, to anybody who holds its code.

Promises: no more is told than the statement itself prints, and of the creator their handle alone;
whoever does not have a code learns nothing, because it has 80 random bits and asking is counted.
The answer is reckoned from the ledger, and kept for a quarter of an hour: a busy month takes
seconds to add up.
"""

from dataclasses import dataclass
from typing import Any, Final

import redis
import structlog

from accounts import valkey
from payouts import closing, sheets
from payouts.models import Statement, StatementFile
from wallet import gift_cards
from wallet.models import Period

log = structlog.get_logger(__name__)

CHECKS_MAX: Final = 30
CHECKS_S: Final = 600
KEPT_S: Final = 900
FILE_MAX_BYTES: Final = 2_000_000
DIGEST_LENGTH: Final = 64

_COUNT_LUA: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


class TooManyChecks(Exception):
    """So many codes were asked for from one network that it looks like guessing."""

    def __init__(self) -> None:
        super().__init__("You checked many statements. Wait ten minutes, then go on.")


class NoSuchStatement(Exception):
    """No statement has that code or digest."""

    def __init__(self) -> None:
        super().__init__(
            "We made no statement with this code. Compare it with the paper, letter by letter: "
            "it has four groups of four. If it is right, the statement is not genuine."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What can be said of a statement. ``file``: whether the file is ours; None: none was given."""

    statement: Statement
    handle: str
    totals: list[tuple[str, str]]
    is_in_ledger: bool
    is_sealed: bool
    file: bool | None

    @property
    def is_genuine(self) -> bool:
        return self.is_in_ledger and self.is_sealed and self.file is not False


def check(*, asked: str, file: bytes | None, network: str) -> Verdict:
    """Look a statement up by its code or digest, and compare it with the ledger and a file.

    Raises TooManyChecks, NoSuchStatement.
    """
    _count(network)
    found = _find(asked)
    if found is None:
        raise NoSuchStatement
    return Verdict(
        statement=found,
        handle=found.creator.handle,
        totals=sheets.totals(found.facts),
        is_in_ledger=_is_in_ledger(found),
        is_sealed=_is_sealed(found),
        file=None if file is None else _is_ours(found, file),
    )


def _find(asked: str) -> Statement | None:
    plain = "".join(sign for sign in asked if sign.isalnum())
    rows = Statement.objects.select_related("month", "creator")
    if len(plain) == DIGEST_LENGTH:
        return rows.filter(digest=plain.lower()).first()
    if len(plain) != closing.CODE_LENGTH:
        return None
    return rows.filter(code=plain.upper().translate(gift_cards.MISREAD)).first()


def _is_in_ledger(statement: Statement) -> bool:
    """Whether the ledger adds up to the statement's digest now."""
    key = f"carat:statement:{statement.digest}"
    known = _valkey("GET", key)
    if known is not None:
        return bytes(known) == b"1"
    is_same = sheets.digest(closing.from_ledger(statement)) == statement.digest
    _valkey("SET", key, "1" if is_same else "0", "EX", KEPT_S)
    return is_same


def _is_sealed(statement: Statement) -> bool:
    """Whether the last of its periods has the seal that the statement names."""
    periods = statement.facts["periods"]
    seal = Period.objects.filter(pk=periods["last"]).values_list("seal", flat=True).first()
    return seal is not None and bytes(seal).hex() == periods["seal"]


def _is_ours(statement: Statement, file: bytes) -> bool:
    ours = sheets.as_csv(
        statement.facts, digest=statement.digest, code=statement.code_words
    ).encode()
    made = StatementFile.objects.filter(pk=statement.pk).values_list("sha256", flat=True)
    return sheets.sha256(file) in {sheets.sha256(ours), *made}


def _count(network: str) -> None:
    count = _valkey("EVAL", _COUNT_LUA, 1, f"carat:verify:{network}", CHECKS_S)
    if count is not None and int(count) > CHECKS_MAX:
        raise TooManyChecks


def _valkey(*command: Any) -> Any:
    """Ask Valkey; nothing where it is away: checks go on without it."""
    client: Any = valkey.client()
    try:
        return client.execute_command(*command)
    except redis.RedisError as error:
        log.warning("verify_open", error=str(error))
        return None
