"""How the API says no: RFC 9457 problems, each with a stable code.

Promises: everything under /api/ that is not a success is ``application/problem+json``, unknown
addresses and our own failures too; a refusal of the domain has one status and one code, listed
here, whatever door meets it; a failure tells nothing about our inside.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts import (
    claims,
    consents,
    creators,
    leaving,
    reports,
    reviews,
    roles,
    services,
    states,
)
from accounts import risk as people
from gifts import (
    artwork,
    catalogue,
    chat,
    goals,
    holding,
    memberships,
    moderation,
    overlays,
    passes,
    rooms,
    schedule,
    streaks,
    stream,
)  # fmt: skip
from gifts import risk as gifts
from payouts import destinations, settlements
from payouts import risk as payouts
from payouts import services as payout_services
from wallet import (
    adjustments,
    cards,
    documents,
    gift_batches,
    gift_cards,
    history,
    ledger,
    limits,
    own_limits,
    payments,
    price_files,
    prices,
    purchases,
    queries,
    quotes,
    receipts,
    refunds,
    regional_limits,
    reviewing,
    risk,
    submissions,
    traces,
)

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and code of a refusal; with ``words``, those are said instead of its own."""

    status: int
    code: str
    words: str = ""


REFUSALS: Final[Mapping[type[Exception], Answer]] = {
    # people
    people.NotInGoodStanding: Answer(403, "not_in_good_standing"),
    people.ProfileIncomplete: Answer(403, "profile_incomplete"),
    people.TooYoung: Answer(403, "too_young"),
    people.TermsNotAccepted: Answer(403, "terms_not_accepted"),
    people.KindExcluded: Answer(403, "kind_excluded"),
    consents.ConsentMissing: Answer(403, "consent_missing"),
    consents.ConsentCapReached: Answer(403, "consent_cap_reached"),
    consents.UnknownService: Answer(404, "unknown_service"),
    consents.ScopeNotOffered: Answer(403, "scope_not_offered"),
    consents.BadConsent: Answer(400, "bad_consent"),
    services.HandleTaken: Answer(409, "handle_taken"),
    services.EmailTaken: Answer(409, "email_taken"),
    services.FixedOnceSet: Answer(409, "fixed_once_set"),
    services.OwnStanding: Answer(403, "own_standing"),
    services.StaffStanding: Answer(403, "staff_standing"),
    services.OwnSecondFactor: Answer(403, "own_second_factor"),
    services.NotAnAdministrator: Answer(403, "not_an_administrator"),
    services.UnknownTerms: Answer(404, "unknown_terms"),
    services.TermsInThePast: Answer(409, "terms_in_the_past"),
    creators.SelfFollow: Answer(409, "self_follow"),
    creators.NotACreator: Answer(409, "not_a_creator"),
    roles.UnknownPermission: Answer(409, "unknown_permission"),
    states.Refused: Answer(409, "state_refused"),
    # value
    ledger.InsufficientCoins: Answer(
        402, "insufficient_coins", "The fan does not have enough coins. Nothing was spent."
    ),
    ledger.InsufficientDiamonds: Answer(409, "insufficient_diamonds"),
    ledger.InsufficientCash: Answer(409, "insufficient_cash"),
    ledger.NothingAvailable: Answer(409, "nothing_available"),
    ledger.NothingDue: Answer(409, "nothing_due"),
    ledger.NoRateCard: Answer(503, "no_rate_card"),
    ledger.OperationConflict: Answer(422, "operation_conflict"),
    quotes.NotSoldHere: Answer(409, "not_sold_here"),
    quotes.AmountNotSold: Answer(409, "amount_not_sold"),
    quotes.PackageNotOffered: Answer(409, "package_not_offered"),
    quotes.MethodNotOffered: Answer(409, "method_not_offered"),
    quotes.BuyingPaused: Answer(503, "buying_paused"),
    limits.LimitReached: Answer(409, "limit_reached"),
    limits.NoLimitSet: Answer(409, "no_limit_set"),
    limits.TimedOut: Answer(403, "timed_out"),
    limits.TooManyPurchases: Answer(409, "too_many_purchases"),
    limits.TooManyAttempts: Answer(409, "too_many_attempts"),
    limits.TooManyInstruments: Answer(409, "too_many_instruments"),
    own_limits.StillStarting: Answer(409, "still_starting"),
    own_limits.NotALimit: Answer(400, "not_a_limit"),
    own_limits.NotATimeOut: Answer(400, "not_a_time_out"),
    regional_limits.LimitInThePast: Answer(409, "limit_in_the_past"),
    regional_limits.LimitDateTaken: Answer(409, "limit_date_taken"),
    regional_limits.LimitNoticeTooShort: Answer(409, "limit_notice_too_short"),
    regional_limits.LimitOutOfOrder: Answer(400, "limit_out_of_order"),
    queries.FxMissing: Answer(503, "fx_missing"),
    queries.FxStale: Answer(503, "fx_stale"),
    history.BadCursor: Answer(400, "bad_cursor"),
    traces.NotFound: Answer(404, "nothing_to_trace"),
    purchases.PriceChanged: Answer(409, "price_changed"),
    reviewing.PurchasesPaused: Answer(403, "purchases_paused"),
    purchases.PurchaseConflict: Answer(422, "purchase_conflict"),
    purchases.CheckoutUnavailable: Answer(503, "checkout_unavailable"),
    purchases.CheckoutDeclined: Answer(409, "checkout_declined"),
    purchases.CannotCancelNow: Answer(409, "cannot_cancel_now"),
    payments.PaymentDiffers: Answer(409, "payment_differs"),
    ledger.CoinsSpent: Answer(409, "coins_spent"),
    ledger.LotDisputed: Answer(409, "lot_disputed"),
    refunds.NotRefundable: Answer(409, "not_refundable"),
    refunds.PaidByGiftCard: Answer(409, "paid_by_gift_card"),
    refunds.RefundConflict: Answer(422, "refund_conflict"),
    refunds.StillAsking: Answer(409, "still_running"),
    refunds.AlreadyDecided: Answer(409, "refund_decided"),
    refunds.NeedsSecondPerson: Answer(409, "needs_second_person"),
    refunds.OwnRefund: Answer(403, "own_refund"),
    submissions.NotAnswered: Answer(503, "refund_not_answered"),
    submissions.RefundDiffers: Answer(409, "refund_differs"),
    cards.NoticeTooShort: Answer(409, "notice_too_short"),
    cards.CardNameTaken: Answer(409, "card_name_taken"),
    cards.CardDateTaken: Answer(409, "card_date_taken"),
    cards.HoldsIncomplete: Answer(400, "holds_incomplete"),
    prices.PriceInThePast: Answer(409, "price_in_the_past"),
    prices.PriceDateTaken: Answer(409, "price_date_taken"),
    prices.PriceNoticeTooShort: Answer(409, "price_notice_too_short"),
    prices.FxInTheFuture: Answer(409, "fx_in_the_future"),
    prices.FxDateTaken: Answer(409, "fx_date_taken"),
    prices.FxUnknown: Answer(409, "fx_unknown"),
    prices.FxJump: Answer(409, "fx_jump"),
    risk.MarginBelowFloor: Answer(409, "margin_below_floor"),
    adjustments.SamePerson: Answer(403, "adjustment_same_person"),
    adjustments.NotWaiting: Answer(409, "adjustment_not_waiting"),
    adjustments.NotAnAdjustment: Answer(400, "not_an_adjustment"),
    # gifts
    gifts.PlaceUnknown: Answer(404, "place_unknown"),
    gifts.RoomEnded: Answer(409, "room_ended"),
    gifts.VideoHidden: Answer(409, "video_hidden"),
    gifts.GiftsOff: Answer(409, "gifts_off"),
    gifts.SelfGift: Answer(409, "self_gift"),
    gifts.BlockedByCreator: Answer(403, "blocked_by_creator"),
    gifts.KindWithoutGifts: Answer(409, "kind_without_gifts"),
    gifts.CreatorClosed: Answer(409, "creator_closed"),
    gifts.GiftNotOffered: Answer(409, "gift_not_offered"),
    overlays.TooManyWrong: Answer(429, "too_many_wrong_overlays"),
    passes.BadPass: Answer(403, "bad_pass"),
    stream.NotLetIn: Answer(403, "not_let_in"),
    holding.TooLate: Answer(409, "gift_sent_already"),
    gifts.GiftNeedsLook: Answer(403, "gift_needs_look"),
    gifts.GiftLocked: Answer(403, "gift_locked"),
    gifts.MembersOnly: Answer(403, "members_only"),
    memberships.MembershipPriceChanged: Answer(409, "membership_price_changed"),
    memberships.NoMembership: Answer(409, "no_membership"),
    memberships.NotAnOffer: Answer(400, "not_an_offer"),
    memberships.PaidFarAhead: Answer(409, "paid_far_ahead"),
    rooms.NoMembersYet: Answer(409, "no_members_yet"),
    chat.ForMembers: Answer(403, "chat_for_members"),
    streaks.StreakEnded: Answer(409, "streak_ended"),
    gifts.QuantityOutOfRange: Answer(400, "quantity_out_of_range"),
    gifts.PriceChanged: Answer(409, "gift_price_changed"),
    rooms.NotACreator: Answer(403, "only_creators"),
    rooms.AlreadyLive: Answer(409, "already_live"),
    rooms.IdTaken: Answer(409, "id_taken"),
    schedule.NotAPlan: Answer(400, "not_a_plan"),
    schedule.PlanOver: Answer(409, "plan_over"),
    schedule.TooManyPlanned: Answer(409, "too_many_planned"),
    rooms.RoomConflict: Answer(422, "room_conflict"),
    rooms.AddressNotAllowed: Answer(400, "address_not_allowed"),
    gifts.WordsMissing: Answer(400, "words_missing"),
    gifts.WordsNotCarried: Answer(400, "words_not_carried"),
    chat.ChatClosed: Answer(409, "chat_closed"),
    chat.KeptOut: Answer(403, "kept_out"),
    chat.MessageConflict: Answer(422, "message_conflict"),
    chat.Muted: Answer(403, "muted"),
    chat.NotWords: Answer(400, "not_words"),
    chat.TooFast: Answer(429, "too_fast"),
    chat.WordNotWanted: Answer(409, "word_not_wanted"),
    goals.NotAGoal: Answer(400, "not_a_goal"),
    goals.NotLive: Answer(409, "not_live"),
    moderation.CannotMute: Answer(409, "cannot_mute"),
    moderation.CannotName: Answer(409, "cannot_name"),
    moderation.NotAModerator: Answer(403, "not_a_moderator"),
    moderation.NotRules: Answer(400, "not_rules"),
    catalogue.VersionOutOfOrder: Answer(409, "version_out_of_order"),
    catalogue.ArtTooLong: Answer(409, "art_too_long"),
    artwork.WrongKind: Answer(415, "art_of_wrong_kind"),
    artwork.TooMuch: Answer(413, "art_too_much"),
    artwork.Damaged: Answer(422, "art_damaged"),
    # payouts
    payout_services.TooLittle: Answer(409, "too_little"),
    payout_services.NothingToPay: Answer(409, "nothing_to_pay"),
    payout_services.TooLate: Answer(409, "too_late"),
    payout_services.NotWaiting: Answer(409, "payout_not_waiting"),
    payout_services.SamePerson: Answer(403, "payout_same_person"),
    destinations.UnfitAccount: Answer(409, "unfit_account"),
    settlements.AnotherRunning: Answer(409, "settlement_running"),
    payouts.NotEligible: Answer(403, "not_eligible"),
    # people: reviews, reports, leaving
    claims.BadLink: Answer(404, "bad_link"),
    claims.TooManyClaims: Answer(429, "too_many_claims"),
    creators.Blocked: Answer(403, "blocked"),
    leaving.AskedLately: Answer(409, "asked_lately"),
    leaving.NotReopened: Answer(409, "not_reopened"),
    reports.OwnAccount: Answer(400, "own_account"),
    reports.TooManyReports: Answer(429, "too_many_reports"),
    reviews.AnothersReview: Answer(403, "anothers_review"),
    reviews.CannotAppeal: Answer(409, "cannot_appeal"),
    reviews.NoReasons: Answer(400, "no_reasons"),
    reviews.NotWaiting: Answer(409, "review_not_waiting"),
    reviews.OwnReview: Answer(403, "own_review"),
    # gift cards, receipts, price files
    documents.NotPrintable: Answer(400, "not_printable"),
    receipts.NoReceiptYet: Answer(409, "no_receipt_yet"),
    gift_batches.BelowFloor: Answer(409, "batch_below_floor"),
    gift_batches.NotABatch: Answer(400, "not_a_batch"),
    gift_batches.NotTheMaker: Answer(403, "not_the_maker"),
    gift_batches.NotWaiting: Answer(409, "batch_not_waiting"),
    gift_batches.SamePerson: Answer(403, "batch_same_person"),
    gift_cards.CodeExpired: Answer(409, "code_expired"),
    gift_cards.CodeMistyped: Answer(400, "code_mistyped"),
    gift_cards.CodeUnknown: Answer(404, "code_unknown"),
    gift_cards.CodeUsed: Answer(409, "code_used"),
    gift_cards.CodeVoided: Answer(409, "code_voided"),
    gift_cards.NotRedeemedHere: Answer(409, "not_redeemed_here"),
    gift_cards.RedemptionConflict: Answer(422, "redemption_conflict"),
    gift_cards.TooManyTries: Answer(429, "too_many_codes"),
    gift_cards.WrongRegion: Answer(409, "wrong_region"),
    price_files.BookMoved: Answer(409, "prices_moved"),
    price_files.NotAPriceFile: Answer(400, "not_a_price_file"),
    price_files.RowsWrong: Answer(400, "rows_wrong"),
    prices.NoSuchAdapter: Answer(400, "no_such_adapter"),
    prices.NoSuchRail: Answer(400, "no_such_rail"),
    # refunds and disputes
    ledger.AlreadyResolved: Answer(409, "already_resolved"),
    ledger.NotDisputed: Answer(409, "not_disputed"),
}

