#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up the JUnit files of several ctest runs: totals.py FILE...

Names what failed, with the end of what it printed, and what was skipped. The last line is "N passed, N failed, N skipped".
Exit code 1 when a test failed or did not run, when none passed, and where CI=true when one was
skipped.
"""
import os
import sys
import xml.etree.ElementTree as ElementTree

LAST_LINES = 60  # of a failed test: its own words come last
ASKED_TO_SKIP = ("SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION")  # ctest's words for it


def outcome(test):
    """A test that did not run for any other reason than its own choice counts as failed."""
    if test.get("status") == "run":
        return "passed"
    skipped = test.find("skipped")
    if skipped is not None and skipped.get("message", "").startswith(ASKED_TO_SKIP):
        return "skipped"
    return "failed"


def print_end(test):
    """Once more, for readers who only get the end of a log."""
    lines = (test.findtext("system-out") or "").splitlines()
    print(f"--- {test.get('name')}", *lines[-LAST_LINES:], sep="\n")


def main(files):
    names = {"passed": [], "failed": [], "skipped": []}
    for file in files:
        for test in ElementTree.parse(file).getroot().iter("testcase"):
            names[outcome(test)].append(f"{test.get('name')} ({file})")
            if outcome(test) == "failed":
                print_end(test)
    for kind in ("skipped", "failed"):
        for name in names[kind]:
            print(f"{kind}: {name}")
    print(", ".join(f"{len(names[kind])} {kind}" for kind in names))
    in_ci = os.environ.get("CI") == "true"
    bad = names["failed"] or not names["passed"] or (in_ci and names["skipped"])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
