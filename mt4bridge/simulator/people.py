"""Invented people for the generated book."""

import random

_GIVEN = ["Amara", "Anders", "Bianca", "Carlos", "Chen", "Daria", "Elif", "Emeka", "Farah", "Filip", "Giulia", "Haruto", "Ines", "Ivan", "Jonas", "Kavya", "Lena", "Lucas", "Mai", "Marta", "Mehmet", "Nadia", "Nils", "Olga", "Omar", "Paula", "Quentin", "Rania", "Ravi", "Sara", "Stefan", "Tariq", "Thandi", "Uma", "Viktor", "Wei", "Yara", "Zoe"]
_FAMILY = ["Abara", "Becker", "Chowdhury", "Costa", "Demir", "Dubois", "Eriksen", "Farouk", "Garcia", "Haddad", "Ito", "Jensen", "Kaya", "Kowalski", "Laurent", "Lim", "Mehta", "Moreau", "Ndlovu", "Novak", "Okafor", "Olsen", "Petrov", "Quispe", "Rossi", "Santos", "Schmidt", "Silva", "Tanaka", "Torres", "Ueda", "Varga", "Weber", "Yilmaz", "Zhang"]
_COUNTRIES = ("Cyprus", "Germany", "Nigeria", "Turkey", "Japan", "Brazil", "Poland", "India", "Spain", "South Africa")


def person(chance: random.Random, login: int) -> tuple[str, str, str]:
    """Return name, e-mail (unique by the login) and country."""
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    return f"{given} {family}", f"{given}.{family}.{login}@example.org".lower(), chance.choice(_COUNTRIES)
