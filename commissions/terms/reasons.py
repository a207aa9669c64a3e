"""The deal reasons that terms may name, with our own codes (those of `mt4bridge.enums.DealReason`; a test compares)."""

REASON_CODES: dict[str, int] = {
    "client": 0,
    "expert": 1,
    "dealer": 2,
    "sl": 3,
    "tp": 4,
    "so": 5,
    "rollover": 6,
    "external_client": 7,
    "variation_margin": 8,
    "gateway": 9,
    "signal": 10,
    "settlement": 11,
    "transfer": 12,
    "sync": 13,
    "external_service": 14,
    "migration": 15,
    "mobile": 16,
    "web": 17,
    "split": 18,
    "unknown": 99,
}
