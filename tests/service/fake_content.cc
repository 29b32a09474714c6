// SPDX-License-Identifier: Apache-2.0
#include "tests/service/fake_content.h"

#include <chrono>
#include <thread>

#include "unpacker/base/check.h"

namespace lamina::test {

namespace content_api = containerd::services::content::v1;

void FakeContent::start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + address_, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    CHECK(server_ != nullptr);
}

void FakeContent::stop() {
    if (server_) {
        server_->Shutdown(std::chrono::system_clock::now());
        server_.reset();
    }
}

void FakeContent::send_in_chunks(const std::string& bytes, size_t size) {
    chunks.clear();
    for (size_t offset = 0; offset < bytes.size(); offset += size) {
        chunks.push_back({static_cast<int64_t>(offset), bytes.substr(offset, size)});
    }
}

grpc::Status FakeContent::Read(grpc::ServerContext* context,
                               const content_api::ReadContentRequest* request,
                               grpc::ServerWriter<content_api::ReadContentResponse>* stream) {
    auto header = context->client_metadata().find("containerd-namespace");
    if (header == context->client_metadata().end()) {
        return {grpc::FAILED_PRECONDITION, "namespace is required"};
    }
    seen_namespace.assign(header->second.data(), header->second.size());
    seen_digest = request->digest();
    for (const Chunk& chunk : chunks) {
        content_api::ReadContentResponse message;
        message.set_offset(chunk.offset);
        message.set_data(chunk.data);
        stream->Write(message);
    }
    if (!reading.try_wait()) {
        reading.count_down();
    }
    while (wait_for_cancel && !context->IsCancelled()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return status;
}

} // namespace lamina::test
