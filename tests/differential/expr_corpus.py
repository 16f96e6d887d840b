"""Random SQL expressions of the right types, each in the engine's words and in DuckDB's, over a table of hard values.

DuckDB's text differs where docs/expressions.md says that the two languages do: `fin(...)` makes a float that is not
finite null, literals are cast to the types that they have in the engine, and `haversine` is spelled out.
"""

import random
import struct
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

# Name, dtype of the engine, type of DuckDB's column, and the column as expressions see it.
COLUMNS = [
    ("a", "float64", "DOUBLE", "fin(a)"),
    ("b", "float64", "DOUBLE", "fin(b)"),
    ("f", "float32", "FLOAT", "fin(f::DOUBLE)"),
    ("i", "int64", "BIGINT", "i"),
    ("j", "int64", "BIGINT", "j"),
    ("k", "int32", "INTEGER", "k::BIGINT"),
    ("p", "bool", "BOOLEAN", "p"),
    ("q", "bool", "BOOLEAN", "q"),
    ("s", "string", "VARCHAR", "s"),
    ("u", "string", "VARCHAR", "u"),
    ("t", "timestamp", "TIMESTAMP", "t"),
    ("w", "timestamp", "TIMESTAMP", "w"),
    ("la", "float64", "DOUBLE", "la"),
    ("lo", "float64", "DOUBLE", "lo"),
    ("ma", "float64", "DOUBLE", "ma"),
    ("mo", "float64", "DOUBLE", "mo"),
]

FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 0.1, 1e-7, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308,
    9007199254740993.0, 9.223372036854775e18, -9.223372036854775808e18, 1e19, 2147483647.5, 3.141592653589793, 100.0,
    123456.789, -0.49999999999999994, 1e300, float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
FLOATS32 = [
    0.0,
    -0.0,
    0.5,
    -1.5,
    0.10000000149011612,
    3.4028234663852886e38,
    1.401298464324817e-45,
    float("nan"),
    16777216.0,
]
INTS = [
    0,
    1,
    -1,
    2,
    3,
    5,
    7,
    -7,
    10,
    25,
    -25,
    2**31 - 1,
    -(2**31),
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**62,
    3037000500,
]
INTS32 = [0, 1, -1, 2, 5, -3, 100, 2**31 - 1, -(2**31)]
TEXTS = [
    "", "a", "abc", "ABC", "aXbXc", "50%", "a_b", "a\\b", " padded ", "\t\n", "Grüße", "ﬁŉᾀ", "İstanbul", "Ǆǅǆ", "ΣΑΣ",
    "e\u0301", "👨\u200d👩\u200d👧", "\u3000wide\u00a0", "12", " -7 ", "1.5", "1e5", "true", "NO", "x", "mississippi",
    "\U0010ffff", "nul\0nul", "9223372036854775807",
]  # fmt: skip
TIMES = [
    0, -1, 1, 86_400_000_000, -86_400_000_001, 1_769_851_815_250_000, 951_782_400_000_000, 1_709_164_800_123_456,
    1_735_516_800_000_000, -62_135_596_800_000_000, -62_198_755_200_000_000, 253_402_300_799_999_999,
    1_609_632_000_000_000, -2_208_988_800_000_000, 9_223_372_036_854_775_806, -9_223_372_022_400_000_000,
    4_107_542_399_999_999,
]  # fmt: skip
LATITUDES = [0.0, 90.0, -90.0, 52.52, 48.8566, -33.8688, 1e-9, 51.4778]
LONGITUDES = [0.0, 180.0, -180.0, 13.405, 2.3522, 151.2093, 179.999999, -0.0014]
PATTERNS = ["%", "_", "", "a%", "%b%", "a\\_b", "%X_X%", "__", "%ss%ss%", "50!%", "%ü%", "!_%", "a!bc"]


@dataclass(frozen=True)
class Expression:
    """The same expression twice; `ulps`: how far the results may be apart."""

    ours: str
    theirs: str
    ulps: int = 0


