# SPDX-License-Identifier: Apache-2.0
"""A real containerd under private folders, and its command line client."""
import copy
import json
import os

from lib.cache import peer_program
from lib.process import Process, run

PEERS = {"1.6": "containerd-1.6", "1.7": "containerd-1.7", "2.3": "containerd-2.3"}

# Parts that need other software, or write outside the folders given here (opt: /opt/containerd).
UNUSED_PARTS = [f"io.containerd.{part}" for part in (
    "internal.v1.opt", "nri.v1.nri", "snapshotter.v1.btrfs", "snapshotter.v1.zfs",
    "snapshotter.v1.aufs", "snapshotter.v1.devmapper", "snapshotter.v1.blockfile",
    "snapshotter.v1.erofs", "internal.v1.tracing", "tracing.processor.v1.otlp")]
CRI_PARTS = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images",
             "io.containerd.cri.v1.runtime"]

SNAPSHOTTER = """
[proxy_plugins.lamina]
  type = "snapshot"
  address = "{address}"
  capabilities = {capabilities}
  [proxy_plugins.lamina.exports]
    root = "{root}"
"""

DIFFER = """
[proxy_plugins.lamina-diff]
  type = "diff"
  address = "{address}"
[plugins."io.containerd.service.v1.diff-service"]
  default = ["lamina-diff", "walking"]
[plugins."io.containerd.transfer.v1.local"]
  {max_unpacks}
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux"
  snapshotter = "overlayfs"
  differ = "walking"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux"
  snapshotter = "lamina"
  differ = "lamina-diff"
"""


# By their names up to 1.7 and since. A pod's process wants to be killed last, for which a root
# without CAP_SYS_RESOURCE may not ask.
CRI = """
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "lamina"
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "{directory}/cni"
""", """
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "lamina"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  conf_dir = "{directory}/cni"
"""


def config_text(version, directory, lamina, unpacks, pause=None):
    """Without `lamina` containerd has its own parts alone; 1.6 panics over a proxied differ.

    `unpacks` is how many layers of an image may be unpacked at the same time, `pause` the image
    that holds a pod of CRI, which is off without one.
    """
    text = f"version = {3 if version == '2.3' else 2}\n"
    text += f'root = "{directory}/root"\nstate = "{directory}/state"\n'
    text += f"disabled_plugins = {json.dumps(UNUSED_PARTS + ([] if pause else CRI_PARTS))}\n"
    text += f'[grpc]\n  address = "{directory}/sock"\n'
    if lamina:
        capabilities = ["remap-ids", "rebase"] if unpacks > 1 else ["remap-ids"]
        text += SNAPSHOTTER.format(address=lamina.address, root=lamina.root,
                                   capabilities=json.dumps(capabilities))
    if lamina and version != "1.6":
        text += DIFFER.format(address=lamina.address,
                              max_unpacks=f"max_concurrent_unpacks = {unpacks}"
                              if unpacks > 1 else "")
    if pause:
        text += CRI[version == "2.3"].format(pause=pause, directory=directory)
    return text


class Containerd(Process):
    """Runs until its block ends. `namespace` names the cgroup above the containers' as well."""

    def __init__(self, version, directory, namespace, lamina=None, parallel=False,
                 pause=None):
        directory.mkdir(exist_ok=True)  # the daemon may have looked for the content store
        self.version, self.directory = version, directory
        self.namespace = self.cgroup = namespace
        config = directory / "config.toml"
        config.write_text(config_text(version, directory, lamina, 4 if parallel else 1, pause))
        programs = os.path.dirname(peer_program(PEERS[version], "containerd"))
        self._env = {**os.environ, "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"}
        self._ctr = peer_program(PEERS[version], "ctr")
        super().__init__(f"containerd {version}", [f"{programs}/containerd", "--config", config],
                         directory / "log", self._env)
        self.wait_until("answers", lambda: self.ctr("version", check=False).returncode == 0)

    def in_namespace(self, namespace):
        """The same containerd."""
        other = copy.copy(self)
        other.namespace = namespace
        return other

    def ctr(self, *args, check=True, within=None):
        """`within`: after that many seconds it is killed."""
        killer = ["timeout", "--signal=KILL", within] if within is not None else []
        return run(*killer, self._ctr, "--address", self.directory / "sock", "--namespace",
                   self.namespace, *args, check=check, env=self._env)

    def ctr_rows(self, *args):
        """The table that ctr prints, without its head, as lists of words."""
        return [line.split() for line in self.ctr(*args).splitlines()[1:]]

    def pull(self, reference, snapshotter, *more, check=True, within=None):
        return self.ctr("images", "pull", "--plain-http", "--snapshotter", snapshotter, *more,
                        reference, check=check, within=within)

    def snapshot_command(self, snapshotter, *args):
        return self.ctr("snapshots", "--snapshotter", snapshotter, *args)

    def reaches(self, snapshotter):
        """Whether a call gets through to it; a listing without snapshots would not try."""
        probe = ("snapshots", "--snapshotter", snapshotter)
        reached = self.ctr(*probe, "prepare", "probe", check=False).returncode == 0
        self.ctr(*probe, "rm", "probe", check=False)
        return reached

    def snapshots(self, snapshotter):
        """The keys of all snapshots in this namespace."""
        return [line.split()[0] for line in
                self.snapshot_command(snapshotter, "ls").splitlines()[1:]]

    def usage(self, snapshotter, key):
        """(bytes, inodes)"""
        _, size, inodes = self.snapshot_command(snapshotter, "usage", "-b", key).split()[-3:]
        return int(size), int(inodes)

    def remove_image(self, reference):
        """Returns after the garbage collection that this sets off."""
        self.ctr("images", "rm", "--sync", reference)

    def collect_garbage(self):
        """Runs one at once: removing a lease with --sync waits for it, whatever the lease held."""
        self.ctr("leases", "create", "--id", "garbage")
        self.ctr("leases", "rm", "--sync", "garbage")

    def has_blob_file(self, digest):
        return any(self.directory.rglob(f"blobs/{digest.replace(':', '/')}"))
