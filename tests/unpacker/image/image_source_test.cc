// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/encoders.h"
#include "tests/support/image_builder.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree.h"
#include "unpacker/image/image_name.h"
#include "unpacker/image/image_source.h"

namespace lamina {
namespace {

using namespace test;
using testing::HasSubstr;

const Tree kLower = {dir("d"), file("d/f", "low")};
const Tree kUpper = {file("d/g", std::string(2000, 'g'))};

std::string read_all(ByteSource& source) {
    std::string out(1 << 20, '\0');
    const auto got = read_fully(source, std::as_writable_bytes(std::span(out)));
    EXPECT_TRUE(got) << got.error().message;
    out.resize(got ? *got : 0);
    return out;
}

class Source : public testing::Test {
  protected:
    ImageSource open_directory() {
        image_.write_directory(temp_ / "layout");
        return must_open(temp_ / "layout");
    }
    ImageSource open_archive(const std::string& bytes) {
        write_file(temp_ / "image.tar", bytes);
        return must_open(temp_ / "image.tar");
    }
    static ImageSource must_open(const std::string& path) {
        auto source = ImageSource::open(path);
        EXPECT_TRUE(source) << source.error().message;
        return *std::move(source);
    }
    Error error_of_archive(const std::string& bytes) {
        write_file(temp_ / "image.tar", bytes);
        const auto source = ImageSource::open(temp_ / "image.tar");
        EXPECT_FALSE(source);
        return source ? Error{} : source.error();
    }

    // The plain layers of the only image, read by way of its manifest.
    static std::vector<std::string> layers_of(const ImageSource& source) {
        const auto manifest = source.read_json(source.images().at(0));
        EXPECT_TRUE(manifest) << manifest.error().message;
        std::vector<std::string> layers;
        for (const Json& json : member(*manifest, "layers")) {
            const auto blob = source.open_blob(*Descriptor::parse(json));
            EXPECT_TRUE(blob) << blob.error().message;
            layers.push_back(read_all(**blob));
        }
        return layers;
    }
    void make_image() {
        image_.finish({image_.image({.layers = {kLower, kUpper}, .is_compressed = false})});
    }