def rows(random_: random.Random, count: int) -> list[list[Any]]:
    """Rows of hard and of random values; a fifth of them null."""
    values: dict[str, list[Any]] = {
        "float64": FLOATS,
        "float32": FLOATS32,
        "int64": INTS,
        "int32": INTS32,
        "string": TEXTS,
        "timestamp": TIMES,
    }

    def value(name: str, dtype: str) -> Any:
        if random_.random() < 0.2:
            return None
        if name in ("la", "ma"):
            return random_.choice([*LATITUDES, random_.uniform(-90, 90)])
        if name in ("lo", "mo"):
            return random_.choice([*LONGITUDES, random_.uniform(-180, 180)])
        if dtype == "bool":
            return random_.random() < 0.5
        if dtype == "float64" and random_.random() < 0.3:
            return random_.choice([random_.uniform(-1000, 1000), random_.lognormvariate(0, 30)])
        if dtype == "timestamp" and random_.random() < 0.3:
            return random_.randrange(-(10**16), 10**16)
        return random_.choice(values[dtype])

    return [[value(name, dtype) for name, dtype, _, _ in COLUMNS] for _ in range(count)]


def bits(value: float) -> str:
    """A float as the runner reads it."""
    return struct.pack(">d", value).hex()


class Generator:
    """Makes expressions; the same seed makes the same ones."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_

    def pick(self, *choices: T) -> T:
        """One of them."""
        return self.random.choice(choices)

    def alike(self, *texts: str) -> Expression:
        """One of the texts, which both read the same."""
        text = self.random.choice(texts)
        return Expression(text, text)

    def column(self, *dtypes: str) -> Expression:
        """A column of one of the types."""
        ours, _, _, theirs = self.random.choice([column for column in COLUMNS[:12] if column[1] in dtypes])
        return Expression(ours, theirs)

    def any(self, depth: int) -> Expression:
        """The root of an expression."""
        if self.random.random() < 0.12:
            return self.transcendental(depth)
        return self.pick(self.real, self.whole, self.truth, self.text, self.time)(depth)

    def transcendental(self, depth: int) -> Expression:
        """What may be off by some ulp, of exact arguments."""
        if self.random.random() < 0.25:
            sine = "(sin(radians({0} - {1}) / 2) * sin(radians({0} - {1}) / 2))"
            square = f"{sine.format('ma', 'la')} + (cos(radians(la)) * cos(radians(ma))) * {sine.format('mo', 'lo')}"
            distance = f"2.0::DOUBLE * 6371.0088::DOUBLE * asin(least(sqrt({square}), 1.0::DOUBLE))"
            # least passes over null.
            theirs = f"CASE WHEN la + lo + ma + mo IS NOT NULL THEN {distance} END"
            return Expression("haversine(la, lo, ma, mo)", theirs, ulps=4)
        name = self.pick("ln", "log10", "exp", "power")
        arguments = [self.number(depth - 1) for _ in range(2 if name == "power" else 1)]
        ours = ", ".join(argument.ours for argument in arguments)
        theirs = ", ".join(f"({argument.theirs})::DOUBLE" for argument in arguments)
        return Expression(f"{name}({ours})", f"fin({name}({theirs}))", ulps=4)

    def number(self, depth: int) -> Expression:
        """A float or an int."""
        return self.pick(self.real, self.whole)(depth)

    def same(self, depth: int) -> tuple[Expression, Expression, Expression]:
        """Three of types that can be compared."""
        maker = self.pick(self.number, self.number, self.real, self.whole, self.text, self.time, self.truth)
        return maker(depth), maker(depth), maker(depth)

    def form(self, template: str, *arguments: Expression) -> Expression:
        """The same template for both."""
        ours = template.format(*(argument.ours for argument in arguments))
        return Expression(ours, template.format(*(argument.theirs for argument in arguments)))

    def finite(self, template: str, *arguments: Expression) -> Expression:
        """A template whose float result is null if it is not finite."""
        found = self.form(template, *arguments)
        return Expression(found.ours, f"fin({found.theirs})")

    def choice(self, maker: Any, depth: int) -> Expression:
        """Forms that every type has."""
        a, b = maker(depth - 1), maker(depth - 1)
        kind = self.random.randrange(5)
        if kind == 0:
            return self.form("CASE WHEN {0} THEN {1} ELSE {2} END", self.truth(depth - 1), a, b)
        if kind == 1:
            x, y, z = self.same(depth - 1)
            return self.form("CASE {0} WHEN {1} THEN {3} WHEN {2} THEN {4} END", x, y, z, a, b)
        if kind == 2:
            return self.form("coalesce({0}, {1})", a, b)
        if kind == 3:
            return self.form("nullif({0}, {1})", a, b)
        return self.form(f"{self.pick('least', 'greatest')}({{0}}, {{1}}, {{2}})", a, b, maker(depth - 1))

    def real_leaf(self) -> Expression:
        """A column or a literal."""
        if self.random.random() < 0.7:
            return self.column("float64", "float64", "float32")
        literal = self.pick("0.0", "1.5", "2.0", "0.1", "1e300", "1e-300", "100.25", ".5", "9007199254740993.0")
        return Expression(literal, f"'{literal}'::DOUBLE")

    def real(self, depth: int) -> Expression:
        """A float64."""
        if depth <= 0 or self.random.random() < 0.15:
            return self.real_leaf()
        if self.random.random() < 0.2:
            return self.choice(self.real, depth)
        number = self.number
        kind = self.random.randrange(8)
        if kind == 0:
            return self.finite(
                f"({{0}} {self.pick('+', '-', '*', '%')} {{1}})", self.real(depth - 1), number(depth - 1)
            )
        if kind == 1:
            return self.finite(
                f"({{0}} {self.pick('+', '-', '*', '%')} {{1}})", number(depth - 1), self.real(depth - 1)
            )
        if kind == 2:
            return self.finite("({0} / {1})", number(depth - 1), number(depth - 1))
        if kind == 3:
            return self.finite(f"{self.pick('abs', '-', 'round', '+')}({{0}})", self.real(depth - 1))
        if kind == 4:
            return self.finite(f"{self.pick('floor', 'ceil', 'sqrt')}({{0}})", number(depth - 1))
        if kind == 5:
            return self.finite(f"round({{0}}, {self.random.randint(-22, 22)})", self.real(depth - 1))
        if kind == 6:
            return self.cast_to_float(depth)
        return self.form(self.pick("epoch({0})", "extract(epoch FROM {0})"), self.time(depth - 1))

    def cast_to_float(self, depth: int) -> Expression:
        """What CAST makes a float64 of; a float outside of float32 is null, an error in DuckDB."""
        kind = self.random.randrange(3)
        if kind == 0:
            return self.finite("TRY_CAST({0} AS DOUBLE)", self.text(depth - 1))
        if kind == 1:
            return self.finite(
                f"CAST({{0}} AS {self.pick('DOUBLE', 'float8')})", self.pick(self.number, self.truth)(depth - 1)
            )
        argument = self.number(depth - 1)
        return Expression(f"CAST({argument.ours} AS REAL)", f"fin(TRY_CAST({argument.theirs} AS REAL)::DOUBLE)")

    def whole(self, depth: int) -> Expression:
        """An int64."""
        if depth <= 0 or self.random.random() < 0.15:
            if self.random.random() < 0.7:
                return self.column("int64", "int64", "int32")
            literal = self.pick("0", "1", "2", "7", "-3", "10", "2147483647", "9223372036854775807")
            return Expression(literal, f"({literal})::BIGINT")
        if self.random.random() < 0.2:
            return self.choice(self.whole, depth)
        kind = self.random.randrange(7)
        if kind == 0:
            operator = self.pick("+", "-", "*", "//", "%")
            return self.form(f"({{0}} {operator} {{1}})", self.whole(depth - 1), self.whole(depth - 1))
        if kind == 1:
            return self.form(f"{self.pick('abs', '-', 'round')}({{0}})", self.whole(depth - 1))
        if kind == 2:
            return self.form(f"round({{0}}, {self.random.randint(-22, 5)})", self.whole(depth - 1))
        if kind == 3:
            argument = self.pick(self.real, self.real, self.whole, self.truth)(depth - 1)
            cast, name = self.pick("CAST", "TRY_CAST"), self.pick("BIGINT", "INTEGER")
            return Expression(f"{cast}({argument.ours} AS {name})", f"{cast}({argument.theirs} AS {name})::BIGINT")
        if kind == 4:
            return self.form("length({0})", self.text(depth - 1))
        part = self.pick(
            "year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "isoyear",
            "hour", "minute", "second", "milliseconds", "microseconds",
        )  # fmt: skip
        found = self.form(self.pick(f"extract({part} FROM {{0}})", f"date_part('{part}', {{0}})"), self.time(depth - 1))
        # Of a constant that is null DuckDB makes a float.
        return Expression(found.ours, f"{found.theirs}::BIGINT")

    def truth(self, depth: int) -> Expression:
        """A bool."""
        if depth <= 0 or self.random.random() < 0.15:
            return self.column("bool") if self.random.random() < 0.7 else self.alike("true", "false")
        kind = self.random.randrange(9)
        a, b, c = self.same(depth - 1)
        if kind == 0:
            return self.form(f"({{0}} {self.pick('=', '<>', '<', '<=', '>', '>=')} {{1}})", a, b)
        if kind == 1:
            return self.form(f"({{0}} {self.pick('AND', 'OR')} {{1}})", self.truth(depth - 1), self.truth(depth - 1))
        if kind == 2:
            return self.form("(NOT {0})", self.truth(depth - 1))
        if kind == 3:
            return self.form(f"({{0}} IS {self.pick('', 'NOT ')}NULL)", a)
        if kind == 4:
            test = self.pick("TRUE", "FALSE", "UNKNOWN", "NOT TRUE", "NOT FALSE", "NOT UNKNOWN")
            return self.form(f"({{0}} IS {test})", self.truth(depth - 1))
        if kind == 5:
            return self.form(f"({{0}} IS {self.pick('', 'NOT ')}DISTINCT FROM {{1}})", a, b)
        if kind == 6:
            return self.form(f"({{0}} {self.pick('', 'NOT ')}IN ({{1}}, {{2}}))", a, b, c)
        if kind == 7:
            return self.form(f"({{0}} {self.pick('', 'NOT ')}BETWEEN {{1}} AND {{2}})", a, b, c)
        return self.like(depth)

    def like(self, depth: int) -> Expression:
        """LIKE with a pattern that is written, or a column."""
        pattern = self.pick("column", *PATTERNS)
        negation = self.pick("", "NOT ")
        if pattern == "column":
            return self.form(f"({{0}} {negation}LIKE {{1}})", self.text(depth - 1), self.column("string"))
        escape = " ESCAPE '!'" if "!" in pattern else ""
        return self.form(f"({{0}} {negation}LIKE '{pattern}'{escape})", self.text(depth - 1))

    def text(self, depth: int) -> Expression:
        """A string."""
        if depth <= 0 or self.random.random() < 0.2:
            if self.random.random() < 0.7:
                return self.column("string")
            return self.alike("''", "'a'", "'it''s'", "'Grüße'", "' x '")
        if self.random.random() < 0.15:
            return self.choice(self.text, depth)
        kind = self.random.randrange(6)
        if kind == 0:
            return self.form("lower({0})", self.text(depth - 1))
        if kind == 1:
            # ß has no simple upper case; DuckDB makes it ẞ.
            argument = self.text(depth - 1)
            guarded = f"replace(upper(replace({argument.theirs}, 'ß', '\ue000')), '\ue000', 'ß')"
            return Expression(f"upper({argument.ours})", guarded)
        if kind == 2:
            name = self.pick("trim", "ltrim", "rtrim")
            characters = self.pick("", ", 'a '", ", 'Xße'")
            return self.form(f"{name}({{0}}{characters})", self.text(depth - 1))
        if kind == 3:
            return self.substring(depth)
        if kind == 4:
            template = self.pick("concat({0}, {1}, {2})", "({0} || {1} || {2})")
            return self.form(template, self.text(depth - 1), self.text(depth - 1), self.text(depth - 1))
        return self.form("CAST({0} AS VARCHAR)", self.pick(self.real, self.whole, self.truth)(depth - 1))

    def substring(self, depth: int) -> Expression:
        """Part of a string, by places in and around it."""
        numbers = [self.random.randint(-12, 12) for _ in range(2)]
        start, count = (f"{number}" for number in numbers)
        template = self.pick(
            f"substr({{0}}, {start}, {count})",
            f"substring({{0}}, {start})",
            f"substring({{0}} FROM {start} FOR {count})",
        )
        return self.form(template, self.text(depth - 1))

    def time(self, depth: int) -> Expression:
        """A timestamp."""
        if depth <= 0 or self.random.random() < 0.2:
            if self.random.random() < 0.8:
                return self.column("timestamp")
            return self.alike("timestamp '2026-01-31 09:30:00.25'", "timestamp '1968-02-29'")
        if self.random.random() < 0.3:
            return self.choice(self.time, depth)
        unit = self.pick("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
        return self.form(f"date_trunc('{unit}', {{0}})", self.time(depth - 1))
