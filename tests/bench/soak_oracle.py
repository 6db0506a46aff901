"""Counts, weights, measures and plans written plainly, from rows in arrays: what soak.py compares results with."""

import math

import numpy as np

from soak_sets import MISSING, NEGATIVE, POSITIVE, UNCERTAIN, pick

F32_MAX = float(np.finfo(np.float32).max)


def close(one, other, share=1e-9):
    """Equal but for rounding; None is what is not defined."""
    if one is None or other is None:
        return one is None and other is None
    return abs(one - other) <= share * max(abs(one), abs(other)) + 1e-12


class Counts:
    """Counts of every label, and masses of soft or weighted ones."""

    def __init__(self, rows, is_weighted=False):
        state = rows.state
        self.rows, self.labels, self.heads = len(state), rows.labels, rows.heads
        self.positives, self.negatives, self.missing, self.uncertain = (
            (state == side).sum(axis=0).astype(int).tolist() for side in (POSITIVE, NEGATIVE, MISSING, UNCERTAIN)
        )
        self.masses = None
        if is_weighted or rows.soft is not None:
            weight = (rows.weight if is_weighted else np.ones(self.rows))[:, None]
            known = (state == POSITIVE) | (state == NEGATIVE)
            share = (state == POSITIVE).astype(float) if rows.soft is None else np.nan_to_num(rows.soft)
            positives, negatives = np.where(known, weight * share, 0), np.where(known, weight * (1 - share), 0)
            self.masses = ([math.fsum(c) for c in positives.T], [math.fsum(c) for c in negatives.T])

    def sides(self):
        if self.masses:
            return list(zip(*self.masses))
        return list(zip(self.positives, self.negatives))

    def part(self, start, length):
        """The counts of one head."""
        other = object.__new__(Counts)
        other.rows, other.heads, other.labels = self.rows, None, self.labels[start:start + length]
        for name in ("positives", "negatives", "missing", "uncertain"):
            setattr(other, name, getattr(self, name)[start:start + length])
        other.masses = self.masses and tuple(mass[start:start + length] for mass in self.masses)
        return other

    def row_mass(self):
        if not self.masses:
            return float(self.rows)
        known = [p + n for p, n in zip(self.positives, self.negatives)]
        masses = [p + n for p, n in self.sides()]
        everywhere = [mass for mass, k in zip(masses, known) if k == self.rows]
        if everywhere:
            mass = everywhere[0]
        else:
            mass = self.rows * (sum(masses) / sum(known)) if sum(known) else float(self.rows)
        return float(self.rows) if abs(mass - self.rows) <= 1e-9 * self.rows else mass


# Weights.

