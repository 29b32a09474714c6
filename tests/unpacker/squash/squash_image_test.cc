// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <random>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/encoders.h"
#include "tests/support/process.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"
#include "tests/unpacker/squash/squash_fixture.h"
#include "unpacker/image/image_name.h"

namespace lamina::test {
namespace {

using testing::HasSubstr;

const std::vector<Tree> kLayers = {{dir("etc"), file("etc/base", "b")},
                                   {file("etc/a", std::string(100'000, 'a'))},
                                   {whiteout("etc/a"), file("etc/c", "c")}};

ImageJson rows(const std::vector<std::string>& created_by) {
    ImageJson out = ImageJson::array();
    for (const std::string& each : created_by) {
        out.push_back({{"created_by", each}, {"empty_layer", each.starts_with("CMD")}});
    }
    return out;
}

class Squash : public SquashTest {
  protected:
    Result<SquashReport> must_squash(const SquashRequest& what) {
        auto report = squash_image(what, {});
        EXPECT_TRUE(report) << report.error().message;
        return report;
    }
    void expect_failure(const std::string& from, ErrorCode code, const std::string& message) {
        const auto report = squash(from);
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, code) << report.error().message;
        EXPECT_THAT(report.error().message, HasSubstr(message));
        EXPECT_FALSE(exists(temp_ / "result"));
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temp_.path()),
                                std::filesystem::directory_iterator()),
                  2);
    }
    ImageJson platform_image(const std::string& architecture, const std::vector<Tree>& layers) {
        ImageBuilder::Image image{.layers = layers};
        image.config["architecture"] = architecture;
        ImageJson descriptor = image_.image(image);
        descriptor["platform"] = {{"architecture", architecture}, {"os", "linux"}};
        descriptor["x-kept"] = architecture;
        return descriptor;
    }
};

TEST_F(Squash, FindsTheBaseByHistory) {
    make_source(kLayers, rows({"ADD", "CMD sh", "RUN a", "RUN b"}));
    const auto report = squash("auto");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->images.at(0).base.count, 1U);
    EXPECT_EQ(report->images.at(0).layers_after, 2U);
    EXPECT_EQ(report->images.at(0).new_layers.at(0).whiteouts,
              0U); // etc/a was the squashed layers' own
    EXPECT_LT(report->images.at(0).blob_bytes_after, report->images.at(0).blob_bytes_before);
}

TEST_F(Squash, KeepsConfigurationAndHistory) {
    ImageBuilder::Image image{.layers = kLayers,
                              .history = rows({"ADD", "CMD sh", "RUN a", "RUN b"})};
    image.config["config"] = {{"Entrypoint", {"/bin/a", "b"}}, {"X-Unknown", 7}};
    image.config["x-top"] = {{"deep", 1}};
    image.annotations = {{"org.example", "kept"}};
    write_source({image_.image(image)});
    SquashRequest what = request("2");
    what.options.message = "smaller";
    what.options.source_date_epoch = 1'500'000'000;
    must_squash(what);
    const ImageSource before = open(temp_ / "source");
    const ImageSource after = open(temp_ / "result");
    const ShownImage source = show_image(before, manifests_of(before).at(0));
    const ShownImage result = show_image(after, manifests_of(after).at(0));
    EXPECT_EQ(result.config["config"], source.config["config"]);
    EXPECT_EQ(result.config["x-top"], source.config["x-top"]);
    EXPECT_EQ(result.config["created"], "2017-07-14T02:40:00Z");
    ASSERT_EQ(result.config["history"].size(), 5U);
    EXPECT_EQ(result.config["history"][4]["comment"], "smaller");
    EXPECT_EQ(annotation(result.manifest, "org.example"), "kept");
    EXPECT_EQ(annotation(result.manifest, "lamina.squash.source"),
              manifests_of(before).at(0).digest.text());
    EXPECT_EQ(annotation(after.images().at(0).json, kRefNameKey), "2");
    EXPECT_EQ(annotation(after.images().at(0).json, kImageNameKey), "app:2");
}

