// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/store_files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "snapshotter/service/status.h"
#include "unpacker/base/digest.h"
#include "unpacker/base/file_sink.h"

namespace lamina {
namespace {

constexpr std::string_view kBlobs = "blobs/sha256/";

// Where the content store keeps its files; empty when it does not say so.
std::string content_root(const ContainerdCalls& calls) {
    CallContext call(calls);
    introspection_api::PluginsRequest request;
    request.add_filters("type==io.containerd.content.v1");
    introspection_api::PluginsResponse reply;
    if (!calls.introspection->Plugins(call.get(), request, &reply).ok()) {
        return {};
    }
    for (const auto& plugin : reply.plugins()) {
        const auto root = plugin.exports().find("root");
        if (plugin.id() == "content" && root != plugin.exports().end()) {
            return root->second;
        }
    }
    return {};
}

class StoreFiles final : public ImageFiles {
  public:
    StoreFiles(const ContainerdCalls& calls, std::string tmp_dir)
        : calls_(calls), tmp_dir_(std::move(tmp_dir)) {
        const std::string root = content_root(calls);
        if (root.empty()) {
            return;
        }
        if (auto local = open_directory_files(root)) {
            local_ = *std::move(local);
        }
    }

    [[nodiscard]] Result<FileExtent> open(const std::string& name) const override {
        if (!name.starts_with(kBlobs)) {
            return fail(ErrorCode::not_found, fmt::format("{} is no blob", name));
        }
        TRY_ASSIGN(const Digest digest, Digest::parse("sha256:" + name.substr(kBlobs.size())));
        TRY_ASSIGN(const uint64_t size, size_of(digest));
        if (local_ != nullptr) {
            auto file = local_->open(name);
            if (file && file->bytes_left() == size) {
                return file;
            }
        }
        return fetch(digest, size);
    }

  private:
    Result<uint64_t> size_of(const Digest& digest) const {
        CallContext call(calls_);
        content_api::InfoRequest request;
        request.set_digest(digest.text());
        content_api::InfoResponse reply;
        TRY(from_grpc(calls_.content->Info(call.get(), request, &reply)));
        return static_cast<uint64_t>(reply.info().size());
    }

    Result<FileExtent> fetch(const Digest& digest, uint64_t size) const {
        TRY_ASSIGN(Fd file, open_file(tmp_dir_, O_TMPFILE | O_RDWR, 0600));
        CallContext call(calls_, CallContext::Time::any);
        content_api::ReadContentRequest request;
        request.set_digest(digest.text());
        const auto stream = calls_.content->Read(call.get(), request);
        content_api::ReadContentResponse part;
        FileSink sink(file.get(), digest.text());
        uint64_t received = 0;
        Status written;
        while (written && received <= size && stream->Read(&part)) {
            received += part.data().size();
            written = sink.write(std::as_bytes(std::span(part.data())));
        }
        if (written && received > size) {
            written = fail(ErrorCode::data_loss, fmt::format("{} is longer than the {} bytes that "
                                                             "containerd tells",
                                                             digest.text(), size));
        }
        if (!written) {
            call.get()->TryCancel();
        }
        const auto finished = from_grpc(stream->Finish());
        TRY(written);
        TRY(finished);
        TRY(sink.finish());
        return FileExtent(std::make_shared<const Fd>(std::move(file)), 0, size);
    }

    const ContainerdCalls& calls_;
    std::string tmp_dir_;
    std::unique_ptr<ImageFiles> local_;
};

} // namespace

std::unique_ptr<ImageFiles> open_store_files(const ContainerdCalls& calls, std::string tmp_dir) {
    return std::make_unique<StoreFiles>(calls, std::move(tmp_dir));
}

} // namespace lamina
