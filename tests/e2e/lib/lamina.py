# SPDX-License-Identifier: Apache-2.0
"""The daemon under test, which may be stopped, killed and started again on the same state."""
import json
import re
import urllib.request

from lib.process import Process, eventually

# What the daemon's log says once it listens, and of every layer that it unpacked.
READY = "msg=serving"
APPLIED = r'msg="apply layer" digest=(\S+)'

EMPTY_LOWER = "empty"  # snapshots/empty serves every overlay mount that has no parent

# Of each flat tree that it made.
FLATTENED = r'msg=flattened .*'

# What it says of each image whose layers it unpacked ahead.
LOOKAHEAD = r'msg="look-ahead ended".* staged=(\d+) used=(\d+) wasted=(\d+)'

CONFIG = """[content]
root = "{containerd}/root/io.containerd.content.v1.content"
address = "{containerd}/sock"
[unpack]
lookahead = "{lookahead}"
"""

METRICS = "127.0.0.1:9464"  # of a network namespace of the case's own
METRICS_CONFIG = f"""[metrics]
address = "{METRICS}"
"""


class Lamina:
    def __init__(self, program, directory, containerd, lookahead, metrics=False, squash=None):
        directory.mkdir()
        self.address, self.root = directory / "sock", directory / "root"
        self._program, self._log = program, directory / "log"
        self._config = directory / "config.toml"
        self._always_configured = CONFIG.format(containerd=containerd, lookahead=lookahead)
        self._always_configured += METRICS_CONFIG if metrics else ""
        self.configure(squash or {})
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def configure(self, squash):
        """What the daemon reads at its next start; `squash` are the keys of its [squash]."""
        keys = "".join(f"{key} = {json.dumps(value)}\n" for key, value in squash.items())
        self._config.write_text(f"[squash]\n{keys}{self._always_configured}")

    def start(self):
        said = self._log.read_text().count(READY) if self._log.exists() else 0
        self._process = Process("lamina", [self._program, "--config", self._config, "--address",
                                           self.address, "--root", self.root], self._log)
        self._process.wait_until("serves", lambda: self.log_text().count(READY) > said)

    def stop(self):
        self._process.stop()

    def kill(self):
        self._process.kill()

    def log_text(self):
        return self._log.read_text(errors="replace")

    def unpacked(self):
        """Digests of the layer blobs that the daemon says it unpacked, in the log's order."""
        return re.findall(APPLIED, self.log_text())

    def flattened(self):
        """Of each flat tree what the log says: {"layers": "11", "seconds": ...}."""
        return [dict(re.findall(r"(\w+)=(\S+)", line))
                for line in re.findall(FLATTENED, self.log_text())]

    def unpacked_ahead(self):
        """How many layers were (staged, used, wasted), of the images that are done with."""
        found = re.findall(LOOKAHEAD, self.log_text())
        return tuple(sum(int(image[i]) for image in found) for i in range(3))

    def lookahead_counters(self):
        """The same as the metrics tell it."""
        return tuple(self.metric(f"lamina_lookahead_layers_{what}_total")
                     for what in ("staged", "used", "wasted"))

    def metric(self, name):
        with urllib.request.urlopen(f"http://{METRICS}/metrics") as answer:
            text = answer.read().decode()
        return int(float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1)))

    def leftovers(self):
        """Everything below the root that belongs to a snapshot, to be, present or past."""
        return [str(path.relative_to(self.root)) for folder in ("snapshots", "staging", "trash")
                for path in self.root.glob(f"{folder}/*") if path.name != EMPTY_LOWER]

    def wait_until_nothing_staged(self):
        eventually("staging is empty", lambda: not any(self.root.glob("staging/*")))

    def wait_until_empty(self):
        """Deleting is work in the background: Remove only puts a tree aside."""
        try:
            eventually("the root is empty", lambda: not self.leftovers())
        except AssertionError as error:
            raise AssertionError(f"{error}, left: {self.leftovers()}") from None