class Weighing:
    """Random schemes and adjustments: flags, and the vectors that follow."""

    def __init__(self, rng):
        schemes = [
            ("ratio", {}), ("ratio", {"epsilon": 0.5}), ("laplace", {"alpha": 2.0}), ("power", {"gamma": 0.25}),
            ("sqrt", {}), ("log", {"floor": 0.2}), ("log1p", {}),
            *[("inverse-frequency", {"reference": r}) for r in ("min", "mean", "median", "max", "rows")],
            ("balanced", {}), ("effective-number", {"beta": 0.99}), ("effective-number", {}),
            ("inverse-propensity", {"a": 0.5, "b": 0.4}), ("enet", {"c": 1.1}), ("focal-alpha", {}),
            ("ldam-margin", {"max_margin": 0.3}), ("prior-bias", {}), ("logit-adjustment", {"tau": 0.5}),
            ("repeat-factor", {"threshold": 0.3}), ("global", {}),
        ]
        take = rng.permutation(len(schemes))[:int(rng.integers(1, 5))]
        self.schemes = [schemes[i] for i in take]
        self.power = pick(rng, [1.0, 1.0, 1.0, 0.5])
        self.normalize = pick(rng, ["none", "none", "none", "mean", "sum", "max"])
        self.clip = pick(rng, [None, None, (0.25, 8.0)])
        self.zero_positives = pick(rng, ["one", "one", "max", "zero", 2.5])
        self.zero_negatives = pick(rng, ["one", "one", "max", "zero", 0.125])
        self.min_positives = pick(rng, [0, 0, 3])
        text = lambda name, given: name + (":" + ",".join(f"{k}={v}" for k, v in given.items()) if given else "")
        self.flags = {"scheme": [text(*scheme) for scheme in self.schemes]}
        if self.power != 1:
            self.flags["power"] = self.power
        if self.normalize != "none":
            self.flags["normalize"] = self.normalize
        if self.clip:
            self.flags["clip"] = list(self.clip)
        if self.zero_positives != "one":
            self.flags["zero_positives"] = self.zero_positives
        if self.zero_negatives != "one":
            self.flags["zero_negatives"] = self.zero_negatives
        if self.min_positives:
            self.flags["min_positives"] = self.min_positives

    def vectors(self, counts):
        """Status of every label, and the vectors in the order of the files."""
        if counts.heads:
            status, vectors = [], None
            for _, start, length in counts.heads:
                own, found = self.vectors(counts.part(start, length))
                status += own
                vectors = found if vectors is None else [one + more for one, more in zip(vectors, found)]
            return status, vectors
        status = [self.status(*one) for one in zip(counts.positives, counts.sides())]
        vectors = []
        for name, given in self.schemes:
            for values in self.raw(name, given, counts, status):
                vectors.append(self.finish(name, values, status))
        return status, vectors

    def status(self, positives, sides):
        has = [side > 0 for side in sides]
        if not any(has):
            return "no_known_rows"
        if not has[0]:
            return "no_positives"
        if positives < self.min_positives:
            return "below_min_positives"
        return "ok" if has[1] else "no_negatives"

    def raw(self, name, given, counts, status):
        sides = [side if s == "ok" else None for side, s in zip(counts.sides(), status)]
        served = [p for p, _ in filter(None, sides)]
        each = lambda of: [of(*side) if side else 0.0 for side in sides]
        rows = counts.row_mass()
        if name == "inverse-frequency":
            reference = {"min": np.min, "mean": np.mean, "median": np.median, "max": np.max, "rows": lambda _: rows}
            reference = float(reference[given["reference"]](served)) if served else 1.0
            return [each(lambda p, n: reference / p)]
        if name == "balanced":
            return [each(lambda p, n: (p + n) / (2 * p)), each(lambda p, n: (p + n) / (2 * n))]
        if name == "focal-alpha":
            return [each(lambda p, n: n / (p + n)), each(lambda p, n: p / (p + n))]
        if name == "effective-number":
            beta = given.get("beta", 0.999)
            values = each(lambda p, n: (1 - beta) / -math.expm1(p * math.log(beta)))
            mean = sum(values) / len(served) if served else 1.0
            return [[value / mean for value in values]]
        if name == "inverse-propensity":
            a, b = given["a"], given["b"]
            c = max(math.log(rows) - 1, 0) * (b + 1) ** a if rows > 0 else 0.0
            return [each(lambda p, n: 1 + c * (p + b) ** -a)]
        if name == "global":
            positives, negatives = (sum(side[i] for side in counts.sides()) for i in (0, 1))
            of_all = negatives / positives if positives > 0 and negatives > 0 else 1.0
            return [each(lambda p, n: of_all)]
        if name == "ldam-margin":
            return [each(lambda p, n: given["max_margin"] * (min(served) / p) ** 0.25)]
        formula = {
            "ratio": lambda p, n: n / (p + given.get("epsilon", 0)),
            "laplace": lambda p, n: (n + given["alpha"]) / (p + given["alpha"]),
            "power": lambda p, n: (n / p) ** given["gamma"],
            "sqrt": lambda p, n: math.sqrt(n / p),
            "log": lambda p, n: max(given["floor"], math.log(n / p) + 1),
            "log1p": lambda p, n: math.log1p(n / p),
            "enet": lambda p, n: 1 / math.log(given["c"] + p / (p + n)),
            "prior-bias": lambda p, n: math.log(p / n),
            "logit-adjustment": lambda p, n: given["tau"] * math.log(p / n),
            "repeat-factor": lambda p, n: max(1.0, math.sqrt(given["threshold"] * rows / p)),
        }[name]
        return [each(formula)]

    def finish(self, name, values, status):
        is_additive = name in ("ldam-margin", "prior-bias", "logit-adjustment")
        ok = [i for i, s in enumerate(status) if s == "ok"]
        if not is_additive:
            for i in ok:
                values[i] **= self.power
            served = [values[i] for i in ok]
            scale = {"none": 1.0, "mean": np.mean(served) if served else 1.0, "sum": sum(served),
                     "max": max(served, default=0.0)}[self.normalize]
            if scale > 0:
                values = [value / scale for value in values]
            if self.clip:
                for i in ok:
                    values[i] = min(max(values[i], self.clip[0]), self.clip[1])
        largest = max((values[i] for i in ok), default=None)
        neutral = 0.0 if is_additive else 1.0
        for i, s in enumerate(status):
            if s != "ok":
                word = self.zero_negatives if s == "no_negatives" else self.zero_positives
                values[i] = {"one": neutral, "zero": 0.0, "max": neutral if largest is None else largest}.get(word, word)
        return values


# Measures.

def mean(values):
    return sum(values) / len(values) if values else None


def divided(one, other):
    return one / other if other > 0 else None


