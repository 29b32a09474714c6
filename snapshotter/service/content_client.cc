// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/content_client.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <ranges>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "proto/content.grpc.pb.h"
#include "snapshotter/service/limits.h"
#include "snapshotter/service/status.h"

namespace lamina {
namespace {

namespace content_api = ::containerd::services::content::v1;

// gRPC waits up to two minutes between two attempts to connect. A socket of this host answers or
// refuses at once, and an Apply should not fail long after containerd is back.
constexpr int kMaxReconnectMilliseconds = 1000;

std::shared_ptr<grpc::Channel> open_channel(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMilliseconds);
    return grpc::CreateCustomChannel("unix:" + address, grpc::InsecureChannelCredentials(),
                                     arguments);
}

class RpcBlob final : public BlobSource {
  public:
    RpcBlob(content_api::Content::Stub& stub, const std::string& containerd_namespace,
            const Digest& digest, uint64_t size, const std::stop_token& stop,
            std::optional<std::chrono::milliseconds> time)
        : name_(fmt::format("content {} of namespace {}", digest.text(), containerd_namespace)),
          size_(size), cancel_(stop, [this] { context_.TryCancel(); }) {
        context_.AddMetadata("containerd-namespace", containerd_namespace);
        if (time) {
            context_.set_deadline(std::chrono::system_clock::now() + *time);
        }
        content_api::ReadContentRequest request;
        request.set_digest(digest.text());
        stream_ = stub.Read(&context_, request);
    }

    ~RpcBlob() override {
        context_.TryCancel(); // a stream must be ended before it goes; harmless at its end
        if (!finished_) {
            stream_->Finish();
        }
    }

    Result<size_t> read(std::span<std::byte> buffer) override {
        while (position_ == message_.data().size()) {
            if (finished_ || !stream_->Read(&message_)) {
                return end();
            }
            TRY(check_order());
        }
        size_t count = std::min(buffer.size(), message_.data().size() - position_);
        std::memcpy(buffer.data(), message_.data().data() + position_, count);
        position_ += count;
        return count;
    }

    void cancel() override { context_.TryCancel(); }

  private:
    // Offsets count from the start of this read, which is the blob's.
    Status check_order() {
        position_ = 0;
        if (static_cast<uint64_t>(message_.offset()) != received_) {
            return fail(ErrorCode::data_loss, fmt::format("{}: bytes from {} came instead of {}",
                                                          name_, message_.offset(), received_));
        }
        received_ += message_.data().size();
        return received_ <= size_ ? Status() : wrong_size("at least ");
    }

    Result<size_t> end() {
        message_.clear_data();
        position_ = 0;
        if (!finished_) {
            finished_ = true;
            if (auto status = from_grpc(stream_->Finish()); !status) {
                return fail(with_context(name_, status.error()));
            }
        }
        if (received_ != size_) {
            TRY(wrong_size(""));
        }
        return size_t{0};
    }

    Status wrong_size(std::string_view about) const {
        return fail(ErrorCode::data_loss, fmt::format("{}: has {}{} bytes, its descriptor says {}",
                                                      name_, about, received_, size_));
    }

    const std::string name_;
    const uint64_t size_;
    uint64_t received_ = 0;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<content_api::ReadContentResponse>> stream_;
    content_api::ReadContentResponse message_;
    size_t position_ = 0; // in message_
    bool finished_ = false;
    std::stop_callback<std::function<void()>> cancel_; // last: gone before the context
};

// One call that is answered soon or not at all.
class ShortCall {
  public:
    ShortCall(const std::string& containerd_namespace, std::chrono::milliseconds time,
              const std::stop_token& stop)
        : cancel_(stop, [this] { context_.TryCancel(); }) {
        context_.AddMetadata("containerd-namespace", containerd_namespace);
        context_.set_deadline(std::chrono::system_clock::now() + time);
    }

    grpc::ClientContext& context() { return context_; }

