# SPDX-License-Identifier: Apache-2.0
"""What the kubelet asks of containerd: Kubernetes' runtime interface."""
import contextlib
import importlib.util

from lib.cache import cache_dir
from lib.prerequisites import Missing, require_file
from lib.process import PATIENCE, run

try:
    import grpc
except ImportError:
    grpc = None

NAMESPACE = "k8s.io"  # of containerd; where its plugin keeps everything

# In the case's network, so that no other software has to make one for it.
HOST_NETWORK = {"security_context": {"namespace_options": {"network": "NODE"}}}


class Cri:
    def __init__(self, containerd):
        if grpc is None:
            raise Missing("python3-grpcio (tests/install-packages.sh installs it)")
        self._socket, self._api = containerd.directory / "sock", generated_api(containerd.directory)
        self.containerd = containerd.in_namespace(NAMESPACE)
        self._pod = {"metadata": {"name": "pod", "namespace": "default", "uid": "one"},
                     "linux": {"cgroup_parent": f"/{containerd.cgroup}", **HOST_NETWORK}}

    def pull(self, reference):
        self._call("Image", "PullImage", image={"image": reference})

    def remove(self, reference):
        self._call("Image", "RemoveImage", image={"image": reference})

    @contextlib.contextmanager
    def pod(self):
        """Its id. Its containers end with it."""
        pod = self._call("Runtime", "RunPodSandbox", config=self._pod).pod_sandbox_id
        yield pod
        for method in ("StopPodSandbox", "RemovePodSandbox"):
            self._call("Runtime", method, pod_sandbox_id=pod)

    def run(self, pod, reference, *command):
        """What the command printed in a container."""
        container = self._call(
            "Runtime", "CreateContainer", pod_sandbox_id=pod, sandbox_config=self._pod,
            config={"metadata": {"name": "one"}, "image": {"image": reference},
                    "command": ["/bin/sleep", "infinity"]}).container_id
        self._call("Runtime", "StartContainer", container_id=container)
        done = self._call("Runtime", "ExecSync", container_id=container, cmd=command)
        return done.stdout.decode()

    def _call(self, service, method, **fields):
        request = getattr(self._api, f"{method}Request")(**fields)
        with grpc.insecure_channel(f"unix:{self._socket}") as channel:
            return channel.unary_unary(
                f"/runtime.v1.{service}Service/{method}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=getattr(self._api, f"{method}Response").FromString,
            )(request, timeout=PATIENCE)


def generated_api(directory):
    """The interface's messages, by protoc."""
    proto = require_file(cache_dir() / "peers" / "cri-api" / "api.proto", "tests/e2e/peers.sh")
    run("protoc", "--proto_path", proto.parent, "--python_out", directory, proto.name)
    spec = importlib.util.spec_from_file_location("api_pb2", directory / "api_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
