// SPDX-License-Identifier: Apache-2.0
#include "unpacker/squash/squash_image.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <sys/stat.h>

#include "unpacker/base/stop.h"
#include "unpacker/base/stopwatch.h"
#include "unpacker/image/image_name.h"
#include "unpacker/image/layout_writer.h"
#include "unpacker/squash/image_tree.h"
#include "unpacker/squash/manifest_squasher.h"

namespace lamina {
namespace {

bool exists(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0;
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
        if (platform != "all" && !is_platform(node.image->config.platform(), platform)) {
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
           const std::vector<OtherImage>& others, const std::stop_token& stop)
        : manifests_(source, writer, options), writer_(writer), options_(options), others_(others),
          stop_(stop) {}

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
                                         : manifests_.copy(image, base, stop_));
        images_.push_back(std::move(made.report));
        manifest_ = std::move(made.json);
        return std::move(made.descriptor);
    }

    ManifestSquasher manifests_;
    LayoutWriter& writer_;
    const SquashOptions& options_;
    const std::vector<OtherImage>& others_;
    const std::stop_token& stop_;
    std::vector<SquashedImage> images_;
    Json manifest_;
};

Json index_of(Json descriptor, const std::string& tag) {
    Json& annotations = annotations_of(descriptor);
    for (const char* key : {kRefNameKey, kImageNameKey}) {
        annotations.erase(key); // the source's own name
    }
    if (!tag.empty()) {
        annotations[kImageNameKey] = with_tag(tag);
        annotations[kRefNameKey] = tag_of(tag);
    }
    if (annotations.empty()) {
        descriptor.erase("annotations");
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
                             const ImageNode& node, const std::vector<OtherImage>& others,
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

// When there is nothing to squash, so that nothing is copied either.
Result<std::optional<SquashReport>> report_if_unchanged(const FromLayer& from,
                                                        const ImageNode& node,
                                                        const std::vector<OtherImage>& others) {
    SquashReport report;
    for (const ImageLayers* image : images_in(node)) {
        TRY_ASSIGN(const BaseLayers base, base_layers(from, *image, others));
        if (is_worthwhile(*image, base)) {
            return std::nullopt;
        }
        report.images.push_back(report_unchanged(*image, base));
    }
    return report;
}

Result<SquashReport> squash_into(const SquashRequest& request, ImageForm form,
                                 const ImageSource& source, const ImageNode& node,
                                 const std::vector<OtherImage>& others,
                                 const std::stop_token& stop) {
    TRY_ASSIGN(auto unchanged, report_if_unchanged(request.options.from, node, others));
    if (unchanged) {
        return *std::move(unchanged);
    }
    TRY_ASSIGN(LayoutWriter writer, LayoutWriter::create(request.output_path, form));
    const SquashOptions options = options_for(request, form);
    Squash squash(source, writer, options, others, stop);
    TRY_ASSIGN(Descriptor made, squash.run(node));
    SquashReport report;
    report.images = squash.images();
    report.digest = made.digest;
    TRY_ASSIGN(const Json docker, docker_manifest(squash.manifest(), request.tag));
    TRY(writer.publish(index_of(std::move(made.json), request.tag), docker));
    return report;
}

// All images that are at hand, of which any may be the base of one of `node`. One that cannot be
// read is none.
Result<std::vector<OtherImage>> other_images(const ImageSource& source, const ImageNode& node,
                                             const std::stop_token& stop) {
    const Say quiet = [](const std::string&) {};
    std::vector<OtherImage> others;
    std::set<Digest> read{node.descriptor.digest};
    std::set<Digest> noted;
    const auto note = [&](const ImageNode& tree) {
        for (const ImageLayers* image : images_in(tree)) {
            if (const Digest& digest = image->manifest_descriptor.digest;
                noted.insert(digest).second) {
                others.push_back({digest, image->config.diff_ids(), image->name});
            }
        }
    };
    note(node);
    for (const Descriptor& image : source.images()) {
        TRY(check_stop(stop));
        if (!read.insert(image.digest).second) {
            continue;
        }
        if (const auto other = read_image_tree(source, image, quiet)) {
            note(*other);
        }
    }
    return others;
}

} // namespace

Result<SquashReport> squash_image(const SquashRequest& request, const ImageSource& source,
                                  const std::stop_token& stop) {
    const Stopwatch watch;
    TRY_ASSIGN(const Descriptor wanted, find_image(source, request.image));
    TRY_ASSIGN(const ImageNode tree, read_image_tree(source, wanted, request.options.note));
    const ImageForm form = request.form.value_or(source.form());
    TRY_ASSIGN(const ImageNode* node, choose(tree, request.platform, form));
    std::vector<OtherImage> others;
    if (request.options.from.kind == FromLayer::Kind::automatic) {
        TRY_ASSIGN(others, other_images(source, tree, stop));
    }
    TRY_ASSIGN(SquashReport report,
               request.is_dry_run ? predict(options_for(request, form), source, *node, others, stop)
                                  : squash_into(request, form, source, *node, others, stop));
    report.seconds = watch.seconds();
    return report;
}

std::optional<ImageInPath> find_path(const std::string& image) {
    for (size_t end = image.size(); end != std::string::npos && end > 0;
         end = image.rfind(':', end - 1)) {
        if (std::string path = image.substr(0, end); exists(path)) {
            return ImageInPath{std::move(path), image.substr(std::min(end + 1, image.size()))};
        }
    }
    return std::nullopt;
}

Result<SquashReport> squash_image(const SquashRequest& request, const std::stop_token& stop) {
    // Opening tells what is wrong with a path that is none.
    const ImageInPath at = find_path(request.image).value_or(ImageInPath{request.image, {}});
    TRY_ASSIGN(const ImageSource source, ImageSource::open(at.path));
    SquashRequest named = request;
    named.image = at.name;
    return squash_image(named, source, stop);
}

} // namespace lamina
