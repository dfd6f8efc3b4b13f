"""A backup restored into another cluster is the same books, and the site goes on with them."""

import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import InternalError, OperationalError, connection, connections, transaction
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import User
from config import backups, embedded
from gifts.models import Room
from tests import factories
from tests.gifts.test_artwork import announce, drawn, frame, keep
from tests.gifts.world import make_room
from wallet import ledger, services
from wallet.models import Account, Balance

ROOT = Path(__file__).resolve().parents[2]
FANS = (7_000_001, 7_000_002)
CREATORS = (7_000_011, 7_000_012)

XMAX = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"

# What must be the same before and after: everything but the numbers of transactions.
STATE = {
    "balances": "SELECT account_id, debits, credits, version FROM ledger.balance ORDER BY 1",
    "turnovers": "SELECT id, (ledger.turnover(id)).* FROM ledger.account ORDER BY 1",
    "folded": "SELECT account_id, debits, credits FROM ledger.folded ORDER BY 1",
    "lots": "SELECT id, account_id, remaining FROM ledger.lot ORDER BY 1",
    "seals": "SELECT id, encode(seal, 'hex'), transfers, sums FROM ledger.period ORDER BY 1",
    "buckets": "SELECT period_id, account_id, amount, released FROM ledger.bucket ORDER BY 1, 2",
    "outcomes": "SELECT id, is_refused, result FROM ledger.operation ORDER BY 1",
    "tail": "SELECT count(*), sum(amount) FROM ledger.transfer, ledger.fold_state"
    " WHERE xid >= horizon",
    "transfers": "SELECT p.id, count(t) FROM ledger.period p LEFT JOIN ledger.transfer t"
    " ON t.xid >= p.xid_from AND (p.xid_to IS NULL OR t.xid < p.xid_to) GROUP BY 1 ORDER BY 1",
}
# Whom each table, function and schema lets do what; the role carries the database's name.
GRANTS = """
SELECT what, name, coalesce(nullif(grantee, 0)::regrole::text, 'public') AS who, privilege_type
  FROM (SELECT 'table' AS what, c.oid::regclass::text AS name, (aclexplode(c.relacl)).*
          FROM pg_class c
         WHERE c.relnamespace::regnamespace::text IN ('ledger', 'public')
        UNION ALL
        SELECT 'function', p.oid::regprocedure::text,
               (aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))).* FROM pg_proc p
         WHERE p.pronamespace::regnamespace::text IN ('ledger', 'public')
        UNION ALL
        SELECT 'schema', n.nspname, (aclexplode(n.nspacl)).* FROM pg_namespace n
         WHERE n.nspname IN ('ledger', 'public')
        UNION ALL
        SELECT 'default', d.defaclobjtype::text, (aclexplode(d.defaclacl)).*
          FROM pg_default_acl d) AS acl
 WHERE grantee <> (SELECT datdba FROM pg_database WHERE datname = current_database())
 ORDER BY 1, 2, 3, 4
"""


