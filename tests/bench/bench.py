#!/usr/bin/env python3
"""Times posweight and what one would use instead, and prints tables.

    python3 tests/bench/bench.py [--scale 1.0] [--runs 3] [--folder DIR] [CASE…]
    python3 tests/bench/bench.py --default        what a run with all files and measures of rows costs
    python3 tests/bench/bench.py --growth         time and memory at 1, 4 and 16 times the rows, and a plot of them

Makes a virtual environment with DuckDB, Polars and PyArrow, generates the shards, builds posweight with
`--release`, checks that all tools find the same figures, and measures whole processes, two threads each,
files in the page cache. Each figure is the median of the runs, taken in turns. posweight counts alone and writes
`counts.parquet` and `pos_weight.npy`; its peers print a checksum. The floor reads and decompresses the
same pages and does nothing else.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import cases
import plot

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ["duckdb", "polars", "pyarrow"]
# PyArrow alone has no short way to ask these.
NO_PYARROW = list(cases.QUESTIONS)


def environment(folder):
    """The interpreter of a virtual environment that has the peers."""
    python = folder / "venv" / "bin" / "python"
    if not (folder / "venv" / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        packages = ["duckdb", "polars", "pyarrow", "numpy"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "venv" / "ready").touch()
    return python


def build():
    """The released program and the floor."""
    subprocess.run(["cargo", "build", "--release", "--features", "bench"], cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, check=True, capture_output=True
    )
    target = pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "release"
    return target / "posweight", target / "floor"


def measure(command):
    """Seconds, processor seconds, peak memory in MB, and what was printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{' '.join(map(str, command))} ended with status {status}")
    return (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), printed.decode().strip()


def figures(python, case, out):
    """Rows and checksum of a run of posweight, as the peers print them."""
    script = """
import glob, json, sys
sys.path.insert(0, sys.argv[1])
import cases, peer
case = cases.CASES[sys.argv[2]]
weights = json.load(open(sys.argv[3] + "/weights.json"))
of = lambda file: zip(file["labels"], file.get("positives_mass") or file["positives"])
found = dict(of(weights))
if case.question == "by":
    groups = glob.glob(sys.argv[3] + "/by/split=*/weights.json")
    name = lambda path: path.split("split=")[1].split("/")[0]
    found = {f"{name(path)}/{label}": n for path in groups for label, n in of(json.load(open(path)))}
print(weights["rows"], peer.checksum(found, case.inexact))
"""
    command = [python, "-c", script, HERE, case, out]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().strip()


def in_turns(commands, runs, expected=None):
    """Medians of seconds and processor seconds and the peak of memory of every command."""
    measured = {tool: [] for tool in commands}
    for _ in range(runs):
        for tool, command in commands.items():
            figures, printed = measure(command)
            if tool in PEERS and expected is not None and printed != expected:
                sys.exit(f"{command[-2]}: {tool} finds {printed}, posweight {expected}")
            measured[tool].append(figures)
    return {
        tool: (statistics.median(f[0] for f in taken), statistics.median(f[1] for f in taken), max(f[2] for f in taken))
        for tool, taken in measured.items()
    }


def cell(figures):
    seconds, cpu, memory = figures
    return f"{seconds:.2f} s ({cpu:.2f}), {memory:.0f} MB"


def table(results):
    """A Markdown table: seconds, processor seconds and peak memory of every tool."""
    lines = ["| counts alone | posweight | of fastest peer | of its CPU | " + " | ".join(PEERS) + " | floor |"]
    lines.append("|---|--:|--:|--:|" + "--:|" * len(PEERS) + "--:|")
    for name, tools in results.items():
        peers = [peer for peer in PEERS if peer in tools]
        ratios = (tools["posweight"][i] / min(tools[peer][i] for peer in peers) for i in (0, 1))
        cells = [cell(tools[peer]) if peer in tools else "" for peer in PEERS]
        ratios = " | ".join(f"{ratio:.2f} ×" for ratio in ratios)
        floor = f"{tools['floor'][0]:.2f} s ({tools['floor'][1]:.2f})"
        lines.append(f"| {name} | {cell(tools['posweight'])} | {ratios} | {' | '.join(cells)} | {floor} |")
    return "\n".join(lines)


