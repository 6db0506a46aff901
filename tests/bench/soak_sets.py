"""Random sets of shards, and what is in them: the part of soak.py that knows the data."""

import decimal
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

POSITIVE, NEGATIVE, MISSING, UNCERTAIN = 1, 0, -1, -2
SIDES = {"positive": POSITIVE, "negative": NEGATIVE, "missing": MISSING, None: UNCERTAIN}
NAMES = ["cat", "dog", "Ä", "ä", "l10", "l2", "a b", "x,y", "q\"uote", "it's", "😀", "zebra", "null", "0", "7", "A", "é",
         "<b>", "new\nline", "tab\t", "=eq", "-dash", "[x]", "{y}", "\\back", "%41", "NaN", "true"]
LAYOUTS = ["wide", "vector", "list", "delimited", "class", "heads", "long", "map", "bits", "element"]
INTS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]


class Rows:
    """The rows that a run counts: `state` and `soft` are [rows, labels], `soft` only of soft labels."""

    def __init__(self, labels, state, weight, soft=None, heads=None):
        self.labels, self.state, self.weight, self.soft, self.heads = labels, state, weight, soft, heads
        self.group = None


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def chance(rng, share):
    return bool(rng.random() < share)


class Reading:
    """What numbers mean, with the flags that say so."""

    def __init__(self, rng, numbers):
        self.mode = pick(rng, ["plain", "plain", "declared", "threshold", "soft"] if numbers == "float" else
                         ["plain", "plain", "declared"] if numbers == "int" else ["plain"])
        self.flags, self.null, self.uncertain = {}, MISSING, UNCERTAIN
        if chance(rng, 0.3):
            word = pick(rng, ["missing", "negative", "positive"])
            self.flags["null_as"], self.null = word, SIDES[word]
        if self.mode == "declared":
            self.flags["uncertain_values"], self.flags["missing_values"] = ["3"], ["2"]
            if chance(rng, 0.5):
                word = pick(rng, ["missing", "negative", "positive"])
                self.flags["uncertain_as"], self.uncertain = word, SIDES[word]
        if self.mode == "threshold":
            self.at = int(rng.integers(1, 10))
            self.flags["threshold"] = self.at / 10
        if self.mode == "soft":
            self.flags["soft"] = True

    def values(self, rng, shape, prevalence):
        """Tenths: 10 is 1. -1 is NULL, -2 is NaN."""
        tenths = np.where(rng.random(shape) < prevalence, 10, 0)
        if self.mode == "declared":
            tenths = np.where(rng.random(shape) < 0.1, rng.choice([20, 30], shape), tenths)
        if self.mode in ("threshold", "soft"):
            tenths = np.where(rng.random(shape) < 0.7, rng.integers(0, 11, shape), tenths)
        return tenths

    def side(self, tenths):
        """The side of every cell."""
        if self.mode in ("threshold", "soft"):
            side = np.where(tenths >= (self.at if self.mode == "threshold" else 5), POSITIVE, NEGATIVE)
        else:
            side = np.where(tenths == 10, POSITIVE, NEGATIVE)
            side = np.where(tenths == 30, self.uncertain, np.where(tenths == 20, MISSING, side))
        return np.where(tenths < 0, self.null, side)

    def mass(self, tenths, number):
        """The soft value of every cell, as `number` makes it of tenths."""
        if self.mode != "soft":
            return None
        known = {t: number(t) for t in range(11)}
        sides = {POSITIVE: 1.0, NEGATIVE: 0.0, MISSING: np.nan, UNCERTAIN: np.nan}
        return np.vectorize(lambda t: known[t] if t >= 0 else sides[self.null], otypes=[float])(tenths)


