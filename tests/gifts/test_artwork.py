"""Artwork that staff upload: drawn anew, within bounds, shown before it is on sale."""

import hashlib
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image, PngImagePlugin

from accounts.models import OutboxEvent, User
from config import relay
from gifts import artwork, catalogue, queries
from gifts.models import Category, GiftArt, GiftVersion, RoomEvent
from tests import services as callers
from tests.factories import give_coins
from tests.gifts.world import make_room, make_video, send
from wallet.models import Operation

SIDE = 128


def frame(shade: int, *, side: int = SIDE, filled: int | None = None) -> Image.Image:
    """A square of one colour, filled from the left up to a column."""
    image = Image.new("RGBA", (side, side))
    image.paste((shade, 40, 90, 255), (0, 0, side if filled is None else filled, side))
    return image


def drawn(kind: str, *frames: Image.Image, duration: Any = 100, **more: Any) -> bytes:
    out = BytesIO()
    moves = {"save_all": True, "append_images": frames[1:], "duration": duration, "loop": 0}
    frames[0].save(out, kind, **(moves if len(frames) > 1 else {}), **more)
    return out.getvalue()


def keep(content: bytes, file_name: str = "star.png", *, by: User) -> GiftArt:
    return artwork.keep(
        name="Star", file_name=file_name, content=content, by_id=by.pk, at=timezone.now()
    )


def opened(content: bytes | memoryview) -> Image.Image:
    return Image.open(BytesIO(bytes(content)))


def test_a_picture_is_drawn_anew_without_what_was_written_in_it(olga: User) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "<script>alert(1)</script>")
    uploaded = drawn("PNG", frame(200), pnginfo=notes, exif=b"Exif\0\0taken at home")
    assert b"<script>" in uploaded

    art = keep(uploaded, by=olga)

    made = opened(art.moving)
    assert (made.format, made.size) == ("WEBP", (SIDE, SIDE))
    assert (art.width, art.height, art.frames, art.length_ms) == (SIDE, SIDE, 1, 0)
    assert bytes(art.moving) == bytes(art.still)
    assert art.digest == hashlib.sha256(art.moving).hexdigest()
    for wanted_gone in (b"<script>", b"taken at home", b"EXIF", b"XMP "):
        assert wanted_gone not in bytes(art.moving)
    assert keep(uploaded, by=olga).pk == art.pk
    assert GiftArt.objects.count() == 1


@pytest.mark.parametrize(("kind", "file_name"), [("PNG", "a.apng"), ("WEBP", "a.webp")])
def test_an_animation_keeps_its_length_and_gets_its_fullest_frame_as_a_still(
    olga: User, kind: str, file_name: str
) -> None:
    frames = [frame(10, filled=1), frame(120), frame(250, filled=40)]

    art = keep(drawn(kind, *frames, duration=[100, 250, 150], lossless=True), file_name, by=olga)

    assert (art.frames, art.length_ms) == (3, 500)
    moving, still = opened(art.moving), opened(art.still).convert("RGBA")
    assert (getattr(moving, "n_frames", 1), moving.format) == (3, "WEBP")
    assert still.getpixel((SIDE - 1, SIDE - 1))[3] == 255  # type: ignore[index]


