#!/usr/bin/env python3
"""Times posweight and what one would use instead, and prints a table.

    python3 tests/bench/bench.py [--scale 1.0] [--runs 3] [--folder DIR] [WORKLOAD…]

Makes a virtual environment with DuckDB, Polars and PyArrow, generates the shards, builds posweight with
`--release`, checks that all tools find the same counts, and measures whole processes, two threads each,
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ["duckdb", "polars", "pyarrow"]
LAYOUTS = {
    "wide_bool": ["--layout", "wide", "--labels", "l*"],
    "wide_u8": ["--layout", "wide", "--labels", "l*"],
    "fixed_f32": ["--layout", "vector", "--labels", "y"],
    "list_i32": ["--layout", "list", "--labels", "labels"],
    "list_str": ["--layout", "list", "--labels", "labels"],
    "xmc_i32": ["--layout", "list", "--labels", "labels"],
    "long_str": ["--layout", "long", "--id", "example_id", "--labels", "label"],
    "struct_bool": ["--layout", "wide", "--labels", "target.*"],
    "list_struct": ["--layout", "list", "--labels", "objects.category"],
    "map_f32": ["--layout", "map", "--labels", "scores"],
    "json_list": ["--layout", "list", "--labels", "labels"],
}
# The prefix of the columns that the floor reads.
COLUMNS = {"wide_bool": "l", "wide_u8": "l", "long_str": "", "struct_bool": "target", "list_struct": "objects",
           "map_f32": "scores"}


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
    """Seconds, peak memory in MB, and what was printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{' '.join(map(str, command))} ended with status {status}")
    return seconds, usage.ru_maxrss / 1024, printed.decode().strip()


def counts(python, out):
    """Rows and checksum of a run of posweight, as the peers print them."""
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import peer; w = json.load(open(sys.argv[2]));"
        "print(w['rows'], peer.checksum(dict(zip(w['labels'], w['positives']))))"
    )
    command = [python, "-c", script, HERE, out / "weights.json"]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().strip()


def table(results):
    """A Markdown table: seconds and peak memory of every tool."""
    lines = ["| workload | posweight | of fastest peer | " + " | ".join(PEERS) + " | floor |"]
    lines.append("|---|--:|--:|" + "--:|" * len(PEERS) + "--:|")
    for workload, tools in results.items():
        cell = lambda tool: f"{tools[tool][0]:.2f} s, {tools[tool][1]:.0f} MB"
        ratio = tools["posweight"][0] / min(tools[peer][0] for peer in PEERS)
        cells = [workload, cell("posweight"), f"{ratio:.2f} ×", *map(cell, PEERS)]
        lines.append(f"| {' | '.join(cells)} | {tools['floor'][0]:.2f} s |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", choices=[*LAYOUTS, []])
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is 4 million rows of 270 labels")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.home() / ".cache" / "posweight-bench")
    parser.add_argument("--memory-limit", default="512m")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    posweight, floor = build()
    python = environment(folder)
    shards = folder / f"scale-{arguments.scale}"
    results = {}
    for workload in arguments.workloads or LAYOUTS:
        subprocess.run([python, HERE / "workloads.py", shards, str(arguments.scale), workload], check=True)
        out = folder / "out"
        run = [posweight, "compute", shards / workload, *LAYOUTS[workload], "--out", out, "--quiet", "--threads", "2"]
        run += ["--overwrite", "--memory-limit", arguments.memory_limit, "--row-measures", "off"]
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run([*run, "--formats", "json"], check=True)
        expected = counts(python, out)
        prefix = COLUMNS.get(workload, LAYOUTS[workload][-1])
        commands = {"posweight": [*run, "--formats", "npy"]}
        commands |= {peer: [python, HERE / "peer.py", peer, workload, shards] for peer in PEERS}
        commands["floor"] = [floor, prefix, *sorted((shards / workload).glob("*.parquet"))]
        figures = {tool: [] for tool in commands}
        for _ in range(arguments.runs):
            for tool, command in commands.items():
                seconds, memory, printed = measure(command)
                if tool in PEERS and printed != expected:
                    sys.exit(f"{workload}: {tool} finds {printed}, posweight {expected}")
                figures[tool].append((seconds, memory))
        results[workload] = {
            tool: (statistics.median(s for s, _ in runs), max(m for _, m in runs)) for tool, runs in figures.items()
        }
        print(table({workload: results[workload]}).splitlines()[-1], flush=True)
    print("\n" + table(results))


if __name__ == "__main__":
    main()