    TempDir temp_;
    ImageBuilder image_;
    const std::vector<std::string> layers_ = {tar(kLower), tar(kUpper)};
};

TEST_F(Source, ReadsALayoutDirectory) {
    make_image();
    const ImageSource source = open_directory();
    EXPECT_EQ(source.form(), ImageForm::oci_directory);
    EXPECT_EQ(layers_of(source), layers_);
}

TEST_F(Source, ReadsALayoutArchive) {
    make_image();
    const ImageSource source = open_archive(image_.archive());
    EXPECT_EQ(source.form(), ImageForm::oci_archive);
    EXPECT_EQ(layers_of(source), layers_);
}

TEST_F(Source, ReadsOldDockerSave) {
    const ImageSource source = open_archive(tar(docker_save({kLower, kUpper}, "shop/app:2")));
    EXPECT_EQ(source.form(), ImageForm::docker_archive);
    EXPECT_EQ(layers_of(source), layers_);
    EXPECT_EQ(annotation(source.images().at(0).json, kImageNameKey), "shop/app:2");
    EXPECT_EQ(annotation(source.images().at(0).json, kRefNameKey), "2");
}

TEST_F(Source, ReadsDockerSaveThatIsALayoutToo) {
    make_image();
    image_.files["manifest.json"] = "[]";
    const ImageSource source = open_archive(image_.archive());
    EXPECT_EQ(source.form(), ImageForm::docker_archive);
    EXPECT_EQ(layers_of(source), layers_);
}

TEST_F(Source, FollowsLinksBetweenLayersOfDockerSave) {
    Tree save = docker_save({kLower, kLower}, "app:1");
    for (Entry& entry : save) { // the second of two equal layers is a link, as docker wrote it
        if (entry.name.ends_with("layer.tar") && entry.name != save[2].name) {
            entry = symlink("../" + save[2].name, entry.name);
        }
    }
    EXPECT_EQ(layers_of(open_archive(tar(save))), (std::vector{layers_[0], layers_[0]}));
}

TEST_F(Source, ReadsCompressedLayersOfOtherPrograms) {
    Tree save = docker_save({kLower}, "app:1");
    save[2].content = gzip(save[2].content);
    EXPECT_EQ(layers_of(open_archive(tar(save))), (std::vector{gzip(layers_[0])}));
}

// A plain tar may begin with any two bytes of a name.
TEST_F(Source, LayerOfDockerSaveIsCompressedOnlyByItsWholeMagicNumber) {
    const Tree odd = {file("xxname", "x").raw(0, "\x1f\x8b")};
    const ImageSource source = open_archive(tar(docker_save({odd}, "app:1")));
    const Json manifest = *source.read_json(source.images().at(0));
    EXPECT_EQ(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    EXPECT_EQ(layers_of(source), (std::vector{tar(odd)}));
}

TEST_F(Source, ImageOfDockerSaveHasAllItsNames) {
    Tree save = docker_save({kLower}, "app:1");
    for (Entry& entry : save) {
        if (entry.name == "manifest.json") {
            ImageJson manifest = ImageJson::parse(entry.content);
            manifest[0]["RepoTags"] = {"app:1", "app:latest"};
            entry.content = manifest.dump();
        }
    }
    const ImageSource source = open_archive(tar(save));
    ASSERT_EQ(source.images().size(), 2U);
    EXPECT_EQ(annotation(source.images()[1].json, kImageNameKey), "app:latest");
    EXPECT_EQ(source.images()[1].digest, source.images()[0].digest);
}

TEST_F(Source, KeepsUnknownMembers) {
    ImageJson descriptor = image_.image({.layers = {kLower}});
    descriptor["x-unknown"] = {1, {{"deep", nullptr}}};
    image_.finish({descriptor});
    const ImageSource source = open_directory();
    const Descriptor changed = source.images().at(0).with_content(Sha256().finish(), 5);
    EXPECT_EQ(changed.json["x-unknown"], descriptor["x-unknown"]);
    EXPECT_EQ(changed.json["size"], 5);
    EXPECT_EQ(changed.json["digest"], changed.digest.text());
}

TEST_F(Source, WrongBytesOfABlobAreSeenBeforeItsEnd) {
    make_image();
    ImageJson manifest = ImageJson::parse(image_.files.at(
        "blobs/sha256/" + ImageJson::parse(image_.files["index.json"])["manifests"][0]["digest"]
                              .get<std::string>()
                              .substr(7)));
    const auto name = manifest["layers"][1]["digest"].get<std::string>().substr(7);
    std::string& bytes = image_.files["blobs/sha256/" + name];
    bytes = flipped(bytes, 700);
    const ImageSource source = open_directory();
    const auto blob = source.open_blob(*Descriptor::parse(manifest["layers"][1]));
    ASSERT_TRUE(blob);
    std::string out(bytes.size(), '\0');
    const auto got = read_fully(**blob, std::as_writable_bytes(std::span(out)));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::data_loss);
    EXPECT_THAT(got.error().message, HasSubstr(name));
}

// Each of these breaks one document or blob of a good image.
TEST_F(Source, BrokenDocumentsAreErrors) {
    make_image();
    const ImageSource good = open_directory();
    const Descriptor manifest = good.images().at(0);
    const std::string name = "blobs/sha256/" + std::string(manifest.digest.hex());
    const std::string text = image_.files.at(name);

    write_file(temp_ / "layout/" + name, text + " ");
    EXPECT_EQ(good.read_document(manifest).error().code, ErrorCode::data_loss);
    write_file(temp_ / "layout/" + name, flipped(text, 10));
    EXPECT_EQ(good.read_document(manifest).error().code, ErrorCode::data_loss);
    unlink((temp_ / "layout/" + name).c_str());
    EXPECT_EQ(good.read_document(manifest).error().code, ErrorCode::not_found);
    ASSERT_EQ(::symlink("/etc/passwd", (temp_ / "layout/" + name).c_str()), 0);
    EXPECT_FALSE(good.read_document(manifest)); // ELOOP
}

TEST_F(Source, HugeDocumentIsNotRead) {
    make_image();
    const ImageSource source = open_directory();
    Descriptor huge = source.images().at(0);
    huge.size_bytes = uint64_t{1} << 40;
    const auto text = source.read_document(huge);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::resource_exhausted);

    image_.files["index.json"] = std::string(9 << 20, ' ') + "{}";
    EXPECT_EQ(error_of_archive(image_.archive()).code, ErrorCode::resource_exhausted);
}

TEST_F(Source, DeepDocumentIsRefused) {
    make_image();
    image_.files["index.json"] = R"({"manifests":)" + std::string(1'000'000, '[');
    EXPECT_EQ(error_of_archive(image_.archive()).code, ErrorCode::invalid_argument);
    image_.files["index.json"] = R"({"manifests":[], "x":"\"[[[)" + std::string(100, '[') + "\"}";
    EXPECT_TRUE(open_archive(image_.archive()).images().empty());
}

TEST_F(Source, ObjectOfTooManyMembersIsRefused) {
    make_image();
    std::string members;
    for (int i = 0; i < 5000; ++i) {
        members += fmt::format(R"("{}":0,)", i);
    }
    image_.files["index.json"] = "{" + members + R"("manifests":[]})";
    EXPECT_EQ(error_of_archive(image_.archive()).code, ErrorCode::invalid_argument);
    image_.files["index.json"] = R"({"manifests":[],"x":")" + std::string(5000, ':') + "\"}";
    EXPECT_TRUE(open_archive(image_.archive()).images().empty());
}

