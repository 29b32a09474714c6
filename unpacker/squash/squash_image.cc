// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/squash_image.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>

#include "unpacker/base/stopwatch.h"
#include "unpacker/image/image_name.h"
#include "unpacker/image/layout_writer.h"
#include "unpacker/squash/image_tree.h"
#include "unpacker/squash/manifest_squasher.h"

namespace lamina {
namespace {

struct ImageAt {
    std::string path;
    std::string name; // empty: the only one there
};

// "path:name" as skopeo has it, unless all of it is a path.
ImageAt split_image(const std::string& image) {
    struct stat status{};
    const size_t colon = image.find(':');
    if (::stat(image.c_str(), &status) == 0 || colon == std::string::npos) {
        return {image, {}};
    }
    return {image.substr(0, colon), image.substr(colon + 1)};
}

Result<Descriptor> find_image(const ImageSource& source, const std::string& name) {
    std::vector<Descriptor> found = source.images();
    std::erase_if(found, [&](const Descriptor& image) {
        return !name.empty() && annotation(image.json, kRefNameKey) != name &&
               annotation(image.json, kImageNameKey) != name;
    });
    // One image may have several names.
    const bool is_one = !found.empty() && std::ranges::all_of(found, [&](const Descriptor& image) {
        return image.digest == found.front().digest;
    });
    if (is_one) {
        return found.front();
    }
    return fail(found.empty() ? ErrorCode::not_found : ErrorCode::failed_precondition,
                fmt::format("{} images{}: name one as PATH:NAME", found.size(),
                            name.empty() ? "" : fmt::format(" called \"{}\"", name)));
}

// What of the tree is asked for, and what can be put into the form.
Result<const ImageNode*> choose(const ImageNode& node, const std::string& platform,
                                ImageForm form) {
    const size_t images = images_in(node).size();
    if (images == 0) {
        return fail(ErrorCode::not_found, "no image in the index");
    }
    if (platform == "all" && form != ImageForm::docker_archive) {
        return &node;
    }
    if (platform == "all" && images > 1) {
        return fail(ErrorCode::failed_precondition,
                    "docker-tar holds an image of one platform: choose it by --platform");
    }
    if (node.image != nullptr) {
        if (platform != "all" && node.image->config.platform() != platform) {
            return fail(ErrorCode::not_found, fmt::format("the image is of {}, not of {}",
                                                          node.image->config.platform(), platform));
        }
        return &node;
    }
    for (const ImageNode& child : node.children) {
        if (auto chosen = choose(child, platform, form)) {
            return chosen;
        }
    }
    return fail(ErrorCode::not_found, fmt::format("no image of {} in the index", platform));
}

bool is_worthwhile(const ImageLayers& image, const BaseLayers& base) {
    constexpr size_t kWorthwhile = 2; // one layer alone has nothing to merge with
    return image.layers.size() - base.count >= kWorthwhile;
}

// The manifests of one image or index, squashed into a writer.
class Squash {
  public:
    Squash(const ImageSource& source, LayoutWriter& writer, const SquashOptions& options,
           std::vector<const ImageLayers*> others, const std::stop_token& stop)
        : manifests_(source, writer, options), writer_(writer), options_(options),
          others_(std::move(others)), stop_(stop) {}

    Result<Descriptor> run(const ImageNode& node) {
        if (node.image != nullptr) {
            return run_manifest(*node.image);
        }
        Json index = node.index;
        index["manifests"] = Json::array();
        for (const ImageNode& child : node.children) {
            TRY_ASSIGN(const Descriptor made, run(child));
            index["manifests"].push_back(made.json);
        }
        return writer_.add_document(index, node.descriptor.json);
    }

    [[nodiscard]] const std::vector<SquashedImage>& images() const { return images_; }
    // Of the last manifest.
    [[nodiscard]] const Json& manifest() const { return manifest_; }

  private:
    Result<Descriptor> run_manifest(const ImageLayers& image) {
        TRY_ASSIGN(const BaseLayers base, base_layers(options_.from, image, others_));
        TRY_ASSIGN(NewManifest made, is_worthwhile(image, base)
                                         ? manifests_.squash(image, base, stop_)
                                         : manifests_.copy(image, base));
        images_.push_back(std::move(made.report));
        manifest_ = std::move(made.json);
        return std::move(made.descriptor);
    }

