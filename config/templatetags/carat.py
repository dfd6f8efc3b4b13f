"""Words for amounts, times and people in templates.

Promises: numbers follow the active language (through Babel); money keeps the minor digits of its
currency; diamonds arrive in thousandths and lose trailing zeros; nothing here queries or decides.
Templates show amounts through `components/money.html`, `coins.html` and `diamonds.html`; the
filters are for places where markup cannot go (titles, aria labels, emails).
"""

import functools
import re
import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from babel import Locale, UnknownLocaleError, dates, numbers
from django import template
from django.template.context import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from djmoney.money import Money

from wallet import money as units

register = template.Library()

DIAMOND_SCALE: Final = 3
HUES: Final = 12
DAY_S: Final = 24 * 60 * 60
AGO_DAYS_MAX: Final = 7

type Amount = Money | tuple[int, str]


@functools.cache
def _locale_of(language: str) -> Locale:
    try:
        return Locale.parse(translation.to_locale(language))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def _locale() -> Locale:
    return _locale_of(translation.get_language() or "en")


def _major(amount: Amount) -> tuple[Decimal, str]:
    whole = amount if isinstance(amount, Money) else units.money(*amount)
    return whole.amount, str(whole.currency)


def _spaced(words: str) -> str:
    """Part a currency written in letters from its number, as CLDR asks and Babel does not do."""
    return re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", "\xa0", words)


@register.filter
def money(amount: Amount | None) -> str:
    """Write cash with its currency: Money, or (minor units, ISO code). None is an empty string."""
    if amount is None:
        return ""
    value, currency = _major(amount)
    return _spaced(numbers.format_currency(value, currency, locale=_locale()))


@register.filter
def unit_price(amount: Amount | None) -> str:
    """Write a price finer than the minor unit, as the price of one coin: up to 6 decimals."""
    if amount is None:
        return ""
    value, currency = _major(amount)
    pattern = _locale().currency_formats["standard"].pattern
    digits = max(units.decimals(currency), 2)
    finer = pattern.replace("0.00", "0." + "0" * digits + "#" * (6 - digits))
    return _spaced(
        numbers.format_currency(
            value, currency, format=finer, locale=_locale(), currency_digits=False
        )
    )


@register.filter
def coins(amount: int | None) -> str:
    """Write whole coins with the language's thousands marks. None is an empty string."""
    return "" if amount is None else numbers.format_decimal(amount, locale=_locale())


@register.filter
def diamonds(thousandths: int | None) -> str:
    """Write diamonds from thousandths: 1234500 is 1,234.5. None is an empty string."""
    if thousandths is None:
        return ""
    whole = Decimal(thousandths).scaleb(-DIAMOND_SCALE)
    return numbers.format_decimal(whole, format="#,##0.###", locale=_locale())


@register.filter
def percent(fraction: Decimal | float | None) -> str:
    """Write a fraction as a percentage with at most two decimals: 0.475 is 47.5%."""
    if fraction is None:
        return ""
    pattern = _locale().percent_formats[None].pattern.replace("0", "0.##")
    return numbers.format_percent(fraction, format=pattern, locale=_locale())


@register.filter
def short_number(count: int | None) -> str:
    """Write a count of people or gifts shortly: 12345 is 12K. Never for money."""
    if count is None:
        return ""
    return numbers.format_compact_decimal(count, locale=_locale(), fraction_digits=1)


def _time(moment: datetime | date, words: str, title: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), title, words)


def _long(at: datetime) -> str:
    return dates.format_datetime(timezone.localtime(at), "long", locale=_locale())


@register.simple_tag
def ago(at: datetime | None) -> SafeString | str:
    """Say how long ago (or how soon) a moment is, as a <time>; the date once a week has passed."""
    if at is None:
        return ""
    apart = at - timezone.now()
    if abs(apart.total_seconds()) >= AGO_DAYS_MAX * DAY_S:
        words = dates.format_date(timezone.localtime(at).date(), "medium", locale=_locale())
    else:
        words = dates.format_timedelta(apart, add_direction=True, locale=_locale())
    return _time(at, words, _long(at))


@register.filter
def span(length: timedelta | None) -> str:
    """Write how long something may take, in its largest unit."""
    return "" if length is None else dates.format_timedelta(length, locale=_locale())


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """Write date and time in the reader's language and time zone, as a <time>."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    day = dates.format_date(local.date(), "medium", locale=_locale())
    clock = dates.format_time(local, "short", locale=_locale())
    return _time(at, f"{day}, {clock}", _long(at))


@register.simple_tag
def when(at: datetime) -> SafeString:
    """Write a time to come with its day and zone; times.js writes it in the viewer's own."""
    local = timezone.localtime(at)
    words = dates.format_skeleton("yMMMEd", local, locale=_locale())
    clock = dates.format_time(local, "short", locale=_locale())
    return format_html(
        '<time datetime="{}" data-when>{}, {} {}</time>',
        at.astimezone(UTC).isoformat(), words, clock, local.tzname(),
    )  # fmt: skip


@register.simple_tag
def clock(at: datetime | None) -> SafeString | str:
    """Write the time of day alone, as a <time>."""
    if at is None:
        return ""
    words = dates.format_time(timezone.localtime(at), "short", locale=_locale())
    return _time(at, words, _long(at))


@register.simple_tag
def day(on: date | datetime | None) -> SafeString | str:
    """Write a date in the reader's language, as a <time>."""
    if on is None:
        return ""
    local = timezone.localtime(on).date() if isinstance(on, datetime) else on
    words = dates.format_date(local, "medium", locale=_locale())
    return _time(local, words, dates.format_date(local, "full", locale=_locale()))


@register.filter
def initials(name: str | None) -> str:
    """Give the one or two letters an avatar shows."""
    words = [word for word in (name or "").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def hue(key: object) -> int:
    """Give a person or room its lasting colour, 0 to 11, for data-hue."""
    return zlib.crc32(str(key).encode()) % HUES


@register.simple_tag
def icon(name: str, label: str = "", size: str = "") -> SafeString:
    """Show an icon of the sprite; without a label it is hidden from screen readers."""
    return format_html(
        '<svg class="icon"{}{}><use href="{}#icon-{}"></use></svg>',
        format_html(' data-size="{}"', size) if size else "",
        format_html(' role="img" aria-label="{}"', label)
        if label
        else SafeString(' aria-hidden="true"'),
        static("carat/icons.svg"),
        name,
    )


@register.inclusion_tag("components/nav_item.html", takes_context=True)
def nav_item(
    context: Context, name: str, icon: str, label: str, only: str = ""
) -> dict[str, object]:
    """Show a link of the site's navigation, or nothing while its page does not exist."""
    try:
        address = reverse(name)
    except NoReverseMatch:
        return {}
    request = context.get("request")
    path = request.path if request else ""
    is_current = path == address or (address != "/" and path.startswith(address))
    return {"address": address, "icon": icon, "label": label, "only": only, "current": is_current}
