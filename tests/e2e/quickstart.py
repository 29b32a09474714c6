#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The last part of tests/quickstart.sh: pulls an image through lamina and runs a container."""
import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is

from lib import isolation
from lib.container import run_once
from lib.image import test_image
from lib.process import run
from lib.stage import Stage

# Shell built-ins only, as an image of the user's may have no more than a shell.
GREETING = ('echo "Hello from a container whose $# layers lamina unpacked:"; '
            'while read -r source target rest; do '
            '[ "$target" != / ] || echo "$source $target $rest"; done </proc/self/mounts')


@contextlib.contextmanager
def step(name):
    began = time.monotonic()
    print(f"==> {name}", flush=True)
    yield
    print(f"    {name} took {time.monotonic() - began:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", type=Path, required=True)
    parser.add_argument("--image", help="a reference for skopeo to fetch")
    parser.add_argument("--layout", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        return inside(options) if options.inside else outside(options)
    except AssertionError as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # bash's code for ctrl-C


def outside(options):
    """With the network still there: the image goes into a folder."""
    with tempfile.TemporaryDirectory(prefix="lamina-quickstart-") as directory:
        layout = Path(directory, "image")
        with step("getting the image"):
            if options.image:
                run("skopeo", "--insecure-policy", "copy", "--quiet", f"docker://{options.image}",
                    f"oci:{layout}")
            else:
                layout = test_image().layout("zstd")
        return isolation.run_isolated([sys.executable, __file__, "--daemon", options.daemon,
                                       "--layout", layout, "--inside"])


def inside(options):
    isolation.settle_in(options.inside)
    mounts = isolation.mount_points()
    stage = Stage(options.inside, "2.3", options.daemon)
    try:
        show(stage, options.layout)
    finally:
        with step("stopping everything"):
            stage.stop()
    isolation.expect_nothing_left(mounts)
    return 0


def show(stage, layout):
    with step("starting registry, lamina and containerd"):
        stage.start()
        reference = stage.registry.push(layout, "quickstart:image")
    with step("pulling through lamina"):
        stage.containerd.pull(reference, "lamina")
        layers = stage.lamina.unpacked()
        print("\n".join(f"    lamina unpacked {digest}" for digest in layers))
    with step("running a container"):
        print(run_once(stage.containerd, reference, "lamina", "/bin/sh", "-c", GREETING, "sh",
                       *layers), end="")


if __name__ == "__main__":
    sys.exit(main())