def set_measures(counts, compat="mulan"):
    """Measures that need counts alone."""
    sides = counts.sides()
    mass, positives = counts.row_mass(), math.fsum(p for p, _ in sides)
    most = max((p for p, _ in sides), default=0)
    irlbl = [most / p for p, _ in sides if p > 0]
    of_all = irlbl + [0.0] * (len(sides) - len(irlbl))
    used = of_all if compat == "mldr" else irlbl
    im_r = [max(p, n) / min(p, n) for p, n in sides if p > 0 and n > 0]
    mean_ir = mean(used)
    entropies = [sum(-q * math.log2(q) for q in (p / (p + n), 1 - p / (p + n)) if q > 0) for p, n in sides if p + n > 0]
    # A mean rounds, so labels that are exactly at the mean may be on either side of it.
    near = mean_ir is not None and any(0 < abs(ir / mean_ir - 1) < 1e-12 for ir in irlbl) or \
        mean_ir is not None and len(set(irlbl)) < 2
    cvir = None
    if len(used) > 1 and mean_ir:
        cvir = math.sqrt(math.fsum((ir - mean_ir) ** 2 for ir in used) / (len(used) - 1)) / mean_ir
    measures = {
        "rows": counts.rows, "labels": len(sides), "positives": positives, "cardinality": divided(positives, mass),
        "density": divided(positives, mass * len(sides)),
        "density_known": divided(positives, math.fsum(p + n for p, n in sides)),
        "max_ir": max(irlbl, default=None), "mean_ir": mean_ir,
        "mean_ir_all": divided(sum(irlbl), len(sides)), "mean_im_r": mean(im_r), "max_im_r": max(im_r, default=None),
        "mean_entropy": mean(entropies), "pos_min": min((p for p, _ in sides), default=None),
        "pos_max": max((p for p, _ in sides), default=None),
        "labels_without_positives": sum(p <= 0 for p, _ in sides),
        "labels_without_negatives": sum(p > 0 and n <= 0 for p, n in sides),
        "labels_up_to_10": sum(0 < rows <= 10 for rows in counts.positives),
        "labels_up_to_100": sum(10 < rows <= 100 for rows in counts.positives),
    }
    if len(irlbl) > 1 and not near:
        measures["cvir"] = cvir
        measures["minority_labels"] = sum(ir > mean_ir for ir in irlbl)
    return measures


def row_measures(counts, rows):
    """Measures that need rows."""
    has = rows.state == POSITIVE
    n, labels = has.shape
    numbers = has.sum(axis=1)
    silent = int((((rows.state == MISSING) | (rows.state == UNCERTAIN)).all(axis=1)).sum()) if labels else 0
    most = max(counts.positives, default=0)
    irlbl = np.array([most / p if p else 0.0 for p in counts.positives])
    scumble = []
    for row in has:
        own = irlbl[row]
        scumble.append(1 - math.exp(np.log(own).mean()) / own.mean() if len(own) > 1 else 0.0)
    sets = {}
    for row in has:
        key = tuple(map(int, np.flatnonzero(row)))
        sets[key] = sets.get(key, 0) + 1
    average = numbers.mean()
    central = lambda order: ((numbers - average) ** order).mean()
    variance = central(2)
    moment = lambda order: central(order) / variance ** (order / 2) if variance > 0 else None
    of_all = math.fsum(scumble) / n
    measures = {
        "empty_rows": int((numbers == 0).sum()), "unknown_rows": silent,
        "cardinality_known": divided(float(numbers.sum()), n - silent), "max_labels_per_row": int(numbers.max()),
        "cardinality_sd": math.sqrt(((numbers - average) ** 2).sum() / (n - 1)) if n > 1 else None,
        "cardinality_skewness": moment(3), "cardinality_kurtosis": moment(4),
        "distinct_labelsets": len(sets), "distinct_nonempty_labelsets": len(sets) - (() in sets),
        "single_labelsets": sum(rows == 1 for rows in sets.values()), "max_labelset_frequency": max(sets.values()),
        "scumble": of_all, "scumble_known": of_all * n / (n - silent) if n > silent else None,
    }
    if n > 1 and of_all > 1e-9:
        deviation = math.sqrt(sum((s - of_all) ** 2 for s in scumble) / (n - 1))
        if deviation > 1e-6 * of_all:
            measures["scumble_cv"] = deviation / of_all
    return measures, has.astype(np.int64).T @ has.astype(np.int64)


# Plans.

