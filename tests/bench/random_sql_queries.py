"""Random queries for random_sql.py, each in the words of posweight and of DuckDB.

What two engines rightly see in another way is written in another way for DuckDB here, each with its reason.
"""

import collections

# An expression: for posweight, for DuckDB, the kind of its values, and whether its last digits may differ.
Expr = collections.namedtuple("Expr", "ours theirs kind near", defaults=[False])

INTEGERS = [f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64)]
DECIMALS = {"d9_2": 2, "d18_4": 4, "d38_10": 10, "d38_0": 0}
KINDS = {
    "int": INTEGERS,
    "float": ["f16", "f32", "f64", "g64"],
    "decimal": list(DECIMALS),
    "text": ["s", "sd", "sl"],
    "date": ["dt"],
    "time": ["tm_ms", "tm_us"],
    "stamp": ["ts_s", "ts_ms", "ts_us", "ts_ns"],
    "zoned": ["tz_us", "tz_ms"],
    "bool": ["b"],
    "binary": ["bin"],
    "list": ["li", "lt"],
}
ORDERED = ["int", "float", "decimal", "text", "date", "time", "stamp", "zoned"]
WORDS = ["", "a", "A", "ab", "a b", " a", "%", "_", "a%b", "it''s", "ß", "é", "日本", "NULL", "nan", "0", "-1", "true", "zz"]
FLOATS = ["0.0", "0.5", "-1.5", "2.7", "0.1", "1e300", "-3.0", "100.0"]


def same(text, kind, near=False):
    return Expr(text, text, kind, near)


