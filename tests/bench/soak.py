#!/usr/bin/env python3
"""Runs random verbs on random sets for as long as asked, and compares every result with an oracle in NumPy.

    nice python3 tests/bench/soak.py [--minutes N] [--seed S] [--binary target/debug/posweight] [--folder DIR]
    python3 tests/bench/soak.py --seed S --step K [--verb VERB]     # one step again, with its commands

Needs NumPy and PyArrow. Every step follows from the seed and its number alone: it writes a small set of one layout,
with types, NULL values, encodings, shards and formats as chance has it, runs one verb, one process at a time, and
compares counts, weights, measures, plans and files with what the oracle finds. Some steps damage a shard, kill the run,
or change the folder between runs. A finding prints the line that repeats it and keeps its folder. The end prints how
often each verb ended with which exit code; the exit code is 1 if there was a finding.
"""

import argparse
import collections
import pathlib
import resource
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from soak_step import Finding, Step
from soak_verbs import VERBS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Soak:
    def __init__(self, arguments):
        self.binary, self.seed, self.folder = arguments.binary.resolve(), arguments.seed, arguments.folder.resolve()
        self.usual = 0.2

    def step(self, number, verb=None):
        """Runs a step; its verb, its exit codes, and what was found."""
        step = Step(self, number, VERBS, verb)
        found = None
        try:
            VERBS[step.verb][0](step)
        except Finding as finding:
            found = str(finding)
        except Exception as error:  # Whatever the oracle cannot read is a finding, too.
            found = f"{type(error).__name__}: {error} (line {line_of(error)})"
        (step.folder / "commands.txt").write_text("\n".join(step.log) + "\n", encoding="utf-8")
        return step, found


def line_of(error):
    at = error.__traceback__
    while at.tb_next:
        at = at.tb_next
    return f"{pathlib.Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}"


def spent():
    """CPU time of the runs so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", type=int, help="run this step alone and keep its folder")
    parser.add_argument("--verb", choices=VERBS, help="run this verb in every step")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target" / "debug" / "posweight")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "posweight-soak")
    arguments = parser.parse_args()
    soak = Soak(arguments)
    if arguments.step is not None:
        step, found = soak.step(arguments.step, arguments.verb)
        print("\n".join(step.log))
        print(f"{step.verb}: {found or 'nothing found'}; in {step.folder}")
        sys.exit(1 if found else 0)
    ends = collections.defaultdict(collections.Counter)
    end, number, findings = time.monotonic() + arguments.minutes * 60, 0, 0
    while time.monotonic() < end:
        began = spent()
        step, found = soak.step(number, arguments.verb)
        ends[step.verb].update(step.codes)
        seconds = spent() - began
        if seconds > 20:
            found = found or f"took {seconds:.0f} s of CPU time"
        if found:
            findings += 1
            again = f" --verb {arguments.verb}" if arguments.verb else ""
            print(f"--seed {soak.seed} --step {number}{again}: {step.verb}: {found}", flush=True)
        else:
            shutil.rmtree(step.folder)
        number += 1
    print(f"{number} steps, {sum(sum(codes.values()) for codes in ends.values())} runs, {findings} findings, seed {soak.seed}")
    for verb, codes in sorted(ends.items()):
        print(f"  {verb:8} " + ", ".join(f"{code}: {times}" for code, times in sorted(codes.items())))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