def state_of(database: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    return {name: database.execute(query).fetchall() for name, query in STATE.items()}


def without_database(grants: list[Any]) -> list[tuple[str, str, str, str]]:
    """The app role is called after its database."""
    return sorted((what, name, who.rpartition("_")[2], may) for what, name, who, may in grants)


def number(database: psycopg.Connection[Any], query: str) -> int:
    row = database.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def gift(fan: int, creator: int, coins: int, operation_id: UUID | None = None) -> ledger.Outcome:
    with transaction.atomic():
        return ledger.gift(
            ledger.Gift(
                operation_id or ledger.new_operation_id(), fan, creator, coins, fan, "room:x", {}
            )
        )


def pass_the_horizon() -> None:
    """Fold until everything posted so far is folded: other tests may have a transaction open."""
    goal = value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    for _ in range(600):
        services.fold_ledger()
        if value("SELECT horizon::text::bigint FROM ledger.fold_state") >= goal:
            return
        time.sleep(0.05)
    raise AssertionError("the horizon did not pass in 30 s")


def value(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def place_of(name: str, servers: embedded.Servers) -> backups.Place:
    return backups.Place(name=name, user="carat", host=str(servers.run), port="5432", password="")


def manage(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=kept | {"CARAT_DATA_DIR": str(data), "COLUMNS": "200"},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


@contextmanager
def site_on(servers: embedded.Servers, name: str) -> Iterator[None]:
    """Let Django's connection be the app role's on another cluster."""
    before = dict(connection.settings_dict)
    connections.close_all()
    connection.settings_dict.update(HOST=str(servers.run), NAME=name, USER=f"{name}_app")
    try:
        yield
    finally:
        connections.close_all()
        connection.settings_dict.update(before)


@pytest.fixture
def books(committed: str) -> UUID:
    """Books with a sealed, a closed and an open period, a tail, and a refusal. Its operation id."""
    with transaction.atomic():
        for fan in FANS:
            factories.give_coins_to(fan, 5_000, hold_class=1)
            factories.give_coins_to(fan, 700, hold_class=5)
    gift(FANS[0], CREATORS[0], 1_200)
    pass_the_horizon()
    services.close_period()
    services.seal_periods()
    gift(FANS[1], CREATORS[0], 5_300)
    pass_the_horizon()
    services.close_period()
    gift(FANS[0], CREATORS[1], 77)
    pass_the_horizon()
    gift(FANS[0], CREATORS[1], 23)  # nobody has folded this one
    refused = ledger.new_operation_id()
    assert gift(FANS[1], CREATORS[1], 9_999, refused).refusal == "insufficient_coins"
    return refused


@pytest.fixture
def shelf(committed: str) -> Room:
    """A live room, and a gift that wears artwork which staff uploaded for it."""
    olga = factories.make_staff("olga")
    art = keep(drawn("PNG", frame(10, filled=40), frame(120), duration=[300, 700]), by=olga)
    announce(art, olga=olga)
    return make_room(factories.make_creator("bob"))


def art_shown(room: Room) -> dict[str, bytes]:
    """The artwork that a fan's browser loads for a room's page, by address."""
    fan = Client()
    page = fan.get(reverse("gifts:room", args=[room.pk])).content.decode()
    stills = set(re.findall(r"/gifts/art/[0-9a-f]{64}/still\.webp", page))
    addresses = stills | {one.replace("still", "moving") for one in stills}
    return {address: fan.get(address).content for address in addresses}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[embedded.Servers]:
    """A cluster of its own, just made: its transaction ids are low."""
    servers = embedded.ensure(tmp_path / "elsewhere")
    yield servers
    embedded.release(servers.data)


@pytest.mark.proof
def test_a_backup_restored_elsewhere_is_the_same_books_and_goes_on(
    committed: str, books: UUID, elsewhere: embedded.Servers, tmp_path: Path
) -> None:
    source, target = place_of(committed, settings.SERVERS), place_of("carat", elsewhere)
    file = tmp_path / "today.backup"
    # The old cluster is far ahead of the new one, as clusters in use are.
    with source.connect() as old:
        before, grants = state_of(old), old.execute(GRANTS).fetchall()
        horizon = number(old, "SELECT horizon::text::bigint FROM ledger.fold_state")

    manifest = backups.back_up(source=source, target=file)
    restored = manage(elsewhere.data, "restore", str(file))

    assert restored.returncode == 0, restored.stderr
    assert "The audit found no difference." in restored.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert manifest.counts["operations"] == len(before["outcomes"])
    assert manifest.last_seal == before["seals"][0][1]
    with target.connect() as new:
        assert state_of(new) == before
        assert without_database(new.execute(GRANTS).fetchall()) == without_database(grants)
        assert number(new, XMAX) != horizon
    with site_on(elsewhere, "carat"):
        replay = gift(FANS[1], CREATORS[1], 9_999, books)
        assert (replay.replayed, replay.refusal, replay.result) == (
            True,
            "insufficient_coins",
            {"refusal": "insufficient_coins", "balance": 400},
        )
        assert gift(FANS[0], CREATORS[1], 100).done
        pass_the_horizon()
        closed = services.close_period()
        assert services.seal_periods() == 2
        with target.connect() as owner:
            owner.execute("UPDATE ledger.bucket SET release_at = now() WHERE NOT done")
        assert services.release_matured() == 4
        pending = Account.objects.filter(owner_id=CREATORS[1], code=210)
        assert sum(ledger.turnover(a.pk)[1] for a in pending) == 200_000
        assert value(f"SELECT sum(amount) FROM ledger.bucket WHERE period_id = {closed}") == 200_000
        available = Balance.objects.filter(account__owner_id=CREATORS[1], account__code=211)
        assert sum(row.credits - row.debits for row in available) == 200_000
        assert list(ledger.audit()) == []


@pytest.mark.proof
def test_artwork_is_in_a_backup_and_shown_after_it_is_restored(
    committed: str, shelf: Room, elsewhere: embedded.Servers, tmp_path: Path
) -> None:
    file, before = tmp_path / "today.backup", art_shown(shelf)
    assert [Image.open(BytesIO(content)).format for content in before.values()] == ["WEBP"] * 2
    assert len(set(before.values())) == 2

    backups.back_up(source=place_of(committed, settings.SERVERS), target=file)
    late = keep(drawn("PNG", frame(200)), by=User.objects.get(handle="olga"))
    restored = manage(elsewhere.data, "restore", str(file))

    assert restored.returncode == 0, restored.stderr
    with site_on(elsewhere, "carat"):
        assert art_shown(shelf) == before
        assert '#gift-star"' not in Client().get(f"/live/{shelf.pk}/").content.decode()
        assert Client().get(reverse("gifts:art_still", args=[late.pk])).status_code == 404
    assert (
        Client().get(reverse("gifts:art_still", args=[late.pk])).status_code == 200
    )  # the control


@pytest.mark.proof
def test_without_the_rebase_nothing_can_be_posted_elsewhere(
    committed: str, books: UUID, elsewhere: embedded.Servers, tmp_path: Path
) -> None:
    source, target = place_of(committed, settings.SERVERS), place_of("carat", elsewhere)
    dump = tmp_path / "dump"
    embedded.run_tool("pg_dump", "-Fc", "-O", "-x", f"--file={dump}", f"--dbname={source.address}")
    embedded.run_tool("pg_restore", "-1", "-O", "-x", f"--dbname={target.address}", dump)

    with (
        target.connect() as owner,
        pytest.raises(psycopg.Error, match="restored from another cluster"),
    ):
        owner.execute(
            "SELECT ledger.gift(gen_random_uuid(), %s, %s, 1, %s, 'room:x', '{}')",
            [FANS[0], CREATORS[0], FANS[0]],
        )

    backups.rebase(target=target)
    with site_on(elsewhere, "carat"):
        assert gift(FANS[0], CREATORS[0], 1).done
        assert list(ledger.audit()) == []


def test_a_backup_is_restored_into_an_empty_database_only(committed: str, tmp_path: Path) -> None:
    here = place_of(committed, settings.SERVERS)
    file = tmp_path / "today.backup"
    backups.back_up(source=here, target=file)
    with here.connect() as database:
        before = state_of(database)

        with pytest.raises(backups.DatabaseNotEmpty, match="is not empty"):
            backups.restore(file=file, target=here, workspace=tmp_path)

        assert state_of(database) == before


def test_a_backup_that_fails_leaves_the_one_before(committed: str, tmp_path: Path) -> None:
    file = tmp_path / "today.backup"
    file.write_text("the one before")
    nowhere = replace(place_of(committed, settings.SERVERS), name="no_such_database")

    with pytest.raises((OperationalError, psycopg.OperationalError)):
        backups.back_up(source=nowhere, target=file)

    assert file.read_text() == "the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["today.backup"]


def test_a_damaged_a_foreign_and_a_newer_file_are_refused(committed: str, tmp_path: Path) -> None:
    here = place_of(committed, settings.SERVERS)
    file = tmp_path / "today.backup"
    backups.back_up(source=here, target=file)
    with tarfile.open(file) as tar:
        tar.extractall(tmp_path, filter="data")
    given = json.loads((tmp_path / backups.MANIFEST).read_text())

    def packed(**changes: Any) -> Path:
        (tmp_path / backups.MANIFEST).write_text(json.dumps(given | changes))
        with tarfile.open(tmp_path / "other", "w") as tar:
            tar.add(tmp_path / backups.MANIFEST, backups.MANIFEST)
            tar.add(tmp_path / backups.DUMP, backups.DUMP)
        return tmp_path / "other"

    (tmp_path / "foreign").write_text("not a tar")
    with pytest.raises(backups.NotABackup, match="cannot be read"):
        backups.read_manifest(tmp_path / "foreign")
    with pytest.raises(backups.NewerBackup, match="newer Carat"):
        backups.read_manifest(packed(format=2))
    with pytest.raises(backups.NewerBackup, match=r"wallet\.9999_later"):
        backups.read_manifest(packed(migrations=["wallet.9999_later"]))
    with pytest.raises(backups.NotABackup, match="damaged"):
        backups._unpack(file, replace(backups.read_manifest(file), dump_sha256="0" * 64), tmp_path)


def test_the_site_itself_cannot_rebase(committed: str) -> None:
    with pytest.raises((InternalError, psycopg.Error, Exception), match="permission denied"):
        value("CALL ledger.rebase()")
