"""Servers and connections die under eight writers: nothing is lost, nothing is doubled.

The controls show that the comparison can fail: without synchronous commits acknowledged gifts are
lost, without the check of replayed ids they are doubled. The third one, a fold by an ordinary
watermark, is in ``tests/wallet/test_ledger_guards.py``.

In full: ``uv run pytest tests/proof/test_crashes.py --full -s``.
"""

from collections.abc import Iterator

import pytest
from psycopg import sql

from tests.proof import crash_world
from wallet import ledger


@pytest.fixture(scope="module")
def cluster() -> Iterator[crash_world.Cluster]:
    """A server that may die. Every test has its own database on it."""
    cluster = crash_world.Cluster()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.mark.proof
def test_no_crash_loses_or_doubles_an_operation(
    cluster: crash_world.Cluster, proof_size: int
) -> None:
    stops = 1 + proof_size // 10
    world = crash_world.World(cluster, "crash")

    world.live(seconds=max(6, 3 * proof_size), stops=stops, kill_9=1)

    verdict = crash_world.examine(world)
    print(  # noqa: T201 - the figure of a proof
        f"\nFIGURE crash operations={verdict.operations} acked={verdict.acked}"
        f" sent={verdict.sent} replays={verdict.replays} in_doubt={verdict.doubts}"
        f" folds={world.folds} kills={world.kills} stops={world.stops}"
        f" lost={len(verdict.lost)} doubled={len(verdict.doubled)}"
    )
    assert (verdict.lost, verdict.doubled, verdict.changed) == (set(), set(), set())
    assert verdict.books == {}
    assert verdict.findings == []
    assert verdict.acked == verdict.operations
    assert world.stops == stops + 1
    assert min(world.kills, world.folds, verdict.doubts) > 0
    assert verdict.replays > 0.15 * verdict.sent


@pytest.mark.proof
def test_of_every_kind_of_operation_some_were_done_and_some_refused(
    cluster: crash_world.Cluster,
) -> None:
    """Otherwise the test above would prove less than it says."""
    world = crash_world.World(cluster, "calm", writers=1)
    (writer,) = world.writers

    with world.connected() as session:
        for _ in range(20):
            for _ in range(20):
                writer.send(writer.wish(), is_new=True)
            world.fold_once(session)

    writer.hang_up()
    done = {
        (
            type(intent).__name__,
            getattr(intent, "step", ""),
            writer.journal.acks[intent.operation_id].done,
        )
        for call in writer.journal.calls
        for intent in call.intents
    }
    assert done >= {
        ("Buy", "", True),
        ("Gift", "", True),
        ("Gift", "", False),
        ("Settle", "", True),
        ("Settle", "", False),
        ("PayoutStep", "reserve", True),
        ("PayoutStep", "reserve", False),
        ("PayoutStep", "post", True),
        ("PayoutStep", "void", True),
        ("PayoutStep", "return", True),
    }


@pytest.mark.proof
def test_without_the_check_of_replayed_ids_gifts_are_doubled(cluster: crash_world.Cluster) -> None:
    """The control: an id that is there already is posted again, under a new one.

    The books still balance, which is why the audit alone is no proof.
    """
    world = crash_world.World(cluster, "control_replay")
    with cluster.owner(world.database) as session:
        (gift,) = session.execute(
            "SELECT pg_get_functiondef('ledger.gift'::regproc)"
        ).fetchone() or ("",)
        first_answer = "ledger.earlier_outcome(p_op, p_actor, 20, v_request)"
        assert first_answer in gift
        again = (
            "ledger.gift(gen_random_uuid(), p_payer, p_creator, p_coins, p_actor, p_context, '{}')"
        )
        session.execute(gift.replace(first_answer, again))

    world.live(seconds=2, stops=0, kill_9=0)

    verdict = crash_world.examine(world)
    assert len(verdict.doubled) > 0
    assert verdict.books != {}
    assert verdict.findings == []


@pytest.fixture
def lazy_log(cluster: crash_world.Cluster) -> Iterator[None]:
    """A server that writes its log only for those who wait for it."""
    settings = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
    with cluster.owner() as session:
        for name, value in settings.items():
            session.execute(
                sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            )
    cluster.stop_immediately()
    cluster.start()
    yield
    with cluster.owner() as session:
        for name in settings:
            session.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
        session.execute("SELECT pg_reload_conf()")


@pytest.mark.proof
@pytest.mark.parametrize(("commits", "some_are_lost"), [("on", False), ("off", True)])
def test_only_synchronous_commits_survive_a_kill(
    cluster: crash_world.Cluster, lazy_log: None, commits: str, some_are_lost: bool
) -> None:
    """The control: acknowledged before it is on disk is acknowledged too early."""
    world = crash_world.World(cluster, f"control_sync_{commits}", writers=1)
    (writer,) = world.writers
    with cluster.owner() as session:
        session.execute(
            sql.SQL("ALTER ROLE {} SET synchronous_commit = {}").format(
                sql.Identifier(world.role), sql.Literal(commits)
            )
        )
    ids = [ledger.new_operation_id() for _ in range(102)]
    writer.send(crash_world.Call((crash_world.Buy(ids[0], 1001, ids[1], 500, 1),)), is_new=True)
    for one in ids[2:]:
        writer.send(crash_world.Call((crash_world.Gift(one, 1001, 2001, 1),)), is_new=True)

    cluster.kill()
    cluster.start()

    writer.hang_up()
    verdict = crash_world.examine(world)
    assert verdict.acked == 101
    assert (len(verdict.lost) > 0) == some_are_lost
    assert (verdict.books != {}) == some_are_lost
    assert verdict.doubled == set()
    assert verdict.findings == []
