// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/store_content.h"

#include <vector>

#include <fmt/format.h>

#include "snapshotter/service/status.h"
#include "unpacker/base/limits.h"

namespace lamina {
namespace {

// One blob on its way: each request is answered before the next one is sent, as the service wants
// it.
class BlobUpload {
  public:
    BlobUpload(const ContainerdCalls& calls, const Descriptor& descriptor)
        : call_(calls, CallContext::Time::any), stream_(calls.content->Write(call_.get())) {
        request_.set_ref(fmt::format("{}-{}", calls.run, descriptor.digest.hex()));
        request_.set_total(static_cast<int64_t>(descriptor.size_bytes));
        request_.set_expected(descriptor.digest.text());
    }

    ~BlobUpload() {
        if (!is_finished_) { // a stream must be ended before it goes
            call_.get()->TryCancel();
            stream_->Finish();
        }
    }

    // already_exists, on any of these, when the namespace has the blob.
    Status start() {
        request_.set_action(content_api::STAT);
        return exchange();
    }

    Status write(std::span<const std::byte> bytes) {
        request_.set_action(content_api::WRITE);
        request_.set_offset(static_cast<int64_t>(offset_));
        request_.set_data(bytes.data(), bytes.size());
        TRY(exchange());
        offset_ += bytes.size();
        return {};
    }

    Status commit(const ContentLabels& labels) {
        request_.set_action(content_api::COMMIT);
        request_.set_offset(static_cast<int64_t>(offset_));
        request_.clear_data();
        request_.mutable_labels()->insert(labels.begin(), labels.end());
        TRY(exchange());
        stream_->WritesDone();
        while (stream_->Read(&reply_)) { // the status comes behind the last message
        }
        return finish();
    }

  private:
    Status exchange() {
        if (stream_->Write(request_) && stream_->Read(&reply_)) {
            return {};
        }
        const auto finished = finish();
        return finished ? fail(ErrorCode::aborted, "containerd ended the upload early") : finished;
    }

    Status finish() {
        is_finished_ = true;
        return from_grpc(stream_->Finish());
    }

    CallContext call_;
    std::unique_ptr<grpc::ClientReaderWriter<content_api::WriteContentRequest,
                                             content_api::WriteContentResponse>>
        stream_;
    content_api::WriteContentRequest request_;
    content_api::WriteContentResponse reply_;
    uint64_t offset_ = 0;
    bool is_finished_ = false;
};

} // namespace

Status StoreContent::put(const ImageSource& from, const Descriptor& descriptor,
                         const ContentLabels& labels) {
    const Status written = write(from, descriptor, labels);
    if (written || written.error().code != ErrorCode::already_exists) {
        return written;
    }
    return label(descriptor.digest, labels);
}

Status StoreContent::write(const ImageSource& from, const Descriptor& descriptor,
                           const ContentLabels& labels) {
    BlobUpload upload(calls_, descriptor);
    TRY(upload.start());
    TRY_ASSIGN(const auto blob, from.open_blob(descriptor));
    std::vector<std::byte> buffer(limits::kBlobReadBytes);
    while (true) {
        TRY_ASSIGN(const size_t got, read_fully(*blob, buffer));
        if (got == 0) {
            return upload.commit(labels);
        }
        TRY(upload.write(std::span(buffer).first(got)));
    }
}

Status StoreContent::label(const Digest& digest, const ContentLabels& labels) {
    if (labels.empty()) {
        return {};
    }
    CallContext call(calls_);
    content_api::UpdateRequest request;
    request.mutable_info()->set_digest(digest.text());
    for (const auto& [key, value] : labels) {
        (*request.mutable_info()->mutable_labels())[key] = value;
        request.mutable_update_mask()->add_paths("labels." + key);
    }
    content_api::UpdateResponse reply;
    return from_grpc(calls_.content->Update(call.get(), request, &reply));
}

} // namespace lamina
