"""The bench measures wherever there is a server, migrated or not."""

from config.management.commands import bench


def test_the_machine_is_described_without_any_database_of_carat() -> None:
    described = bench.machine()  # without the db fixture: Django's own connection would refuse

    for setting in ("server_version=", "fsync=", "synchronous_commit=", "shared_buffers="):
        assert setting in described