TEST_F(Squash, BaseOfTheSameLayoutIsNamedInTheResult) {
    ImageJson base = image_.image({.layers = {kLayers[0]}});
    base["annotations"] = {{kRefNameKey, "base"}, {kImageNameKey, "registry.example/base:1"}};
    ImageJson app = image_.image({.layers = kLayers});
    app["annotations"] = {{kRefNameKey, "app"}};
    write_source({base, app});
    SquashRequest what = request("auto");
    what.image = temp_ / "source:app";
    must_squash(what);
    const ImageSource after = open(temp_ / "result");
    const Json manifest = *after.read_json(after.images().at(0));
    EXPECT_EQ(annotation(manifest, kBaseDigestKey), base["digest"].get<std::string>());
    EXPECT_EQ(annotation(manifest, kBaseNameKey), "registry.example/base:1");
    what.image = temp_ / "source";
    EXPECT_EQ(squash_image(what, {}).error().code, ErrorCode::failed_precondition);
    what.image = temp_ / "source:other";
    EXPECT_EQ(squash_image(what, {}).error().code, ErrorCode::not_found);
}

TEST_F(Squash, ResultIsTheSameEveryTime) {
    make_source(kLayers);
    SquashRequest what = request("2");
    what.options.source_date_epoch = 1'650'000'000;
    for (const Compression compression : {Compression::gzip, Compression::zstd}) {
        what.options.compression = compression;
        what.options.threads = 1;
        const auto one = must_squash(what);
        std::filesystem::remove_all(temp_ / "result");
        what.options.threads = 5;
        const auto other = must_squash(what);
        std::filesystem::remove_all(temp_ / "result");
        ASSERT_TRUE(one && other && one->digest);
        EXPECT_EQ(one->digest, other->digest);
    }
}

