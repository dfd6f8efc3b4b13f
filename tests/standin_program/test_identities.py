"""Who checks papers: a case once per reference, behind a key, answered once."""

from collections.abc import Iterator

import httpx
import pytest

from tests.standin import IDENTITY_KEY, Standin

BACK = "http://localhost:8000/back/"


@pytest.fixture
def company(standin: Standin) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{standin.url}/identity/",
        headers={"Authorization": f"Bearer {IDENTITY_KEY}"},
        trust_env=False,
    ) as client:
        yield client


def opened(company: httpx.Client, reference: str) -> dict[str, str]:
    answer = company.post("checks", json={"reference": reference, "return_url": BACK})
    found: dict[str, str] = answer.json()
    return found


def test_nobody_gets_in_without_the_key(standin: Standin) -> None:
    for key in ("", "wrong"):
        answer = httpx.post(
            f"{standin.url}/identity/checks",
            json={"reference": "a", "return_url": BACK},
            headers={"Authorization": f"Bearer {key}x"},
        )
        assert answer.status_code == 401


def test_the_same_reference_is_the_same_case(company: httpx.Client) -> None:
    first, again = opened(company, "one"), opened(company, "one")
    other = company.post("checks", json={"reference": "one", "return_url": "http://localhost/x"})

    assert first == again
    assert (first["status"], first["name"]) == ("waiting", "")
    assert other.status_code == 409


def test_a_case_is_answered_once_and_told_when_it_is(company: httpx.Client) -> None:
    case = opened(company, "two")
    slow = opened(company, "three")
    bad = company.post(case["url"], data={"outcome": "verify", "name": ""})
    for name in ("Alicia Example", "Somebody Else"):
        company.post(
            case["url"], data={"outcome": "verify", "name": name, "birth_date": "1990-05-17"}
        )
    company.post(slow["url"], data={"outcome": "later", "name": "Bob", "birth_date": "1990-05-17"})
    refused = opened(company, "four")
    company.post(refused["url"], data={"outcome": "decline"})

    done = company.get(f"checks/{case['id']}").json()
    checking = company.get(f"checks/{slow['id']}").json()
    declined = company.get(f"checks/{refused['id']}").json()

    assert bad.status_code == 422
    assert (done["status"], done["name"], done["birth_date"]) == (
        "verified", "Alicia Example", "1990-05-17",
    )  # fmt: skip
    assert (checking["status"], checking["name"], checking["birth_date"]) == ("checking", "", None)
    assert (declined["status"], bool(declined["reason"])) == ("declined", True)


@pytest.mark.parametrize(
    "body", [{}, {"reference": "a b", "return_url": BACK}, {"reference": "a", "return_url": "x"}]
)
def test_what_cannot_be_used_is_refused(company: httpx.Client, body: dict[str, str]) -> None:
    assert company.post("checks", json=body).status_code == 422
