"""The verbs of soak.py: each writes a set, runs the program, and says what it must have found."""

import json
import os
import shutil
import signal
import time
import tomllib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soak_oracle import Counts, Weighing, close, plan_faults, set_measures
from soak_sets import POSITIVE, chance, pick
from soak_step import Finding, as_flags, as_toml, expect

PLANS = [
    ("repeat-factor", {"threshold": 0.3}), ("repeat-factor", {"threshold": 0.2, "curve": "linear", "rounding": "ceil"}),
    ("inverse-frequency", {}), ("inverse-frequency", {"combine": "mean", "unlabelled": 0.5}),
    ("inverse-frequency", {"combine": "sum"}), ("class-uniform", {}), ("ml-ros", {"percent": 30}), ("ml-rus", {"percent": 20}),
    ("ml-rus-majority", {"percent": 10}), ("lp-ros", {}), ("lp-rus", {"percent": 50}), ("remedial", {}),
    ("remedial", {"one_sided": "keep"}), ("stratified-split", {"folds": {"train": 0.7, "val": 0.2, "test": 0.1}}),
    ("stratified-split", {"folds": {"a": 0.5, "b": 0.5}, "order": "2"}),
]


def compute(step):
    data = step.set()
    data.write(step.folder / "in")
    keys, met, is_weighted = step.question(data)
    weighing = Weighing(step.rng)
    extra = {}
    measures = pick(step.rng, [None, "on", "off"])
    if measures and data.layout != "element":
        extra["row_measures"] = measures
    compat = pick(step.rng, ["mulan", "mulan", "mldr"])
    if compat != "mulan":
        extra["compat"] = compat
    rows = data.rows(met)
    if chance(step.rng, 0.3):
        extra["allow_empty"] = True
    asked = {**data.flags, **keys, **weighing.flags, **extra}
    resources = step.resources()
    codes = step.codes_for(rows, resources)
    if extra.get("row_measures") == "on" and (data.flags.get("soft") or is_weighted and data.layout == "long"):
        codes = [2, 4]
    ended = step.run("compute", "in", *as_flags(asked | resources), "--out=out", "--quiet", codes=codes)
    if ended.code:
        expect(not (step.folder / "out").exists() or not any((step.folder / "out").glob("weights*")), "published though refused")
        if resources.get("engine") == "encoded" and ended.code == 2 and extra.get("row_measures") != "on" and rows.labels:
            expect("encoded" in ended.stderr, f"refused, but not for its engine: {ended}")
        return
    step.check("out", rows, weighing, is_weighted, compat, {"on": True, "off": False}.get(extra.get("row_measures")))
    if "by" in keys:
        step.check_groups("out", data, met, keys["by"][0])
    if chance(step.rng, 0.3):
        # Other resources, or a pipeline file: the same bytes.
        (step.folder / "p.toml").write_text('shards = "in"\nout = "other"\n' + as_toml(asked), encoding="utf-8")
        other = {**step.resources(), "engine": pick(step.rng, ["auto", "plain"])}
        verb = ["run", "p.toml"] if chance(step.rng, 0.4) else ["compute", "in", *as_flags(asked), "--out=other"]
        more = {k: v for k, v in other.items() if verb[0] == "compute" or k == "memory_limit"}
        if step.run(*verb, *as_flags(more), codes=[0, 6] if other.get("memory_limit") == "200m" else [0]).code == 0:
            step.same("out", "other")
    if chance(step.rng, 0.1):
        step.run("report", "out", f"--format={pick(step.rng, ['text', 'markdown', 'html', 'json'])}")


def stream(step):
    data = step.set(simple=True)
    while data.layout in ("long", "heads") and chance(step.rng, 0.5):
        data = step.set(simple=True)
    data.is_partitioned = False
    keys, met, is_weighted = step.question(data)
    if "'a'" in keys.get("where", "") and "p = 'a'" in keys["where"]:
        keys.pop("where")
        met = np.ones(data.lines, bool)
    rows, weighing = data.rows(met), Weighing(step.rng)
    sent = data.stream()
    is_cut = chance(step.rng, 0.15)
    if is_cut:
        sent = sent[:int(step.rng.integers(0, max(1, len(sent) - 20)))]
    flags = as_flags({**data.flags, **keys, **weighing.flags})
    codes = [4] if is_cut else step.codes_for(rows, {})
    is_tee = chance(step.rng, 0.5)
    verb = ["tee"] if is_tee else ["compute", "-"]
    ended = step.run(*verb, *flags, "--out=out", "--quiet", stdin=sent, codes=codes)
    if is_tee and (ended.code == 0 or is_cut):
        expect(ended.stdout == sent, f"tee wrote {len(ended.stdout)} bytes of {len(sent)}, or other ones")
    if ended.code:
        expect(not (step.folder / "out" / "weights.json").exists(), "published though refused")
    else:
        step.check("out", rows, weighing, is_weighted)
        if "by" in keys:
            step.check_groups("out", data, met, keys["by"][0])