TEST_F(Squash, SourceDateEpochBoundsTimesOfTheNewLayer) {
    make_source({{file("base").mtime(1'700'000'000)},
                 {file("new").mtime(1'700'000'000, 5)},
                 {file("old").mtime(1'400'000'000, 5)}});
    SquashRequest what = request("2");
    what.options.source_date_epoch = 1'500'000'000;
    must_squash(what);
    const ImageSource after = open(temp_ / "result");
    const std::string shown = show_image(after, manifests_of(after).at(0)).mounted;
    EXPECT_THAT(shown, testing::ContainsRegex("base .*mtime=1700000000.000000000"));
    EXPECT_THAT(shown, testing::ContainsRegex("new .*mtime=1500000000.000000000"));
    EXPECT_THAT(shown, testing::ContainsRegex("old .*mtime=1400000000.000000005"));
}

TEST_F(Squash, EveryImageOfAnIndexIsSquashed) {
    ImageJson attestation = image_.image({.layers = {{file("sbom")}}});
    attestation["platform"] = {{"architecture", "unknown"}, {"os", "unknown"}};
    attestation["annotations"] = {{"vnd.docker.reference.type", "attestation-manifest"}};
    const ImageJson arm = platform_image("arm64", {{file("b")}, {file("x", "arm")}, {file("y")}});
    const ImageJson single = platform_image("s390x", {{file("only")}});
    write_source({image_.index({platform_image("amd64", kLayers), arm, attestation, single})});
    std::string said;
    SquashRequest what = request("all");
    what.options.note = [&](const std::string& line) { said += line + "\n"; };
    const auto report = must_squash(what);
    ASSERT_TRUE(report);
    ASSERT_EQ(report->images.size(), 3U);
    EXPECT_FALSE(report->images[2].is_squashed());
    EXPECT_THAT(said, HasSubstr("attestation " + attestation["digest"].get<std::string>()));
    const ImageSource before = open(temp_ / "source");
    const ImageSource after = open(temp_ / "result");
    const auto from = manifests_of(before);
    const auto to = manifests_of(after);
    ASSERT_EQ(to.size(), 3U);
    EXPECT_EQ(to[2].digest, from[3].digest); // taken over as it was
    for (size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(show_image(after, to[i]).mounted, show_image(before, from[i]).mounted);
        EXPECT_EQ(to[i].json["platform"], from[i].json["platform"]);
        EXPECT_EQ(to[i].json["x-kept"], from[i].json["x-kept"]);
    }
}

TEST_F(Squash, OneImageOfAnIndexCanBeChosen) {
    const ImageJson arm = platform_image("arm64", {{file("b")}, {file("x", "arm")}});
    write_source({image_.index({platform_image("amd64", kLayers), arm})});
    SquashRequest what = request("all");
    what.form = ImageForm::docker_archive;
    EXPECT_EQ(squash_image(what, {}).error().code, ErrorCode::failed_precondition);
    what.platform = "linux/s390x";
    EXPECT_EQ(squash_image(what, {}).error().code, ErrorCode::not_found);
    what.platform = "linux/arm64";
    const auto report = must_squash(what);
    ASSERT_TRUE(report);
    ASSERT_EQ(report->images.size(), 1U);
    EXPECT_EQ(report->images[0].platform, "linux/arm64");
    EXPECT_EQ(open(temp_ / "result").form(), ImageForm::docker_archive);
}

TEST_F(Squash, DockerSaveBecomesDockerSave) {
    write_file(temp_ / "source", tar(docker_save(kLayers, "shop/app:1")));
    ASSERT_TRUE(squash("2"));
    const ImageSource before = open(temp_ / "source");
    const ImageSource after = open(temp_ / "result");
    EXPECT_EQ(after.form(), ImageForm::docker_archive);
    const Json manifest = *after.read_json(after.images().at(0));
    EXPECT_EQ(manifest["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    EXPECT_EQ(manifest["layers"][1]["digest"],
              show_image(after, after.images().at(0)).config["rootfs"]["diff_ids"][1]);
    EXPECT_EQ(show_image(after, after.images().at(0)).mounted,
              show_image(before, before.images().at(0)).mounted);
    ASSERT_TRUE(has_program("skopeo"));
    EXPECT_EQ(
        run({"skopeo", "--insecure-policy", "copy", "-q",
             "docker-archive:" + (temp_ / "result") + ":app:2", "oci:" + (temp_ / "by-skopeo")}),
        0);
    const ImageSource copied = open(temp_ / "by-skopeo");
    EXPECT_EQ(show_image(copied, copied.images().at(0)).mounted,
              show_image(before, before.images().at(0)).mounted);
}

// Writing docker's form, which knows no zstd, makes skopeo decompress every layer by Go's libraries
// and compare it with its diff ID. The new layer has several gzip members or zstd frames.
TEST_F(Squash, SkopeoReadsTheResult) {
    ASSERT_TRUE(has_program("skopeo"));
    std::string noise(3'500'000, '\0');
    std::mt19937 random(1);
    std::ranges::generate(noise, [&] { return static_cast<char>(random() % 64); });
    make_source({{file("base")}, {file("noise", noise)}, {file("more", "x")}});
    for (const Compression compression : {Compression::gzip, Compression::zstd}) {
        std::filesystem::remove_all(temp_ / "result");
        SquashRequest what = request("2");
        what.options.compression = compression;
        must_squash(what);
        const std::string to = compression == Compression::gzip
                                   ? "docker-archive:" + (temp_ / "copy.tar") + ":app:2"
                                   : "oci:" + (temp_ / "copy") + ":2";
        EXPECT_EQ(run({"skopeo", "inspect", "--raw", "oci:" + (temp_ / "result") + ":2"}), 0);
        ASSERT_EQ(run({"skopeo", "--insecure-policy", "copy", "-q",
                       "oci:" + (temp_ / "result") + ":2", to}),
                  0);
        const ImageSource before = open(temp_ / "source");
        const ImageSource copied =
            open(temp_ / (compression == Compression::gzip ? "copy.tar" : "copy"));
        EXPECT_EQ(show_image(copied, copied.images().at(0)).mounted,
                  show_image(before, before.images().at(0)).mounted);
    }
}

TEST_F(Squash, AnImageOfTwoNamesIsOneImage) {
    ImageJson one = image_.image({.layers = kLayers});
    ImageJson other = one;
    one["annotations"] = {{kRefNameKey, "1"}};
    other["annotations"] = {{kRefNameKey, "latest"}};
    write_source({one, other});
    const auto report = must_squash(request("2"));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->images.size(), 1U);
}

TEST_F(Squash, ImageOfMoreLayersThanCanBeMountedIsRefused) {
    make_source(std::vector<Tree>(501, {file("f")}));
    expect_failure("all", ErrorCode::resource_exhausted, "501 layers");
}

TEST_F(Squash, DocumentsOfAnImageAreBounded) {
    ImageBuilder::Image image{.layers = {kLayers[0], kLayers[1]}};
    image.config["x-large"] = std::string(3'000'000, 'x');
    const ImageJson descriptor = image_.image(image);
    const std::vector<ImageJson> many(6, descriptor);
    write_source({image_.index(many)});
    expect_failure("all", ErrorCode::resource_exhausted, "documents");
}

TEST_F(Squash, DryRunWritesNothing) {
    make_source(kLayers);
    SquashRequest what = request("2");
    what.is_dry_run = true;
    what.output_path = "";
    what.options.source_date_epoch = 1;
    const auto dry = must_squash(what);
    EXPECT_FALSE(exists(temp_ / "result"));
    what.is_dry_run = false;
    what.output_path = temp_ / "result";
    const auto real = must_squash(what);
    ASSERT_TRUE(dry && real);
    EXPECT_FALSE(dry->digest);
    const NewLayer& predicted = dry->images.at(0).new_layers.at(0);
    const NewLayer& made = real->images.at(0).new_layers.at(0);
    EXPECT_FALSE(predicted.digest);
    EXPECT_EQ(predicted.tar_bytes, made.tar_bytes);
    EXPECT_EQ(predicted.entries, made.entries);
    EXPECT_EQ(predicted.whiteouts, made.whiteouts);
    EXPECT_EQ(dry->images[0].layers_after, real->images[0].layers_after);
}

TEST_F(Squash, NothingToSquashMakesNothing) {
    make_source(kLayers);
    for (const char* from : {"1"}) {
        const auto report = squash(from);
        ASSERT_TRUE(report) << report.error().message;
        EXPECT_FALSE(report->digest);
        EXPECT_FALSE(exists(temp_ / "result"));
    }
}

TEST_F(Squash, AResultInTheWayStays) {
    make_source(kLayers);
    make_tree(temp_.path(), {dir("result"), file("result/precious")});
    EXPECT_EQ(squash("2").error().code, ErrorCode::already_exists);
    EXPECT_TRUE(exists(temp_ / "result/precious"));
}

TEST_F(Squash, UnknownBaseIsAskedFor) {
    make_source(kLayers);
    expect_failure("auto", ErrorCode::failed_precondition, "--from-layer");
}

TEST_F(Squash, LayerOfAnotherDiffIdIsAnError) {
    const ImageJson descriptor = image_.image({.layers = kLayers});
    // The configuration of another image with as many layers.
    const std::string name = "blobs/sha256/" + descriptor["digest"].get<std::string>().substr(7);
    ImageJson manifest = ImageJson::parse(image_.files.at(name));
    const ImageJson wrong = image_.image({.layers = {kLayers[0], kLayers[0], kLayers[0]}});
    manifest["config"] = ImageJson::parse(
        image_.files.at("blobs/sha256/" + wrong["digest"].get<std::string>().substr(7)))["config"];
    write_source({image_.blob(descriptor["mediaType"], manifest.dump())});
    expect_failure("2", ErrorCode::data_loss, "diff ID");
}

TEST_F(Squash, BrokenOrMissingLayersAreErrors) {
    make_source(kLayers);
    const ImageSource before = open(temp_ / "source");
    const Json manifest = *before.read_json(before.images().at(0));
    const std::string hex = manifest["layers"][1]["digest"].get<std::string>().substr(7);
    const std::string name = temp_ / ("source/blobs/sha256/" + hex);
    const std::string good = read_file(name);
    write_file(name, flipped(good, 30));
    expect_failure("2", ErrorCode::data_loss, hex);
    write_file(name, good + "x");
    expect_failure("2", ErrorCode::data_loss, hex);
    std::filesystem::remove(name);
    expect_failure("2", ErrorCode::not_found, hex);
}

TEST_F(Squash, IndexesWithinIndexesAreBounded) {
    ImageJson nested = platform_image("amd64", kLayers);
    for (int i = 0; i < 12; ++i) {
        nested = image_.index({nested});
    }
    write_source({nested});
    expect_failure("all", ErrorCode::resource_exhausted, "too many");
}

TEST_F(Squash, IsCanceled) {
    make_source(kLayers);
    std::stop_source stop;
    stop.request_stop();
    const auto report = squash_image(request("2"), stop.get_token());
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::canceled);
    EXPECT_FALSE(exists(temp_ / "result"));
}

} // namespace
} // namespace lamina::test
