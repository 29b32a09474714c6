# SPDX-License-Identifier: Apache-2.0
"""The house rules that a program can check, as tables. checks.py applies them."""

# Folder -> prefixes of what it may include by "...". One library per folder (design: "Parts and who
# may know whom"): base knows nothing of layers, unpacker/ no gRPC, protobuf or SQL, core no gRPC
# and no SQL; only the daemon knows every class.
INCLUDES = {
    "unpacker/base": ["unpacker/base/"],
    "unpacker/codec": ["unpacker/base/", "unpacker/codec/"],
    "unpacker/io": ["unpacker/base/", "unpacker/io/"],
    "unpacker/tar": ["unpacker/base/", "unpacker/tar/"],
    "unpacker/tar_writer": ["unpacker/base/", "unpacker/tar/entry.h", "unpacker/tar_writer/"],
    "unpacker/tree": ["unpacker/base/", "unpacker/tree/"],
    "unpacker/index": ["unpacker/base/", "unpacker/index/", "unpacker/tree/"],
    "unpacker/merge": ["unpacker/base/", "unpacker/index/", "unpacker/merge/", "unpacker/tree/"],
    "unpacker/image": ["unpacker/base/", "unpacker/codec/", "unpacker/image/", "unpacker/tar/",
                       "unpacker/tar_writer/", "unpacker/tree/"],
    "unpacker/layer": ["unpacker/base/", "unpacker/index/", "unpacker/io/", "unpacker/layer/",
                       "unpacker/tar/", "unpacker/tree/"],
    "unpacker/pipeline": ["unpacker/"],
    "unpacker/squash": ["unpacker/"],
    "unpacker/cli": ["unpacker/"],
    "snapshotter/core": ["snapshotter/core/", "unpacker/base/", "unpacker/index/",
                         "unpacker/layer/rebase_layer.h", "unpacker/layer/rebase_work.h",
                         "unpacker/merge/", "unpacker/tree/"],
    "snapshotter/metrics": ["snapshotter/metrics/", "snapshotter/service/call_observer.h",
                            "unpacker/base/", "unpacker/pipeline/report.h"],
    "snapshotter/metadata": ["snapshotter/core/", "snapshotter/metadata/", "unpacker/base/",
                             "unpacker/tree/usage.h"],
    "snapshotter/service": ["proto/", "snapshotter/core/", "snapshotter/service/", "unpacker/base/",
                            "unpacker/codec/media_type.h", "unpacker/layer/rebase_layer.h",
                            "unpacker/pipeline/", "unpacker/tree/"],
    "snapshotter/daemon": ["snapshotter/", "unpacker/"],
    "snapshotter/laminactl": ["proto/", "snapshotter/core/", "snapshotter/laminactl/",
                              "snapshotter/service/image_documents.h",
                              "snapshotter/service/limits.h", "snapshotter/service/status.h",
                              "unpacker/"],
    "bench": ["bench/", "tests/support/", "unpacker/"],
    "bench/rpc": ["bench/", "proto/", "unpacker/"],
    "tests": ["bench/", "proto/", "snapshotter/", "tests/", "unpacker/"],
}

# The pipeline is made of the other folders; squashing and the command line are above it.
FORBIDDEN = {
    "unpacker/pipeline": ["unpacker/cli/", "unpacker/image/", "unpacker/squash/"],
    "unpacker/squash": ["unpacker/cli/"],
}

# System header, by the start of its name (or its end, with "*") -> the only paths that see it.
ONLY_IN = {
    "sqlite3.h": ["snapshotter/metadata/", "tests/snapshotter/metadata/"],
    "liburing": ["unpacker/io/"],
    "grpcpp/": ["bench/rpc/", "snapshotter/laminactl/", "snapshotter/service/", "tests/"],
    "grpc/": ["snapshotter/service/", "tests/"],
    "google/protobuf/": ["snapshotter/service/", "tests/"],
    "*.pb.h": ["bench/rpc/", "snapshotter/laminactl/", "snapshotter/service/", "tests/"],
    "CLI/": ["snapshotter/daemon/main.cc", "unpacker/cli/", "snapshotter/laminactl/"],
    "toml++/": ["snapshotter/daemon/config", "tests/daemon/"],
    "archive.h": ["unpacker/tar_writer/"],
    "archive_entry.h": ["unpacker/tar_writer/"],
    "isa-l/": ["bench/", "unpacker/codec/"],
    "isa-l.h": ["bench/", "unpacker/codec/"],
    "libdeflate.h": ["unpacker/codec/"],
    "zstd.h": ["bench/", "tests/support/", "unpacker/codec/"],
    "zlib.h": ["tests/support/"],
    "openssl/": ["unpacker/base/"],
    "spdlog/": ["unpacker/base/"],
    "prometheus/": ["snapshotter/metrics/", "tests/snapshotter/metrics/"],
    "CivetServer.h": ["snapshotter/metrics/"],
    "libmount/": ["snapshotter/core/", "tests/"],
}

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

# Files that may be longer than FILE_LINES_MAX, each with its reason. Empty is the goal.
LONG_FILES = {}

# First line that begins so, or second after "#!".
SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_IN = (".cc", ".h", ".py", ".sh", ".cmake", ".proto", ".sql", "CMakeLists.txt")

FOLDERS = ["proto", "snapshotter", "unpacker", "bench", "tests", "systemd", ".cmake", ".ci"]
