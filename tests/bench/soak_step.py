"""One step of soak.py: runs the program in a folder, and compares what it leaves there with the oracle."""

import json
import os
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pyarrow.parquet as pq

from soak_oracle import Counts, close, row_measures, set_measures
from soak_sets import Set, chance, pick

PATIENCE = 120
NEVER = ["panicked", "bug in posweight", "RUST_BACKTRACE", "memory allocation of", "unwrap()"]


class Finding(Exception):
    """A result that is not what the oracle finds."""


class Ended:
    def __init__(self, code, stdout, stderr):
        self.code, self.stdout, self.stderr = code, stdout, stderr

    def __str__(self):
        return f"exit code {self.code}: {self.stderr.strip()[:700]}"


def expect(holds, text):
    if not holds:
        raise Finding(text)


def as_flags(keys):
    """Keys of a pipeline file as flags."""
    flags = []
    for key, value in keys.items():
        name = "--" + key.replace("_", "-")
        if value is True:
            flags.append(name)
        elif key == "scheme":
            flags += [f"{name}={one}" for one in value]
        else:
            flags.append(f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}")
    return flags


def as_toml(keys):
    def one(key, value):
        if key == "labels":
            # As the flag has them, so that both name the same spec.
            value = [",".join(value)]
        return json.dumps(str(value) if key.startswith("zero_") else value)

    return "".join(f"{key} = {one(key, value)}\n" for key, value in keys.items())


def feed(pipe, text):
    """Writes and closes; a program that ends first need not read all."""
    try:
        pipe.write(text)
        pipe.close()
    except BrokenPipeError:
        pass


