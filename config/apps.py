"""The wiring as a Django app: it holds the commands, the shared assets and the start-up checks."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "config"
    verbose_name = "Carat"

    def ready(self) -> None:
        from config import checks, logs  # noqa: F401, PLC0415 - checks register on import

        logs.configure()
