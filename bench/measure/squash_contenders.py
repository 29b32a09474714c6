# SPDX-License-Identifier: Apache-2.0
"""Who squashes a docker-save tar, and what it took."""
import json
import statistics

from lib.cache import peer_program
from measure.command import REPOSITORY
from measure.cost import run_measured
from measure.filesystem import fresh_filesystem, warm
from measure.machine import describe_machine

PEER = "docker-squash"
GIGABYTES = 20  # the saved image, unpacked, and several times over by docker-squash


def programs(build):
    return {"laminactl": build / "snapshotter" / "laminactl" / "laminactl"}


def contenders(options):
    """{name: command line}, made of where the source, the result and temporary files go."""
    laminactl = programs(options.build)["laminactl"]
    return {
        "laminactl squash": lambda source, layers, result, scratch: [
            laminactl, "squash", source, "--from-layer", "all", "--tag", "bench:squashed",
            "--output-path", result, "--tmp-dir", scratch],
        "docker-squash": lambda source, layers, result, scratch: [
            peer_program(PEER, "python"), REPOSITORY / "bench" / "squashing" / "on_tar.py", source,
            layers, result],
    }


def measure(options, source, layers):
    """Adds to squash.jsonl, as Results does to results.jsonl."""
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"kind": "machine", **describe_machine(), "filesystem": options.filesystem}
    lines = []
    with open(options.out / "squash.jsonl", "w" if options.quick else "a", encoding="utf-8") as out:
        print(json.dumps(machine), file=out, flush=True)
        for _ in range(options.runs):
            for name, command_of in contenders(options).items():
                lines.append({"kind": "squash", "contender": name,
                              **measure_one(options, command_of, source, layers)})
                print(json.dumps(lines[-1]), file=out, flush=True)
    print(", ".join(f"{name}: {value}" for name, value in machine.items() if name != "kind"))
    print_table(lines)


def measure_one(options, command_of, source, layers):
    warm(source)
    with fresh_filesystem(options.filesystem, options.inside, GIGABYTES) as directory:
        result = directory / "result.tar"
        environment = {"TMPDIR": str(directory), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        cost = run_measured(command_of(source, layers, result, directory), env=environment)[1]
        return {"wall": cost.wall, "cpu": cost.cpu, "rss": cost.rss,
                "result_bytes": result.stat().st_size}


def print_table(lines):
    print("| contender | wall s | CPU s | peak RSS | result |\n|---|--:|--:|--:|--:|")
    for name in dict.fromkeys(line["contender"] for line in lines):
        wall, cpu, rss, size = (
            statistics.median(line[field] for line in lines if line["contender"] == name)
            for field in ("wall", "cpu", "rss", "result_bytes"))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {rss / 2**20:.0f} MiB | {size / 1e6:.0f} MB |")
