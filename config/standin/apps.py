"""Names the stand-in's tables; it lives in a Django project of its own."""

from django.apps import AppConfig


class StandinConfig(AppConfig):
    name = "config.standin"
    label = "standin"
    verbose_name = "Stand-in"
