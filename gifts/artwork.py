"""Artwork that staff upload for gifts: what we take, and what we make of it.

Promises: nothing of an uploaded file is ever served. It is looked at before it is decoded, decoded
within bounds, and drawn anew as WebP, moving and still, without anything that was written in or
behind it. What cannot be taken is refused with the reason, and nothing is stored. The same picture
is kept once.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import PurePath
from typing import Any, Final

from django.db import transaction
from PIL import Image, ImageSequence, ImageStat

from gifts.models import GiftArt

BYTES_MAX: Final = 2_000_000
SIDE_MIN: Final = 96
SIDE_MAX: Final = 1024
FRAMES_MAX: Final = 120
PIXELS_MAX: Final = 12_000_000  # of all frames together: what decoding may take is four times it
LENGTH_MS_MAX: Final = 20_000  # as long as any gift may take the stage
FRAME_MS_MIN: Final = 20  # browsers show no frame for less
QUALITY: Final = 88

PNG: Final = b"\x89PNG\r\n\x1a\n"
FORMATS: Final = {".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}
# What the decoders raise when they meet something broken.
BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


class ArtRefused(Exception):
    """The file is no artwork we take. Nothing was stored."""


class WrongKind(ArtRefused):
    """The file is not a PNG, an APNG or a WebP, or not what its name says."""


class TooMuch(ArtRefused):
    """The file has more bytes, pixels, frames or seconds than a gift may have."""


class Damaged(ArtRefused):
    """The file ends too early, goes on after its end, or cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself, read before anything is decoded."""

    format: str
    width: int
    height: int
    frames: int


@transaction.atomic(durable=True)
def keep(*, name: str, file_name: str, content: bytes, by_id: int, at: datetime) -> GiftArt:
    """Make our own picture of what was uploaded and keep it. The same picture again is the same.

    Raises ArtRefused.
    """
    header = examine(file_name=file_name, content=content)
    frames, lengths = _decode(content, header)
    still = _encode(max(frames, key=_coverage))
    moving = _encode(*frames, lengths=lengths) if len(frames) > 1 else still
    if len(moving) > BYTES_MAX:
        raise TooMuch(
            f"Drawn anew it has {len(moving):,} bytes; a gift may have {BYTES_MAX:,}. "
            "Make it smaller, or leave frames out."
        )
    art, _ = GiftArt.objects.get_or_create(
        digest=hashlib.sha256(moving).hexdigest(),
        defaults={
            "name": name,
            "moving": moving,
            "still": still,
            "width": header.width,
            "height": header.height,
            "frames": len(frames),
            "length_ms": sum(lengths) if len(frames) > 1 else 0,
            "created_by_id": by_id,
            "created_at": at,
        },
    )
    return art


def examine(*, file_name: str, content: bytes) -> Header:
    """Say what a file is, without decoding it. Raises ArtRefused."""
    if len(content) > BYTES_MAX:
        raise TooMuch(f"The file has more than {BYTES_MAX:,} bytes. Make it smaller.")
    kind = _kind(content)
    if FORMATS.get(PurePath(file_name).suffix.lower()) != kind:
        raise WrongKind(
            f"The file is a {kind}, and its name says something else. Save it again as {kind}."
        )
    header = _png(content) if kind == "PNG" else _webp(content)
    sides = sorted((header.width, header.height))
    if sides[0] < SIDE_MIN or sides[1] > SIDE_MAX:
        raise TooMuch(
            f"It is {header.width:,} × {header.height:,} pixels. "
            f"Each side has {SIDE_MIN} to {SIDE_MAX:,}."
        )
    if header.frames > FRAMES_MAX:
        raise TooMuch(f"It has {header.frames:,} frames; a gift has at most {FRAMES_MAX}.")
    if header.width * header.height * header.frames > PIXELS_MAX:
        raise TooMuch(
            f"Its frames have more than {PIXELS_MAX // 1_000_000} million pixels together. "
            "Make it smaller, or leave frames out."
        )
    return header


def _kind(content: bytes) -> str:
    if content.startswith(PNG):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    start = content[:1000].lstrip().lower()
    if start.startswith(b"gif8"):
        raise WrongKind("GIF has 256 colours and hard edges. Upload a PNG, an APNG or a WebP.")
    if b"<svg" in start or start.startswith(b"<?xml"):
        raise WrongKind("SVG can carry programs. Upload a PNG, an APNG or a WebP.")
    raise WrongKind("This is no picture we take. Upload a PNG, an APNG or a WebP.")


def _png(content: bytes) -> Header:
    """Walk through the chunks of a PNG to its very end."""
    place, frames, size = len(PNG), 0, None
    while True:
        length, kind = _chunk(content, place, ">I4s")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise Damaged("The file does not begin as a PNG does. Save it again.")
            size = struct.unpack_from(">II", content, place + 8)
        frames += kind == b"fcTL"
        place += 12 + length
        if kind == b"IEND":
            break
    _check_end(content, place)
    return Header("PNG", size[0], size[1], max(frames, 1))


def _webp(content: bytes) -> Header:
    """Walk through the chunks of a WebP to its very end."""
    end = int.from_bytes(content[4:8], "little") + 8
    if end > len(content):
        raise Damaged("The file ends before the picture does. Upload it again.")
    _check_end(content, end)
    place, frames, size = 12, 0, None
    while place < end:
        kind, length = _chunk(content, place, "<4sI")
        size = size or _webp_size(kind, content[place + 8 : place + 18])
        frames += kind == b"ANMF"
        place += 8 + length + length % 2
    if size is None:
        raise Damaged("The file has no picture in it. Save it again.")
    return Header("WEBP", size[0], size[1], max(frames, 1))


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int] | None:
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        wide, high = struct.unpack_from("<HH", body, 6)
        return wide & 0x3FFF, high & 0x3FFF
    return None


def _chunk(content: bytes, place: int, layout: str) -> tuple[Any, Any]:
    """Read the head of the chunk at a place, all of which is there."""
    if place + 8 > len(content):
        raise Damaged("The file ends before the picture does. Upload it again.")
    one, other = struct.unpack_from(layout, content, place)
    length = one if layout == ">I4s" else other
    if place + 8 + length > len(content):
        raise Damaged("The file ends before the picture does. Upload it again.")
    return one, other


def _check_end(content: bytes, end: int) -> None:
    if end < len(content):
        raise Damaged(
            "The file goes on after the picture's end: something else is hidden in it. "
            "Save the picture again."
        )
    if end > len(content):
        raise Damaged("The file ends before the picture does. Upload it again.")


def _decode(content: bytes, header: Header) -> tuple[list[Image.Image], list[int]]:
    """Draw every frame on a canvas of our own, with how long each is shown."""
    frames, lengths = [], []
    try:
        with Image.open(BytesIO(content), formats=[header.format]) as opened:
            is_cover = bool(opened.info.get("default_image"))  # shown where nothing moves
            for number, frame in enumerate(ImageSequence.Iterator(opened)):
                if number > header.frames or frame.size != (header.width, header.height):
                    raise Damaged("The file is not what its head says. Save it again.")
                if is_cover and number == 0:
                    continue
                frame.load()
                canvas = Image.new("RGBA", frame.size)
                canvas.paste(frame.convert("RGBA"))
                frames.append(canvas)
                lengths.append(max(FRAME_MS_MIN, round(frame.info.get("duration") or 0)))
    except BROKEN:
        raise Damaged("The picture cannot be read. Save it again.") from None
    if sum(lengths) > LENGTH_MS_MAX:
        raise TooMuch(f"It moves for more than {LENGTH_MS_MAX // 1000} seconds. Make it shorter.")
    return frames, lengths


def _coverage(frame: Image.Image) -> int:
    """How much of a frame is drawn: an animation often begins with nothing."""
    return int(ImageStat.Stat(frame.getchannel("A")).sum[0])


def _encode(first: Image.Image, *others: Image.Image, lengths: list[int] | None = None) -> bytes:
    written = BytesIO()
    moves = {"save_all": True, "append_images": others, "duration": lengths, "loop": 0}
    first.save(written, "WEBP", quality=QUALITY, method=3, **(moves if others else {}))
    return written.getvalue()