def sample(step):
    data = step.set(simple=True)
    while data.layout == "element" or data.flags.get("soft"):
        data = step.set(simple=True)
    paths = data.write(step.folder / "in")
    keys, met, _ = step.question(data, rows_only=True)
    name, given = pick(step.rng, PLANS)
    rows = data.rows(met)
    is_long, is_heads = data.layout == "long", data.layout == "heads"
    copies = chance(step.rng, 0.5) or name == "remedial"
    refused = copies and is_long or is_heads and name not in ("repeat-factor", "stratified-split") or \
        name == "remedial" and data.layout == "map"
    shown = {**given.get("folds", {}), **{k: v for k, v in given.items() if k != "folds"}}
    plan = name + (":" + ",".join(f"{k}={v}" for k, v in shown.items()) if shown else "")
    more = ["--materialize"] if copies else []
    resources = {k: v for k, v in step.resources().items() if k in ("threads", "memory_limit")}
    flags = [*as_flags({**data.flags, **keys}), f"--plan={plan}", f"--seed={int(step.rng.integers(5))}", *more]
    codes = [2, 4] if refused else step.codes_for(rows, resources)
    if name == "class-uniform" and not (rows.state == POSITIVE).any():
        # No sampler can draw a row.
        codes = sorted({*codes, 4} - {0})
    ended = step.run("sample", "in", *flags, *as_flags(resources), "--out=out", "--quiet", codes=codes)
    if ended.code:
        return
    step.check("out", rows, Plain())
    table = pq.read_table(step.folder / "out" / "plan", partitioning=None)
    column = {"stratified-split": "fold"}.get(name, "repeat")
    found = table[column].to_pylist()
    if is_long:
        expect(table["id"].to_pylist() == rows.ids, "ids of the plan")
    else:
        order = [i for shard in step.json("out/plan.json")["shards"] for i in lines_of(data, shard, paths, step)]
        wanted = [i for i in order if met[i]]
        places = [order[p] for p in table["position"].to_pylist()]
        expect(sorted(places) == sorted(wanted), f"the plan has {len(places)} rows, not {len(wanted)}")
        back = {line: at for at, line in enumerate(places)}
        found_at = [back[line] for line in np.flatnonzero(met)]
        found = [found[i] for i in found_at]
    if name in ("inverse-frequency", "class-uniform"):
        weights = table["weight"].to_pylist()
        weights = weights if is_long else [weights[i] for i in found_at]
        faults = plan_faults((name, given), rows, list(zip(weights, found)))
    else:
        faults = plan_faults((name, given), rows, found)
    expect(not faults, "; ".join(faults[:3]))
    preview = step.json("out/plan.json")
    if name not in ("stratified-split", "remedial"):
        after = [int((np.array(found) * (state == POSITIVE)).sum()) for state in rows.state.T]
        expect(preview["positives_after"] == after, f"preview {preview['positives_after']}, not {after}")
        expect(preview["epoch_rows"] == sum(found), f"epoch of {preview['epoch_rows']} rows, not {sum(found)}")
    if copies:
        check_copies(step, data, np.flatnonzero(met), found, name, preview)
    if chance(step.rng, 0.3):
        other = {"threads": int(step.rng.integers(1, 4)), "memory_limit": pick(step.rng, ["256m", "2g"])}
        step.run("sample", "in", *flags, *as_flags(other), "--out=other", "--quiet")
        step.same("out", "other")


def lines_of(data, shard, paths, step):
    """The lines of a shard of a plan."""
    names = [str(path.relative_to(step.folder / "in")) for path in paths]
    at = names.index(shard["name"]) if shard["name"] in names else [str(p.relative_to(step.folder)) for p in paths].index(shard["path"])
    return range(data.places[at], data.places[at + 1])


