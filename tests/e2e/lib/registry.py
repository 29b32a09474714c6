# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on loopback; images get in through skopeo."""
import json
import socket

from lib.cache import peer_program
from lib.process import Process, run

HOST = "127.0.0.1:5000"  # free in every case: each has a network of its own

CONFIG = {
    "version": 0.1,
    "log": {"level": "warn"},
    "storage": {"filesystem": {"rootdirectory": ""}},
    "http": {"addr": HOST},
}


class Registry(Process):
    def __init__(self, directory):
        directory.mkdir()
        CONFIG["storage"]["filesystem"]["rootdirectory"] = str(directory / "storage")
        config = directory / "config.yml"
        config.write_text(json.dumps(CONFIG))  # JSON is YAML
        super().__init__("registry", [peer_program("registry", "docker-registry"), "serve", config],
                         directory / "log")
        self.wait_until("listens", listening)

    def push(self, layout, repository):
        """Puts an OCI image layout in, and returns the reference to pull it by."""
        reference = f"{HOST}/{repository}"
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false",
            f"oci:{layout}", f"docker://{reference}")
        return reference


def listening():
    host, port = HOST.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
