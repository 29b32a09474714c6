# SPDX-License-Identifier: Apache-2.0
"""A containerd of the tests with what makes it faster or slower under control."""
import os

from lib.cache import peer_program
from lib.containerd import PEERS, Containerd, config_text
from lib.process import Process

PARALLEL = """
[plugins."io.containerd.transfer.v1.local"]
  max_concurrent_unpacks = {unpacks}
"""

# containerd takes what it finds on PATH, igzip before unpigz (1.7 knows unpigz alone), unless these
# variables forbid it (pkg/archive/compression).
SWITCHES = {"igzip": "CONTAINERD_DISABLE_IGZIP", "unpigz": "CONTAINERD_DISABLE_PIGZ"}


class MeasuredContainerd(Containerd):
    """`decoder` is the program that may inflate gzip; None leaves it to Go. `unpacks` is how many
    layers of an image may be unpacked at the same time."""

    def __init__(self, version, directory, namespace, lamina=None, decoder=None, unpacks=1):
        directory.mkdir(parents=True, exist_ok=True)
        self.version, self.directory = version, directory
        self.namespace = self.cgroup = namespace
        text = config_text(version, directory, lamina, unpacks)
        config = directory / "config.toml"
        config.write_text(text + (PARALLEL.format(unpacks=unpacks)
                                  if unpacks > 1 and not lamina else ""))
        programs = os.path.dirname(peer_program(PEERS[version], "containerd"))
        forbidden = {variable: "1" for name, variable in SWITCHES.items() if name != decoder}
        self._env = {**os.environ, **forbidden, "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"}
        self._ctr = peer_program(PEERS[version], "ctr")
        Process.__init__(self, f"containerd {version}",
                         [f"{programs}/containerd", "--config", config], directory / "log",
                         self._env)
        self.wait_until("answers", lambda: self.ctr("version", check=False).returncode == 0)

    def ctr_command(self, *args):
        return [self._ctr, "--address", self.directory / "sock", "--namespace", self.namespace,
                *args]