def check_copies(step, data, lines, found, name, preview):
    """Copies hold each row as often as the plan says, unchanged."""
    table = data.table()
    copied = sorted((step.folder / "out" / "sampled").rglob("*.parquet"))
    read = whole_file
    if name == "stratified-split":
        for fold in {*found}:
            own = [read(path) for path in copied if f"fold={fold}" in path.parts]
            rid = sorted(r for t in own for r in t["rid"].to_pylist())
            wanted = [int(line) for line, one in zip(lines, found) if one == fold]
            expect(rid == wanted, f"fold {fold} has rows {rid[:9]}…, not {wanted[:9]}…")
    tables = [read(path) for path in copied]
    rid = [r for t in tables for r in t["rid"].to_pylist()]
    times = [1] * len(found) if name == "stratified-split" else found
    wanted = [int(line) for line, one in zip(lines, times) for _ in range(one)]
    expect(sorted(rid) == wanted, f"copies hold {len(rid)} rows, not {len(wanted)}, or other ones")
    if name == "remedial":
        return step.run("compute", "out/sampled", *as_flags(data.flags), "--out=again", "--quiet") and expect(
            step.json("again/weights.json")["positives"] == preview["positives_after"], "copies do not count as the preview")
    original = {r: row for r, row in zip(table["rid"].to_pylist(), table.to_pylist())}
    for row in (row for t in tables for row in t.to_pylist()):
        own = {k: row[k] for k in original[row["rid"]]}
        expect(repr(own) == repr(original[row["rid"]]), f"row {row['rid']} was changed: {own}")


def whole_file(path):
    """All rows, a row group at a time: lists of dictionaries cannot be read otherwise."""
    file = pq.ParquetFile(path)
    return pa.concat_tables([file.read_row_group(i) for i in range(file.num_row_groups)] or [file.schema_arrow.empty_table()])


class Plain:
    """The default weights."""

    flags = {}

    def vectors(self, counts):
        weighing = object.__new__(Weighing)
        weighing.schemes, weighing.power, weighing.normalize, weighing.clip = [("ratio", {})], 1.0, "none", None
        weighing.zero_positives = weighing.zero_negatives = "one"
        weighing.min_positives = 0
        return weighing.vectors(counts)


def sql(step):
    data = step.set(layout=pick(step.rng, ["wide", "wide", None]))
    while data.format != "parquet" or data.layout in ("heads",):
        data = step.set(layout="wide", simple=True)
    data.write(step.folder / "in")
    every = np.ones(data.lines, bool)
    numbers = data.layout == "wide" and not (set(data.flags) & {"soft", "threshold", "uncertain_values", "null_as"})
    if numbers and chance(step.rng, 0.6):
        where, told = data.condition()
        met = np.array([x is True for x in told], bool)
        names = data.rows(every).labels[:4]
        of = ", ".join(f'positives("{n}") AS p{i}, negatives("{n}") AS n{i}, missing("{n}") AS m{i}, pos_weight("{n}") AS w{i}'
                       for i, n in enumerate(names))
        query = f"SELECT split, count(*) AS rows, {of} FROM 'in' WHERE {where} GROUP BY split"
        ended = step.run("sql", "-c", query, "--format=json")
        found = {row["split"]: row for row in json.loads(ended.stdout)}
        values = np.array(data.texts, object)
        wanted = {value: met & np.array([v == value for v in values]) for value in set(data.texts)}
        wanted = {value: lines for value, lines in wanted.items() if lines.any()}
        expect(set(found) == set(wanted), f"groups {set(found)}, not {set(wanted)}")
        for value, lines in wanted.items():
            counts = Counts(data.rows(lines))
            row = found[value]
            expect(row["rows"] == counts.rows, f"{row['rows']} rows of {value}, not {counts.rows}")
            for i in range(len(names)):
                p, n, m = counts.positives[i], counts.negatives[i], counts.missing[i]
                own = (row[f"p{i}"], row[f"n{i}"], row[f"m{i}"])
                expect(own == (p, n, m), f"{names[i]} of {value}: {own}, not {(p, n, m)}")
                expect(close(row[f"w{i}"], n / p if p and n else 1.0), f"pos_weight of {names[i]}: {row[f'w{i}']}")
        return
    options = ", ".join(f"{k}={json.dumps(v)}" for k, v in data.flags.items()).replace("'", "''")
    rows = data.rows(every)
    counts = Counts(rows)
    ended = step.run("sql", "-c", f"SELECT * FROM label_counts('in', '{options}')", "--format=json",
                     codes=step.codes_for(rows, {}))
    if ended.code:
        return
    found = json.loads(ended.stdout)
    expect([row["label"] for row in found] == counts.labels, f"labels {[row['label'] for row in found]}, not {counts.labels}")
    for name in ("positives", "negatives", "uncertain", "missing"):
        expect([row[name] for row in found] == getattr(counts, name), f"{name} of label_counts")
    ended = step.run("sql", "-c", f"SELECT * FROM imbalance('in', '{options}')", "--format=json")
    found = {row["measure"]: row["value"] for row in json.loads(ended.stdout)}
    for name, value in set_measures(counts).items():
        expect(close(found.get(name), value), f"imbalance(): {name} is {found.get(name)}, not {value}")


