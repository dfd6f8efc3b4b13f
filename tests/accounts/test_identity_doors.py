"""The pages and the desk of identity checks: who may do what, and what a browser is let to do."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from accounts import identity
from accounts.models import IdentityCheck, IdentityPaper, PaperAccess, PaperView, User
from tests import factories
from tests.accounts.papers import PDF, picture, sent_papers
from tests.accounts.test_roles import make_role
from wallet import ledger

PAGE = "/me/identity/"
DESK = "/admin/accounts/identitycheck/"


def file(name: str, content: bytes) -> BytesIO:
    made = BytesIO(content)
    made.name = name
    return made


@pytest.fixture
def rita(db: None) -> User:
    """Risk: asks to see papers, decides."""
    return make_role("rita", "risk")


@pytest.fixture
def fred(db: None) -> User:
    """Finance: lets colleagues see papers."""
    return make_role("fred", "finance")


# The person's page


def test_a_person_sends_papers_and_reads_what_becomes_of_them(
    alice: User, client: Client, settings: LazySettings
) -> None:
    settings.IDENTITY_PAPER_DAYS = 12
    client.force_login(alice)
    first = client.get(PAGE).content.decode()
    check_id = ledger.new_operation_id()

    client.post(f"{PAGE}start/", {"check_id": check_id, "adapter": "manual"})
    asked = client.get(PAGE).content.decode()
    sent = client.post(
        f"{PAGE}papers/",
        {
            "check_id": check_id,
            "front": file("front.jpg", picture()),
            "selfie": file("me.png", picture("PNG")),
        },
        follow=True,
    ).content.decode()

    assert "12 days after the decision they are deleted" in first
    assert 'enctype="multipart/form-data"' in asked
    assert "We are checking what you sent" in sent
    assert IdentityCheck.objects.get(pk=check_id).state == "submitted"
    assert IdentityPaper.objects.count() == 2


def test_a_bad_paper_is_said_beside_its_field(alice: User, client: Client) -> None:
    client.force_login(alice)
    check_id = ledger.new_operation_id()
    client.post(f"{PAGE}start/", {"check_id": check_id, "adapter": "manual"})

    answer = client.post(
        f"{PAGE}papers/",
        {
            "check_id": check_id,
            "front": file("front.jpg", b"<svg/>"),
            "selfie": file("me.png", picture("PNG")),
        },
    )

    assert answer.status_code == 422
    assert answer.context["form"].errors["front"] == [
        "Send a photograph (JPEG or PNG) or a PDF. This file is neither."
    ]
    assert not IdentityPaper.objects.exists()


def test_somebody_elses_check_takes_no_papers(alice: User, mallory: User, client: Client) -> None:
    check = identity.ask(
        check_id=ledger.new_operation_id(), person_id=alice.pk, adapter="manual",
        at=timezone.now(),
    )  # fmt: skip
    client.force_login(mallory)

    client.post(
        f"{PAGE}papers/",
        {"check_id": check.pk, "front": file("a.jpg", picture()),
         "selfie": file("b.jpg", picture())},
    )  # fmt: skip

    check.refresh_from_db()
    assert (check.state, IdentityPaper.objects.count()) == ("asked", 0)


def test_who_is_verified_reads_the_name_and_is_offered_nothing_more(
    alice: User, client: Client
) -> None:
    factories.verify_identity(alice, name="Alicia Example")
    client.force_login(alice)

    page = client.get(PAGE).content.decode()

    assert "Alicia Example" in page
    assert "identity/start" not in page


def test_why_it_was_declined_is_on_the_page(alice: User, olga: User, client: Client) -> None:
    check = sent_papers(alice)
    identity.decline(
        check_id=check.pk, by_id=olga.pk, why="A corner is cut off.", at=timezone.now()
    )
    client.force_login(alice)

    page = client.get(PAGE).content.decode()

    assert "A corner is cut off." in page
    assert "Try again" in page


# The desk


def test_the_whole_way_over_the_desk_takes_two_roles(alice: User, rita: User, fred: User) -> None:
    check = sent_papers(alice, front=PDF)
    here, risk, finance = f"{DESK}{check.pk}/", Client(), Client()
    risk.force_login(rita)
    finance.force_login(fred)
    front = check.papers.get(kind="front")
    paper = f"{DESK}{front.pk}/paper/"

    assert risk.get(paper).status_code == 403
    risk.post(f"{here}ask/", {"reason": "To compare the face"})
    access = PaperAccess.objects.get()
    assert "asks to see the papers" in finance.get(f"{here}change/").content.decode()
    finance.post(f"{here}answer/", {"access": access.pk, "grant": "1"})
    shown = risk.get(f"{here}change/").content.decode()
    got = risk.get(paper)
    risk.get(f"{DESK}{check.papers.get(kind='selfie').pk}/paper/")
    risk.post(
        f"{here}decide/",
        {"do": "approve", "name": "Alicia Example", "birth_date": "1990-05-17"},
    )

    assert "Look at it" in shown
    assert got.content == PDF
    assert PaperView.objects.filter(by=rita).count() == 2
    check.refresh_from_db()
    assert (check.state, check.decided_by_id) == ("approved", rita.pk)


def test_neither_role_does_the_others_part(alice: User, rita: User, fred: User) -> None:
    check = sent_papers(alice)
    here, risk, finance = f"{DESK}{check.pk}/", Client(), Client()
    risk.force_login(rita)
    finance.force_login(fred)
    risk.post(f"{here}ask/", {"reason": "To compare the face"})
    access = PaperAccess.objects.get()
    answer = {"access": access.pk, "grant": "1"}

    assert finance.post(f"{here}ask/", {"reason": "To compare the face"}).status_code == 403
    assert risk.post(f"{here}answer/", answer).status_code == 403
    assert finance.get(f"{DESK}{check.papers.all()[0].pk}/paper/").status_code == 403
    assert finance.post(f"{here}decide/", {"do": "decline", "why": "No"}).status_code == 403

    access.refresh_from_db()
    check.refresh_from_db()
    assert (access.state, check.state, PaperView.objects.count()) == ("asked", "submitted", 0)


@pytest.mark.parametrize("role", ["support", "pricing", "catalogue", "auditor"])
def test_no_other_role_comes_near_papers(alice: User, client: Client, role: str) -> None:
    check = sent_papers(alice)
    client.force_login(make_role("sam", role))
    here = f"{DESK}{check.pk}/"

    answers = [
        client.post(f"{here}ask/", {"reason": "To compare the face"}).status_code,
        client.post(f"{here}answer/", {"access": 1, "grant": "1"}).status_code,
        client.post(f"{here}decide/", {"do": "decline", "why": "No"}).status_code,
        client.post(f"{here}end/", {"why": "No"}).status_code,
        client.get(f"{DESK}{check.papers.all()[0].pk}/paper/").status_code,
    ]

    assert answers == [403] * 5
    assert not PaperAccess.objects.exists()


def test_a_paper_comes_with_orders_to_run_nothing(alice: User, rita: User, fred: User) -> None:
    check = sent_papers(alice, front=PDF)
    at = timezone.now()
    PaperAccess.objects.create(
        check_of=check, by=rita, reason="To compare the face", state="granted", asked_at=at,
        granted_by=fred, granted_at=at, ends_at=at + timedelta(hours=1),
    )  # fmt: skip
    client = Client()
    client.force_login(rita)

    pdf = client.get(f"{DESK}{check.papers.get(kind='front').pk}/paper/")
    photo = client.get(f"{DESK}{check.papers.get(kind='selfie').pk}/paper/")

    assert pdf["Content-Disposition"] == 'attachment; filename="front.pdf"'
    assert photo["Content-Disposition"] == 'inline; filename="selfie.jpg"'
    assert (pdf["Content-Type"], photo["Content-Type"]) == ("application/pdf", "image/jpeg")
    for answer in (pdf, photo):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]


def test_staff_cannot_decide_about_their_own_check_over_the_desk(rita: User) -> None:
    check = sent_papers(rita)
    client = Client()
    client.force_login(rita)

    answer = client.post(f"{DESK}{check.pk}/decide/", {"do": "decline", "why": "Just so"})

    assert answer.status_code == 422
    assert "Nobody decides about their own identity" in answer.content.decode()
    check.refresh_from_db()
    assert check.state == "submitted"


def test_a_verification_is_ended_over_the_desk(alice: User, rita: User) -> None:
    check = factories.verify_identity(alice)
    client = Client()
    client.force_login(rita)

    client.post(f"{DESK}{check.pk}/end/", {"why": "You wrote that your name changed."})

    check.refresh_from_db()
    assert (check.state, check.why) == ("expired", "You wrote that your name changed.")


def test_no_page_of_the_desk_shows_a_name_or_a_paper(alice: User, olga: User) -> None:
    check = factories.verify_identity(alice, name="Xanthippe Example")
    sent_papers(factories.make_user("dora"))
    client = Client()
    client.force_login(olga)

    for address in (
        DESK,
        f"{DESK}{check.pk}/change/",
        "/admin/accounts/paperaccess/",
        "/admin/accounts/paperview/",
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "Xanthippe" not in answer.content.decode()
