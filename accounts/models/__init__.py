"""People and what concerns them, before any money: who they are, whom they follow, what they were
told, what they agreed to, what is looked into about them, and the outbox every app uses.
"""

from accounts.models.consents import Consent, ConsentUse, Scope, Terms, TermsAcceptance
from accounts.models.identity import (
    MANUAL,
    IdentityCheck,
    IdentityPaper,
    PaperAccess,
    PaperView,
    name_mark,
)
from accounts.models.leaving import Closure, DataExport
from accounts.models.notices import Notice, NoticeKind, NoticePreference
from accounts.models.people import (
    HANDLE,
    AccountKind,
    CreatorProfile,
    Follow,
    Standing,
    User,
    UserManager,
)
from accounts.models.reviews import Review, ReviewReason, Verdict
from accounts.models.safety import Block, Fingerprint, GuardianClaim, Report
from accounts.models.trails import OutboxEvent, StateChange

__all__ = [
    "HANDLE",
    "MANUAL",
    "AccountKind",
    "Block",
    "Closure",
    "Consent",
    "ConsentUse",
    "CreatorProfile",
    "DataExport",
    "Fingerprint",
    "Follow",
    "GuardianClaim",
    "IdentityCheck",
    "IdentityPaper",
    "Notice",
    "NoticeKind",
    "NoticePreference",
    "OutboxEvent",
    "PaperAccess",
    "PaperView",
    "Report",
    "Review",
    "ReviewReason",
    "Scope",
    "Standing",
    "StateChange",
    "Terms",
    "TermsAcceptance",
    "User",
    "UserManager",
    "Verdict",
    "name_mark",
]