def plan_faults(plan, rows, found):
    """What is wrong with the column of a plan, given as one value per row; `plan` is (name, parameters)."""
    name, given = plan
    has = rows.state == POSITIVE
    n, positives = len(has), has.sum(axis=0)
    most = positives.max(initial=0)
    irlbl = np.array([most / p if p else np.nan for p in positives])
    known = irlbl[~np.isnan(irlbl)]
    mean_ir = known.mean() if len(known) else 0.0
    budget = math.floor(n * given.get("percent", 25) / 100 + 1e-9)
    sure = lambda value: abs(value / mean_ir - 1) > 1e-9 if mean_ir else True
    wrong = []
    expect = lambda holds, text: holds or wrong.append(f"{name}: {text}")
    if name == "stratified-split":
        folds = given["folds"]
        expect(set(found) <= set(folds), f"folds {sorted(set(found))}")
        for fold, share in folds.items():
            size = sum(one == fold for one in found)
            expect(abs(size - share * n) <= max(2, has.shape[1]) + 1, f"fold {fold} has {size} of {n} rows, share {share}")
        return wrong
    if name == "repeat-factor":
        for row, one in zip(has, found):
            ratio = [given["threshold"] * n / p for p in positives[row]]
            factor = max([1.0, *(ratio if given.get("curve") == "linear" else map(math.sqrt, ratio))])
            low, high = math.floor(factor - 1e-9), math.ceil(factor + 1e-9)
            exact = math.ceil(factor - 1e-9) if given.get("rounding") == "ceil" else None
            expect(low <= one <= high, f"{one} for a factor of {factor}")
            expect(exact is None or one in (exact, math.ceil(factor + 1e-9)), f"{one} for {factor} rounded up")
        return wrong
    if name in ("inverse-frequency", "class-uniform"):
        present = positives[positives > 0]
        least = present.min() if len(present) else 0
        unlabelled = given.get("unlabelled", None if name == "inverse-frequency" else 0.0)
        if unlabelled is None:
            unlabelled = least / most if most else 1.0
        combine = given.get("combine", "max" if name == "inverse-frequency" else "sum")
        of = {"max": max, "mean": lambda values: sum(values) / len(values), "sum": sum}[combine]
        weights = [of([least / p for p in positives[row]]) if row.any() else unlabelled for row in has]
        total = math.fsum(weights)
        for weight, (one, repeat) in zip(weights, found):
            expect(close(weight, one), f"weight {one}, not {weight}")
            times = weight * n / total if total else 0.0
            expect(math.floor(times - 1e-6) <= repeat <= math.ceil(times + 1e-6), f"repeat {repeat} for {times}")
        return wrong
    if name == "remedial":
        scumble = np.array([
            1 - math.exp(np.log(irlbl[row]).mean()) / irlbl[row].mean() if row.sum() > 1 else 0.0 for row in has])
        average = scumble.mean()
        for row, value, one in zip(has, scumble, found):
            if abs(value - average) < 1e-9 or not all(map(sure, irlbl[row])):
                continue
            minority = sum(irlbl[row] > mean_ir)
            mixed = 0 < minority < row.sum() or given.get("one_sided") != "keep"
            expect(one == 1 + int(value > average and mixed), f"{one} for scumble {value}, mean {average}")
        return wrong
    found = np.array(found)
    sets = {}
    for i, row in enumerate(has):
        sets.setdefault(tuple(row), []).append(i)
    average = n / max(1, len(sets))
    if name.endswith("ros"):
        expect((found >= 1).all(), "a row is lost")
        changed = int((found - 1).sum())
    else:
        expect(((found == 0) | (found == 1)).all(), "a row is more than once")
        changed = int((1 - found).sum())
    expect(changed <= budget, f"{changed} rows changed, {budget} allowed")
    touched = np.flatnonzero(found != 1)
    if name == "ml-ros":
        expect(all(any(irlbl[has[i]] > mean_ir * (1 - 1e-9)) for i in touched), "a row without a rare label is cloned")
        if not any(irlbl > mean_ir * (1 + 1e-9)):
            expect(not any(irlbl > mean_ir * (1 - 1e-9)) or changed >= 0, "clones without rare labels")
    elif name == "ml-rus":
        expect(all(any(irlbl[has[i]] < mean_ir * (1 + 1e-9)) for i in touched), "a row without a frequent label is dropped")
    elif name == "ml-rus-majority":
        if all(map(sure, known)):
            free = [i for i, row in enumerate(has) if not any(irlbl[row] > mean_ir)]
            expect(set(touched) <= set(free) and changed == min(budget, len(free)),
                   f"{changed} rows dropped, {len(free)} free, {budget} allowed")
    else:
        for members in sets.values():
            size, new = len(members), int(found[members].sum())
            if name == "lp-ros":
                expect(new == size or size < average and new <= average + 1e-9, f"a set of {size} rows has {new}, mean {average}")
            else:
                expect(new == size or size > average and new >= average - 1e-9, f"a set of {size} rows has {new}, mean {average}")
    return wrong
