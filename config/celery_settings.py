"""Celery's settings and the timetable of what runs when."""

from typing import Any

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


def every(seconds: float, task: str, *, expires: int = 0, **kwargs: Any) -> dict[str, Any]:
    """Run a task so often. One that no worker took in ``expires`` seconds (2 turns) is dropped."""
    entry = at(seconds, task, **kwargs)
    return entry | {"options": {"expires": expires or round(2 * seconds)}}


def at(schedule: float | crontab, task: str, **kwargs: Any) -> dict[str, Any]:
    """Run a task by the clock. Whenever a worker takes it, it is done."""
    return {"task": task, "schedule": schedule, "kwargs": kwargs}


SETTLES_EVERY_S = float(settings.SETTLEMENT_INTERVAL_S)
MONDAYS = crontab(minute=0, hour=0, day_of_week="mon")
SEPA_EVERY_S = float(settings.SEPA_INTERVAL_S)
WORKING_DAYS = crontab(minute=0, hour=8, day_of_week="mon-fri")

beat_schedule = {
    "send held gifts": every(1.0, "gifts.tasks.send_held", expires=5),
    "tell of moved lives": every(60.0, "gifts.tasks.sweep_moved", expires=60),
    "memberships": every(300.0, "gifts.tasks.sweep_memberships", expires=300),
    "relay": every(1.0, "config.tasks.relay", expires=5),
    "end streaks": every(1.0, "config.tasks.end_streaks", expires=5),
    "prune outbox": at(crontab(minute=10, hour=3), "config.tasks.prune"),
    "audit ranks": at(crontab(minute=50, hour=3), "config.tasks.audit_ranks"),
    "make exports": every(10.0, "config.tasks.make_exports"),
    "erase closed accounts": at(crontab(minute=20), "config.tasks.erase_closed"),
    "fold": every(2.0, "wallet.tasks.fold", expires=5),
    "close period": every(
        float(settings.PERIOD_S), "wallet.tasks.close_period", expires=settings.PERIOD_S
    ),
    "release": every(10.0, "wallet.tasks.release", expires=30),
    "seal": every(15.0, "wallet.tasks.seal"),
    "provider events": every(5.0, "wallet.tasks.handle_events"),
    "sweep purchases": every(30.0, "wallet.tasks.sweep_purchases"),
    "forget attempts": at(crontab(minute=20, hour=3), "wallet.tasks.forget_attempts"),
    "refunds": every(20.0, "wallet.tasks.submit_refunds"),
    "disputes": every(60.0, "wallet.tasks.sweep_disputes"),
    "forget customers": every(600.0, "wallet.tasks.forget_customers", expires=600),
    "reconcile": every(900.0, "wallet.tasks.reconcile", expires=900, hours=3),
    "reconcile the last days": at(crontab(minute=40, hour=3), "wallet.tasks.reconcile", hours=80),
    "reconcile payouts": every(3600.0, "payouts.tasks.reconcile", expires=3600, hours=6),
    "reconcile the last weeks' payouts": at(
        crontab(minute=30, hour=4), "payouts.tasks.reconcile", hours=21 * 24
    ),
    "recognise revenue": at(crontab(minute=20, hour=0), "wallet.tasks.recognise_revenue"),
    "tell of prices": every(10.0, "wallet.tasks.tell_of_prices", expires=30),
    "tell of rate cards": every(10.0, "wallet.tasks.tell_of_cards", expires=30),
    "number receipts": every(5.0, "wallet.tasks.number_receipts"),
    "number credit notes": every(5.0, "wallet.tasks.number_credit_notes"),
    "watch earnings": every(600.0, "payouts.tasks.watch_earnings", expires=600),
    "settle": at(SETTLES_EVERY_S or MONDAYS, "payouts.tasks.start_settlement"),
    "sweep settlements": every(20.0, "payouts.tasks.continue_settlements"),
    "sweep payouts": every(10.0, "payouts.tasks.sweep_payouts"),
    "close SEPA files": at(SEPA_EVERY_S or WORKING_DAYS, "payouts.tasks.close_sepa_batches"),
    "Stripe accounts": every(15.0, "payouts.tasks.look_at_stripe_accounts"),
    "follow bank files": every(60.0, "payouts.tasks.follow_bank_files", expires=60),
    "count earnings": every(5.0, "payouts.tasks.count_earnings"),
    "count figures": every(120.0, "payouts.tasks.count_figures", expires=120),
    "close months": every(60.0, "payouts.tasks.close_months", expires=60),
    "send notices": every(5.0, "accounts.tasks.send_notices"),
    "end standings": every(60.0, "accounts.tasks.end_standings", expires=60),
    "review clocks": every(300.0, "accounts.tasks.keep_review_clocks", expires=300),
    "identity checks": every(60.0, "accounts.tasks.sweep_identity", expires=60),
    "delete papers": at(crontab(minute=35), "accounts.tasks.delete_papers"),
    "purge fingerprints": at(crontab(minute=25, hour=3), "accounts.tasks.purge_expired"),
}