class Step:
    """One set, one verb."""

    def __init__(self, soak, number, verbs, verb=None):
        self.soak, self.rng = soak, np.random.default_rng([soak.seed, number])
        self.folder = soak.folder / f"step{number}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log, self.codes = [], []
        shares = np.array([share for _, share in verbs.values()], float)
        drawn = list(verbs)[int(self.rng.choice(len(verbs), p=shares / shares.sum()))]
        self.verb = verb or drawn

    def run(self, *arguments, stdin=b"", codes=(0,), after=None):
        """Runs posweight in the folder; `after` is what is done to the process meanwhile."""
        command = [str(self.soak.binary), *map(str, arguments)]
        self.log.append(" ".join(f"'{a}'" if set(a) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:*") else a
                                 for a in command))
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        if after:
            after(process)
        stdout, stderr = self.wait(process, stdin)
        ended = Ended(process.returncode, stdout, stderr.decode("utf-8", "replace"))
        self.codes.append(ended.code)
        self.log.append(f"# {ended}")
        said = ended.stderr + ended.stdout[:10_000].decode("utf-8", "replace")
        expect(not any(word in ended.stderr for word in NEVER), f"says what it never should: {said[:1500]}")
        expect(ended.code in codes, f"{ended}, expected {sorted(codes)}")
        if ended.code not in (0, 99) and ended.code > 0:
            expect(ended.stderr.strip(), f"ends with {ended.code} and says nothing")
        return ended

    def wait(self, process, stdin):
        """What the process writes; one that does not end on an idle machine hangs, on a busy one it may have to wait."""
        # Not by communicate, which forgets what is left of it after the first time.
        feeder = threading.Thread(target=feed, args=[process.stdin, stdin])
        feeder.start()
        process.stdin = None
        for _ in range(10):
            try:
                ended = process.communicate(timeout=PATIENCE)
                feeder.join()
                return ended
            except subprocess.TimeoutExpired:
                if os.getloadavg()[0] < 1.5 * os.cpu_count():
                    break
        process.kill()
        process.communicate()
        raise Finding("hangs")

    def json(self, path):
        def never(word):
            raise Finding(f"{path} holds {word}")

        return json.loads((self.folder / path).read_text(encoding="utf-8"), parse_constant=never)

    # What a run is asked.

    def set(self, *arguments, **more):
        made = Set(self.rng, *arguments, **more)
        if made.vocabulary:
            (self.folder / "names.json").write_text(json.dumps(made.vocabulary), encoding="utf-8")
            made.flags["vocabulary"] = "names.json"
        return made

    def question(self, data, rows_only=False):
        """Condition, weights and groups: keys, the lines that are met, and whether rows are weighted."""
        keys, met = {}, np.ones(data.lines, bool)
        if chance(self.rng, 0.4):
            keys["where"], told = data.condition()
            met = np.array([x is True for x in told], bool)
        is_weighted = not rows_only and chance(self.rng, 0.25)
        if is_weighted:
            keys["sample_weight"] = "w"
        if not rows_only and chance(self.rng, 0.25):
            keys["by"] = [pick(self.rng, ["split", "k"])]
        return keys, met, is_weighted

    def resources(self):
        rng = self.rng
        keys = {}
        if chance(rng, 0.6):
            keys["engine"] = pick(rng, ["auto", "plain", "plain", "encoded"])
        if chance(rng, 0.5):
            keys["threads"] = int(rng.integers(1, 5))
        if chance(rng, 0.3):
            keys["memory_limit"] = pick(rng, ["1g", "256m", "200m"])
        if chance(rng, 0.2):
            keys["trust_statistics"] = True
        return keys

    # What a result must be.

    def codes_for(self, rows, keys):
        """Exit codes that a run may have besides 0."""
        codes = [0]
        # A head of several that names no label is an error.
        has_empty_head = any(size == 0 for _, _, size in rows.heads or [])
        if not len(rows.state) or not rows.labels or has_empty_head:
            codes += [2, 4]
        if keys.get("engine") == "encoded":
            codes.append(2)
        if keys.get("memory_limit") == "200m":
            codes.append(6)
        return codes

    def check(self, out, rows, weighing, is_weighted=False, compat="mulan", measures=None):
        """Compares the folder of a result with the rows."""
        counts = Counts(rows, is_weighted)
        weights = self.json(f"{out}/weights.json")
        self.check_counts(weights, counts, f"{out}/weights.json")
        table = pq.read_table(self.folder / out / "counts.parquet")
        expect(table["label"].to_pylist() == counts.labels, f"{out}/counts.parquet: labels")
        for name in ("positives", "negatives", "uncertain", "missing"):
            expect(table[name].to_pylist() == getattr(counts, name), f"{out}/counts.parquet: {name}")
        status, vectors = weighing.vectors(counts)
        expect(weights["status"] == status, f"{out}: status {weights['status']}, not {status}")
        found = list(weights["weights"].values())
        expect(len(found) == len(vectors), f"{out}: {len(found)} vectors, not {len(vectors)}")
        for name, one, other in zip(weights["weights"], found, vectors):
            for label, x, y in zip(counts.labels, one, other):
                expect(close(x, y), f"{out}: {name} of {label!r} is {x}, not {y}")
        expect(weights["pos_weight"] == found[0], f"{out}: pos_weight is not the first vector")
        vector = np.load(self.folder / out / "pos_weight.npy")
        expect(vector.dtype == np.float32 and vector.tolist() == np.array(found[0], np.float32).tolist(), f"{out}: npy")
        with open(self.folder / out / "pos_weight.safetensors", "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(size))
            start, end = head["pos_weight"]["data_offsets"]
            file.seek(8 + size + start)
            expect(file.read(end - start) == vector.astype("<f4").tobytes(), f"{out}: safetensors")
        self.check_measures(out, counts, rows, compat, measures)

    def check_counts(self, weights, counts, where):
        expect(weights["rows"] == counts.rows, f"{where}: {weights['rows']} rows, not {counts.rows}")
        expect(weights["labels"] == counts.labels, f"{where}: labels {weights['labels']}, not {counts.labels}")
        for name in ("positives", "negatives", "uncertain", "missing"):
            wanted = getattr(counts, name)
            expect(weights[name] == wanted, f"{where}: {name} {weights[name]}, not {wanted}")
        if counts.masses:
            for name, wanted in zip(("positives_mass", "negatives_mass"), counts.masses):
                for x, y in zip(weights[name], wanted):
                    expect(close(x, y), f"{where}: {name} {x}, not {y}")
        else:
            expect("positives_mass" not in weights, f"{where}: masses nobody asked for")
        heads = [(head["column"], head["start"], head["length"]) for head in weights.get("heads", [])]
        expect(heads == (counts.heads or []), f"{where}: heads {heads}")

    def check_measures(self, out, counts, rows, compat, measures):
        found = self.json(f"{out}/imbalance.json")
        if not counts.rows or not counts.labels:
            return
        for name, value in set_measures(counts, compat).items():
            expect(close(found.get(name), value), f"{out}: {name} is {found.get(name)}, not {value}")
        has_rows = "empty_rows" in found
        expect(measures is None or has_rows == measures, f"{out}: row measures: {has_rows}, not {measures}")
        if has_rows:
            of_rows, together = row_measures(counts, rows)
            for name, value in of_rows.items():
                if name != "scumble_cv" or compat == "mulan":
                    expect(close(found.get(name), value, 1e-7), f"{out}: {name} is {found.get(name)}, not {value}")
            matrix = np.load(self.folder / out / "cooccurrence.npy")
            expect((matrix == together).all(), f"{out}: cooccurrence.npy is {matrix.tolist()}, not {together.tolist()}")

    def check_groups(self, out, data, met, column):
        """Counts of every group, for one column."""
        values = data.texts if column == "split" else data.k
        name = lambda value: f"{column}={'NULL' if value is None else value}"
        groups = {name(value): met & np.array([v == value for v in values]) for value in set(values)}
        groups = {group: lines for group, lines in groups.items() if lines.any()}
        found = {group["name"]: group for group in self.json(f"{out}/imbalance.json").get("groups", [])}
        if data.layout == "element":
            # Groups whose rows hold no element are there with 0 rows.
            found = {group: own for group, own in found.items() if own["rows"]}
            groups = {group: lines for group, lines in groups.items() if len(data.rows(lines).state)}
        expect(set(found) == set(groups), f"{out}: groups {sorted(found)}, not {sorted(groups)}")
        labels = data.rows(met).labels
        for group, lines in groups.items():
            rows = data.rows(lines)
            counts = Counts(rows)
            own = found[group]
            expect(own["rows"] == counts.rows, f"{out}: {group} has {own['rows']} rows, not {counts.rows}")
            for key in ("positives", "negatives"):
                of = dict(zip(counts.labels, getattr(counts, key)))
                # A label that the group has not is negative in every row of it that is not missing for all labels.
                known = counts.rows if data.flags.get("value") and data.layout == "long" else None
                for label, value in zip(labels, own["per_label"][key]):
                    if label in of and not rows.heads:
                        expect(value == of[label], f"{out}: {key} of {label!r} in {group} are {value}, not {of[label]}")
                    elif label not in of and key == "positives":
                        expect(value == 0, f"{out}: {label!r} has {value} positives in {group}, {known}")

    def files(self, out):
        """The bytes of all files, but for the account of the run."""
        root = self.folder / out
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*"))
                if path.is_file() and path.name not in ("run_results.json", "_SUCCESS")}

    def same(self, one, other, but=()):
        before, after = self.files(one), self.files(other)
        names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        names = {name for name in names if pathlib.Path(name).name not in but}
        expect(not names, f"{one} and {other} differ: {sorted(names)}")
