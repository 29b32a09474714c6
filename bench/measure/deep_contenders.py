# SPDX-License-Identifier: Apache-2.0
"""A deep image without a flat tree, and with one of hard links or of copies."""
import json
import time

from layers.deep import DeepImage
from lib.container import run_once
from lib.expect import equal
from lib.image import chain_ids
from lib.process import run
from lib.registry import Registry
from measure import deep_table
from measure.deep_host import DeepHost
from measure.filesystem import fresh_filesystem
from measure.looks import look_at
from measure.machine import describe_machine
from measure.turns import rotated

# Where min_layers is the number of layers only the topmost one may have a tree; with fewer each from
# the twelfth on may, until the next layer comes.
EAGER = "hardlink, min_layers = 12"
KEPT = 1  # keep_base, unless configured


def contenders(layers):
    """The daemon's [squash] for each of them."""
    flat = {"mode": "auto", "wait": True, "min_layers": layers}
    return {"layers": {"mode": "off"}, "hardlink": flat, "copy": {**flat, "backend": "copy"},
            EAGER: {**flat, "min_layers": 12}}

# Looks for every module that there is, as an import does, but runs none.
FIND_MODULES = ("import importlib.util as u, os; "
                "print(len([n for n in os.listdir('/usr/lib/python3/dist-packages') "
                "if '.' not in n and u.find_spec(n)]))")
COMMANDS = {"true": ["/usr/bin/true"], "python": ["/usr/bin/python3.11", "-Bc", FIND_MODULES]}


def programs(build):
    return {"daemon": build / "snapshotter" / "daemon" / "containerd-lamina-grpc"}


def measure(options):
    """Adds to deep.jsonl, as Results does to results.jsonl."""
    image = DeepImage(options.quick)
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"kind": "machine", **describe_machine(), "filesystem": options.filesystem}
    lines = []
    with (open(options.out / "deep.jsonl", "w" if options.quick else "a", encoding="utf-8") as out,
          Registry(options.inside / "registry") as registry):
        print(json.dumps(machine), file=out, flush=True)
        reference = registry.push(image.layout, "deep:layers")
        names = list(contenders(image.layers))
        names = names[:-1 if options.quick else None]  # too few layers for the last
        for number in range(options.runs):
            for contender in rotated(names, number):
                lines.append({"kind": "deep", "contender": contender,
                              **measure_one(options, contender, image, reference)})
                print(json.dumps(lines[-1]), file=out, flush=True)
    print(", ".join(f"{name}: {value}" for name, value in machine.items() if name != "kind"))
    deep_table.print_tables(lines)


def measure_one(options, contender, image, reference):
    squash = contenders(image.layers)[contender]
    with fresh_filesystem(options.filesystem, options.inside, 2) as directory:
        host = DeepHost(programs(options.build)["daemon"], squash, options.filesystem,
                        options.inside, directory)
        report = {"pull": host.pull(reference, top_of(image))}
        report["lowers"] = len(host.lowers)
        if contender != EAGER:
            equal("lower directories", report["lowers"],
                  image.layers if contender == "layers" else KEPT + 1)
        report["looks"] = look_at(image, host)
        report["starts"] = start_containers(host, reference, options.quick)
        report["disk_bytes"], report["inodes"] = host.size_of_trees()
    return report


def top_of(image):
    """The chain ID of the whole image."""
    config = json.loads(run("skopeo", "inspect", "--config", f"oci:{image.layout}"))
    return chain_ids(config["rootfs"]["diff_ids"])[-1]


def start_containers(host, reference, quick):
    """{"cold": {"true": seconds, ...}, "warm": ...}: `ctr run` until the container is gone."""
    seconds = {"cold": {}, "warm": {}}
    for name, argv in COMMANDS.items():
        if quick and name != "true":
            continue
        host.forget()
        with host.running() as containerd:
            for memory, found in seconds.items():
                began = time.perf_counter()
                run_once(containerd, reference, "lamina", *argv, name=f"{name}-{memory}")
                found[name] = time.perf_counter() - began
    return seconds
