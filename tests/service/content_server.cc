// SPDX-License-Identifier: Apache-2.0
#include "tests/service/content_server.h"

#include <chrono>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "snapshotter/core/filter.h"
#include "snapshotter/service/image_documents.h"
#include "tests/support/encoders.h"
#include "unpacker/base/check.h"

namespace lamina::test {
namespace {

namespace content_api = containerd::services::content::v1;
using Json = nlohmann::json;

std::string namespace_of(const grpc::ServerContext& context) {
    auto header = context.client_metadata().find("containerd-namespace");
    CHECK(header != context.client_metadata().end());
    return {header->second.data(), header->second.size()};
}

const grpc::Status kNotFound{grpc::NOT_FOUND, "content: not found"};

Json descriptor(std::string_view media_type, std::string_view bytes) {
    return {{"mediaType", media_type}, {"digest", digest_of(bytes).text()}, {"size", bytes.size()}};
}

} // namespace

Digest digest_of(std::string_view bytes) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(bytes)));
    return hash.finish();
}

ContentServer::ContentServer() : address_(directory_ / "containerd.sock") {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + address_, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    CHECK(server_ != nullptr);
}

ContentServer::~ContentServer() {
    server_->Shutdown(std::chrono::system_clock::now());
}

Digest ContentServer::add(const std::string& containerd_namespace, const std::string& bytes,
                          const Labels& labels) {
    Digest digest = digest_of(bytes);
    (*namespaces_.lock())[containerd_namespace][digest.text()] = {bytes, labels, ++added_};
    return digest;
}

void ContentServer::remove(const std::string& containerd_namespace, const Digest& digest) {
    (*namespaces_.lock())[containerd_namespace].erase(digest.text());
}

grpc::Status ContentServer::List(grpc::ServerContext* context,
                                 const content_api::ListContentRequest* request,
                                 grpc::ServerWriter<content_api::ListContentResponse>* stream) {
    ++lists;
    auto filter = Filter::parse({request->filters().begin(), request->filters().end()});
    CHECK(filter.has_value());
    auto namespaces = namespaces_.lock();
    for (const auto& [digest, blob] : (*namespaces)[namespace_of(*context)]) {
        lamina::Info labelled;
        labelled.labels = blob.labels;
        if (filter->matches(labelled)) {
            content_api::ListContentResponse message;
            content_api::Info& info = *message.add_info();
            info.set_digest(digest);
            info.set_size(static_cast<int64_t>(blob.bytes.size()));
            info.mutable_labels()->insert(blob.labels.begin(), blob.labels.end());
            info.mutable_updated_at()->set_nanos(static_cast<int32_t>(blob.added));
            stream->Write(message);
        }
    }
    return grpc::Status::OK;
}

grpc::Status ContentServer::Info(grpc::ServerContext* context,
                                 const content_api::InfoRequest* request,
                                 content_api::InfoResponse* reply) {
    auto namespaces = namespaces_.lock();
    const Blobs& blobs = (*namespaces)[namespace_of(*context)];
    const auto found = blobs.find(request->digest());
    if (found == blobs.end()) {
        return kNotFound;
    }
    reply->mutable_info()->set_digest(found->first);
    reply->mutable_info()->set_size(static_cast<int64_t>(found->second.bytes.size()));
    return grpc::Status::OK;
}

grpc::Status ContentServer::Read(grpc::ServerContext* context,
                                 const content_api::ReadContentRequest* request,
                                 grpc::ServerWriter<content_api::ReadContentResponse>* stream) {
    content_api::ReadContentResponse message;
    {
        auto namespaces = namespaces_.lock();
        const Blobs& blobs = (*namespaces)[namespace_of(*context)];
        const auto found = blobs.find(request->digest());
        if (found == blobs.end()) {
            return kNotFound;
        }
        message.set_data(found->second.bytes);
    }
    stream->Write(message);
    return grpc::Status::OK;
}

StoredImage make_image(const std::vector<std::string>& tars) {
    StoredImage image;
    std::vector<Digest> diff_ids;
    Json layers = Json::array();
    Json diff_id_texts = Json::array();
    for (const std::string& tar : tars) {
        diff_ids.push_back(digest_of(tar));
        diff_id_texts.push_back(diff_ids.back().text());
    }
    const std::vector<Digest> chain = chain_ids(diff_ids);
    for (size_t i = 0; i < tars.size(); ++i) {
        const std::string blob = gzip(tars[i]);
        layers.push_back(descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob));
        image.layers.push_back({blob, digest_of(blob), diff_ids[i], chain[i]});
    }
    image.config = Json{{"architecture", "amd64"},
                        {"rootfs", {{"type", "layers"}, {"diff_ids", diff_id_texts}}}}
                       .dump();
    image.manifest = Json{
        {"schemaVersion", 2},
        {"config", descriptor("application/vnd.oci.image.config.v1+json", image.config)},
        {"layers",
         layers}}.dump();
    return image;
}

void store_as_pulled_only(ContentServer& server, const std::string& containerd_namespace,
                          const StoredImage& image) {
    const Labels from{{"containerd.io/distribution.source.registry.example", "library/image"}};
    server.add(containerd_namespace, image.manifest, from);
    server.add(containerd_namespace, image.config, from);
}

void store_image(ContentServer& server, const std::string& containerd_namespace,
                 const StoredImage& image, LayerBlobs layers) {
    Labels labels;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        labels[fmt::format("containerd.io/gc.ref.content.l.{}", i)] = image.layers[i].blob.text();
        if (layers == LayerBlobs::all) {
            server.add(containerd_namespace, image.layers[i].bytes);
        }
    }
    server.add(containerd_namespace, image.config);
    server.add(containerd_namespace, image.manifest, labels);
}

} // namespace lamina::test