def inspect(step):
    data = step.set()
    data.write(step.folder / "in")
    flags = as_flags(data.flags) if chance(step.rng, 0.5) else []
    codes = [0] if data.lines >= 30 else [0, 4]
    plan = ["--plan"] if chance(step.rng, 0.3) else []
    ended = step.run("inspect", "in", *flags, *plan, codes=[*codes, 2])
    said = ended.stdout.decode() + ended.stderr
    if ended.code == 0 and not plan:
        shown = [f"{data.lines} row", f"{data.lines // 1000} {data.lines % 1000:03} row"]
        expect(any(one in said for one in shown), f"rows are not {shown[0]}: {said[:300]}")
        try:
            tomllib.loads(ended.stdout.decode())
        except tomllib.TOMLDecodeError as error:
            raise Finding(f"stdout is no pipeline file: {error}: {ended.stdout[:500]}") from None
    # Without a word about labels, a sure reading counts something that adds up, or the run asks.
    ended = step.run("compute", "in", "--out=out", "--quiet", codes=[0, 2, 4])
    if ended.code == 0:
        adds_up(step, "out")


def adds_up(step, out):
    weights = step.json(f"{out}/weights.json")
    for i, label in enumerate(weights["labels"]):
        total = sum(weights[side][i] for side in ("positives", "negatives", "uncertain", "missing"))
        expect(total == weights["rows"], f"{label!r} adds up to {total} of {weights['rows']} rows")
    return weights


