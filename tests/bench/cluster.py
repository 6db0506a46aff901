#!/usr/bin/env python3
"""What a cluster on this machine costs beside one process, in processor time.

    python3 tests/bench/cluster.py --binary target/release/posweight [--scale 1.0] [--executors 1] [CASE…]

Starts a scheduler and executors with one thread each, generates the shards, and runs every case once alone with one
thread and once on the cluster, in turns. Prints processor seconds of all processes, the ratio of the two, the serial
share of the run on the cluster, what was shuffled and sent to the client, and whether all files of the result are the
same bytes; and what a simulation says that the run takes, which the account of a run with one executor calibrates, if
one was measured before. The program must be built with `--features cluster`. The case `shared_ids` has pairs whose row
ids lie in several shards.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

import cases

HERE = pathlib.Path(__file__).resolve().parent
SHARED = "shared_ids"
SEVEN = ["wide_bool", "wide_u8", "fixed_f32", "list_i32", "list_str", "xmc_i32", "long_str", SHARED]
TICKS = os.sysconf("SC_CLK_TCK")
# Processor time beside one process, and the part of the run that more executors do not shorten.
LIMITS = {"xmc_i32": 2.0, SHARED: 2.0}
LIMIT, SERIAL = 1.3, 0.05


def processor(pid):
    """Processor seconds of a process that runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak(pid):
    """Peak memory of a process that runs, in MB."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """A scheduler and executors on this machine."""

    def __init__(self, binary, executors, memory, work):
        self.binary, self.work, self.processes = binary, work, []
        shutil.rmtree(work, ignore_errors=True)
        (port,) = free_ports(1)
        self.url = f"df://localhost:{port}"
        self.start("scheduler", "--port", port)
        for number in range(executors):
            port, task_port = free_ports(2)
            folder = work / str(number)
            folder.mkdir(parents=True)
            arguments = ["--scheduler", self.url, "--port", port, "--task-port", task_port, "--work-dir", folder]
            self.start("executor", *arguments, "--threads", "1", "--memory-limit", memory)
        log = work / "log"
        end = time.time() + 60
        while log.read_text().count("Executor registration succeed") < executors:
            if time.time() > end or any(process.poll() is not None for process in self.processes):
                sys.exit(f"the cluster does not start, see {log}")
            time.sleep(0.05)

    def start(self, *arguments):
        self.work.mkdir(parents=True, exist_ok=True)
        with open(self.work / "log", "a") as log:
            command = [self.binary, "cluster", *arguments, "--verbose"]
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def seconds(self):
        """Processor seconds of scheduler and executors so far."""
        return [processor(process.pid) for process in self.processes]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


def run(command):
    """Wall seconds and processor seconds of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} ended with status {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def same(one, other):
    """Whether the files of two results are the same bytes, but for their accounts."""
    names = lambda folder: sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.name != "run_results.json")
    return names(one) == names(other) and all((one / name).read_bytes() == (other / name).read_bytes() for name in names(one))


def simulated(binary, asked, executors, account):
    """Seconds of a run with so many executors of one thread each, by a simulation."""
    command = [binary, "inspect", *asked, "--plan", "--executors", str(executors), "--simulate", "--account", account]
    # Executors are simulated with as many threads as this process may use.
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    try:
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        os.sched_setaffinity(0, own)
    total = next(line for line in told.splitlines() if line.strip().startswith("total"))
    return float(total.split()[1])


