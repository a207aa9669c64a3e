"""Names for demo people, the same for the same number."""

FIRST = (
    "Wei", "Amir", "Grace", "Thabo", "Minh", "Sofia", "Jia", "Olu", "Priya", "Luca", "Siti", "Haru", "Fang", "Maria",
    "Yusuf", "Kanya", "James", "Elena", "Ka Yan", "Mehmet", "Rashid", "Hannah", "Ji-woo", "Omar",
)  # fmt: skip
LAST = (
    "Tan", "Haddad", "Lim", "Nkosi", "Nguyen", "Marques", "Chen", "Adeyemi", "Rao", "Bianchi", "Rahma", "Tanaka",
    "Zhao", "Ruiz", "Kaya", "Srisai", "Okafor", "Popescu", "Wong", "Demir", "Saleh", "Lind", "Park", "Farouk",
)  # fmt: skip
COUNTRIES = ("SG", "AE", "MY", "ZA", "VN", "PT", "CN", "NG", "IN", "IT", "ID", "JP", "TW", "MX", "TR", "TH")


def person(number: int) -> tuple[str, str]:
    """Return (name, country) of demo person `number`."""
    name = f"{FIRST[(number * 7) % len(FIRST)]} {LAST[(number * 13 + number // 24) % len(LAST)]}"
    return name, COUNTRIES[number % len(COUNTRIES)]
