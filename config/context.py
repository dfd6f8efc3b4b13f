"""What every page's frame shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import queries as people
from wallet import queries as wallets


def site(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or request.path.startswith("/admin/"):
        return {"site_name": settings.SITE_NAME, "demo": settings.DEMO}
    return {
        "site_name": settings.SITE_NAME,
        "demo": settings.DEMO,
        "nav_unread": people.unread_count(user_id=user.pk),
        "nav_coins": wallets.coins(user_id=user.pk),
    }
