"""The limits on buying that a new Carat opens with: by region and way to pay, and why so much.

Caps of law or of a payment network are hard: the same for everybody. The others are our own choice
near the field's (US$500 a day and US$2,000 a week at the largest video platform, US$2,000 in 24
hours at the largest game shop, largest coin packages of US$185 to 300; read 2026-08), at about the
US row elsewhere. Idempotent: a limit that has a row is left as it is.
"""

from datetime import datetime
from typing import Final

from wallet import money
from wallet.models import PaymentKind, PurchaseLimit, Region

CARD, WALLET, BANK = PaymentKind.CARD, PaymentKind.WALLET, PaymentKind.BANK
CARRIER, GIFT_CARD = PaymentKind.CARRIER, PaymentKind.GIFT_CARD

# New accounts get two fifths of a limit of ours, verified ones four times as much.
NEW_BPS: Final = 4_000
VERIFIED_BPS: Final = 40_000

OURS: Final = "Our own limit, near what others in the field allow."
PSD2: Final = "Directive (EU) 2015/2366 (PSD2), article 3(l): EUR 50 a payment, EUR 300 a month."
GB_SIM: Final = "Electronic communications exemption, UK Payment Services Regulations 2017."
PIX: Final = "Taken as the limits that banks set for Pix; ask yours."
UPI: Final = "UPI: INR 100,000 a day, INR 5,000 in the first 24 hours of a new method (NPCI)."
MPESA: Final = "M-Pesa: KES 150,000 a transaction, KES 500,000 a day; ours is lower."

type Amounts = tuple[int, int, int | None]
type Kinds = dict[PaymentKind, Amounts]

# A purchase, any 24 hours, any 30 days; in whole units of the region's currency. None: no limit.
_US: Final[Kinds] = {
    CARD: (250, 500, 2_000), WALLET: (250, 500, 2_000), BANK: (500, 500, 2_000),
    CARRIER: (30, 60, 150), GIFT_CARD: (100, 200, 500),
}  # fmt: skip
_EEA: Final[Kinds] = {
    CARD: (250, 500, 2_000), WALLET: (250, 500, 2_000), BANK: (500, 500, 2_000),
    GIFT_CARD: (100, 200, 500),
}  # fmt: skip
_PE_AE: Final[Kinds] = {
    CARD: (900, 1_800, 7_200), WALLET: (900, 1_800, 7_200), BANK: (1_800, 1_800, 7_200),
    CARRIER: (110, 220, 550), GIFT_CARD: (360, 720, 1_800),
}  # fmt: skip
LIMITS: Final[dict[str, Kinds]] = {
    "US": _US,
    "DE": _EEA,
    "FR": _EEA,
    "IE": _EEA,
    "GB": {
        CARD: (200, 400, 1_600), WALLET: (200, 400, 1_600), BANK: (400, 400, 1_600),
        GIFT_CARD: (100, 200, 400),
    },
    "BR": {
        CARD: (1_000, 2_000, 8_000), WALLET: (1_000, 2_000, 8_000), CARRIER: (100, 200, 500),
        GIFT_CARD: (200, 400, 1_000),
    },
    "IN": {
        CARD: (15_000, 30_000, 100_000), WALLET: (15_000, 30_000, 100_000),
        CARRIER: (1_000, 2_000, 5_000), GIFT_CARD: (5_000, 10_000, 25_000),
    },
    "KE": {
        CARD: (25_000, 50_000, 150_000), CARRIER: (2_000, 4_000, 10_000),
        GIFT_CARD: (5_000, 10_000, 25_000),
    },
    "VN": {
        CARD: (5_700_000, 11_400_000, 45_000_000), WALLET: (5_700_000, 11_400_000, 45_000_000),
        BANK: (5_700_000, 11_400_000, 45_000_000), CARRIER: (200_000, 400_000, 1_000_000),
        GIFT_CARD: (1_000_000, 2_000_000, 5_000_000),
    },
    "MX": {
        CARD: (4_500, 9_000, 36_000), WALLET: (4_500, 9_000, 36_000), BANK: (9_000, 9_000, 36_000),
        CARRIER: (550, 1_100, 2_750), GIFT_CARD: (1_800, 3_600, 9_000),
    },
    "PE": _PE_AE,
    "AE": _PE_AE,
    "JP": {
        CARD: (37_500, 75_000, 300_000), WALLET: (37_500, 75_000, 300_000),
        BANK: (75_000, 75_000, 300_000), CARRIER: (4_500, 9_000, 22_500),
        GIFT_CARD: (15_000, 30_000, 75_000),
    },
    "KR": {
        CARD: (340_000, 680_000, 2_700_000), WALLET: (340_000, 680_000, 2_700_000),
        BANK: (680_000, 680_000, 2_700_000), CARRIER: (40_000, 80_000, 200_000),
        GIFT_CARD: (135_000, 270_000, 675_000),
    },
    "KW": {
        CARD: (75, 150, 600), WALLET: (75, 150, 600), BANK: (150, 150, 600), CARRIER: (9, 18, 45),
        GIFT_CARD: (30, 60, 150),
    },
}  # fmt: skip

# Caps: amounts, what is allowed in the first 24 hours of a new method, and whose they are.
CAPS: Final[dict[str, dict[PaymentKind, tuple[Amounts, int | None, str]]]] = {
    "DE": {CARRIER: ((50, 100, 300), None, PSD2)},
    "FR": {CARRIER: ((50, 100, 300), None, PSD2)},
    "IE": {CARRIER: ((50, 100, 300), None, PSD2)},
    "GB": {CARRIER: ((40, 80, 240), None, GB_SIM)},
    "BR": {BANK: ((1_000, 2_000, 8_000), None, PIX)},
    "IN": {BANK: ((50_000, 100_000, None), 5_000, UPI)},
    "KE": {BANK: ((50_000, 150_000, 300_000), None, MPESA)},
}


def seed(*, opened_at: datetime) -> None:
    """Write the limits that are not there, in the caller's transaction."""
    known = set(PurchaseLimit.objects.values_list("region_id", "kind", "is_hard"))
    regions = Region.objects.in_bulk()
    rows = [
        _row(regions[code], kind, amounts, opened_at=opened_at)
        for code, kinds in LIMITS.items()
        for kind, amounts in kinds.items()
        if (code, kind, False) not in known
    ]
    for code, caps in CAPS.items():
        for kind, (amounts, first_day, source) in caps.items():
            if (code, kind, True) not in known:
                row = _row(regions[code], kind, amounts, opened_at=opened_at)
                row.is_hard, row.source = True, source
                row.new_bps = row.verified_bps = 10_000
                row.first_day_minor = _minor(first_day, row.currency)
                rows.append(row)
    PurchaseLimit.objects.bulk_create(rows)


def _row(
    region: Region, kind: PaymentKind, amounts: Amounts, *, opened_at: datetime
) -> PurchaseLimit:
    purchase, day, month = (_minor(amount, region.currency) for amount in amounts)
    return PurchaseLimit(
        region=region,
        kind=kind,
        currency=region.currency,
        purchase_minor=purchase,
        day_minor=day,
        month_minor=month,
        new_bps=NEW_BPS,
        verified_bps=VERIFIED_BPS,
        valid_from=opened_at,
        source=OURS,
    )


def _minor(amount: int | None, currency: str) -> int | None:
    return None if amount is None else amount * 10 ** money.decimals(currency)