  private:
    grpc::ClientContext context_;
    std::stop_callback<std::function<void()>> cancel_; // last: gone before the context
};

Result<StoredBlob> to_stored_blob(const content_api::Info& info) {
    TRY_ASSIGN(Digest digest, Digest::parse(info.digest()));
    return StoredBlob{std::move(digest), static_cast<uint64_t>(info.size())};
}

using Take = std::function<bool(const content_api::Info&)>; // whether more are wanted

// Whether all were taken.
Result<bool> list_each(content_api::Content::Stub& stub, ShortCall& call,
                       const content_api::ListContentRequest& request, const Take& take) {
    const auto stream = stub.List(&call.context(), request);
    content_api::ListContentResponse message;
    while (stream->Read(&message)) {
        if (!std::ranges::all_of(message.info(), take)) {
            call.context().TryCancel(); // or Finish() waits for the rest
            stream->Finish();
            return false;
        }
    }
    TRY(from_grpc(stream->Finish()));
    return true;
}

// containerd's fetch of a blob leaves it (core/remotes/docker, AppendDistributionSourceLabel).
bool is_pulled(const content_api::Info& info) {
    return std::ranges::any_of(info.labels(), [](const auto& label) {
        return label.first.starts_with("containerd.io/distribution.source.");
    });
}

// A blob and when something about it changed last.
struct DatedBlob {
    std::pair<int64_t, int32_t> updated; // seconds and nanoseconds
    StoredBlob blob;
};

} // namespace

struct ContentClient::Connection {
    std::unique_ptr<content_api::Content::Stub> stub;
};

ContentClient::ContentClient(const std::string& address, std::chrono::milliseconds call_time)
    : connection_(std::make_unique<Connection>(
          Connection{content_api::Content::NewStub(open_channel(address))})),
      call_time_(call_time) {}

ContentClient::~ContentClient() = default;

std::unique_ptr<BlobSource> ContentClient::read(const std::string& containerd_namespace,
                                                const Digest& digest, uint64_t size,
                                                const std::stop_token& stop,
                                                std::optional<std::chrono::milliseconds> time) {
    return std::make_unique<RpcBlob>(*connection_->stub, containerd_namespace, digest, size, stop,
                                     time);
}

Result<std::vector<StoredBlob>> ContentClient::list(const std::string& containerd_namespace,
                                                    const std::string& filter, size_t max,
                                                    const std::stop_token& stop) {
    ShortCall call(containerd_namespace, call_time_, stop);
    content_api::ListContentRequest request;
    request.add_filters(filter);
    std::vector<StoredBlob> found;
    TRY_ASSIGN(const bool all,
               list_each(*connection_->stub, call, request, [&](const content_api::Info& info) {
                   if (auto blob = to_stored_blob(info)) { // others are no image's: no sha256
                       found.push_back(*std::move(blob));
                   }
                   return found.size() <= max;
               }));
    if (!all) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("more than {} blobs match {}", max, filter));
    }
    return found;
}

Result<std::vector<StoredBlob>> ContentClient::pulled_last(const std::string& containerd_namespace,
                                                           uint64_t size, size_t max,
                                                           const std::stop_token& stop) {
    ShortCall call(containerd_namespace, call_time_, stop);
    std::vector<DatedBlob> found;
    size_t seen = 0;
    TRY_ASSIGN(const bool all,
               list_each(*connection_->stub, call, {}, [&](const content_api::Info& info) {
                   auto blob = to_stored_blob(info);
                   if (blob && blob->size <= size && is_pulled(info)) {
                       const auto& updated = info.updated_at();
                       found.push_back({{updated.seconds(), updated.nanos()}, *std::move(blob)});
                   }
                   return ++seen <= kBlobsLookedThroughMax;
               }));
    if (!all) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("namespace {} has more than {} blobs", containerd_namespace,
                                kBlobsLookedThroughMax));
    }
    std::ranges::sort(found, std::greater(), &DatedBlob::updated);
    std::vector<StoredBlob> last;
    for (DatedBlob& one : found | std::views::take(max)) {
        last.push_back(std::move(one.blob));
    }
    return last;
}

Result<uint64_t> ContentClient::size_of(const std::string& containerd_namespace,
                                        const Digest& digest, const std::stop_token& stop) {
    ShortCall call(containerd_namespace, call_time_, stop);
    content_api::InfoRequest request;
    request.set_digest(digest.text());
    content_api::InfoResponse reply;
    TRY(from_grpc(connection_->stub->Info(&call.context(), request, &reply)));
    return static_cast<uint64_t>(reply.info().size());
}

} // namespace lamina
