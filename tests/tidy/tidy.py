# SPDX-License-Identifier: Apache-2.0
"""tidy.py includes|sources|format TOP: checks the repository; exit status 77 means skipped."""

import pathlib
import shutil
import subprocess
import sys

import checks
import rules

CLANG_FORMAT = "clang-format-19"
SKIPPED = 77


def files(top, suffixes):
    for folder in rules.FOLDERS:
        for path in sorted((top / folder).rglob("*")):
            if path.is_file() and path.name.endswith(suffixes):
                yield path


def findings(top, suffixes, check):
    for path in files(top, suffixes):
        yield from check(str(path.relative_to(top)), path.read_text(encoding="utf-8"))


def check_format(top):
    if shutil.which(CLANG_FORMAT) is None:
        print(f"{CLANG_FORMAT} is missing: the format was not checked")
        return SKIPPED
    sources = [str(path) for path in files(top, (".cc", ".h"))]
    return subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", *sources], check=False).returncode


def main(check, top):
    top = pathlib.Path(top).resolve()
    if check == "format":
        return check_format(top)
    found = {"includes": lambda: findings(top, (".cc", ".h"), checks.check_includes),
             "sources": lambda: findings(top, rules.SPDX_IN, checks.check_source)}[check]()
    count = 0
    for finding in found:
        print(finding)
        count += 1
    print(f"{count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
