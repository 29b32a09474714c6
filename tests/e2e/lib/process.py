# SPDX-License-Identifier: Apache-2.0
"""Programs that run to their end, and servers that live as long as a `with` block."""
import os
import signal
import subprocess
import time

PATIENCE = 240  # seconds; only a broken run waits that long: a busy ext4 deleted for 80 once


def run(*argv, check=True, **options):
    """Runs a program and returns what it printed; failing is an error that shows everything."""
    argv = [str(arg) for arg in argv]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10 * PATIENCE, check=False,
                          **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)} ended with {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
    return done.stdout if check else done


def eventually(what, condition, pause=0.02):
    """Waits for a condition that another process brings about, and returns its value."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"after {PATIENCE} s still not: {what}")
        time.sleep(pause)
    return value


class Process:
    """A server with its log in a file, stopped by its process id when the block ends."""

    def __init__(self, name, argv, log, env=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self._child = subprocess.Popen([str(arg) for arg in argv], stdin=subprocess.DEVNULL,
                                           stdout=out, stderr=out, env=env,
                                           start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def wait_until(self, what, condition):
        """As eventually(), but a server that died is noticed at once."""
        def alive_and_ready():
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self._child.returncode}:\n"
                                     f"{self.log_tail()}")
            return condition()
        return eventually(f"{self.name}: {what}", alive_and_ready)

    def stop(self):
        """SIGTERM; a server that then does not end by itself is an error."""
        if not self.running():
            return
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM:\n{self.log_tail()}") from None

    def kill(self):
        self._child.kill()
        self._child.wait()

    def log_text(self):
        return self.log.read_text(errors="replace")

    def log_tail(self, lines=25):
        return os.linesep.join(self.log_text().splitlines()[-lines:])