class Bench:
    """Where things are, and how posweight is called."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = arguments.folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.posweight, self.floor = build() if arguments.binaries is None else (
            arguments.binaries / "posweight", arguments.binaries / "floor"
        )
        self.python = environment(self.folder)
        self.shards = self.folder / f"scale-{arguments.scale}"
        self.out = self.folder / "out"

    def generate(self, case):
        command = [self.python, HERE / "workloads.py", self.shards, str(self.arguments.scale), case.workload]
        subprocess.run(command, check=True)

    def compute(self, case, shards=None):
        """A run with all files and measures."""
        run = [self.posweight, "compute", shards or self.shards / case.workload, *case.flags, "--out", self.out]
        run += ["--quiet", "--threads", "2", "--overwrite", "--memory-limit", self.arguments.memory_limit]
        return run

    def count(self, case, shards=None, formats="npy"):
        return [*self.compute(case, shards), "--row-measures", "off", "--formats", formats]

    def peers(self, names):
        """Every case against what one would use instead."""
        results = {}
        for name in names:
            case = cases.CASES[name]
            self.generate(case)
            shutil.rmtree(self.out, ignore_errors=True)
            subprocess.run(self.count(case, formats="json"), check=True)
            expected = figures(self.python, name, self.out)
            commands = {"posweight": self.count(case)}
            for peer in PEERS:
                if peer != "pyarrow" or name not in NO_PYARROW:
                    commands[peer] = [self.python, HERE / "peer.py", peer, name, self.shards]
            files = sorted((self.shards / case.workload).glob("*.parquet"))
            commands["floor"] = [self.floor, case.columns, *files]
            results[name] = in_turns(commands, self.arguments.runs, expected)
            print(table({name: results[name]}).splitlines()[-1], flush=True)
        print("\n" + table(results))

    def default(self, names):
        """A run with all files and measures of rows beside counts alone."""
        print("| default run | counts alone | all files and measures of rows | × time | × CPU |\n|---|--:|--:|--:|--:|")
        for name in names:
            case = cases.CASES[name]
            self.generate(case)
            taken = in_turns({"count": self.count(case), "default": self.compute(case)}, self.arguments.runs)
            time, cpu = (taken["default"][i] / taken["count"][i] for i in (0, 1))
            print(f"| {name} | {cell(taken['count'])} | {cell(taken['default'])} | {time:.1f} × | {cpu:.1f} × |", flush=True)

    def growth(self, names):
        """Time and memory against rows; the rows of a larger set are copies of the shards."""
        print("| growth | 1× | 4× | 16× |\n|---|--:|--:|--:|")
        lines = {}
        for name in names:
            case = cases.CASES[name]
            self.generate(case)
            lines[name] = []
            for times in (1, 4, 16):
                shards = self.larger(case, times)
                lines[name].append(in_turns({"posweight": self.count(case, shards)}, self.arguments.runs)["posweight"])
            print(f"| {name} | {' | '.join(map(cell, lines[name]))} |", flush=True)
        for what, index, unit in (("time", 0, "s"), ("memory", 2, "MB")):
            path = self.folder / f"growth_{what}.svg"
            path.write_text(plot.lines({name: [f[index] for f in taken] for name, taken in lines.items()}, what, unit))
            print(f"plot: {path}")

    def larger(self, case, times):
        source = self.shards / case.workload
        if times == 1:
            return source
        target = self.folder / f"scale-{self.arguments.scale}-times-{times}" / case.workload
        if not (target / "_SUCCESS").exists():
            target.mkdir(parents=True, exist_ok=True)
            for copy in range(times):
                for shard in source.glob("*.parquet"):
                    shutil.copy(shard, target / f"copy-{copy:02d}-{shard.name}")
            (target / "_SUCCESS").touch()
        return target


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[*cases.CASES, []])
    parser.add_argument("--default", action="store_true", help="measure default runs")
    parser.add_argument("--growth", action="store_true", help="measure 1, 4 and 16 times the rows")
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is 4 million rows of 270 labels")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.home() / ".cache" / "posweight-bench")
    parser.add_argument("--binaries", type=pathlib.Path, help="a folder with posweight and floor; else they are built")
    parser.add_argument("--memory-limit", default="512m")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    if arguments.default:
        bench.default(arguments.cases or cases.DEFAULT)
    elif arguments.growth:
        bench.growth(arguments.cases or cases.GROWTH)
    else:
        bench.peers(arguments.cases or cases.CASES)


if __name__ == "__main__":
    main()
