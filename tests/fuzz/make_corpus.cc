// SPDX-License-Identifier: Apache-2.0
// make_corpus FOLDER: writes the seeds of all fuzz targets, one folder each.
#include <filesystem>
#include <map>
#include <string>

#include "tests/support/encoders.h"
#include "tests/support/tar_builder.h"
#include "tests/support/tree.h"

namespace {

using namespace lamina::test;

using Seeds = std::map<std::string, std::string>;

Seeds layers() {
    Seeds seeds;
    seeds["types"] =
        tar({dir("d", 01777), file("d/f", "content", 04755), symlink("f", "d/l"),
             hard_link("d/f", "d/h"), fifo("p"), char_device("c", 1, 3), block_device("b", 8, 1)});
    seeds["whiteouts"] = tar({file("a/x", "1"), whiteout("a/x"), opaque("a"), whiteout("b"),
                              dir("b"), file("b/y"), file("c/.wh...")});
    seeds["escapes"] = tar({symlink("/", "r"), file("r/f", "1"), symlink("../..", "u"),
                            file("u/../g", "2"), hard_link("../../etc/passwd", "h")});
    seeds["replacements"] = tar({file("x", "1"), dir("x"), file("x/y"), symlink("x", "x"),
                                 file("x/z"), hard_link("x/y", "x")});
    seeds["pax"] = tar({file("f", "12345")
                            .mtime(1, 5)
                            .owner(3'000'000, 4'000'000)
                            .xattr("user.k", "v")
                            .pax("path", "long/name")
                            .pax("size", "5"),
                        file(std::string(300, 'n'), "x")});
    seeds["gnu"] = tar({file(std::string(150, 'n'), "x").gnu().owner(3'000'000, 1),
                        symlink(std::string(200, 't'), "l").gnu()});
    seeds["global"] = pax_header(pax_record("path", "x"), 'g') + tar({file("f", "x")});
    seeds["sparse"] = pax_sparse_file("s", 5000, {{0, "begin"}, {4000, "later"}}) + tar({});
    seeds["flags"] = tar({file("s").flag('S')}) + tar({file("u").flag('7')});
    seeds["early-end"] = truncated(tar_body({file("f", std::string(2000, 'x'))}), 700);
    seeds["trailing"] = tar({file("f", "x")}) + "bytes after the end";
    return seeds;
}

// Each layer plain and compressed, after the byte that chooses the mode.
Seeds unpack_seeds() {
    Seeds seeds;
    for (const auto& [name, layer] : layers()) {
        seeds[name + "-in-place"] = '\0' + layer;
        seeds[name + "-overlay"] = '\3' + layer;
        seeds[name + "-gzip"] = '\1' + gzip(layer);
        seeds[name + "-zstd"] = '\2' + zstd(layer);
    }
    return seeds;
}

std::string many_members() {
    std::string members;
    for (int i = 0; i < 20; ++i) {
        members += gzip("content of file " + std::to_string(i));
    }
    return members;
}

Seeds decoder_seeds() {
    return {{"gzip", gzip("some bytes")},
            {"gzip-members", gzip("a") + gzip("") + gzip(std::string(5000, 'b'))},
            {"gzip-pieces", many_members()},
            {"gzip-likeness", many_members() + gzip(many_members(), 0) + many_members()},
            {"gzip-pieces-cut", truncated(many_members(), 3)},
            {"gzip-fields", gzip_with_header_fields("c")},
            {"gzip-stored", gzip("stored", 0)},
            {"gzip-garbage", gzip("d") + "x"},
            {"gzip-crc", flipped(gzip("e"), -7)},
            {"zstd", zstd(std::string(5000, 'f'))},
            {"zstd-frames", zstd("g") + zstd_skippable("skip") + zstd("h")},
            {"zstd-cut", truncated(zstd("i"), 3)},
            {"plain", "no magic"}};
}

Seeds filter_seeds() {
    return {{"equal", "name==a,kind!=active"}, {"labels", "labels.\"containerd.io/gc.root\"==x"},
            {"regex", "name~=^a.*b$"},         {"presence", "parent"},
            {"quotes", "name=='a\\x41\\n'"},   {"broken", "name==\"open"}};
}

void write(const std::string& folder, const Seeds& seeds) {
    std::filesystem::create_directories(folder);
    for (const auto& [name, bytes] : seeds) {
        write_file(folder + "/" + name, bytes);
    }
}

} // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        return 2;
    }
    const std::string folder = arguments[1];
    write(folder + "/unpack", unpack_seeds());
    write(folder + "/decoder", decoder_seeds());
    write(folder + "/filter", filter_seeds());
    return 0;
}