def chunk(kind: bytes, body: bytes) -> bytes:
    checked = kind + body
    return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG that says it is big, and is a few hundred bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return artwork.PNG + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def many_frames() -> bytes:
    """A PNG whose head names more frames than anybody draws."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0))
    frames = chunk(b"fcTL", b"\0" * 26) * 10_000
    return artwork.PNG + head + frames + chunk(b"IEND", b"")


PNG: bytes = drawn("PNG", frame(200))
WEBP: bytes = drawn("WEBP", frame(200))
SPOILED = PNG.replace(b"IDAT", b"IDAX")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
REFUSED: list[tuple[str, Callable[[], bytes], str, type[Exception], str]] = [
    ("svg", lambda: SVG, "a.svg", artwork.WrongKind, "SVG can carry programs"),
    ("svg named png", lambda: SVG, "a.png", artwork.WrongKind, "SVG can carry programs"),
    ("gif", lambda: drawn("GIF", frame(9).convert("P")), "a.gif", artwork.WrongKind, "GIF has 256"),
    ("jpeg", lambda: drawn("JPEG", frame(9).convert("RGB")), "a.jpg", artwork.WrongKind, "no pict"),
    ("html", lambda: b"<html><script>", "a.png", artwork.WrongKind, "no picture we take"),
    ("nothing", lambda: b"", "a.png", artwork.WrongKind, "no picture we take"),
    ("png named webp", lambda: PNG, "a.webp", artwork.WrongKind, "Save it again as PNG"),
    ("webp named png", lambda: WEBP, "a.png", artwork.WrongKind, "Save it again as WEBP"),
    ("png named html", lambda: PNG, "a.html", artwork.WrongKind, "Save it again as PNG"),
    ("zip behind a png", lambda: PNG + b"PK\3\4evil", "a.png", artwork.Damaged, "goes on after"),
    ("html behind a webp", lambda: WEBP + b"<script>", "a.webp", artwork.Damaged, "goes on after"),
    ("half a png", lambda: PNG[: len(PNG) // 2], "a.png", artwork.Damaged, "ends before"),
    ("half a webp", lambda: WEBP[: len(WEBP) // 2], "a.webp", artwork.Damaged, "ends before"),
    ("a spoiled png", lambda: SPOILED, "a.png", artwork.Damaged, "cannot be read"),
    ("a bomb", bomb, "a.png", artwork.TooMuch, "30,000 × 30,000"),
    ("too many frames", many_frames, "a.png", artwork.TooMuch, "10,000 frames"),
    ("too small", lambda: drawn("PNG", frame(9, side=20)), "a.png", artwork.TooMuch, "20 × 20"),
    ("too wide", lambda: drawn("PNG", frame(9, side=1025)), "a.png", artwork.TooMuch, "1,025"),
    (
        "too many pixels in all",
        lambda: drawn("PNG", *[frame(shade, side=512) for shade in range(50)]),
        "a.png", artwork.TooMuch, "12 million",
    ),
    (
        "too long",
        lambda: drawn("PNG", frame(1), frame(2), duration=[15_000, 6_000]),
        "a.png", artwork.TooMuch, "more than 20 seconds",
    ),
    ("too heavy", lambda: PNG + b"\0" * 2_000_000, "a.png", artwork.TooMuch, "2,000,000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
def test_everything_else_is_refused_with_its_reason_and_nothing_is_kept(
    olga: User, case: tuple[str, Callable[[], bytes], str, type[Exception], str]
) -> None:
    _, made, file_name, refusal, words = case

    with pytest.raises(refusal, match=words):
        keep(made(), file_name, by=olga)

    assert not GiftArt.objects.exists()


def test_a_bomb_is_refused_before_anything_is_decoded(
    olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image, "open", never)

    with pytest.raises(artwork.TooMuch):
        keep(bomb(), by=olga)
    with pytest.raises(AssertionError, match="decoded"):  # the control
        keep(PNG, by=olga)


def announce(art: GiftArt | None, *, olga: User, **more: Any) -> GiftVersion:
    values: dict[str, Any] = {
        "slug": "star", "name": "Star", "category": Category.CLASSIC, "price_coins": 20,
        "on_videos": True, "art": art, "valid_from": timezone.now(), "by_id": olga.pk,
    }  # fmt: skip
    return catalogue.announce_gift_version(**(values | more), at=values["valid_from"])


@pytest.fixture
def star(olga: User) -> GiftArt:
    frames = [frame(10, filled=40), frame(120)]
    return keep(drawn("PNG", *frames, duration=[300, 700]), by=olga)


def test_an_animation_longer_than_the_gift_is_not_announced(olga: User, star: GiftArt) -> None:
    with pytest.raises(catalogue.ArtTooLong, match="1,000 milliseconds"):
        announce(star, olga=olga, animation_ms=999)

    assert not GiftVersion.objects.filter(gift__slug="star").exists()
    assert announce(star, olga=olga, animation_ms=1_000).art == star


def test_a_gift_with_artwork_shows_it_everywhere(
    olga: User, alice: User, bob: User, star: GiftArt
) -> None:
    announce(star, olga=olga)
    give_coins(alice, 1_000)
    room, video = make_room(bob), make_video(bob)
    sent = send(alice, room, "star")
    send(alice, video, "star")
    relay.relay(at=timezone.now())

    still = reverse("gifts:art_still", args=[star.pk])
    client = Client()
    client.force_login(alice)
    for address in (
        reverse("gifts:room", args=[room.pk]),
        reverse("gifts:video", args=[video.pk]),
        reverse("wallet:history"),
        reverse("accounts:creator", args=["bob"]),
    ):
        assert still in client.get(address).content.decode(), address
    client.force_login(bob)
    assert still in client.get(reverse("payouts:earnings")).content.decode()
    assert (Operation.objects.get(pk=sent.sending_id).memo or {})["art"] == star.pk
    assert RoomEvent.objects.get().payload["art"] == star.pk
    callers.make_service()
    listed = callers.caller(callers.token()).get("/api/v1/gifts").json()["results"]
    by_slug = {gift["slug"]: gift for gift in listed}
    assert by_slug["star"]["art_still_url"] == f"http://testserver{still}".replace(
        "http://testserver", by_slug["star"]["art_url"].split("/gifts/")[0]
    )
    assert by_slug["star"]["art_url"].endswith(f"/gifts/art/{star.pk}/moving.webp")
    assert by_slug["heart"]["art_url"] is None


def test_a_gift_without_artwork_is_drawn_by_us_and_says_nothing_of_it(
    alice: User, bob: User
) -> None:
    give_coins(alice, 10)
    room = make_room(bob)
    send(alice, room, "heart")

    assert "art" not in OutboxEvent.objects.get(name="gift.sent").payload
    page = Client().get(reverse("gifts:room", args=[room.pk])).content.decode()
    assert "#gift-heart" in page
    assert "/gifts/art/" not in page
    assert queries.latest_gifts(place=room)[0].art is None


def test_it_is_served_as_what_it_is_and_for_ever(star: GiftArt) -> None:
    answer = Client().get(reverse("gifts:art_moving", args=[star.pk]))

    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert answer.content == bytes(star.moving)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert set(answer["Cache-Control"].split(", ")) == {"public", "max-age=31536000", "immutable"}
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    still = Client().get(reverse("gifts:art_still", args=[star.pk]))
    assert still.content == bytes(star.still) != answer.content
    assert Client().get(reverse("gifts:art_still", args=["0" * 64])).status_code == 404


def uploaded(client: Client, content: bytes, file_name: str = "star.png") -> Any:
    picture = SimpleUploadedFile(file_name, content, content_type="image/png")
    return client.post(reverse("admin:gifts_giftart_add"), {"name": "Star", "picture": picture})


def test_staff_upload_look_and_announce(olga: User) -> None:
    client = Client()
    client.force_login(olga)

    answer = uploaded(client, drawn("PNG", frame(1), frame(200)))
    art = GiftArt.objects.get()
    page = client.get(answer["Location"]).content.decode()

    assert art.created_by == olga
    assert page.count(reverse("gifts:art_still", args=[art.pk])) == 2
    assert page.count(reverse("gifts:art_moving", args=[art.pk])) == 1
    assert not GiftVersion.objects.filter(gift__slug="star").exists()  # nothing is on sale
    form = {
        "slug": "star", "name": "Star", "category": "classic", "price_coins": "20",
        "animation_ms": "1000", "art": art.pk,
    }  # fmt: skip
    client.post(reverse("admin:gifts_giftversion_add"), form)
    assert GiftVersion.objects.get(gift__slug="star").art == art
    listed = client.get(reverse("admin:gifts_giftart_changelist"))
    assert listed.status_code == 200


def test_staff_are_told_why_a_file_is_refused(olga: User) -> None:
    client = Client()
    client.force_login(olga)

    assert "SVG can carry programs" in uploaded(client, SVG, "a.svg").content.decode()
    heavy = uploaded(client, PNG + b"\0" * artwork.BYTES_MAX).content.decode()
    assert "more than 2,000,000 bytes" in heavy
    assert not GiftArt.objects.exists()


def test_who_may_not_announce_gifts_uploads_none(mallory: User, alice: User) -> None:
    for person in (mallory, alice):
        client = Client()
        client.force_login(person)
        assert uploaded(client, PNG).status_code in (302, 403)

    assert not GiftArt.objects.exists()