def number_type(rng):
    """A type of numbers, what it makes of tenths, and its kind."""
    kind = pick(rng, ["bool", "int", "float", "float", "decimal", "text"])
    if kind == "bool":
        return pa.bool_(), lambda t: t == 10, "bool"
    if kind == "int":
        return pick(rng, INTS), lambda t: int(t) // 10, "int"
    if kind == "decimal":
        return pa.decimal128(5, 2), lambda t: decimal.Decimal(int(t)) / 10, "float"
    if kind == "text":
        return pick(rng, [pa.string(), pa.large_string()]), lambda t: str(int(t) // 10), "int"
    type_ = pick(rng, FLOATS)
    as_type = {pa.float16(): np.float16, pa.float32(): np.float32, pa.float64(): np.float64}[type_]
    return type_, lambda t: float("nan") if t == -2 else float(as_type(int(t) / 10)), "float"


def some_names(rng, n):
    names = list(NAMES)
    rng.shuffle(names)
    return names[:n]


class Set:
    """Random shards of one layout. `flags` are keys of a pipeline file; `rows(mask)` is what a run must count."""

    def __init__(self, rng, layout=None, simple=False):
        self.rng = rng
        self.layout = layout or pick(rng, LAYOUTS)
        self.lines = int(rng.choice([1, 3, 30, 100, 300, 2000], p=[0.03, 0.05, 0.3, 0.3, 0.3, 0.02]))
        self.count = int(rng.choice([1, 2, 4, 9, 17, 70], p=[0.1, 0.15, 0.3, 0.25, 0.15, 0.05]))
        self.flags, self.columns, self.vocabulary = {"layout": self.layout}, {}, None
        # Whether labels are names that are found in the shards.
        self.has_names = self.layout in ("map", "long")
        getattr(self, self.layout)()
        self.beside()
        self.cut(simple)
        if self.has_names and not self.vocabulary and not self.flags.get("soft") and chance(rng, 0.15):
            self.flags["order"] = "frequency"
            by_name = self.rows
            self.rows = lambda mask: most_frequent_first(by_name(mask))

    # Columns beside the labels, for conditions, groups and weights.

    def beside(self):
        rng, n = self.rng, self.lines
        texts = rng.choice(["train", "test", "val", None], n, p=[0.5, 0.2, 0.2, 0.1])
        texts[0] = "train"
        text_type = pick(rng, [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
        k = [None if chance(rng, 0.1) else int(x) for x in rng.integers(0, 7, n)]
        k[0] = 3
        weights = np.round(rng.random(n) * pick(rng, [1, 8]), 3)
        if chance(rng, 0.3):
            weights = np.floor(weights * 4)
        if self.layout == "long":
            # All lines of an id weigh the same.
            of_id = {row: weights[i] for i, row in enumerate(self.ids)}
            weights = np.array([of_id[row] for row in self.ids])
        narrow = chance(rng, 0.3)
        self.weight = weights.astype(np.float32).astype(float) if narrow else weights
        self.texts, self.k = list(texts), k
        self.columns["split"] = pa.array(list(texts), pa.string()).cast(text_type)
        self.columns["k"] = pa.array(k, pick(rng, [pa.int8(), pa.int32(), pa.int64()]))
        self.columns["w"] = pa.array(self.weight, pa.float32() if narrow else pa.float64())
        self.columns["rid"] = pa.array(range(n), pa.int64())

    def cut(self, simple):
        """Cuts the lines into shards."""
        rng = self.rng
        shards = int(rng.choice([1, 2, 3, 7], p=[0.3, 0.3, 0.3, 0.1]))
        places = np.sort(rng.integers(0, self.lines + 1, shards - 1))
        self.places = [0, *map(int, places), self.lines]
        self.format = "parquet" if simple or chance(rng, 0.85) else pick(rng, ["arrow", "jsonl"])
        if self.format == "jsonl" and (self.layout not in ("list", "delimited", "class") or self.lines < 30):
            self.format = "arrow"
        if self.format == "jsonl":
            # A file without lines has no columns.
            self.places = sorted(set(self.places))
            shards = len(self.places) - 1
        self.is_partitioned = self.format == "parquet" and chance(rng, 0.2)
        self.part = [None] * self.lines
        self.paths = []
        for i in range(shards):
            folder = f"p={'ab'[i % 2]}/" if self.is_partitioned else ""
            self.paths.append(f"{folder}{i:02}.{self.format}")
            for line in range(self.places[i], self.places[i + 1]):
                self.part[line] = "ab"[i % 2]

    # Layouts.

    def wide(self):
        rng = self.rng
        type_, number, kind = number_type(rng)
        reading = Reading(rng, kind)
        tenths = self.tenths(reading, is_nan=type_ in FLOATS)
        names = [f"l{i}" for i in range(self.count)]
        if chance(rng, 0.2):
            names = [f"l{i}" for i in rng.permutation(self.count)]
        for i, name in enumerate(names):
            self.columns[name] = numbers(tenths[:, i], type_, number)
        self.flags["labels"] = ["l*"] if chance(rng, 0.7) else names
        self.known(names, reading, tenths, number)

    def vector(self):
        rng = self.rng
        if chance(rng, 0.2):
            style = pick(rng, ["[1, 0]", "[1 0]", "1,0", "1 0"])
            reading = Reading(rng, "text")
            reading.flags, reading.null = {}, MISSING
            tenths = np.where(rng.random((self.lines, self.count)) < 0.3, 10, 0)
            null = self.null_rows()
            comma = "," if "," in style else " "
            cell = lambda row: (comma + " " * (style == "[1, 0]")).join(str(t // 10) for t in row)
            cells = [None if null[i] else f"[{cell(row)}]" if style[0] == "[" else cell(row) for i, row in enumerate(tenths)]
            if self.count < 2:
                # One number alone is no list.
                cells = [None if null[i] else f"[{row[0] // 10}]" for i, row in enumerate(tenths)]
            self.columns["y"] = pa.array(cells, pa.string())
            number = float
        else:
            type_, number, kind = number_type(rng)
            if type_ in (pa.string(), pa.large_string()) or pa.types.is_decimal(type_):
                type_, number, kind = pa.float32(), lambda t: float("nan") if t == -2 else float(np.float32(t / 10)), "float"
            reading = Reading(rng, kind)
            tenths, null = self.tenths(reading, is_nan=type_ in FLOATS), self.null_rows()
            cells = [None if null[i] else list(numbers(row, type_, number).to_pylist()) for i, row in enumerate(tenths)]
            outer = pick(rng, [pa.list_(type_), pa.large_list(type_), pa.list_(type_, self.count)])
            self.columns["y"] = nested(cells, outer)
        self.flags["labels"] = ["y"]
        if null.all():
            self.flags["num_labels"] = self.count
        self.known([str(i) for i in range(self.count)], reading, tenths, number, null)

    def list(self, column="tags"):
        rng = self.rng
        cells, null, names = self.cells(allow=lambda name: True)
        if chance(rng, 0.3):
            # Indices.
            at = {name: i for i, name in enumerate(names)}
            cells = [None if c is None else [None if x is None else at[x] for x in c] for c in cells]
            if chance(rng, 0.4):
                self.flags["num_labels"] = self.count + int(rng.integers(0, 3))
            if self.layout == "list" and chance(rng, 0.25):
                self.columns[column] = pa.array([None if c is None else json.dumps(c) for c in cells], pa.string())
                self.flags.setdefault("num_labels", self.count)
            else:
                self.columns[column] = nested(cells, pick(rng, [pa.list_, pa.large_list])(pick(rng, INTS)))
            self.found(cells, null, "index")
        else:
            if self.layout == "list" and chance(rng, 0.25):
                text = pick(rng, [json.dumps, lambda c: json.dumps(c, ensure_ascii=False), repr])
                self.columns[column] = pa.array([None if c is None else text(c) for c in cells], pa.string())
            else:
                inner = pick(rng, [pa.string(), pa.large_string(), pa.dictionary(pa.int16(), pa.string())])
                self.columns[column] = nested(cells, pick(rng, [pa.list_, pa.large_list])(inner))
            self.found(cells, null, "name", names)
        self.flags["labels"] = [column]
        if chance(rng, 0.2):
            self.flags["null_as"], self.null_side = "negative", NEGATIVE

    def element(self):
        self.list()
        self.flags["layout"], self.flags["unit"] = "list", "element"
        self.flags.pop("null_as", None)
        self.null_side = MISSING

    def delimited(self):
        rng = self.rng
        mark = pick(rng, ["|", ";", "::"])
        cells, null, names = self.cells(allow=lambda name: mark not in name)
        cells = [None if c is None else [x for x in c if x is not None] for c in cells]
        texts = [None if c is None else mark.join(c) for c in cells]
        self.columns["tags"] = pa.array(texts, pick(rng, [pa.string(), pa.large_string()]))
        self.flags |= {"labels": ["tags"], "delimiter": mark}
        self.found(cells, null, "name", names)
        if chance(rng, 0.2):
            self.flags["null_as"], self.null_side = "negative", NEGATIVE

    def class_column(self, name):
        rng, null = self.rng, self.null_rows()
        if chance(rng, 0.5):
            names = some_names(rng, min(self.count, len(NAMES)))
            at = rng.integers(0, len(names), self.lines)
            cells = [None if null[i] else names[at[i]] for i in range(self.lines)]
            text = pick(rng, [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
            self.columns[name] = pa.array(cells, pa.string()).cast(text)
            return cells, null, "name", names
        at = rng.integers(0, self.count, self.lines)
        type_ = pick(rng, [*INTS, pa.float32(), pa.float64()])
        cells = [None if null[i] else int(at[i]) for i in range(self.lines)]
        self.columns[name] = pa.array(cells, type_)
        return cells, null, "index", None

    def wrap(self, cells):
        return [None if cell is None else [cell] for cell in cells]

    def class_(self):
        cells, null, kind, names = self.class_column("c")
        self.flags["labels"] = ["c"]
        if kind == "index" and chance(self.rng, 0.4):
            self.flags["num_labels"] = self.count + 1
        self.found(self.wrap(cells), null, kind, names)

    def heads(self):
        self.flags["layout"] = "class"
        self.heads_ = []
        for name in ["color", "size", "k2"][:int(self.rng.integers(2, 4))]:
            cells, null, kind, _ = self.class_column(name)
            self.heads_.append((name, cells, kind))
        self.flags["labels"] = [name for name, _, _ in self.heads_]

        def rows(mask):
            labels, states, heads = [], [], []
            for name, cells, kind in self.heads_:
                own, state = named(self.wrap(cells), mask, kind, None, None, MISSING)
                heads.append((name, len(labels), len(own)))
                labels += [f"{name}={label}" for label in own]
                states.append(state)
            return Rows(labels, np.concatenate(states, axis=1), self.weight[mask], heads=heads)

        self.rows = rows

    def bits(self):
        rng = self.rng
        self.count = min(self.count, 17)
        type_ = pick(rng, [t for t in INTS if t.bit_width > self.count])
        null = self.null_rows()
        state = rng.random((self.lines, self.count)) < self.prevalence()
        masks = [None if null[i] else int(sum(1 << b for b in range(self.count) if row[b])) for i, row in enumerate(state)]
        self.columns["mask"] = pa.array(masks, type_)
        self.flags["labels"] = ["mask"]
        cells = [None if null[i] else [int(b) for b in np.flatnonzero(row)] for i, row in enumerate(state)]
        if chance(rng, 0.5):
            self.flags["num_labels"] = self.count + int(rng.integers(0, 3))
        self.found(cells, null, "index")

    def map(self):
        rng = self.rng
        shape = pick(rng, ["map", "structs", "lists", "text"])
        type_, number, kind = number_type(rng)
        while shape == "text" and type_ not in (pa.int64(), pa.float64()) or pa.types.is_string(type_) or \
                pa.types.is_large_string(type_) or pa.types.is_decimal(type_):
            type_, number, kind = number_type(rng)
        reading = Reading(rng, kind)
        names, null = some_names(rng, min(self.count, len(NAMES))), self.null_rows()
        if shape == "text":
            names = [name for name in names if "'" not in name and "\\" not in name] or ["cat"]
        cells = []
        for line in range(self.lines):
            m = int(rng.integers(0, len(names) + 1)) if chance(rng, 0.8) else 0
            own = [names[i] for i in rng.choice(len(names), m, replace=shape != "text" and chance(rng, 0.1))]
            tenths = self.some_tenths(reading, m, is_nan=type_ in FLOATS and shape != "text")
            cells.append(None if null[line] else list(zip(own, map(int, tenths))))
        value = lambda t: None if t == -1 else number(t)
        if shape == "map":
            self.columns["m"] = pa.array(
                [None if c is None else [(k, value(t)) for k, t in c] for c in cells], pa.map_(pa.string(), type_))
            self.flags["labels"] = ["m"]
        elif shape == "structs":
            self.columns["m"] = pa.array(
                [None if c is None else [{"name": k, "score": value(t)} for k, t in c] for c in cells],
                pa.list_(pa.struct([("name", pa.string()), ("score", type_)])))
            self.flags |= {"labels": ["m.name"], "value": "m.score"}
        elif shape == "lists":
            both = [None if c is None else {"names": [k for k, _ in c], "scores": [value(t) for _, t in c]} for c in cells]
            self.columns["m"] = pa.array(
                both, pa.struct([("names", pa.list_(pa.string())), ("scores", pa.list_(type_))]))
            self.flags |= {"labels": ["m.names"], "value": "m.scores"}
        else:
            text = pick(rng, [json.dumps, repr])
            self.columns["m"] = pa.array(
                [None if c is None else text({k: value(t) for k, t in c}) for c in cells], pa.string())
            self.flags["labels"] = ["m"]
        self.flags |= reading.flags
        self.is_soft = reading.mode == "soft"
        self.some_vocabulary(names)
        order = [POSITIVE, UNCERTAIN, NEGATIVE, MISSING]

        def rows(mask):
            taken = [cells[i] for i in np.flatnonzero(mask)]
            labels = self.vocabulary or sorted({k for c in taken if c for k, _ in c})
            at = {label: i for i, label in enumerate(labels)}
            state = np.zeros((len(taken), len(labels)), int)
            soft = np.zeros(state.shape) if self.is_soft else None
            for row, cell in enumerate(taken):
                if cell is None:
                    state[row] = MISSING
                    if soft is not None:
                        soft[row] = np.nan
                    continue
                for key in {k for k, _ in cell}:
                    tenths = np.array([t for k, t in cell if k == key])
                    sides = list(reading.side(tenths))
                    side = min(sides, key=order.index)
                    state[row, at[key]] = side
                    if soft is not None:
                        masses = reading.mass(tenths, lambda t: float(number(t)))
                        own = [mass for mass, of in zip(masses, sides) if of == side]
                        soft[row, at[key]] = max(own) if side != MISSING else np.nan
            return Rows(labels, state, self.weight[mask], soft)

        self.rows = rows

    def long(self):
        rng = self.rng
        is_text = chance(rng, 0.4)
        ids = rng.integers(0, max(1, self.lines // 2), self.lines)
        self.ids = [f"row {i}{'x' * 20 * (i % 2)}" for i in ids] if is_text else [int(i) - 5 for i in ids]
        names = some_names(rng, min(self.count, len(NAMES)))
        labels = [None if chance(rng, 0.1) else pick(rng, names) for _ in range(self.lines)]
        self.columns["id"] = pa.array(self.ids, pa.string() if is_text else pick(rng, [pa.int32(), pa.int64()]))
        self.columns["label"] = pa.array(labels, pick(rng, [pa.string(), pa.large_string()]))
        self.flags |= {"id": "id", "labels": ["label"]}
        self.some_vocabulary(names)
        reading, tenths = None, None
        if chance(rng, 0.5):
            type_, number, kind = pa.int8(), lambda t: int(t) // 10, "int"
            reading = Reading(rng, kind)
            tenths = self.some_tenths(reading, self.lines, is_nan=False)
            self.columns["v"] = numbers(tenths, type_, number)
            self.flags |= {"value": "v", **reading.flags}
        order = [POSITIVE, UNCERTAIN, NEGATIVE, MISSING]

        def rows(mask):
            taken = [int(i) for i in np.flatnonzero(mask)]
            rows = sorted({self.ids[i] for i in taken}, key=lambda x: x.encode() if isinstance(x, str) else x)
            own = self.vocabulary or sorted({labels[i] for i in taken if labels[i] is not None})
            at, row_at = {label: i for i, label in enumerate(own)}, {row: i for i, row in enumerate(rows)}
            said = {}
            for i in taken:
                if labels[i] is not None:
                    side = POSITIVE if reading is None else int(reading.side(tenths[i:i + 1])[0])
                    said.setdefault((row_at[self.ids[i]], at[labels[i]]), []).append(side)
            state = np.full((len(rows), len(own)), NEGATIVE if reading is None else MISSING)
            for place, sides in said.items():
                state[place] = min(sides, key=order.index)
            weight = np.zeros(len(rows))
            for i in taken:
                weight[row_at[self.ids[i]]] = self.weight[i]
            result = Rows(own, state, weight)
            result.ids = rows
            return result

        self.rows = rows

    # Parts of layouts.

    def prevalence(self):
        return self.rng.random(self.count) ** 2 * 0.6

    def null_rows(self):
        return self.rng.random(self.lines) < pick(self.rng, [0, 0, 0.1])

    def some_tenths(self, reading, n, is_nan):
        tenths = reading.values(self.rng, n, 0.4)
        if chance(self.rng, 0.5):
            tenths = np.where(self.rng.random(n) < 0.1, -1, tenths)
        if is_nan:
            tenths = np.where(self.rng.random(n) < 0.05, -2, tenths)
        return tenths

    def tenths(self, reading, is_nan):
        """Cells of all labels; some have no positives, some are all NULL."""
        rng, shape = self.rng, (self.lines, self.count)
        tenths = reading.values(rng, shape, self.prevalence())
        if chance(rng, 0.6):
            tenths = np.where(rng.random(shape) < 0.1, -1, tenths)
        if is_nan and chance(rng, 0.5):
            tenths = np.where(rng.random(shape) < 0.05, -2, tenths)
        for value in [0, 10, -1]:
            if chance(rng, 0.1) and (value >= 0 or self.count > 1):
                tenths[:, int(rng.integers(self.count))] = value
        return tenths

    def cells(self, allow):
        """Lists of names, with NULL elements and repeats."""
        rng = self.rng
        names = [name for name in some_names(rng, min(self.count, len(NAMES))) if allow(name)] or ["cat"]
        null, share = self.null_rows(), rng.random(len(names)) ** 2 * 0.6
        odd = chance(rng, 0.4)
        cells = []
        for line in range(self.lines):
            own = [name for i, name in enumerate(names) if rng.random() < share[i]]
            if odd and own and chance(rng, 0.2):
                own.append(pick(rng, [own[0], None]))
            cells.append(None if null[line] else own)
        self.some_vocabulary(names)
        return cells, null, names

    def some_vocabulary(self, names):
        if chance(self.rng, 0.25) and self.layout not in ("heads",):
            self.vocabulary = list(names) + [name for name in ("never", "seen") if chance(self.rng, 0.5)]
            self.rng.shuffle(self.vocabulary)

    def known(self, labels, reading, tenths, number, null=None):
        """Labels that are known before counting, one cell each."""
        self.flags |= reading.flags
        self.is_soft = reading.mode == "soft"
        state, soft = reading.side(tenths), reading.mass(tenths, lambda t: float(number(t)))
        if null is not None:
            state[null] = MISSING
            if soft is not None:
                soft[null] = np.nan
        self.rows = lambda mask: Rows(labels, state[mask], self.weight[mask], None if soft is None else soft[mask])

    def found(self, cells, null, kind, names=None):
        """Labels of lists."""
        self.null_side = MISSING
        self.has_names = kind == "name"
        if kind == "index":
            self.vocabulary = None

        def rows(mask):
            if self.layout == "element":
                return self.elements(cells, kind, mask)
            labels, state = named(cells, mask, kind, self.vocabulary, self.flags.get("num_labels"), self.null_side)
            return Rows(labels, state, self.weight[mask])

        self.rows = rows

    def elements(self, cells, kind, mask):
        units, weights, lines = [], [], []
        for line in np.flatnonzero(mask):
            for one in cells[line] or []:
                units.append(None if one is None else [one])
                weights.append(self.weight[line])
                lines.append(line)
        labels, state = named(units, np.ones(len(units), bool), kind, self.vocabulary, self.flags.get("num_labels"), MISSING)
        result = Rows(labels, state, np.array(weights))
        result.lines = lines
        return result

    # Files.

    def table(self):
        return pa.table(self.columns)

    def write(self, folder):
        """Writes the shards; their paths."""
        return [self.write_shard(folder, i) for i in range(len(self.paths))]

    def write_shard(self, folder, i):
        rng = self.rng
        path = folder / self.paths[i]
        path.parent.mkdir(parents=True, exist_ok=True)
        table = self.table().slice(self.places[i], self.places[i + 1] - self.places[i])
        if self.format == "jsonl":
            rows = table.to_pylist()
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif self.format == "arrow":
            stream = pa.ipc.new_stream if chance(rng, 0.3) else pa.ipc.new_file
            options = pa.ipc.IpcWriteOptions(compression=pick(rng, [None, "lz4", "zstd"]))
            with stream(path, table.schema, options=options) as writer:
                writer.write_table(table, max_chunksize=pick(rng, [7, 100, 10_000]))
        else:
            options = {
                "compression": pick(rng, ["none", "snappy", "zstd", "gzip", "lz4", "brotli"]),
                "use_dictionary": chance(rng, 0.6),
                "data_page_version": pick(rng, ["1.0", "2.0"]),
                "data_page_size": pick(rng, [64, 1000, 1 << 20]),
                "row_group_size": pick(rng, [1, 10, 64, 1 << 20]) if len(table) < 400 else 500,
                "write_statistics": chance(rng, 0.8),
                "write_page_index": chance(rng, 0.3),
                "write_page_checksum": chance(rng, 0.3),
                "version": pick(rng, ["1.0", "2.4", "2.6"]),
                "store_schema": chance(rng, 0.7),
                "write_batch_size": pick(rng, [3, 1024]),
            }
            if pa.float16() in [f.type for f in table.schema] or any("halffloat" in str(f.type) for f in table.schema):
                options["version"], options["store_schema"] = "2.6", True
            if any(pa.types.is_fixed_size_list(f.type) for f in table.schema):
                options["store_schema"] = True
            if not options["use_dictionary"] and chance(rng, 0.4):
                options["column_encoding"] = {
                    name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(t) and t != pa.float16() else
                    "DELTA_BINARY_PACKED" if t in (pa.int32(), pa.int64()) else
                    pick(rng, ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"]) if pa.types.is_string(t) else "PLAIN"
                    for name, t in zip(table.schema.names, table.schema.types)
                    if not pa.types.is_nested(t) and not pa.types.is_dictionary(t)
                }
            pq.write_table(table, path, **options)
        return path

    def stream(self, mask=None):
        """All lines as an Arrow IPC stream."""
        table = self.table()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=pick(self.rng, [5, 64, 10_000]))
        return sink.getvalue().to_pybytes()

    # Conditions.

    def condition(self, depth=2):
        """A condition in SQL, and for every line whether it is met; None is unknown."""
        rng = self.rng
        if depth and chance(rng, 0.45):
            one, other = self.condition(depth - 1), self.condition(depth - 1)
            word = pick(rng, ["AND", "OR", "NOT"])
            if word == "NOT":
                return f"NOT ({one[0]})", [None if x is None else not x for x in one[1]]
            if word == "AND":
                met = [False if False in (x, y) else None if None in (x, y) else True for x, y in zip(one[1], other[1])]
            else:
                met = [True if True in (x, y) else None if None in (x, y) else False for x, y in zip(one[1], other[1])]
            return f"({one[0]}) {word} ({other[0]})", met
        at = int(rng.integers(0, 7))
        of = lambda values, test: [None if x is None else test(x) for x in values]
        weights = [float(x) for x in self.weight]
        return pick(rng, [
            lambda: ("split = 'train'", of(self.texts, lambda x: x == "train")),
            lambda: ("split <> 'test'", of(self.texts, lambda x: x != "test")),
            lambda: ("split IS NULL", [x is None for x in self.texts]),
            lambda: ("split IN ('train', 'val')", of(self.texts, lambda x: x in ("train", "val"))),
            lambda: ("split LIKE 't%'", of(self.texts, lambda x: x.startswith("t"))),
            lambda: (f"k >= {at}", of(self.k, lambda x: x >= at)),
            lambda: (f"k < {at}", of(self.k, lambda x: x < at)),
            lambda: (f"k % 2 = {at % 2}", of(self.k, lambda x: x % 2 == at % 2)),
            lambda: ("k IS NOT NULL", [x is not None for x in self.k]),
            lambda: (f"k BETWEEN 1 AND {at}", of(self.k, lambda x: 1 <= x <= at)),
            lambda: (f"w > {at / 4}", of(weights, lambda x: x > at / 4)),
            lambda: (f"rid < {self.lines // 2}", [i < self.lines // 2 for i in range(self.lines)]),
            lambda: ("p = 'a'", [x == "a" for x in self.part]) if self.is_partitioned else ("1 = 1", [True] * self.lines),
        ])()


setattr(Set, "class", Set.class_)


def most_frequent_first(rows):
    order = sorted(range(len(rows.labels)), key=lambda i: (-int((rows.state[:, i] == POSITIVE).sum()), rows.labels[i]))
    rows.labels, rows.state = [rows.labels[i] for i in order], rows.state[:, order]
    return rows


def numbers(tenths, type_, number):
    return pa.array([None if t == -1 else number(int(t)) for t in tenths], type_, from_pandas=False)


def nested(cells, type_):
    inner = type_.value_type
    if pa.types.is_dictionary(inner):
        plain = pa.large_list(inner.value_type) if pa.types.is_large_list(type_) else pa.list_(inner.value_type)
        lists = pa.array(cells, plain)
        values = lists.values.cast(inner)
        return type(lists).from_arrays(lists.offsets, values, mask=lists.is_null())
    return pa.array(cells, type_, from_pandas=False)


def named(cells, mask, kind, vocabulary, number, null_side):
    """Labels and states of lists."""
    taken = [cells[i] for i in np.flatnonzero(mask)]
    seen = {x for cell in taken if cell for x in cell if x is not None}
    if kind == "index":
        labels = list(range(number if number is not None else max(seen, default=-1) + 1))
    else:
        labels = vocabulary or sorted(seen)
    at = {label: i for i, label in enumerate(labels)}
    state = np.zeros((len(taken), len(labels)), int)
    for row, cell in enumerate(taken):
        if cell is None:
            state[row] = null_side
        else:
            for x in cell:
                if x is not None:
                    state[row, at[x]] = POSITIVE
    return [str(label) for label in labels], state
