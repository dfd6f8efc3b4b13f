"""Celery's settings and the timetable of what runs when."""

from celery.schedules import crontab
from django.conf import settings

broker_url = settings.BROKER_URL
broker_connection_retry_on_startup = True
broker_transport_options = {"visibility_timeout": 600}
task_acks_late = True
task_reject_on_worker_lost = True
task_ignore_result = True
task_time_limit = 300
task_soft_time_limit = 240
task_serializer = "json"
accept_content = ["json"]
worker_prefetch_multiplier = 1
worker_soft_shutdown_timeout = 10
timezone = "UTC"

beat_schedule = {
    "relay": {"task": "config.tasks.relay", "schedule": 1.0, "options": {"expires": 5}},
    "prune outbox": {"task": "config.tasks.prune", "schedule": crontab(minute=10, hour=3)},
    "make exports": {
        "task": "config.tasks.make_exports",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "erase closed accounts": {
        "task": "config.tasks.erase_closed",
        "schedule": crontab(minute=20),
    },
    "fold": {"task": "wallet.tasks.fold", "schedule": 2.0, "options": {"expires": 5}},
    "close period": {
        "task": "wallet.tasks.close_period",
        "schedule": float(settings.PERIOD_S),
        "options": {"expires": settings.PERIOD_S},
    },
    "release": {"task": "wallet.tasks.release", "schedule": 10.0, "options": {"expires": 30}},
    "seal": {"task": "wallet.tasks.seal", "schedule": 15.0, "options": {"expires": 30}},
    "provider events": {
        "task": "wallet.tasks.handle_events",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "sweep purchases": {
        "task": "wallet.tasks.sweep_purchases",
        "schedule": 30.0,
        "options": {"expires": 60},
    },
    "forget attempts": {
        "task": "wallet.tasks.forget_attempts",
        "schedule": crontab(minute=20, hour=3),
    },
    "refunds": {
        "task": "wallet.tasks.submit_refunds",
        "schedule": 20.0,
        "options": {"expires": 40},
    },
    "disputes": {
        "task": "wallet.tasks.sweep_disputes",
        "schedule": 60.0,
        "options": {"expires": 120},
    },
    "reconcile": {
        "task": "wallet.tasks.reconcile",
        "schedule": 900.0,
        "kwargs": {"hours": 3},
        "options": {"expires": 900},
    },
    "reconcile the last days": {
        "task": "wallet.tasks.reconcile",
        "schedule": crontab(minute=40, hour=3),
        "kwargs": {"hours": 80},
    },
    "recognise revenue": {
        "task": "wallet.tasks.recognise_revenue",
        "schedule": crontab(minute=20, hour=0),
    },
    "tell of prices": {
        "task": "wallet.tasks.tell_of_prices",
        "schedule": 10.0,
        "options": {"expires": 30},
    },
    "number receipts": {
        "task": "wallet.tasks.number_receipts",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "number credit notes": {
        "task": "wallet.tasks.number_credit_notes",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "settle": {
        "task": "payouts.tasks.start_settlement",
        "schedule": float(settings.SETTLEMENT_INTERVAL_S)
        if settings.SETTLEMENT_INTERVAL_S
        else crontab(minute=0, hour=0, day_of_week="mon"),
    },
    "sweep settlements": {
        "task": "payouts.tasks.continue_settlements",
        "schedule": 20.0,
        "options": {"expires": 40},
    },
    "sweep payouts": {
        "task": "payouts.tasks.sweep_payouts",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "send notices": {
        "task": "accounts.tasks.send_notices",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "end standings": {
        "task": "accounts.tasks.end_standings",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "review clocks": {
        "task": "accounts.tasks.keep_review_clocks",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "purge fingerprints": {
        "task": "accounts.tasks.purge_expired",
        "schedule": crontab(minute=25, hour=3),
    },
}
