# SPDX-License-Identifier: Apache-2.0
"""Makes everything that needs the network, before any case runs without one."""
import subprocess
from pathlib import Path

from lib.image import test_image
from lib.prerequisites import Missing, require_programs


def prepare():
    require_programs("apt-get", "dpkg-deb", "flock", "zstd")
    script = Path(__file__).parent.parent / "peers.sh"
    if subprocess.run([script], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise Missing("peers: tests/e2e/peers.sh could not fetch them")
    test_image()
    return 0
