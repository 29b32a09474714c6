// SPDX-License-Identifier: Apache-2.0
#include "tests/service/served.h"

#include "snapshotter/daemon/socket.h"
#include "unpacker/base/check.h"

namespace lamina::test {

Served::Served(Snapshotter& snapshotter, LayerApplier& applier, CallObserver* observer) {
    auto listener = listen_at(directory_ / "lamina.sock");
    CHECK(listener.has_value());
    auto server = Server::start(snapshotter, applier, std::move(*listener), observer);
    CHECK(server.has_value());
    server_ = std::move(*server);
}

std::shared_ptr<grpc::Channel> Served::connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1); // do not share a connection
    return grpc::CreateCustomChannel("unix:" + (directory_ / "lamina.sock"),
                                     grpc::InsecureChannelCredentials(), arguments);
}

LayerApplier::Parts failing_parts() {
    return {.hold = [](const Mounts&) -> Result<ApplyHold> {
                return fail(ErrorCode::internal, "this test holds nothing");
            },
            .open_blob = [](const std::string&, const Digest&, uint64_t,
                            const std::stop_token&) -> Result<std::unique_ptr<BlobSource>> {
                return fail(ErrorCode::internal, "this test has no blobs");
            },
            .unpack = [](BlobSource&, Encoding, const UnpackTarget&,
                         const std::stop_token&) -> Result<UnpackReport> {
                return fail(ErrorCode::internal, "this test unpacks nothing");
            }};
}

} // namespace lamina::test