TEST_F(Source, DocumentsOfTheWrongShapeAreErrors) {
    make_image();
    for (const char* index :
         {"", "null", "[]", "{", R"({"manifests":[1]})", R"({"manifests":[{}]})",
          R"({"manifests":[{"digest":"sha256:00","size":1}]})",
          R"({"manifests":[{"digest":7,"size":1}]})", "{\"a\":\"\xff\"}"}) {
        SCOPED_TRACE(index);
        image_.files["index.json"] = index;
        EXPECT_EQ(error_of_archive(image_.archive()).code, ErrorCode::invalid_argument);
    }
    image_.files.erase("index.json");
    EXPECT_EQ(error_of_archive(image_.archive()).code, ErrorCode::not_found);
    for (const char* manifest :
         {"{}", "[1]", "[{}]", R"([{"Config":"none","Layers":[]}])",
          R"([{"Config":"../../etc/passwd","Layers":[]}])", R"([{"Config":"c","Layers":["l"]}])"}) {
        SCOPED_TRACE(manifest);
        image_.files = {{"manifest.json", manifest}, {"c", "{}"}};
        EXPECT_FALSE(error_of_archive(image_.archive()).message.empty());
    }
}

TEST_F(Source, NamesThatLeadOutOfAnArchiveAreRefused) {
    for (const char* target : {"../../../etc/passwd", "/etc/passwd", "layer.tar"}) {
        SCOPED_TRACE(target);
        Tree save = docker_save({kLower}, "app:1");
        save[2] = symlink(target, save[2].name);
        EXPECT_FALSE(error_of_archive(tar(save)).message.empty());
    }
}

TEST_F(Source, NamesTooLongForAPathAreNotKept) {
    make_image();
    const std::string name(5000, 'n');
    image_.files[name] = "x";
    const ImageSource source = open_archive(image_.archive());
    EXPECT_EQ(layers_of(source), layers_);
    const auto files = open_archive_files(temp_ / "image.tar");
    ASSERT_TRUE(files);
    EXPECT_FALSE((*files)->open(name));
}

// Opening one waits for who writes to it.
TEST_F(Source, FifoIsNoImage) {
    ASSERT_EQ(::mkfifo((temp_ / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(ImageSource::open(temp_ / "fifo").error().code, ErrorCode::invalid_argument);
}

// As `tar --sparse` packs an image's directory again.
TEST_F(Source, SparseMembersAreRefusedByName) {
    make_image();
    const std::string good = image_.archive();
    const auto in_records = [](const char* minor, const char* size_key) {
        return pax_header(pax_record("GNU.sparse.major", "0") +
                          pax_record("GNU.sparse.minor", minor) +
                          pax_record("GNU.sparse.name", "blobs/holes") +
                          pax_record(size_key, "100000") + pax_record("GNU.sparse.map", "0,1")) +
               tar_entry(file("GNUSparseFile.0/holes", "x"));
    };
    for (const std::string& sparse :
         {in_records("0", "GNU.sparse.size"), in_records("1", "GNU.sparse.size"),
          in_records("1", "GNU.sparse.realsize"),
          pax_sparse_file("blobs/holes", 100'000, {{0, "x"}, {90'000, "y"}}),
          pax_sparse_file("blobs/holes", 100'000, {}),
          tar_entry(file("blobs/holes", "x").flag('S'))}) {
        const Error error = error_of_archive(sparse + good);
        EXPECT_THAT(error.message, HasSubstr("blobs/holes"));
        EXPECT_THAT(error.message, HasSubstr("sparse file"));
    }
}

TEST_F(Source, BrokenArchivesAreErrors) {
    make_image();
    const std::string good = image_.archive();
    EXPECT_EQ(error_of_archive(good.substr(0, good.size() - 1024 - 700)).code,
              ErrorCode::data_loss);
    EXPECT_EQ(error_of_archive(std::string(10'000, 'x')).code, ErrorCode::invalid_argument);
    EXPECT_EQ(error_of_archive("").code, ErrorCode::not_found);
    EXPECT_FALSE(ImageSource::open(temp_ / "missing"));
    EXPECT_FALSE(ImageSource::open("/dev/null"));
}

} // namespace
} // namespace lamina
