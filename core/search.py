"""Find rows by parts of names, by conditions that a trigram index answers.

The index is over `search_folded(' ' || a || ' ' || b)`; what folding does stands in migration 0002."""

from django.db.models import BooleanField, Func, Q, TextField, Value
from django.db.models.lookups import Lookup

MOST_WORDS = 5
SHORT = 3  # letters below which a Latin word is only looked for at the beginning of words: it has no trigram


class _Joined(Func):
    """Columns with a blank before each, exactly as in the index."""

    template = "' ' || %(expressions)s"
    arg_joiner = " || ' ' || "
    output_field = TextField()


class _Folded(Func):
    function = "search_folded"
    output_field = TextField()


class _Like(Lookup):
    """LIKE with a pattern that the caller has escaped."""

    lookup_name = "like"
    prepare_rhs = False
    output_field = BooleanField()

    def as_sql(self, compiler, connection):  # type: ignore[no-untyped-def]
        left, of_left = self.process_lhs(compiler, connection)
        right, of_right = self.process_rhs(compiler, connection)
        return f"{left} LIKE {right}", [*of_left, *of_right]


def contains_words(text: str, *columns: str) -> Q:
    """Return the condition that each word of the text is somewhere in the columns; order and accents do not matter."""
    condition = Q()
    for word in text.split()[:MOST_WORDS]:
        condition &= Q(_Like(_Folded(_Joined(*columns)), _Folded(Value(_pattern(word)))))
    return condition


def _pattern(word: str) -> str:
    escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    begins = len(word) < SHORT and word.isascii()
    return f"% {escaped}%" if begins else f"%{escaped}%"
