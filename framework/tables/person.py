"""A person who was erased: known by a digest of the columns that say whom a row is about.

What is kept of somebody is that digest, of a salt and the values, from which the values cannot be read: rows, and texts
in which the values stand, are recognised by it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# In a text: what may stand between two marks, `x, Max Meier`, and what is a word wherever it stands, `id 17!`.
MARKS = r"[,;|=:\t\r\n\"'(){}\[\]]"
WORD = r"-?[\p{L}\p{N}_](?:[\p{L}\p{N}_@.+-]*[\p{L}\p{N}_])?"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom rows are about: the columns that say so, in their order, and the digest of a salt and their values."""

    subject: tuple[str, ...]
    salt: str
    digest: str

    def is_in(self) -> Column:
        """Return whether a row is about this person; a row with a NULL in these columns is about nobody."""
        return digest([F.col(f"`{name}`") for name in self.subject], self.salt) == self.digest


def digest(values: Sequence[Column], salt: str) -> Column:
    """Return the SHA-256 of a salt and of values as text, so that 17 and '17' are one; NULL where one of them is."""
    texts = F.array(*(value.cast("string") for value in values))
    return F.when(~F.exists(texts, lambda text: text.isNull()), _hashed(texts, salt))


def without(rows: DataFrame, subject: Sequence[str], erased: Sequence[Person]) -> DataFrame:
    """Leave out the rows that are about persons who were erased.

    subject=("id",)    id  city    rows without 2    id  city
                       1   oslo                      1   oslo
                       2   bonn                      NULL  rome
                       NULL  rome
    """
    names = tuple(sorted(subject))
    for salt, digests in _by_salt([person for person in erased if person.subject == names]):
        rows = rows.where(~F.coalesce(digest([F.col(f"`{name}`") for name in names], salt).isin(digests), F.lit(False)))
    return rows


def mentions(text: Column, persons: Sequence[Person]) -> Column:
    """Return whether the values of one of the persons stand in a text, as words or between marks; NULL mentions nobody.

    Nobody's name is known here, only digests: each word is hashed; for a subject of two columns, each two words.
    """
    parts = F.transform(F.split(text, MARKS), lambda part: F.trim(part))
    words = F.array_distinct(F.concat(F.regexp_extract_all(text, F.lit(WORD), F.lit(0)), parts))
    found = F.lit(False)
    for size in sorted({len(person.subject) for person in persons}):
        combined = F.transform(words, lambda word: F.array(word))
        for _ in range(size - 1):
            combined = _each_with(combined, words)
        for salt, digests in _by_salt([person for person in persons if len(person.subject) == size]):
            found |= _has_one_of(combined, salt, digests)
    return F.coalesce(found, F.lit(False))


def _has_one_of(combined: Column, salt: str, digests: Sequence[str]) -> Column:
    return F.exists(combined, lambda texts: _hashed(texts, salt).isin(*digests))


def _each_with(combined: Column, words: Column) -> Column:
    return F.flatten(
        F.transform(combined, lambda texts: F.transform(words, lambda word: F.concat(texts, F.array(word))))
    )


def _hashed(texts: Column, salt: str) -> Column:
    return F.sha2(F.concat(F.lit(salt), F.to_json(texts)), 256)


def _by_salt(persons: Sequence[Person]) -> Iterator[tuple[str, list[str]]]:
    for salt in dict.fromkeys(person.salt for person in persons):
        yield salt, [person.digest for person in persons if person.salt == salt]
