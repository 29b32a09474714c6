# SPDX-License-Identifier: Apache-2.0
"""Who answers the snapshot calls, and what they took."""
import collections
import contextlib
import json
import statistics

from lib.process import run
from measure.containerd import MeasuredContainerd
from measure.filesystem import fresh_filesystem
from measure.lamina import MeasuredLamina
from measure.machine import describe_machine

CLIENTS = [1, 16, 64]
METHODS = ["prepare", "mounts", "stat", "commit", "remove"]
CONTENDERS = ["lamina", "containerd 2.3 overlayfs", "containerd 2.3 lamina"]


def programs(build):
    return {"daemon": build / "snapshotter" / "daemon" / "containerd-lamina-grpc",
            "rpc": build / "bench" / "rpc" / "rpc_bench"}


def measure(options):
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {**describe_machine(), "filesystem": options.filesystem}
    reports = collections.defaultdict(list)
    with open(options.out / "rpc.jsonl", "w", encoding="utf-8") as out:
        out.write(json.dumps({"kind": "machine", **machine}) + "\n")
        for _ in range(options.runs):
            for clients in CLIENTS:
                for contender in CONTENDERS:
                    report = measure_one(options, contender, clients)
                    reports[clients, contender].append(report)
                    out.write(json.dumps({"kind": "rpc", "contender": contender,
                                          "clients": clients, **report}) + "\n")
    print_table(machine, reports)


def measure_one(options, contender, clients):
    with (fresh_filesystem(options.filesystem, options.inside, 2) as directory,
          contextlib.ExitStack() as running):
        home, lamina = directory / "containerd", None
        if contender.endswith("lamina"):
            daemon = programs(options.build)["daemon"]
            lamina = running.enter_context(MeasuredLamina(daemon, directory / "lamina", home))
        address = lamina.address if contender == "lamina" else home / "sock"
        if contender != "lamina":
            running.enter_context(MeasuredContainerd("2.3", home, "bench", lamina))
        snapshotter = "lamina" if lamina else "overlayfs"
        rounds = 100 if options.quick else 2000
        return json.loads(run(programs(options.build)["rpc"], address, snapshotter, clients,
                              rounds))


def print_table(machine, reports):
    print(", ".join(f"{name}: {value}" for name, value in machine.items()))
    print("\nmicroseconds, p50 / p99\n")
    print(f"| clients | by | {' | '.join(METHODS)} | calls per second |")
    print("|--:|---|" + "--:|" * (len(METHODS) + 1))
    for (clients, contender), runs in reports.items():
        cells = [" / ".join(f"{median(run['latencies'][method][point] for run in runs):,.0f}"
                            for point in ("p50", "p99")) for method in METHODS]
        rate = median(run["rate"] for run in runs)
        print(f"| {clients} | {contender} | {' | '.join(cells)} | {rate:,.0f} |")


def median(values):
    return statistics.median(list(values))
