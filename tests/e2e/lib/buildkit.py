# SPDX-License-Identifier: Apache-2.0
"""A real buildkitd whose worker is a case's containerd, and its command line client."""
import os
import shutil

from lib.cache import peer_program
from lib.layer import BORN
from lib.prerequisites import require_file
from lib.process import Process, run
from lib.registry import HOST

# Containers of `RUN` get the case's network, which has nothing but loopback, and its cgroup.
CONFIG = """root = "{directory}/root"
[grpc]
  address = ["unix://{directory}/sock"]
[worker.oci]
  enabled = false
[worker.containerd]
  enabled = true
  address = "{containerd}"
  namespace = "{namespace}"
  snapshotter = "{snapshotter}"
  networkMode = "host"
  defaultCgroupParent = "{cgroup}"
  gc = false
[registry."{registry}"]
  http = true
"""

class Buildkit(Process):
    """Runs until its block ends, in a namespace of its own of `containerd`. `upper_directories` is
    where it takes the changes of a step from: True: from the upper directory, and when it cannot,
    the build fails; False: from a comparison by containerd; None: whichever can be
    (cache/blobs.go)."""

    def __init__(self, containerd, directory, snapshotter, upper_directories):
        program = require_file(peer_program("buildkit", "buildkitd"), "tests/e2e/peers.sh makes it")
        directory.mkdir()
        self.directory = directory
        self.containerd = containerd.in_namespace(f"{containerd.namespace}-{directory.name}")
        config = directory / "buildkitd.toml"
        config.write_text(CONFIG.format(
            directory=directory, containerd=containerd.directory / "sock", registry=HOST,
            namespace=self.containerd.namespace, snapshotter=snapshotter,
            cgroup=containerd.cgroup))
        # buildctl looks for credentials there
        self._env = {**os.environ, "DOCKER_CONFIG": str(directory / "docker")}
        if upper_directories is not None:
            self._env["BUILDKIT_DEBUG_FORCE_OVERLAY_DIFF"] = str(upper_directories)
        super().__init__("buildkitd", [program, "--config", config], directory / "log", self._env)
        self.wait_until("answers", lambda: self._buildctl("debug", "workers",
                                                          check=False).returncode == 0)

    def build(self, context):
        """The image as a layout, and what the build printed. The Dockerfile lies in `context`. The
        same comes out each time, whenever that is and whatever keeps the layers."""
        layout = self.directory / "layout"
        shutil.rmtree(layout, ignore_errors=True)
        return layout, self._build(context, f"type=oci,tar=false,dest={layout},"
                                            "rewrite-timestamp=true")

    def build_into_containerd(self, context, name):
        """Under its name in `self.containerd`'s namespace, with snapshots."""
        return self._build(context, f"type=image,name={name},unpack=true")

    def _build(self, context, output):
        return self._buildctl("build", "--progress", "plain", "--frontend", "dockerfile.v0",
                              "--local", f"context={context}", "--local", f"dockerfile={context}",
                              "--opt", f"build-arg:SOURCE_DATE_EPOCH={BORN}", "--output",
                              output).stderr

    def forget(self):
        """All that was built and pulled; the next build starts from nothing."""
        self._buildctl("prune", "--all")

    def _buildctl(self, *args, check=True):
        done = run(peer_program("buildkit", "buildctl"), "--addr", f"unix://{self.directory}/sock",
                   *args, check=False, env=self._env)
        assert not check or done.returncode == 0, f"buildctl {args}:\n{done.stdout}{done.stderr}"
        return done