def halves(data):
    """Two sets of lines, cut where shards are."""
    cut = data.places[max(1, len(data.places) // 2)]
    first = np.arange(data.lines) < cut
    return first, ~first


def weigh(step):
    data = step.set(simple=True)
    paths = data.write(step.folder / "in")
    first, second = halves(data)
    rows, weighing = data.rows(np.ones(data.lines, bool)), Weighing(step.rng)
    for name, lines in (("one", first), ("two", second)):
        taken = [path for i, path in enumerate(paths) if lines[data.places[i]:data.places[i + 1]].any()]
        part = data.rows(lines)
        if not taken or step.run("compute", *taken, *as_flags(data.flags), f"--out={name}", "--quiet", codes=step.codes_for(part, {})).code:
            return
        step.check(name, part, Plain())
    if data.layout == "long":
        # Ids may be in both.
        step.run("weigh", "one", "two", "--out=both", codes=[0, 2, 4])
        return
    step.run("weigh", "one", "two", *as_flags(weighing.flags), "--out=both", "--quiet")
    step.check("both", rows, weighing)
    if chance(step.rng, 0.4):
        # Jobs that share the shards.
        jobs = int(step.rng.integers(2, 4))
        for i in range(jobs):
            step.run("compute", "in", *as_flags(data.flags), f"--shard-index={i}", f"--shard-count={jobs}", f"--out=jobs/{i}",
                     "--quiet")
        step.run("weigh", *[f"jobs/{i}" for i in range(jobs)], *as_flags(weighing.flags), "--out=merged", "--quiet")
        step.check("merged", rows, weighing)


def diff(step):
    data = step.set(simple=True)
    data.write(step.folder / "in")
    every = np.ones(data.lines, bool)
    where, told = data.condition()
    met = np.array([x is True for x in told], bool)
    before, after = data.rows(every), data.rows(met)
    if step.run("compute", "in", *as_flags(data.flags), "--out=one", "--quiet", codes=step.codes_for(before, {})).code:
        return
    if step.run("compute", "in", *as_flags(data.flags), f"--where={where}", "--out=two", "--quiet",
                codes=step.codes_for(after, {})).code:
        return
    step.check("two", after, Plain())
    counts = [Counts(before), Counts(after)]
    prevalence = [{label: divided_or_none(*side) for label, side in zip(c.labels, c.sides())} for c in counts]
    ended = step.run("diff", "one", "two", "--format=json", "--fail-over=0.25", codes=[0, 3])
    found = json.loads(ended.stdout)
    changed = False
    for row in found["labels"]:
        label = row["label"]
        for of, side in zip(prevalence, ("before", "after")):
            own = row[side] and row[side]["prevalence"]
            expect(close(own, of.get(label)), f"prevalence of {label!r} {side} is {own}, not {of.get(label)}")
    one, other = prevalence
    sure = True
    for label in one.keys() | other.keys():
        p, q = one.get(label), other.get(label)
        if (label in one) != (label in other):
            changed = True
        elif p is None or q is None:
            sure = sure and p is None and q is None
        elif p == 0 or q == 0:
            changed = changed or p != q
        elif abs(abs(q / p - 1) - 0.25) < 1e-9:
            sure = False
        elif abs(q / p - 1) > 0.25:
            changed = True
    expect(len(found["labels"]) == len(one.keys() | other.keys()), "labels of the difference")
    expect(not sure or (ended.code == 3) == changed, f"ends with {ended.code}, changed: {changed}")


def divided_or_none(p, n):
    return p / (p + n) if p + n > 0 else None


def nights(step):
    """Runs with a state, while shards come, go and change."""
    data = step.set(simple=True)
    while data.layout == "heads" and chance(step.rng, 0.7):
        data = step.set(simple=True)
    shards = len(data.paths)
    data.write(step.folder / "all")
    keys, met, is_weighted = step.question(data)
    weighing = Weighing(step.rng)
    here = set()
    target = step.folder / "in"
    target.mkdir()
    (step.folder / "p.toml").write_text(
        'shards = "in"\nout = "out"\noverwrite = true\nstate = "state"\n' +
        as_toml({**data.flags, **keys, **weighing.flags}), encoding="utf-8")
    for night in range(int(step.rng.integers(2, 5))):
        for i in range(shards):
            path = target / data.paths[i]
            if chance(step.rng, 0.5):
                path.parent.mkdir(parents=True, exist_ok=True)
                if chance(step.rng, 0.3):
                    path.unlink(missing_ok=True)
                    here.discard(i)
                else:
                    # The same rows, perhaps in other pages.
                    source = step.folder / "all" / data.paths[i]
                    if chance(step.rng, 0.5):
                        data.write_shard(step.folder / "all", i)
                    shutil.copyfile(source, step.folder / "copy")
                    os.replace(step.folder / "copy", path)
                    here.add(i)
        lines = np.zeros(data.lines, bool)
        for i in here:
            lines[data.places[i]:data.places[i + 1]] = True
        rows = data.rows(met & lines)
        codes = [4] if not here else step.codes_for(rows, {})
        # A column of all folders may be gone with its last shard.
        codes = codes + [2, 4] if data.is_partitioned and "p =" in keys.get("where", "") else codes
        more = [f"--threads={int(step.rng.integers(1, 4))}"] if chance(step.rng, 0.5) else []
        kill = interrupt(step, pick(step.rng, [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])) if chance(step.rng, 0.2) else None
        if kill:
            step.run("run", "p.toml", "--quiet", codes=[*codes, -2, -9, -15, 130, 143], after=kill)
        ended = step.run("run", "p.toml", "--quiet", codes=codes)
        if ended.code:
            continue
        step.check("out", rows, weighing, is_weighted)
        if chance(step.rng, 0.3):
            step.run("run", "p.toml", "--full", "--state=other.state", "--out=full", "--quiet")
            step.same("out", "full")
        if chance(step.rng, 0.3):
            ended = step.run("run", "p.toml", "--skip-exit-code=99", "--quiet", codes=[99])


def interrupt(step, number):
    """Sends a signal after a moment."""
    delay = float(step.rng.random() * step.soak.usual)

    def after(process):
        time.sleep(delay)
        process.send_signal(number)

    return after


def killed(step):
    data = step.set(simple=True)
    data.write(step.folder / "in")
    every = np.ones(data.lines, bool)
    rows, weighing = data.rows(every), Weighing(step.rng)
    if not len(rows.state) or not rows.labels:
        return
    (step.folder / "tmp").mkdir()
    common = ["--quiet", "--overwrite", "--spill-dir=tmp", *as_flags(data.flags)]
    if chance(step.rng, 0.5):
        step.run("compute", "in", *common, "--out=out")
    old = step.files("out") if (step.folder / "out").exists() else {}
    number = pick(step.rng, [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
    code = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    again = ["compute", "in", *common, *as_flags(weighing.flags), "--out=out"]
    # A signal that comes before the program listens ends it as the system does.
    step.run(*again, codes=[0, code, -number], after=interrupt(step, number))
    now = step.files("out") if (step.folder / "out").exists() else {}
    if now and now != old:
        step.check("out", rows, weighing)
    expect(now or not old, "the previous result is gone")
    step.run(*again)
    step.check("out", rows, weighing)
    left = sorted(p.name for p in step.folder.iterdir() if p.name not in ("in", "out", "tmp", "names.json"))
    expect(not left and not any((step.folder / "tmp").iterdir()), f"left behind: {left}")


def damaged(step):
    """One shard is damaged: the run refuses it, skips it, or counts rows that add up."""
    data = step.set()
    while data.format == "jsonl":
        data = step.set(simple=True)
    paths = data.write(step.folder / "in")
    rng = step.rng
    at = int(rng.integers(len(paths)))
    whole = paths[at].read_bytes()
    bytes_ = bytearray(whole)
    how = pick(rng, ["cut", "flip", "zero", "empty", "text", "footer", "gone"])
    if how == "cut":
        del bytes_[int(rng.integers(len(bytes_))):]
    elif how == "flip":
        for _ in range(int(rng.integers(1, 9))):
            bytes_[int(rng.integers(len(bytes_)))] ^= 1 << int(rng.integers(8))
    elif how == "zero":
        start = int(rng.integers(len(bytes_)))
        end = min(len(bytes_), start + int(rng.integers(1, 200)))
        bytes_[start:end] = bytes(end - start)
    elif how == "empty":
        bytes_ = bytearray()
    elif how == "text":
        bytes_ = bytearray(b"not a shard\n" * 9)
    elif how == "footer":
        start = max(0, len(bytes_) - int(rng.integers(1, 400)))
        bytes_[start] = int(rng.integers(256))
    if how == "gone":
        paths[at].unlink()
        paths[at].symlink_to("nowhere.parquet")
    else:
        paths[at].write_bytes(bytes_)
    if bytes_ == whole and how != "gone":
        return
    keys, met, is_weighted = step.question(data)
    rest = met.copy()
    rest[data.places[at]:data.places[at + 1]] = False
    skips = chance(rng, 0.3)
    more = ["--on-bad-shard=skip", "--max-bad-shards=1"] if skips else []
    resources = {k: v for k, v in step.resources().items() if k in ("engine", "threads")}
    verb = pick(rng, ["compute", "compute", "compute", "sample", "sql", "inspect"])
    allowed = [0, 2, 4, 6, 8]
    flags = as_flags(data.flags)
    if verb == "sql":
        step.run("sql", "-c", "SELECT split, count(*), sum(w), min(k) FROM 'in' GROUP BY split", codes=allowed)
    elif verb == "inspect":
        step.run("inspect", "in", *flags, codes=allowed)
    elif verb == "sample":
        plan = pick(rng, ["ml-ros", "lp-rus", "repeat-factor", "stratified-split"])
        step.run("sample", "in", *flags, f"--plan={plan}", *(["--materialize"] if chance(rng, 0.4) else []), "--out=out",
                 "--quiet", codes=allowed)
    else:
        ended = step.run("compute", "in", *flags, *as_flags(keys | resources), *more, "--out=out", "--quiet", codes=allowed)
        if ended.code == 0:
            weights = adds_up(step, "out")
            status = [shard["status"] for shard in step.json("out/run_results.json")["shards"]]
            if skips and any("skip" in one for one in status):
                step.check("out", data.rows(rest), Plain(), is_weighted)
            elif "where" not in keys and data.layout not in ("long", "element") and how in ("cut", "empty", "text", "gone"):
                raise Finding(f"{how} shard counted: {weights['rows']} rows")
        elif ended.code == 4 and len(paths) > 1:
            # Weights of one id may differ from shard to shard: the id is named, or was in the sample.
            is_named = paths[at].name in ended.stderr or "row id" in ended.stderr and "has the weights" in ended.stderr
            left = data.rows(rest)
            # What is left without a skipped shard may name no label.
            has_none = len(left.state) == 0 or skips and not left.labels
            expect(is_named or has_none, f"does not name {paths[at].name}: {ended}")


VERBS = {
    "compute": (compute, 34), "stream": (stream, 8), "sample": (sample, 14), "sql": (sql, 8), "inspect": (inspect, 4),
    "weigh": (weigh, 6), "diff": (diff, 5), "nights": (nights, 8), "killed": (killed, 5), "damaged": (damaged, 8),
}
