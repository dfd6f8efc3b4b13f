"""People and what concerns them, before any money: who they are, whom they follow, what they were
told, what they agreed to, and the outbox every app publishes through.
"""

from accounts.models.consents import Consent, ConsentUse, Scope, Terms, TermsAcceptance
from accounts.models.leaving import Closure, DataExport
from accounts.models.notices import Notice, NoticeKind, NoticePreference
from accounts.models.people import HANDLE, CreatorProfile, Follow, Standing, User, UserManager
from accounts.models.trails import OutboxEvent, StateChange

__all__ = [
    "HANDLE",
    "Closure",
    "Consent",
    "ConsentUse",
    "CreatorProfile",
    "DataExport",
    "Follow",
    "Notice",
    "NoticeKind",
    "NoticePreference",
    "OutboxEvent",
    "Scope",
    "Standing",
    "StateChange",
    "Terms",
    "TermsAcceptance",
    "User",
    "UserManager",
]
