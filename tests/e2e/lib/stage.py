# SPDX-License-Identifier: Apache-2.0
"""Everything a case plays with; what it starts is stopped in reverse order when the case ends."""
import contextlib

from lib.containerd import PEERS, Containerd
from lib.cache import peer_program
from lib.expect import equal
from lib.image import test_image
from lib.lamina import Lamina
from lib.prerequisites import require_file
from lib.process import eventually
from lib.registry import Registry


class Stage:
    def __init__(self, directory, version, daemon):
        require_file(peer_program(PEERS[version], "containerd"), "tests/e2e/peers.sh fetches it")
        self.directory, self.version, self._daemon = directory, version, daemon
        self.laminactl = daemon.parent.parent / "laminactl" / "laminactl"
        self.image = test_image()
        self.registry = self.lamina = self.containerd = None
        self._running = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:
            self.print_logs()
        self.stop()

    def stop(self):
        self._running.close()

    def start(self, lamina=True, parallel=False, lookahead="auto", metrics=False, squash=None,
              pause=None):
        """Registry, daemon and a containerd that knows the daemon. `squash`: its [squash];
        `pause`: the image that holds a pod, for cases with CRI."""
        self.registry = self._running.enter_context(Registry(self.directory / "registry"))
        if lamina:
            self.lamina = self._running.enter_context(
                Lamina(self._daemon, self.directory / "lamina", self.directory / "containerd",
                       lookahead, metrics, squash))
        self.containerd = self._running.enter_context(
            Containerd(self.version, self.directory / "containerd", self.directory.name,
                       self.lamina, parallel, pause))

    def restart_lamina(self):
        """Returns once containerd noticed: it dials a lost daemon at most every 3 seconds."""
        self.lamina.start()
        eventually("containerd reaches lamina again", lambda: self.containerd.reaches("lamina"),
                   pause=0.2)

    def configure_squash(self, squash):
        """Restarts the daemon with this [squash]."""
        self.lamina.stop()
        self.lamina.configure(squash)
        self.restart_lamina()

    def remove_everything(self, *references):
        """The images, and expects that nothing of them stays."""
        for reference in references:
            self.containerd.remove_image(reference)
        self.containerd.collect_garbage()
        equal("snapshots", self.containerd.snapshots("lamina"), [])
        self.lamina.wait_until_empty()

    def print_logs(self):
        for log in (self.directory / "containerd" / "log", self.directory / "lamina" / "log"):
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            print(f"--- {log}", *lines[-40:], sep="\n")

    def push(self, compression):
        return self.registry.push(self.image.layout(compression), f"test:{compression}")
