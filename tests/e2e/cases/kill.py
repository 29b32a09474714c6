# SPDX-License-Identifier: Apache-2.0
"""The daemon ends by SIGKILL at any moment of a pull: the next pull must find nothing in its way."""
import os
import random
import threading
import time

from lib.expect import equal
from lib.layers_on_disk import layer_folders
from lib.manifest import manifest
from lib.registration import case
from lib.trees import unexpected

# How many pulls a kill has to break.
ROUNDS = int(os.environ.get("LAMINA_E2E_KILLS", "50"))
SEED = int(os.environ.get("LAMINA_E2E_SEED", str(time.time_ns() % 1_000_000)))


def layers(stage):
    return [manifest(folder) for folder in
            layer_folders(stage.containerd, "lamina", stage.image.chain_ids)]


def undisturbed_pull(stage, reference):
    """How long it took, and the trees that it made."""
    began = time.monotonic()
    stage.containerd.pull(reference, "lamina")
    seconds = time.monotonic() - began
    trees = layers(stage)
    stage.remove_everything(reference)
    return seconds, trees


def pull_with_kill(stage, reference, delay):
    """Whether the pull was completed before. Its exit code does not tell: containerd 2.3.4 calls a
    parallel pull a success when the first Prepare finds no daemon."""
    killer = threading.Timer(delay, stage.lamina.kill)
    killer.start()
    stage.containerd.pull(reference, "lamina", check=False)
    killer.join()
    stage.restart_lamina()
    return stage.image.chain_ids[-1] in stage.containerd.snapshots("lamina")


def one_round(stage, reference, delay, expected):
    """Whether the kill met the pull, and how long the next one took, which has to be perfect."""
    survived = pull_with_kill(stage, reference, delay)
    seconds, trees = undisturbed_pull(stage, reference)
    for number, (tree, before) in enumerate(zip(trees, expected)):
        equal(f"layer {number + 1}", unexpected(stage, number, tree, before), [])
    return not survived, seconds


def kill_again_and_again(stage, parallel):
    print(f"LAMINA_E2E_SEED={SEED} LAMINA_E2E_KILLS={ROUNDS}", flush=True)
    moments = random.Random(SEED)
    stage.start(parallel=parallel)
    reference = stage.push("gzip")
    seconds, expected = undisturbed_pull(stage, reference)
    broken = 0
    for number in range(4 * ROUNDS):
        delay = moments.uniform(0, seconds)
        met, seconds = one_round(stage, reference, delay, expected)
        print(f"{number + 1}: {delay:.3f} s, {'broken' if met else 'too late'}", flush=True)
        broken += met
        if broken == ROUNDS:
            return
    raise AssertionError(f"only {broken} of {4 * ROUNDS} kills met a pull")


@case("1.7")
def sigkill_during_pull_leaves_nothing_behind(stage):
    kill_again_and_again(stage, parallel=False)


@case("2.3")
def sigkill_during_parallel_pull_leaves_nothing_behind(stage):
    kill_again_and_again(stage, parallel=True)
