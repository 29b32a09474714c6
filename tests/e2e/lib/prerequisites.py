# SPDX-License-Identifier: Apache-2.0
"""What a case needs from the machine, and how it says that something is missing."""
import os
import shutil


class Missing(Exception):
    """The machine lacks something; the case is skipped, or fails where CI=true."""


SKIPPED = 77  # the code that ctest's SKIP_RETURN_CODE knows


def require_root():
    if os.geteuid() != 0:
        raise Missing("root: mounts, namespaces and containers need it")


def require_programs(*names):
    absent = [name for name in names if not shutil.which(name)]
    if absent:
        raise Missing(f"programs: {' '.join(absent)} (tests/install-packages.sh installs them)")


def require_file(path, how):
    if not os.path.exists(path):
        raise Missing(f"{path} ({how})")
    return path
