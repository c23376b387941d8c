"""A person who was erased: known by digests of the columns that say whom a row is about.

What is kept of somebody is, for each of these columns, a digest of a salt and the value, from which the value cannot be
read: rows, and texts in which the values stand, are recognised by it. A value is hashed as one text whatever its type:
17 is a bigint, a decimal(9,2) and a string alike, and a timestamp is the time in UTC.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DataType,
    DateType,
    DecimalType,
    IntegralType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from framework.tables.compare import in_utc
from framework.tables.sql import named

TELLING = (IntegralType, DecimalType, DateType, TimestampType, TimestampNTZType, StringType)

# A text is cut into words, `17` or `max@example.org` or `-1.7`, blanks, and single characters of all else.
WORDS = r"(?s)-?[\p{L}\p{N}_](?:[\p{L}\p{N}_@.+-]*[\p{L}\p{N}_])?|\s+|."
# What JSON has for characters of UTF-16, those in two halves too; half of one is none.
UNICODE = r"(?:\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?![dD][89a-fA-F])[0-9a-fA-F]{4}))+"
ESCAPED = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\b": "\b", r"\f": "\f", r"\"": '"', r"\'": "'", r"\/": "/"}
BACKSLASH = "\uf8ff"  # it stands for one that is not the beginning of an escape
NUMBER = r"^(-?)0*(\d+)(?:\.0*|(\.\d*[1-9])0*)?$"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the values by which a person is known: of how many words, blanks and marks it is, and its digest."""

    words: int
    digest: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom rows are about: the columns that say so, in their order, a salt, and what is kept of their values."""

    subject: tuple[str, ...]
    salt: str
    parts: tuple[Part, ...]

    @classmethod
    def told_by(cls, subject: Sequence[str], salt: str, texts: Sequence[str], words: Sequence[int]) -> "Person":
        """Return whom values tell, given as their canonical texts, of so many words each."""
        parts = (Part(count, _sha256(salt + text)) for text, count in zip(texts, words, strict=True))
        return cls(tuple(subject), salt, tuple(parts))

    @property
    def digest(self) -> str:
        """The SHA-256 of the salt and of the digests of the values."""
        return _sha256(self.salt + "".join(part.digest for part in self.parts))

    def is_in(self, columns: StructType) -> Column:
        """Return whether a row of these columns is about this person; one with a NULL in them is about nobody."""
        texts = [canonical(F.col(named((name,))), columns[name].dataType) for name in self.subject]
        return _digest(texts, self.salt) == self.digest

    def renamed(self, names: Mapping[str, str]) -> "Person":
        """Return the same person where columns have new names, given by the old ones."""
        found = {names.get(name, name): part for name, part in zip(self.subject, self.parts, strict=True)}
        return Person(tuple(sorted(found)), self.salt, tuple(found[name] for name in sorted(found)))


def untold(columns: StructType, subject: Sequence[str]) -> list[str]:
    """Say which of the columns that should tell a person cannot: their values have more than one text, or none."""
    kinds = {field.name: field.dataType for field in columns.fields if field.name in subject}
    by = "a whole number, a decimal, a date, a timestamp or a string"
    wrong = {name: kind for name, kind in kinds.items() if not isinstance(kind, TELLING)}
    return [f"{name!r} is {kind.simpleString()}, and a person is told by {by}" for name, kind in wrong.items()]


def canonical(value: Column, kind: DataType) -> Column:
    """Return the text of a value, the same for all types that can hold it, in every time zone of a session.

    17 -> 17    17.00 -> 17    17.50 -> 17.5    2024-01-31    2024-01-31 12:00:00.5 (UTC)    a string as it is
    """
    if isinstance(kind, DecimalType):
        plain = F.translate(F.format_number(value, kind.scale), ",", "")
        return F.regexp_replace(plain, r"\.?0+$", "") if kind.scale else plain
    return (in_utc(value) if isinstance(kind, TimestampType) else value).cast("string")


def words(text: Column) -> Column:
    """Return the words of a text in their order, and what is between them: joined again they are the text."""
    return F.regexp_extract_all(text, F.lit(WORDS), F.lit(0))


def without(rows: DataFrame, subject: Sequence[str], erased: Sequence[Person]) -> tuple[DataFrame, int]:
    """Leave out the rows that are about persons who were erased, and count them: a pass, if anybody was.

    subject=("id",)    id  city    rows without 2    id  city
                       1   oslo                      1   oslo
                       2   bonn                      NULL  rome
                       NULL  rome
    """
    names = tuple(sorted(subject))
    persons = [person for person in erased if person.subject == names]
    if not persons:
        return rows, 0
    values = [F.col(named((name,))) for name in names]
    kinds = [field.dataType for field in rows.select(*values).schema.fields]
    texts = [canonical(value, kind) for value, kind in zip(values, kinds, strict=True)]
    is_erased = F.lit(False)
    for salt, those in _by_salt(persons):
        is_erased |= F.coalesce(_digest(texts, salt).isin([person.digest for person in those]), F.lit(False))
    return rows.where(~is_erased), rows.where(is_erased).count()


def mentions(text: Column, persons: Sequence[Person]) -> Column:
    """Return whether all values of one of the persons stand in a text, as words or between marks.

    Nobody's name is known here, only digests: so from each word on, as many words as a value has are hashed, with what
    is between them; also of what escapes in the text stand for. NULL mentions nobody.
    """
    found, cut = F.lit(False), F.array(words(_spelled(text)))
    for salt, those in _by_salt(persons):
        found |= F.exists(cut, partial(_tell, salt, those))
    return F.coalesce(found, F.lit(False))


def _spelled(text: Column) -> Column:
    r"""Return a text and, where it has escapes of JSON or doubled quotes of CSV, after it what these stand for.

    Jos\u00e9 is "here"  ->  Jos\u00e9 is "here"
                             José is "here"
    """
    plain = F.replace(text, F.lit(r"\\"), F.lit(BACKSLASH))
    plain = F.aggregate(F.array_distinct(F.regexp_extract_all(plain, F.lit(UNICODE), F.lit(0))), plain, _decoded)
    for escape, meant in ESCAPED.items():
        plain = F.replace(plain, F.lit(escape), F.lit(meant))
    plain = F.replace(plain, F.lit(BACKSLASH), F.lit("\\"))
    single = F.replace(text, F.lit('""'), F.lit('"'))
    return F.concat_ws("\n", text, F.when(text.contains("\\"), plain), F.when(text.contains('""'), single))


def _decoded(text: Column, escapes: Column) -> Column:
    character = F.decode(F.unhex(F.replace(escapes, F.lit(r"\u"), F.lit(""))), "UTF-16BE")
    return F.replace(text, escapes, F.replace(character, F.lit("\\"), F.lit(BACKSLASH)))


def _tell(salt: str, persons: Sequence[Person], cut: Column) -> Column:
    """Return whether the words of a text have all parts of one of the persons, who have the same salt."""
    sizes = sorted({part.words for person in persons for part in person.parts} - {0})
    digests = sorted({part.digest for person in persons for part in person.parts})
    runs = [_runs(cut, size) for size in sizes]
    numbers = F.transform(cut, lambda word: F.regexp_replace(word, NUMBER, "$1$2$3"))  # 017.0 is 17
    hashes = F.transform(F.concat(numbers, *runs), lambda run: _hashed(run, salt))
    wanted = F.array(*(F.array(*(F.lit(part.digest) for part in person.parts)) for person in persons))
    return F.exists(
        F.array(F.filter(hashes, lambda each: each.isin(digests))),
        lambda there: (F.size(there) > 0) & F.exists(wanted, lambda parts: F.size(F.array_except(parts, there)) == 0),
    )


def _runs(cut: Column, size: int) -> Column:
    """Return what each word begins, of so many words; near the end of fewer, which is nobody's value."""
    return F.transform(cut, lambda _, at: F.array_join(F.slice(cut, at + 1, size), ""))


def _digest(texts: Sequence[Column], salt: str) -> Column:
    """Return the digest of whom texts tell; NULL where one of them is."""
    return _hashed(F.concat(*(_hashed(text, salt) for text in texts)), salt)


def _hashed(text: Column, salt: str) -> Column:
    return F.sha2(F.concat(F.lit(salt), text), 256)


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _by_salt(persons: Sequence[Person]) -> Iterator[tuple[str, list[Person]]]:
    for salt in dict.fromkeys(person.salt for person in persons):
        yield salt, [person for person in persons if person.salt == salt]
