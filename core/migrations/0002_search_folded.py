"""What names are searched by: lower case, without accents, and every letter beyond ASCII as a word of its own.

pg_trgm takes words apart by the database's character classes, which know no Chinese under LC_CTYPE C; and a Chinese name
of two letters has no trigram at all. Written as ` HDIL `, a letter beyond ASCII has trigrams of its own, so even a single
one is found by the index. Its capitals are never those of a text, which is in lower case."""

from typing import ClassVar

from django.db import migrations

FOLDED = """
CREATE FUNCTION search_folded(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF octet_length(value) = char_length(value) THEN
    RETURN lower(value);
  END IF;
  RETURN (SELECT string_agg(CASE WHEN ascii(c.one) < 128 THEN c.one ELSE
      ' ' || translate(to_hex(ascii(c.one)), '0123456789abcdef', 'ABCDEFGHIJKLMNOP') || ' ' END, '' ORDER BY c.place)
    FROM regexp_split_to_table(lower(extensions.unaccent('extensions.unaccent'::regdictionary, value)), '')
      WITH ORDINALITY AS c (one, place));
END $$;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("core", "0001_initial")]

    operations: ClassVar = [migrations.RunSQL(FOLDED, "DROP FUNCTION search_folded(text)")]