# What a refusal carries besides its words, by the names the API uses.
FACTS: Final[Mapping[type[Exception], Mapping[str, str]]] = {
    gifts.PriceChanged: {"gift_version": "version_id", "price_coins": "price_coins"},
    rooms.AlreadyLive: {"room": "room_id"},
    memberships.MembershipPriceChanged: {"price_coins": "price_coins"},
    gift_cards.TooManyTries: {"until": "until"},
}

# The framework's own codes that read better otherwise.
CODES: Final = {"parse_error": "malformed", "error": "failed"}


def handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception of a door. None: it is a failure of ours, for ``server_error``."""
    answer = REFUSALS.get(type(exc))
    if answer is not None:
        facts = {name: getattr(exc, field) for name, field in FACTS.get(type(exc), {}).items()}
        return _response(answer.status, answer.code, answer.words or str(exc), **facts)
    if isinstance(exc, OperationalError) and isinstance(
        exc.__cause__, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
    ):
        words = (
            "Another request for the same wallet is still running. Send this one again as it is."
        )
        answered = _response(409, "still_running", words)
        answered["Retry-After"] = "1"
        return answered
    framed = exception_handler(exc, dict(context))
    return None if framed is None else _framed(_as_framework(exc), framed)


def _as_framework(exc: Exception) -> exceptions.APIException:
    """Name the exception as the framework did when it answered it."""
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    assert isinstance(exc, exceptions.APIException), "the framework answers no others"
    return exc


def _framed(exc: exceptions.APIException, framed: Response) -> Response:
    codes = exc.get_codes()
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_errors("", exc.get_full_details()))
        made = _response(400, "invalid", "The request is not valid; see errors.", errors=errors)
    else:
        code = codes if isinstance(codes, str) else "failed"
        made = _response(framed.status_code, CODES.get(code, code), str(exc.detail))
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if framed.has_header(name):
            made[name] = framed[name]
    if made.status_code == status.HTTP_401_UNAUTHORIZED and codes == "invalid_token":
        made["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return made


def _errors(field: str, details: Any) -> Any:
    """Flatten what is wrong, field by field: its dotted name, a code, and words."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield {"field": field, "code": details["code"], "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            place = "" if name == "non_field_errors" else str(name)
            yield from _errors(".".join(filter(None, (field, place))), inner)
    else:
        for inner in details:
            yield from _errors(field, inner)


def _response(code_of_status: int, code: str, words: str, **more: Any) -> Response:
    return Response(
        problem(code_of_status, code, words, **more),
        status=code_of_status,
        content_type=MEDIA_TYPE,
    )


def problem(code_of_status: int, code: str, words: str, **more: Any) -> dict[str, Any]:
    """Make a problem's members."""
    return {
        "type": f"urn:carat:problem:{code}",
        "title": HTTPStatus(code_of_status).phrase,
        "status": code_of_status,
        "code": code,
        "detail": words,
        **more,
    }


def is_api(request: HttpRequest) -> bool:
    """Whether a service asked, and so wants a problem instead of a page."""
    return request.path.startswith("/api/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address."""
    if is_api(request):
        return _bare(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself will not read."""
    if is_api(request):
        return _bare(400, "malformed", "The request cannot be read.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure of ours; what it was is in the log."""
    if is_api(request):
        return _bare(500, "failed", "Something failed here. Send the request again as it is.")
    return defaults.server_error(request)


def _bare(code_of_status: int, code: str, words: str) -> JsonResponse:
    return JsonResponse(
        problem(code_of_status, code, words), status=code_of_status, content_type=MEDIA_TYPE
    )
