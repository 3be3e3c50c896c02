#!/usr/bin/env python3
"""Compares our programs with etcd's on this machine, in one run: prints a table of figures with ratios and targets.

    compare.py [--build] [--only commands,puts,...] [--itself] [--realtime] [--release 3.7] [--dir target/compare]

Needs etcd's programs (.ci/etcd installs them), ours in the profile `dist` (--build), `taskset`, `strace`, and GNU
`time`. Takes about 15 minutes and 6 GiB of disk; needs a machine with two cores that is otherwise idle. The exit code
is 1 if a target is missed.
"""

import argparse
import datetime
import json
import os
import platform
import sys
from pathlib import Path

from figures import Figures
from harness import ROOT, Programs, settle, sync_milliseconds

ALL = ["commands", "large_answers", "events", "mirror", "puts", "slow_disk", "reads", "snapshot", "status", "restore", "offline", "start", "defrag", "compact", "compact_under_load",
       "watches", "leases", "users", "tls", "idle"]


def machine():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release().split('-')[0]}"


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(ALL), help="figures, separated by commas: " + " ".join(ALL))
    parser.add_argument("--release", default="3.7", help="release of etcd to compare with")
    parser.add_argument("--dir", default=str(ROOT / "target/compare"), help="where data directories are made")
    parser.add_argument("--keys", type=int, default=700_000, help="keys of 1 KiB in the large database")
    parser.add_argument("--seconds", type=float, default=5, help="how long each load is measured")
    parser.add_argument("--itself", action="store_true", help="put etcd in the place of ours, to see the noise")
    parser.add_argument("--realtime", action="store_true", help="let nothing else on the machine interfere; needs root, and starves what does")
    parser.add_argument("--build", action="store_true", help="build ours first")
    args = parser.parse_args()
    wanted = args.only.split(",")
    unknown = set(wanted) - set(ALL)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")

    programs = Programs(args.release, args.build, args.itself)
    settle(args.realtime)
    folder = Path(args.dir)
    folder.mkdir(parents=True, exist_ok=True)
    figures = Figures(programs, folder, args.keys, args.seconds)
    print(f"{datetime.date.today()}, {machine()}; etcd {args.release}; a write and its sync here take "
          f"{sync_milliseconds(folder):.2f} ms (median).")
    priority = ", all with real-time priority" if args.realtime else ""
    print(f"Servers on core 0, load on core 1, commands on both{priority}.\n")
    print("| figure | ours | etcd | ratio | target | |")
    print("|---|---:|---:|---:|---|---|", flush=True)
    rows = []
    for name in wanted:
        for row in getattr(figures, name)():
            what, ours, theirs, unit, ratio, target, met = row
            mark = "" if not target else "met" if met else "MISSED"
            print(f"| {what} | {number(ours)} {unit} | {number(theirs)} {unit} | {ratio:.2f} | {target} | {mark} |", flush=True)
            rows.append(row)
    (folder / "results.json").write_text(json.dumps(rows, indent=1))
    sys.exit(any(not row[-1] for row in rows))


if __name__ == "__main__":
    main()
