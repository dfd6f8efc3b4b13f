"""Migrations: complete, in one line, named for what they do, and with a way back."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.db import migrations
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunPython, RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from accounts.migrations._together import Together
from tests.project import source

LOADER = MigrationLoader(None)
OURS = sorted(key for key in LOADER.disk_migrations if key[0] in source.APPS)


def irreversible(operation: Operation) -> Iterator[Operation]:
    """Find what cannot be undone, also inside operations that hold others."""
    if isinstance(operation, RunPython | RunSQL) and not operation.reversible:
        yield operation
    inner: Sequence[Operation] = ()
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        inner = operation.database_operations
    elif isinstance(operation, Together):
        inner = operation.operations
    for one in inner:
        yield from irreversible(one)


def missing(installed: Apps) -> dict[str, list[str]]:
    """Return what `makemigrations` would write, by app."""
    detector = MigrationAutodetector(LOADER.project_state(), ProjectState.from_apps(installed))
    changes = detector.changes(graph=LOADER.graph, trim_to_apps=set(source.APPS))
    return {
        app: [operation.describe() for migration in found for operation in migration.operations]
        for app, found in changes.items()
    }


def test_the_models_have_all_their_migrations() -> None:
    assert not missing(apps), "run `uv run manage.py makemigrations`"


@pytest.mark.parametrize("app", source.APPS)
def test_the_migrations_of_an_app_are_one_line(app: str) -> None:
    followed = Counter(
        parent
        for key in OURS
        if key[0] == app and not LOADER.disk_migrations[key].replaces  # which stand beside them
        for parent in LOADER.disk_migrations[key].dependencies
        if parent[0] == app
    )

    assert len(LOADER.graph.leaf_nodes(app)) == 1
    assert not [name for name, followers in followed.items() if followers > 1]


def test_what_replaces_migrations_comes_to_the_same_models() -> None:
    one_by_one = MigrationLoader(None, replace_migrations=False)
    assert len(one_by_one.graph.nodes) > len(LOADER.graph.nodes)

    detector = MigrationAutodetector(one_by_one.project_state(), LOADER.project_state())

    assert detector.changes(graph=LOADER.graph, trim_to_apps=set(source.APPS)) == {}


@pytest.mark.parametrize("key", OURS, ids=".".join)
def test_a_migration_is_named_for_what_it_does(key: tuple[str, str]) -> None:
    number, _, name = key[1].partition("_")

    assert number.isdigit()
    assert name
    assert not name.startswith(("auto_", "initial", "alter_", "merge"))


@pytest.mark.parametrize("key", OURS, ids=".".join)
def test_a_migration_has_a_way_back_or_says_that_it_needs_none(key: tuple[str, str]) -> None:
    operations = LOADER.disk_migrations[key].operations

    assert not [stuck for operation in operations for stuck in irreversible(operation)]


def test_control_an_operation_without_a_way_back_is_found() -> None:
    one_way = RunSQL("SELECT 1")
    wrapped = migrations.SeparateDatabaseAndState(database_operations=[one_way])

    assert list(irreversible(wrapped)) == list(irreversible(Together([wrapped]))) == [one_way]