def shared_ids(folder, rows, shards=16, labels=1_000):
    """Pairs whose row ids lie in several shards; one in twenty is listed twice."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    if (folder / "_SUCCESS").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = pa.array([f"label/{i:07d}" for i in range(labels)])
    weight = (1.0 + np.arange(labels)) ** -1.05
    edges = np.cumsum(weight / weight.sum())
    for shard in range(shards):
        random = np.random.default_rng([23, shard])
        count = rows // shards
        ids = random.integers(0, max(1, rows // 5), count)
        label = np.searchsorted(edges, random.random(count)).clip(0, labels - 1)
        again = random.random(count) < 0.05
        ids[1:][again[1:]], label[1:][again[1:]] = ids[:-1][again[1:]], label[:-1][again[1:]]
        table = pa.table({"example_id": ids, "label": names.take(pa.array(label))})
        pq.write_table(table, folder / f"part-{shard:04d}.parquet", compression="zstd", row_group_size=131_072)
    (folder / "_SUCCESS").touch()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[*cases.CASES, SHARED, []])
    parser.add_argument("--binary", type=pathlib.Path, required=True, help="posweight with the feature cluster")
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is 4 million rows of 270 labels")
    parser.add_argument("--shared-rows", type=int, default=40_000_000, help="pairs of shared_ids at scale 1")
    parser.add_argument("--executors", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory-limit", default="512m")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.home() / ".cache" / "posweight-bench")
    parser.add_argument("--check", action="store_true", help="end with 1 where a ratio or a serial share passes its limit")
    arguments = parser.parse_args()
    folder, binary = arguments.folder.resolve(), arguments.binary.resolve()
    cluster = Cluster(binary, arguments.executors, arguments.memory_limit, folder / "cluster")
    failed = False
    accounts = folder / "accounts"
    accounts.mkdir(parents=True, exist_ok=True)
    columns = ["alone", "cluster", "ratio", "client", "scheduler", "executors", "tasks", "serial", "shuffled", "to client"]
    columns += ["time", "simulated"]
    print(f"| case | {' | '.join(columns)} | same bytes |")
    print(f"|---|{'--:|' * len(columns)}---|")
    try:
        for name in arguments.cases or SEVEN:
            shards = folder / f"scale-{arguments.scale}" / name
            if name == SHARED:
                shared_ids(shards, int(arguments.shared_rows * arguments.scale))
                flags = cases.LONG
            else:
                case = cases.CASES[name]
                flags, shards = case.flags, shards.with_name(case.workload)
                workload = [sys.executable, HERE / "workloads.py", shards.parent, str(arguments.scale), case.workload]
                subprocess.run(workload, check=True)
            here, there = folder / "here", folder / "there"
            common = [binary, "compute", shards, *flags, "--row-measures", "off", "--overwrite", "--quiet"]
            alone, taken, times = [], [], []
            for _ in range(arguments.runs):
                limits = ["--threads", "1", "--memory-limit", arguments.memory_limit]
                alone.append(run([*common, "--out", here, *limits])[1])
                before = cluster.seconds()
                elapsed, client = run([*common, "--out", there, *limits, "--cluster", cluster.url])
                times.append(elapsed)
                scheduler, *executors = (now - then for now, then in zip(cluster.seconds(), before))
                taken.append((client + scheduler + sum(executors), client, scheduler, sum(executors)))
            account = json.loads((there / "run_results.json").read_text())
            kept, one = (accounts / f"{arguments.scale}-{name}-{count}.json" for count in (arguments.executors, 1))
            shutil.copy(there / "run_results.json", kept)
            calibrated = one if one.exists() else kept
            expected = simulated(binary, [shards, *flags], arguments.executors, calibrated)
            of = account["cluster"]
            local, (total, client, scheduler, executors) = statistics.median(alone), sorted(taken)[len(taken) // 2]
            ratio, serial = total / local, of["serial_seconds"] / account["elapsed_seconds"]
            is_same = same(here, there)
            failed |= not is_same or ratio > LIMITS.get(name, LIMIT) or serial > SERIAL
            megabytes = lambda key: f"{of['bytes'][key] / 1e6:.1f} MB"
            cells = [f"{local:.2f} s", f"{total:.2f} s", f"{ratio:.2f} ×", f"{client:.2f} s", f"{scheduler:.2f} s"]
            cells += [f"{executors:.2f} s", str(of["tasks"]), f"{serial:.1%}", megabytes("shuffled"), megabytes("to_client")]
            cells += [f"{statistics.median(times):.2f} s", f"{expected:.2f} s"]
            print(f"| {name} | {' | '.join(cells)} | {'yes' if is_same else 'NO'} |", flush=True)
        peaks = ", ".join(f"{peak(process.pid):.0f} MB" for process in cluster.processes)
        print(f"\npeak memory of scheduler and executors: {peaks}")
    finally:
        cluster.stop()
    sys.exit(1 if failed and arguments.check else 0)


if __name__ == "__main__":
    main()
