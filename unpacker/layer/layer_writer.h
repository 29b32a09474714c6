// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unpacker/base/stage_time.h"
#include "unpacker/layer/directory_tree.h"
#include "unpacker/layer/entry_path.h"
#include "unpacker/layer/layer_record.h"
#include "unpacker/layer/rebase_work.h"
#include "unpacker/layer/whiteout_mode.h"
#include "unpacker/layer/writer_pool.h"
#include "unpacker/tar/entry.h"
#include "unpacker/tree/usage.h"

namespace lamina {

// Makes the entries of one layer below a directory, in the order of the archive.
//
// This thread resolves names, makes directories and does everything that depends on the order of
// entries; files and other leaves are made by the writers meanwhile. Where an entry touches
// something that a writer may still be at (a name that came before, a whiteout, a hard link), all
// writers are awaited first. Such entries are few, and so every one of them may take the slow,
// simple way.
//
// One thread, whose umask must be 0 (use_private_umask()), calls add_entry(), for files
// add_content() until all is there, then end_entry(), and finish() after the last entry.
class LayerWriter {
  public:
    struct Target {
        Fd root;
        WhiteoutMode whiteouts;
        std::vector<std::string> lowerdirs; // nearest first; none if they are not known yet
        bool is_empty;                      // nothing was in the root before
        int index = -1;                     // UnpackTarget::index
    };

    LayerWriter(Target target, WriterPool& writers);

    Status add_entry(Entry entry);
    Status add_content(ContentBlock block);
    void end_entry();

    struct Summary {
        Usage usage;
        uint64_t whiteouts = 0;
        StageTime write_time;
        // In overlay mode: what is to be done once the lowerdirs are known, and with them, what
        // was done.
        RebaseWork rebase;
        RebaseWork rebased;
        bool is_indexed = false;
    };
    // Awaits the writers, then sets what must come last: metadata of implied directories, times
    // of all directories.
    Result<Summary> finish();

  private:
    // Where an entry stands: the directory that holds it, and its name there.
    struct Place {
        Directory* parent;
        std::string name;
    };

    Status add(Entry& entry);
    Result<Place> find_place(std::vector<std::string> components, DirectoryTree::Missing missing);

    Status add_directory(Entry& entry, const Place& place);
    Result<Directory*> make_directory(const Place& place);
    Status add_leaf(Entry& entry, const Place& place);
    Status add_hard_link(Entry& entry, const Place& place);

    Status add_whiteout(const Entry& entry, const Place& place, const std::string& hidden_name);
    Status hide(const Entry& entry, Directory& parent, const std::string& hidden_name);
    Result<Directory*> replace_whiteout(Directory& parent, const std::string& name);
    Status remove_whiteouts(Directory& directory);
    Status make_opaque(Directory& directory);
    Status set_opaque_mark(Directory& directory);
    Status make_root_opaque();
    Result<bool> clear_foreign(Directory& directory);
    Result<std::vector<std::string>> names_in(Directory& directory);

    Status clear_way(const Place& place);
    Status remove(Directory& parent, const std::string& name);

    Status finish_directory(Directory& directory, Summary& summary);
    Status rebase(Summary& summary);
    Status note_rebased(const Summary& summary);
    bool write_index(const Summary& summary, bool has_replaced);

    Target target_;
    WriterPool& writers_;
    DirectoryTree tree_;
    LayerRecord record_;
    uint64_t whiteouts_ = 0;
    bool has_removed_ = false; // usage has to be measured

    // The file whose content is being collected.
    unsigned file_writer_ = 0;
    WriterItem item_;
    uint64_t item_bytes_ = 0;
    bool in_file_ = false;
};

} // namespace lamina
