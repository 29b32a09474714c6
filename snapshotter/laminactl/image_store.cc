// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/laminactl/image_store.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include "snapshotter/laminactl/containerd_calls.h"
#include "snapshotter/laminactl/store_content.h"
#include "snapshotter/laminactl/store_files.h"
#include "snapshotter/laminactl/store_snapshots.h"
#include "snapshotter/service/status.h"
#include "unpacker/image/image_name.h"
#include "unpacker/squash/image_tree.h"

namespace lamina {
namespace {

// Labels by which containerd's garbage collector goes from blob to blob (containerd,
// docs/garbage-collection.md), and those by which others find what a blob is.
constexpr const char* kConfigRef = "containerd.io/gc.ref.content.config";
constexpr const char* kLayerRef = "containerd.io/gc.ref.content.l.";
constexpr const char* kManifestRef = "containerd.io/gc.ref.content.m.";
constexpr const char* kSnapshotRef = "containerd.io/gc.ref.snapshot.";
constexpr const char* kUncompressed = "containerd.io/uncompressed";

// A lease that a killed command leaves behind goes by itself.
constexpr const char* kLeaseExpiry = "containerd.io/gc.expire";
constexpr std::time_t kLeaseSeconds = 24 * 60 * 60;

std::string in_a_day() {
    const std::time_t end = std::time(nullptr) + kLeaseSeconds;
    std::tm parts{};
    ::gmtime_r(&end, &parts);
    char text[sizeof "2026-01-01T00:00:00Z"];
    (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

// "linux/amd64": the names of OCI image-spec config.md for this machine.
std::string host_platform() {
    utsname host{};
    ::uname(&host);
    const std::string machine = host.machine;
    return machine == "x86_64"    ? "linux/amd64"
           : machine == "aarch64" ? "linux/arm64"
                                  : "linux/" + machine;
}

// With a variant or without one.
bool is_of(const ImageLayers& image, const std::string& platform) {
    return (image.config.platform() + "/").starts_with(platform + "/");
}

} // namespace

struct ImageStore::State {
    ContainerdCalls calls;
    StoreAddress address;
    std::string tmp_dir;

    Status put_tree(const ImageSource& layout, const ImageNode& node);
    Status put_manifest(const ImageSource& layout, const ImageLayers& image);
    Status unpack(const ImageNode& node);
    Status unpack_manifest(const ImageLayers& image);
    Status name_image(const Descriptor& image, const std::string& name);
};

ImageStore::ImageStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ImageStore>> ImageStore::open(const StoreAddress& address,
                                                     std::string tmp_dir, std::stop_token stop) {
    auto state =
        std::make_unique<State>(State{ContainerdCalls(address.socket, address.containerd_namespace,
                                                      address.call_time, std::move(stop)),
                                      address, std::move(tmp_dir)});
    CallContext call(state->calls);
    leases_api::CreateRequest request;
    request.set_id(state->calls.run);
    (*request.mutable_labels())[kLeaseExpiry] = in_a_day();
    leases_api::CreateResponse reply;
    if (auto made = from_grpc(state->calls.leases->Create(call.get(), request, &reply)); !made) {
        return fail(with_context("containerd at " + address.socket, made.error()));
    }
    state->calls.lease = reply.lease().id();
    return std::unique_ptr<ImageStore>(new ImageStore(std::move(state)));
}

ImageStore::~ImageStore() {
    state_->calls.stop = {}; // also after a stop
    CallContext call(state_->calls);
    leases_api::DeleteRequest request;
    request.set_id(state_->calls.lease);
    google::protobuf::Empty reply;
    (void)state_->calls.leases->Delete(call.get(), request, &reply);
}

Result<ImageSource> ImageStore::source() {
    CallContext call(state_->calls);
    images_api::ListImagesResponse reply;
    TRY(from_grpc(state_->calls.images->List(call.get(), {}, &reply)));
    Json manifests = Json::array();
    for (const auto& image : reply.images()) {
        const auto& target = image.target();
        if (!Digest::parse(target.digest())) {
            continue; // by another hash than lamina knows
        }
        manifests.push_back({{"mediaType", target.media_type()},
                             {"digest", target.digest()},
                             {"size", static_cast<uint64_t>(target.size())},
                             {"annotations", {{kImageNameKey, image.name()}}}});
    }
    Json index = {{"schemaVersion", 2}};
    index["manifests"] = std::move(manifests);
    return ImageSource::from_files(open_store_files(state_->calls, state_->tmp_dir),
                                   std::move(index));
}

Status ImageStore::add(const ImageSource& layout) {
    const Descriptor& image = layout.images().at(0);
    const auto name = annotation(image.json, kImageNameKey);
    if (!name) {
        return fail(ErrorCode::invalid_argument, "an image in containerd needs a name: --tag");
    }
    TRY_ASSIGN(const ImageNode node, read_image_tree(layout, image, [](const std::string&) {}));
    TRY(state_->put_tree(layout, node));
    TRY(state_->unpack(node));
    return state_->name_image(image, *name);
}

// What a blob points to is there before it.
Status ImageStore::State::put_tree(const ImageSource& layout, const ImageNode& node) {
    if (node.image != nullptr) {
        return put_manifest(layout, *node.image);
    }
    ContentLabels labels;
    for (size_t i = 0; i < node.children.size(); ++i) {
        TRY(put_tree(layout, node.children[i]));
        labels[kManifestRef + std::to_string(i)] = node.children[i].descriptor.digest.text();
    }
    return StoreContent(calls).put(layout, node.descriptor, labels);
}

Status ImageStore::State::put_manifest(const ImageSource& layout, const ImageLayers& image) {
    StoreContent content(calls);
    ContentLabels labels;
    for (size_t i = 0; i < image.layers.size(); ++i) {
        const Descriptor& layer = image.layers[i];
        const Digest& diff_id = image.config.diff_ids()[i];
        const bool is_compressed = layer.digest != diff_id;
        TRY(content.put(layout, layer,
                        is_compressed ? ContentLabels{{kUncompressed, diff_id.text()}}
                                      : ContentLabels{}));
        labels[kLayerRef + std::to_string(i)] = layer.digest.text();
    }
    TRY_ASSIGN(const Descriptor config, Descriptor::parse(member(image.manifest, "config")));
    TRY(content.put(layout, config, {}));
    labels[kConfigRef] = config.digest.text();
    return content.put(layout, image.manifest_descriptor, labels);
}

Status ImageStore::State::unpack(const ImageNode& node) {
    for (const ImageLayers* image : images_in(node)) {
        if (is_of(*image, host_platform())) {
            TRY(unpack_manifest(*image));
        }
    }
    return {};
}

Status ImageStore::State::unpack_manifest(const ImageLayers& image) {
    TRY_ASSIGN(const std::string top,
               unpack_in_store(calls, address.snapshotter, image.layers, image.config.diff_ids()));
    TRY_ASSIGN(const Descriptor config, Descriptor::parse(member(image.manifest, "config")));
    return StoreContent(calls).label(config.digest, {{kSnapshotRef + address.snapshotter, top}});
}

Status ImageStore::State::name_image(const Descriptor& image, const std::string& name) {
    images_api::Image record;
    record.set_name(name);
    record.mutable_target()->set_media_type(image.media_type);
    record.mutable_target()->set_digest(image.digest.text());
    record.mutable_target()->set_size(static_cast<int64_t>(image.size_bytes));
    images_api::CreateImageRequest create;
    *create.mutable_image() = record;
    images_api::CreateImageResponse created;
    CallContext creating(calls);
    const Status made = from_grpc(calls.images->Create(creating.get(), create, &created));
    if (made || made.error().code != ErrorCode::already_exists) {
        return made;
    }
    images_api::UpdateImageRequest update;
    *update.mutable_image() = record;
    update.mutable_update_mask()->add_paths("target");
    images_api::UpdateImageResponse updated;
    CallContext updating(calls);
    return from_grpc(calls.images->Update(updating.get(), update, &updated));
}

} // namespace lamina
