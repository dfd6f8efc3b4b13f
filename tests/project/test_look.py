"""The look's promises: strict CSP, contrast, art for every gift, icons that exist."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import RequestFactory

from config import seed

ROOT: Final = Path(settings.BASE_DIR)
# An email can link no style sheet and no policy reaches it: its frame carries its rules.
EMAILS: Final = ROOT / "templates/emails"
TEMPLATES: Final = sorted(
    page for page in (ROOT / "templates").rglob("*.html") if EMAILS not in page.parents
)
STYLES: Final = sorted(ROOT.glob("*/static/**/*.css"))
TOKENS: Final = (ROOT / "config/static/carat/tokens.css").read_text()
ICONS: Final = (ROOT / "config/static/carat/icons.svg").read_text()
ART: Final = (ROOT / "gifts/static/gifts/art.svg").read_text()
STAGE: Final = (ROOT / "gifts/static/gifts/stage.css").read_text()
LANE: Final = (ROOT / "gifts/static/gifts/lane.css").read_text()

INLINE: Final = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*(?:\ssrc=|application/json))"
)


def _bare(css: str) -> str:
    """The sheet without comments and addresses."""
    return re.sub(r'/\*.*?\*/|url\("[^"]*"\)', "", css, flags=re.DOTALL)


@pytest.mark.parametrize("page", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_carries_no_inline_style_or_script(page: Path) -> None:
    words = re.sub(r"{% comment %}.*?{% endcomment %}", "", page.read_text(), flags=re.DOTALL)

    assert INLINE.findall(words) == []


@pytest.mark.parametrize("harm", ['<p style="x">', "<style>", '<a onclick="x()">', "<script>x"])
def test_the_search_for_inline_style_and_script_finds_them(harm: str) -> None:
    assert INLINE.findall(harm)


@pytest.mark.parametrize("sheet", STYLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_style_sheet_has_no_ids_no_important_and_balanced_braces(sheet: Path) -> None:
    css = _bare(sheet.read_text())

    assert "#" not in css
    assert "!important" not in css
    assert css.count("{") == css.count("}")


def test_every_icon_a_template_names_is_drawn() -> None:
    drawn = set(re.findall(r'id="icon-([a-z-]+)"', ICONS))
    pattern = re.compile(r'{% icon "([a-z-]+)"|\bicon="([a-z-]+)"|{% nav_item "[^"]+" "([a-z-]+)"')

    named = {
        name
        for page in TEMPLATES
        for groups in pattern.findall(page.read_text())
        for name in groups
        if name
    }

    assert named - drawn == set()


def test_every_gift_of_the_catalogue_has_its_art_and_nothing_else_is_drawn() -> None:
    assert set(re.findall(r'id="gift-([a-z-]+)"', ART)) == {gift[0] for gift in seed.GIFTS}


def test_gifts_take_the_stage_for_the_time_their_tier_allows() -> None:
    seconds = {
        slug: float(told)
        for slug, told in re.findall(r'data-gift="([a-z-]+)"\] \{ --seconds: ([\d.]+)s', STAGE)
    }
    animated = [gift[0] for gift in seed.GIFTS if gift[3] == seed.A]
    exclusive = [gift[0] for gift in seed.GIFTS if gift[3] == seed.E]

    assert [slug for slug in animated if not 3 <= seconds[slug] <= 8] == []
    assert [slug for slug in exclusive if not 8 <= seconds[slug] <= 15] == []


def _keyframes(css: str) -> Iterator[str]:
    """The body of each @keyframes rule."""
    for start in re.finditer(r"@keyframes [\w-]+ \{", css):
        depth, end = 1, start.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        yield css[start.end() : end]


def test_gifts_move_by_transform_and_opacity_alone() -> None:
    moved = {name for body in _keyframes(STAGE + LANE) for name in re.findall(r"([a-z-]+):", body)}

    assert moved == {"opacity", "translate", "scale", "rotate"}


def _luminance(lightness: float, chroma: float, hue: float) -> float:
    """Relative luminance of an OKLCH colour in sRGB (Ottosson's matrices, 2020), clipped."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    red, green, blue = (min(1.0, max(0.0, part)) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colours(scheme: int) -> dict[str, float]:
    """The luminance of every token of one scheme: 0 light, 1 dark."""
    found = {}
    for name, value in re.findall(r"--([a-z-]+): ((?:light-dark|oklch)\(.*\));", TOKENS):
        parts = re.findall(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)|oklch\(1 0 0\)", value)
        if parts:
            chosen = parts[scheme] if len(parts) > 1 else parts[0]
            found[name] = _luminance(*(float(part or 0) for part in chosen))
    return found


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _pairs() -> Iterator[tuple[str, str, float]]:
    """Text on ground, and the least contrast WCAG 2.2 AA asks for."""
    for ground in ("bg", "surface", "sunken", "raised"):
        for ink in (
            "ink",
            "muted",
            "accent-ink",
            "gold-ink",
            "cyan-ink",
            "good-ink",
            "warn-ink",
            "bad-ink",
        ):
            yield ink, ground, 4.5
        yield "edge", ground, 3.0
    for soft in ("accent", "gold", "cyan", "good", "warn", "bad"):
        yield f"{soft}-ink", f"{soft}-soft", 4.5
        yield "ink", f"{soft}-soft", 4.5
        yield "muted", f"{soft}-soft", 4.5
    yield "on-accent", "accent", 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_pair_of_colours_meets_wcag_aa(scheme: int) -> None:
    colours = _colours(scheme)

    faint = [
        (ink, ground, round(_contrast(colours[ink], colours[ground]), 2))
        for ink, ground, least in _pairs()
        if _contrast(colours[ink], colours[ground]) < least
    ]

    assert faint == []


@pytest.mark.parametrize("code", [500, 503])
def test_an_error_page_needs_no_context(code: int) -> None:
    assert "<h1>" in render_to_string(f"{code}.html")


def test_the_frame_stands_for_a_visitor_who_is_not_signed_in(rf: RequestFactory) -> None:
    request = rf.get("/nowhere/")
    request.user = AnonymousUser()

    page = render_to_string("404.html", {"request": request})

    assert 'href="#main"' in page
    assert "site-menu" not in page
    assert "Sign in" in page


class _Form(forms.Form):
    email = forms.EmailField(help_text="Only we see it.")
    terms = forms.BooleanField()


def test_a_field_ties_its_hint_and_its_error_to_the_control() -> None:
    form = _Form({"email": "nobody"})

    shown = render_to_string("components/fields.html", {"form": form})

    assert 'aria-describedby="id_email_helptext id_email_error"' in shown
    assert 'id="id_email_helptext"' in shown
    assert 'id="id_email_error"' in shown
    assert "Enter a valid email address." in shown
    assert '<label for="id_terms">' in shown