    ManifestSquasher manifests_;
    LayoutWriter& writer_;
    const SquashOptions& options_;
    std::vector<const ImageLayers*> others_;
    const std::stop_token& stop_;
    std::vector<SquashedImage> images_;
    Json manifest_;
};

Json index_of(Json descriptor, const std::string& tag) {
    for (const char* key : {kRefNameKey, kImageNameKey}) {
        if (descriptor.contains("annotations") && descriptor["annotations"].is_object()) {
            descriptor["annotations"].erase(key); // the source's own name
        }
    }
    if (!tag.empty()) {
        descriptor["annotations"][kImageNameKey] = with_tag(tag);
        descriptor["annotations"][kRefNameKey] = tag_of(tag);
    }
    return {{"schemaVersion", 2}, {"manifests", Json::array({std::move(descriptor)})}};
}

// The manifest.json of `docker save`.
Result<Json> docker_manifest(const Json& manifest, const std::string& tag) {
    const auto path_of = [](const Descriptor& blob) {
        return fmt::format("blobs/sha256/{}", blob.digest.hex());
    };
    TRY_ASSIGN(const Descriptor config, Descriptor::parse(member(manifest, "config")));
    Json layers = Json::array();
    for (const Json& each : member(manifest, "layers")) {
        TRY_ASSIGN(const Descriptor layer, Descriptor::parse(each));
        layers.push_back(path_of(layer));
    }
    Json tags = Json::array();
    if (!tag.empty()) {
        tags.push_back(with_tag(tag));
    }
    Json image = Json::object();
    image["Config"] = path_of(config);
    image["RepoTags"] = std::move(tags);
    image["Layers"] = std::move(layers);
    return Json::array({std::move(image)});
}

SquashOptions options_for(const SquashRequest& request, ImageForm form) {
    SquashOptions options = request.options;
    if (!options.compression) {
        options.compression =
            form == ImageForm::docker_archive ? Compression::none : Compression::gzip;
    }
    return options;
}

Result<SquashReport> predict(const SquashOptions& options, const ImageSource& source,
                             const ImageNode& node, const std::vector<const ImageLayers*>& others,
                             const std::stop_token& stop) {
    SquashReport report;
    for (const ImageLayers* image : images_in(node)) {
        TRY_ASSIGN(const BaseLayers base, base_layers(options.from, *image, others));
        auto predicted = is_worthwhile(*image, base)
                             ? predict_squash(source, *image, base, options, stop)
                             : report_unchanged(*image, base);
        TRY_ASSIGN(SquashedImage made, std::move(predicted));
        report.images.push_back(std::move(made));
    }
    return report;
}

Result<SquashReport> squash_into(const SquashRequest& request, ImageForm form,
                                 const ImageSource& source, const ImageNode& node,
                                 std::vector<const ImageLayers*> others,
                                 const std::stop_token& stop) {
    TRY_ASSIGN(LayoutWriter writer, LayoutWriter::create(request.output_path, form));
    const SquashOptions options = options_for(request, form);
    Squash squash(source, writer, options, std::move(others), stop);
    TRY_ASSIGN(Descriptor made, squash.run(node));
    SquashReport report;
    report.images = squash.images();
    if (std::ranges::none_of(report.images, &SquashedImage::is_squashed)) {
        return report;
    }
    report.digest = made.digest;
    TRY_ASSIGN(const Json docker, docker_manifest(squash.manifest(), request.tag));
    TRY(writer.publish(index_of(std::move(made.json), request.tag), docker));
    return report;
}

// The image that is asked for, first, and all others that are at hand: any may be its base.
Result<std::vector<ImageNode>> read_nodes(const ImageSource& source, const Descriptor& wanted,
                                          const Say& say) {
    const Say quiet = [](const std::string&) {};
    std::vector<ImageNode> nodes;
    TRY_ASSIGN(ImageNode node, read_image_tree(source, wanted, say));
    nodes.push_back(std::move(node));
    for (const Descriptor& image : source.images()) {
        if (image.digest != wanted.digest) {
            if (auto other = read_image_tree(source, image, quiet)) {
                nodes.push_back(*std::move(other));
            }
        }
    }
    return nodes;
}

} // namespace

Result<SquashReport> squash_image(const SquashRequest& request, const ImageSource& source,
                                  const std::stop_token& stop) {
    const Stopwatch watch;
    TRY_ASSIGN(const Descriptor wanted, find_image(source, request.image));
    TRY_ASSIGN(const auto nodes, read_nodes(source, wanted, request.options.say));
    std::vector<const ImageLayers*> others;
    for (const ImageNode& node : nodes) {
        const auto images = images_in(node);
        others.insert(others.end(), images.begin(), images.end());
    }
    const ImageForm form = request.form.value_or(source.form());
    TRY_ASSIGN(const ImageNode* node, choose(nodes.front(), request.platform, form));
    TRY_ASSIGN(SquashReport report,
               request.is_dry_run
                   ? predict(options_for(request, form), source, *node, others, stop)
                   : squash_into(request, form, source, *node, std::move(others), stop));
    report.seconds = watch.seconds();
    return report;
}

Result<SquashReport> squash_image(const SquashRequest& request, const std::stop_token& stop) {
    const auto [path, name] = split_image(request.image);
    TRY_ASSIGN(const ImageSource source, ImageSource::open(path));
    SquashRequest named = request;
    named.image = name;
    return squash_image(named, source, stop);
}

} // namespace lamina
