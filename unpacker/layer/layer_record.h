// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "unpacker/index/index_entry.h"
#include "unpacker/index/index_writer.h"
#include "unpacker/layer/directory.h"
#include "unpacker/layer/directory_tree.h"
#include "unpacker/layer/leaf.h"

namespace lamina {

// Notes what an unpack makes, so that the index of the layer costs no walk over its tree.
//
// Of a file that comes as its header says, the header is noted. Names that something else decides
// about (hard links, whiteouts) and those with rare attributes are only marked, and looked at in
// the end. What was noted last of a name counts. One of each type is looked at too: where the host
// adds attributes of its own (security modules), notes are worth nothing.
//
// Never an error of the unpack: where it cannot tell, it gives up, and whoever wants the index
// walks. The notes take limits::kRecordBytesMax at most. One thread at a time.
class LayerRecord {
  public:
    LayerRecord();
    ~LayerRecord();
    LayerRecord(const LayerRecord&) = delete;
    LayerRecord& operator=(const LayerRecord&) = delete;

    // Begins to note; without it all of this does nothing. `root` is the empty directory that is
    // unpacked into.
    void start(int root);

    void note_leaf(Directory& parent, const Leaf& leaf);
    // Once nothing changes it any more, but for its xattrs and owner, which may be noted again.
    // `fd` is the directory, `now` what fstat(2) says of it.
    void note_directory(Directory& directory, int fd, const struct stat& now);
    // To be looked at in the end.
    void note_name(Directory& parent, const std::string& name);
    void note_removal(Directory& parent, const std::string& name);
    void give_up(std::string_view why);

    [[nodiscard]] bool is_on() const { return is_on_; }

    // Writes the index into the empty file. True when it is complete. Once, after everything.
    [[nodiscard]] bool write(DirectoryTree& tree, int file);

  private:
    enum class Kind : uint8_t { entry, name, removal };
    // A note where it lies: that before it in its directory, kind, name, encoded entry.
    struct Note;
    struct Level {
        Directory* directory;
        std::vector<uint32_t> notes; // one for each name there is, in the order of the names
        size_t next;
        size_t path_bytes; // of the directory, with a slash behind it
    };

    void append(Directory& parent, const std::string& name, Kind kind, std::string_view entry);
    [[nodiscard]] Note note_at(uint32_t place) const;
    [[nodiscard]] std::vector<uint32_t> names_in(const Directory& directory) const;
    Status write_all(DirectoryTree& tree, IndexWriter& index);
    Status write_next(DirectoryTree& tree, IndexWriter& index);
    Result<IndexEntry> entry_of_note(DirectoryTree& tree, Directory& directory, const Note& note);
    Result<IndexEntry> look(DirectoryTree& tree, Directory& directory, const std::string& name);
    Status check_type(DirectoryTree& tree, Directory& directory, const std::string& name,
                      const IndexEntry& noted);

    bool is_on_ = false;
    std::vector<std::unique_ptr<char[]>> blocks_;
    size_t used_bytes_ = 0; // of the last block
    std::string scratch_;
    IndexEntry root_;

    // While it is written:
    std::vector<Level> levels_;
    std::string path_;
    std::map<ino_t, uint32_t> groups_;
    unsigned checked_types_ = 0; // a bit for each NodeType
};

} // namespace lamina