class Queries:
    """The queries of one number."""

    def __init__(self, chance):
        self.chance = chance

    def pick(self, *of):
        return self.chance.choice(of)

    def one_of(self, kinds=tuple(KINDS)):
        kind = self.chance.choice(list(kinds))
        return same(self.chance.choice(KINDS[kind]), kind)

    def literal(self, kind, name=""):
        chance = self.chance
        if kind == "int":
            edges = [0, 1, -1, 5, -7, 42, 100, 127, 128, -128, -129, 255, 256, 32767, 65536, 2**31 - 1, 2**31, 2**63 - 1]
            return same(str(chance.choice(edges)), kind)
        if kind == "float":
            number = chance.choice(FLOATS)
            # DuckDB reads 0.1 as a decimal, and compares it with FLOAT as a FLOAT; here it is a double.
            return Expr(number, f"{number}::DOUBLE", kind)
        if kind == "decimal":
            digits = chance.choice([0, 1, 2, 4])
            number = f"{chance.randint(-3000, 3000) / 10**digits:.{digits}f}"
            # DuckDB has decimals where posweight reads doubles, which it compares with decimals as they are written.
            return same(number if "." in number else f"{number}.0", kind)
        if kind == "text":
            return same(f"'{chance.choice(WORDS)}'", kind)
        if kind == "date":
            return same(f"DATE '19{chance.randint(68, 71)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}'", kind)
        if kind == "time":
            fraction = chance.choice(["", ".5", ".000001"])
            return same(f"TIME '0{chance.randint(0, 9)}:30:00{fraction}'", kind)
        if kind == "bool":
            return same(chance.choice(["true", "false"]), kind)
        moment = f"19{chance.randint(69, 70)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)} 0{chance.randint(0, 9)}:00:00"
        moment += chance.choice(["", ".25", ".000001"])
        if kind == "zoned":
            return Expr(f"'{moment}+00:00'", f"TIMESTAMPTZ '{moment}+00:00'", kind)
        # DuckDB takes nanoseconds for microseconds where they are compared with these.
        theirs = f"'{moment}'::TIMESTAMP_NS" if name == "ts_ns" else f"TIMESTAMP '{moment}'"
        return Expr(f"TIMESTAMP '{moment}'", theirs, kind)

    def column(self, kind):
        name = self.chance.choice(KINDS[kind])
        # As with literals: FLOAT and the half floats are compared as doubles here.
        theirs = f"{name}::DOUBLE" if name in ("f16", "f32") else name
        return Expr(name, theirs, kind)

    def number(self, depth=1):
        """A number that can be computed with, small enough not to overflow too often."""
        chance = self.chance
        kind = chance.choice(["int", "int", "decimal", "float"])
        if depth == 0 or chance.random() < 0.5:
            return self.column(kind)
        if kind == "int":
            side = self.column("int")
            other = self.pick(same("3", "int"), self.column("int"))
            op = chance.choice("+-*")
            both = (f"CAST({side.ours} AS BIGINT)", f"CAST({other.ours} AS BIGINT)")
            if "u64" in (side.ours, other.ours):
                return side
            return same(f"({both[0]} {op} {both[1]})", "int")
        if kind == "decimal":
            side, other = same(self.pick("d9_2", "d18_4"), "decimal"), self.pick(same("3", "int"), same("d9_2", "decimal"))
            return same(f"({side.ours} {chance.choice('+-*')} {other.ours})", "decimal")
        side = self.column("float")
        return Expr(f"({side.ours} * 2.0)", f"({side.theirs} * 2.0::DOUBLE)", "float")

    def value(self):
        """Any value, such as one selects or groups by."""
        chance = self.chance
        made = chance.randint(0, 14)
        if made == 0:
            when, then, other = self.predicate(1), self.column("int"), self.column("int")
            return join("CASE WHEN {} THEN {} ELSE {} END", [when, then, other], "int")
        if made == 1:
            return join("coalesce({}, {})", [self.column("text"), self.literal("text")], "text")
        if made == 2:
            text = self.column("text")
            return join(self.pick("lower({})", "{} || 'x'", "substr({}, 2)", "length({})"), [text], "text")
        if made == 3:
            return join(self.pick("date_trunc('month', {})", "date_trunc('day', {})"), [same("ts_us", "stamp")], "stamp")
        if made == 4:
            return self.number()
        if made == 5:
            column = self.column("int")
            return join("CAST({} AS VARCHAR)", [column], "text")
        if made == 6:
            kind = chance.choice(["int", "text", "decimal", "date"])
            column = same(chance.choice(KINDS[kind]), kind)
            return join("nullif({}, {})", [column, self.literal(kind, column.ours)], kind)
        if made == 7:
            return self.predicate(1)
        if made == 8:
            return self.cast()
        if made == 9:
            kind = chance.choice(["int", "decimal", "float", "text", "date"])
            name = chance.choice(KINDS[kind])
            # In DuckDB, greatest and least leave NULL out, as here.
            return join(self.pick("greatest({}, {})", "least({}, {})"), [same(name, kind), same(name, kind)], kind)
        if made == 10:
            number = self.pick(same("f64", "float"), same("d9_2", "decimal"), same("CAST(i32 AS BIGINT)", "int"))
            return join(self.pick("abs({})", "-{}", "(- -{})"), [number], number.kind)
        if made == 11:
            # Of the parts of a date, these are whole numbers in both.
            part = self.pick("year", "month", "day", "dow", "doy", "hour", "minute", "quarter", "week")
            side = same("ts_us", "stamp") if part in ("hour", "minute") else same(self.pick("dt", "ts_us", "ts_ms"), "date")
            return join(f"date_part('{part}', {{}})", [side], "int")
        if made == 12:
            side = self.column("int")
            # Quotients of integers are integers here, and doubles in DuckDB; those of u64 and signed ones are decimals here.
            if side.ours == "u64" or chance.random() < 0.5:
                return join("({} % 7)", [side], "int")
            return Expr(f"({side.ours} / 7)", f"({side.theirs} // 7)", "int")
        if made == 13:
            text = self.pick("dt + INTERVAL '1 day'", "ts_us + INTERVAL '1 month'", "ts_us - INTERVAL '90 minutes'")
            # A date and days are a date here, and a timestamp in DuckDB.
            return Expr(f"({text})", f"CAST({text} AS DATE)" if text.startswith("dt") else f"({text})", "stamp")
        return self.one_of()

    def cast(self):
        """A cast that means the same in both."""
        sides = [
            ("CAST({} AS DOUBLE)", "int"), ("CAST({} AS DECIMAL(30, 3))", "int"), ("CAST({} AS VARCHAR)", "decimal"),
            ("CAST({} AS DOUBLE)", "decimal"), ("CAST({} AS VARCHAR)", "date"), ("CAST({} AS TIMESTAMP)", "date"),
            ("TRY_CAST({} AS INT)", "text"), ("CAST({} AS VARCHAR)", "bool"), ("CAST({} AS INT)", "bool"),
            ("CAST({} AS DATE)", "stamp"), ("TRY_CAST({} AS SMALLINT)", "int"), ("TRY_CAST({} AS DECIMAL(9, 1))", "decimal"),
            ("CAST({} AS REAL)", "float"), ("CAST({} AS DOUBLE)", "float"), ("TRY_CAST({} AS DATE)", "text"),
        ]
        text, kind = self.chance.choice(sides)
        return join(text, [same(self.chance.choice(KINDS[kind]), kind)], "any")

    def predicate(self, depth=2):
        chance = self.chance
        if depth > 0 and chance.random() < 0.5:
            made = chance.randint(0, 3)
            if made == 0:
                return join("(NOT {})", [self.predicate(depth - 1)], "bool")
            if made == 1:
                word = self.pick("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS NULL", "IS NOT NULL")
                return join("({} " + word + ")", [self.predicate(depth - 1)], "bool")
            word = self.pick("AND", "OR")
            return join("({} " + word + " {})", [self.predicate(depth - 1), self.predicate(depth - 1)], "bool")
        made = chance.randint(0, 6)
        if made == 0:
            return join(self.pick("({} IS NULL)", "({} IS NOT NULL)"), [self.one_of()], "bool")
        if made == 1:
            pattern = chance.choice(["a%", "%a", "_", "%", "%b%", "a_b", ""])
            return join(self.pick("({} LIKE ", "({} NOT LIKE ") + f"'{pattern}')", [self.column("text")], "bool")
        if made == 2:
            if chance.random() < 0.5:
                return same("b", "bool")
            made_list = chance.choice(["li = [1]", "lt < ['a', 'ab']", "lt IN (['a'], [])", "bin < X'0101'", "bin = X'01'", "lt = ['a', '']", "[i8] = [1]", "[f64] = [0.0]"])
            # Bytes are written in another way. NULL within lists is below all values here, and above them in DuckDB.
            theirs = made_list.replace("X'0101'", "'\\x01\\x01'::BLOB").replace("X'01'", "'\\x01'::BLOB").replace("0.0]", "0.0::DOUBLE]")
            return Expr(f"({made_list})", f"({theirs})", "bool")
        kind = chance.choice(ORDERED)
        side = self.column(kind)
        if made == 3:
            low, high = self.literal(kind, side.ours), self.literal(kind, side.ours)
            return join(self.pick("({} BETWEEN {} AND {})", "({} NOT BETWEEN {} AND {})"), [side, low, high], "bool")
        if made == 4:
            values = [self.literal(kind, side.ours) for _ in range(chance.randint(1, 5))]
            text = "({} " + self.pick("IN", "NOT IN") + " (" + ", ".join("{}" for _ in values) + "))"
            return join(text, [side, *values], "bool")
        op = chance.choice(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
        # Nanoseconds are compared with other units as microseconds in DuckDB.
        may_pair = kind not in ("stamp", "zoned", "float") and not side.ours.startswith("d38")
        other = self.column(kind) if made == 5 and may_pair else self.literal(kind, side.ours)
        return join("({} " + op + " {})", [side, other], "bool")

    def aggregate(self):
        chance = self.chance
        call, near = self.call()
        if chance.random() < 0.3:
            call = join("{} FILTER (WHERE {})", [call, self.predicate(1)], call.kind)
        return call._replace(near=near)

    def call(self):
        """An aggregate, and whether its last digits may differ."""
        made = self.chance.randint(0, 9)
        if made == 0:
            return same("count(*)", "int"), False
        if made == 1:
            return join("count({})", [self.one_of()], "int"), False
        if made == 2:
            return join("count(DISTINCT {})", [self.one_of()], "int"), False
        if made in (3, 4):
            column = same(self.chance.choice([name for kind in ORDERED for name in KINDS[kind]]), "any")
            return join(self.pick("min({})", "max({})"), [column], "any"), False
        if made == 5:
            column = same(self.chance.choice(INTEGERS + list(DECIMALS)), "int")
            return join(self.pick("sum({})", "sum({})", "sum(DISTINCT {})"), [column], "number"), False
        if made == 6:
            # DuckDB rounds means of decimals to doubles, and sums of floats at every step.
            column = same(self.chance.choice(INTEGERS + list(DECIMALS) + ["g64"]), "float")
            return join(self.pick("avg({})", "avg({})", "avg(DISTINCT {})"), [column], "float"), True
        if made == 7:
            name = self.pick("sum", "stddev", "var_pop", "stddev_pop", "var_samp")
            return join(name + "({})", [same("g64", "float")], "float"), True
        if made == 8:
            return join("sum(CASE WHEN {} THEN 1 ELSE 0 END)", [self.predicate(1)], "int"), False
        return self.pick(same("bool_and(b)", "bool"), same("bool_or(b)", "bool"), same("bit_xor(i64)", "int")), False

    def query(self):
        kind = self.pick("where", "rows", "groups", "groups", "groups", "window", "window", "join", "sets", "distinct", "inside", "top", "unnested")
        return kind, getattr(self, kind)()

    def where(self):
        parts = [self.predicate(), self.predicate(), self.predicate(3)]
        text = "SELECT count(*) AS a, count(*) FILTER (WHERE {}) AS b, sum(CASE WHEN {} THEN 1 END) AS c FROM t WHERE {}"
        return select(text, parts)

    def rows(self):
        values = [self.value() for _ in range(self.chance.randint(1, 4))]
        text = "SELECT id, " + listed(values, "v") + " FROM t WHERE {}"
        return select(text, [*values, self.predicate()])

    def groups(self):
        keys = [self.value() for _ in range(self.chance.randint(0, 2))]
        calls = [self.aggregate() for _ in range(self.chance.randint(1, 4))]
        where = [self.predicate()] if self.chance.random() < 0.4 else []
        text = "SELECT " + ", ".join(filter(None, [listed(keys, "k"), listed(calls, "v")])) + " FROM t"
        text += " WHERE {}" if where else ""
        having = []
        if keys:
            numbers = ", ".join(str(i + 1) for i in range(len(keys)))
            if all(key.ours == key.theirs and "(" not in key.ours and "CASE" not in key.ours for key in keys) and self.chance.random() < 0.3:
                numbers = self.pick("ROLLUP", "CUBE") + "(" + ", ".join(key.ours for key in keys) + ")"
            text += " GROUP BY " + numbers
            if self.chance.random() < 0.3:
                having = [self.call()[0]] if self.chance.random() < 0.3 else [same("count(*)", "int")]
                text += " HAVING {} " + ("IS NOT NULL" if having[0].ours != "count(*)" else f"> {self.chance.randint(1, 20)}")
        return select(text, [*keys, *calls, *where, *having], calls)

    def window(self):
        part = f"PARTITION BY {self.pick('b', 's', 'i8', 'dt', 'f32', 'd9_2')} " if self.chance.random() < 0.6 else ""
        order = "ORDER BY " + self.pick("", "i32, ", "f64, ", "s DESC NULLS LAST, ", "d18_4 NULLS FIRST, ") + "id"
        if "NULLS" not in order and order != "ORDER BY id":
            order = order.replace(", id", " NULLS LAST, id")
        frame = self.pick("", " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", " ROWS BETWEEN 1 PRECEDING AND 3 FOLLOWING", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING")
        calls = []
        for _ in range(self.chance.randint(1, 3)):
            made = self.chance.randint(0, 3)
            if made == 0:
                calls.append(same(f"{self.pick('row_number()', 'rank()', 'dense_rank()')} OVER ({part}{order})", "int"))
            elif made == 1:
                call = self.pick("lag({})", "lead({}, 2)", "first_value({})", "last_value({})")
                over = frame if "value" in call else ""
                calls.append(join(call + f" OVER ({part}{order}{over})", [self.one_of()], "any"))
            else:
                call, near = self.call()
                while "DISTINCT" in call.ours:
                    call, near = self.call()
                calls.append(join("{} OVER (" + f"{part}{order}{frame})", [call], call.kind)._replace(near=near))
        return select("SELECT id, " + listed(calls, "v") + " FROM t", calls, calls)

    def join(self):
        kind = self.chance.choice(["int", "text", "date", "decimal", "float", "stamp", "bool"])
        # Of one column, so that both sides have one type.
        column = self.chance.choice(KINDS[kind])
        how = self.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
        more = self.pick("", " AND p.i8 < q.i8", " AND p.id % 7 = q.id % 7")
        left = f"(SELECT * FROM t WHERE id % {self.pick(3, 5, 7)} = 0)"
        right = f"(SELECT * FROM t WHERE id % {self.pick(3, 5, 7)} = 1)"
        text = f"SELECT count(*) AS a, count(p.id) AS b, sum(p.id) AS c, sum(q.id) AS d, max(p.f64) AS e FROM {left} p {how} {right} q ON p.{column} = q.{column}{more}"
        return select(text, [])

    def sets(self):
        value = self.value()
        how = self.pick("UNION", "UNION ALL", "INTERSECT", "EXCEPT")
        sides = [value, self.predicate(1), value, self.predicate(1)]
        return select("SELECT {} AS v FROM t WHERE {} " + how + " SELECT {} AS v FROM t WHERE {}", sides)

    def distinct(self):
        values = [self.value() for _ in range(self.chance.randint(1, 2))]
        return select("SELECT DISTINCT " + listed(values, "v") + " FROM t", values)

    def top(self):
        key = self.pick("i8", "s", "dt", "b", "f32", "d9_2", "ts_ms")
        call = self.pick("min", "max") + f"({self.chance.choice([name for kind in ORDERED for name in KINDS[kind]])})"
        order = self.pick("DESC NULLS LAST", "DESC NULLS FIRST", "ASC NULLS LAST", "ASC NULLS FIRST")
        # Which groups are taken of those with one value is not said: only values are compared.
        text = f"SELECT v FROM (SELECT {key}, {call} AS v FROM t WHERE {{}} GROUP BY {key} ORDER BY v {order} LIMIT {self.chance.randint(1, 9)}) q"
        if self.chance.random() < 0.4:
            column = self.chance.choice([name for kind in ORDERED for name in KINDS[kind]])
            text = f"SELECT {column} AS v FROM t WHERE {{}} ORDER BY v {order} LIMIT {self.chance.randint(1, 20)}"
        return select(text, [self.predicate(1)])

    def unnested(self):
        column = self.pick("li", "lt")
        if self.chance.random() < 0.5:
            return select(f"SELECT v, count(*) AS n, sum(id) AS s FROM (SELECT id, unnest({column}) AS v FROM t WHERE {{}}) q GROUP BY v", [self.predicate(1)])
        return select(f"WITH q AS (SELECT id, {{}} AS v FROM t WHERE {{}}) SELECT a.id, b.v FROM q a JOIN q b ON a.id = b.id + {self.pick(1, 2)}", [self.value(), self.predicate(1)])

    def inside(self):
        column = self.chance.choice(["i8", "i32", "u16", "s", "sd", "dt", "d9_2", "f64", "ts_ms"])
        word = self.pick("IN", "NOT IN")
        inner, outer = self.predicate(1), self.predicate(1)
        made = self.chance.randint(0, 2)
        if made == 0:
            return select(f"SELECT id FROM t WHERE {column} {word} (SELECT {column} FROM t WHERE {{}} AND {column} IS NOT NULL) AND {{}}", [inner, outer])
        if made == 1:
            word = self.pick("EXISTS", "NOT EXISTS")
            return select(f"SELECT id FROM t WHERE {word} (SELECT 1 FROM t AS q WHERE q.{column} = t.{column} AND q.id > t.id) AND {{}}", [outer])
        return select(f"SELECT id FROM t WHERE {column} = (SELECT {self.pick('min', 'max')}({column}) FROM t WHERE {{}}) OR {{}}", [inner, outer])


def join(text, parts, kind):
    return Expr(text.format(*(part.ours for part in parts)), text.format(*(part.theirs for part in parts)), kind, any(part.near for part in parts))


def listed(values, name):
    return ", ".join(f"{{}} AS {name}{i}" for i in range(len(values)))


def select(text, parts, calls=()):
    """A query, and the columns whose last digits may differ: those of `calls` that say so."""
    query = join(text, parts, "rows")
    return query.ours, query.theirs, {f"v{i}" for i, call in enumerate(calls) if call.near}
