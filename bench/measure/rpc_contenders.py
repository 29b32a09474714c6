# SPDX-License-Identifier: Apache-2.0
"""Who answers the snapshot calls, and what they took."""
import contextlib
import json

from lib.process import run
from measure import rpc_table
from measure.containerd import MeasuredContainerd
from measure.filesystem import fresh_filesystem
from measure.lamina import MeasuredLamina
from measure.machine import describe_machine

CLIENTS = [1, 16, 64]
CONTENDERS = ["lamina", "containerd 2.3 overlayfs", "containerd 2.3 lamina"]


def programs(build):
    return {"daemon": build / "snapshotter" / "daemon" / "containerd-lamina-grpc",
            "rpc": build / "bench" / "rpc" / "rpc_bench"}


def measure(options):
    """Adds to rpc.jsonl, as Results does to results.jsonl."""
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"kind": "machine", **describe_machine(), "filesystem": options.filesystem}
    lines = []
    with open(options.out / "rpc.jsonl", "w" if options.quick else "a", encoding="utf-8") as out:
        print(json.dumps(machine), file=out, flush=True)
        for _ in range(options.runs):
            for clients in CLIENTS:
                for contender in CONTENDERS:
                    lines.append({"kind": "rpc", "contender": contender, "clients": clients,
                                  **measure_one(options, contender, clients)})
                    print(json.dumps(lines[-1]), file=out, flush=True)
    print(", ".join(f"{name}: {value}" for name, value in machine.items() if name != "kind"))
    rpc_table.print_table(lines)


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
        rounds = 100 if options.quick else 640  # of all clients together
        return json.loads(run(programs(options.build)["rpc"], address, snapshotter, clients,
                              rounds))
