"""Carat's settings with the doors that the API is measured against, and no throttle in reach."""

from config.settings import *  # noqa: F403
from config.settings import REST_FRAMEWORK

ROOT_URLCONF = "config.benches.urls"
# Counted as ever, and never reached.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = {"service": "1000000000/min"}
