"""The Celery app and its timetable. A message is a doorbell: the work itself is rows in PostgreSQL,
which each task looks for, so a lost message delays and a doubled one finds nothing left to do.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("carat")
app.config_from_object("config.celery_settings")
app.autodiscover_tasks(["accounts", "wallet", "gifts", "payouts", "config"])
