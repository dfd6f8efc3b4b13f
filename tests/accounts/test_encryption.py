"""Secrets at rest open only in their own place, with a key of ours, unchanged."""

import base64
from typing import Any

import pytest

from accounts import encryption

OLD = f"old:{base64.b64encode(b'o' * 32).decode()}"
NEW = f"new:{base64.b64encode(b'n' * 32).decode()}"


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)


def test_a_secret_opens_in_its_own_place_and_is_never_written_twice_alike() -> None:
    first = encryption.encrypt(b"DE89 3704", context="destination:1")
    second = encryption.encrypt(b"DE89 3704", context="destination:1")

    assert encryption.decrypt(first, context="destination:1") == b"DE89 3704"
    assert first != second
    assert b"DE89" not in first


def test_a_secret_does_not_open_in_another_row() -> None:
    value = encryption.encrypt(b"DE89 3704", context="destination:1")

    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(value, context="destination:2")


@pytest.mark.parametrize("place", [4, 10, -1])
def test_a_changed_secret_does_not_open(place: int) -> None:
    value = bytearray(encryption.encrypt(b"DE89 3704", context="destination:1"))
    value[place] ^= 1

    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(bytes(value), context="destination:1")


def test_a_new_key_in_front_encrypts_and_the_old_one_still_opens(settings: Any) -> None:
    before = encryption.encrypt(b"secret", context="place")
    mark = encryption.mark("secret", purpose="places")
    settings.ENCRYPTION_KEYS = (NEW, OLD)

    after = encryption.encrypt(b"secret", context="place")

    assert before.startswith(b"old:")
    assert after.startswith(b"new:")
    assert encryption.decrypt(before, context="place") == b"secret"
    assert encryption.mark("secret", purpose="places") == mark


def test_without_its_key_a_secret_stays_shut(settings: Any) -> None:
    value = encryption.encrypt(b"secret", context="place")
    settings.ENCRYPTION_KEYS = (NEW,)

    with pytest.raises(encryption.CannotDecrypt):
        encryption.decrypt(value, context="place")


def test_marks_tell_the_same_from_another_and_differ_by_purpose() -> None:
    mark = encryption.mark("DE89 3704", purpose="destinations")

    assert mark == encryption.mark("DE89 3704", purpose="destinations")
    assert mark != encryption.mark("DE89 3705", purpose="destinations")
    assert mark != encryption.mark("DE89 3704", purpose="tax")
    assert len(mark) == 64
