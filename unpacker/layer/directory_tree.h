// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "unpacker/base/fd.h"
#include "unpacker/layer/directory.h"

namespace lamina {

// The directories of one target: resolves names inside of it and keeps descriptors at hand.
//
// Every name is resolved component by component from the root's descriptor, each component opened
// without following links; links are followed by this class, with absolute targets taken from the
// root and ".." clamped to it. So nothing can lead out, and no path is ever handed to the kernel.
// Source: the rules are those of containerd's fs.RootPath (continuity).
//
// One thread at a time.
class DirectoryTree {
  public:
    // What a missing component means.
    enum class Missing {
        is_made,  // make it, 0755, as an implied directory
        is_error, // not_found
    };

    struct Hooks {
        // Called before the tree looks at a name that a writer may still be making.
        std::function<Status()> await_writers;
        // Called with a directory and the name of a whiteout in it that entries lie below: makes
        // it a directory that hides the lower one.
        std::function<Result<Directory*>(Directory&, const std::string&)> replace_whiteout;
    };

    DirectoryTree(Fd root, unsigned writers, Hooks hooks);

    [[nodiscard]] Directory& root() { return root_; }

    // The directory that `components` lead to. `components` come from clean_components().
    // Errors: invalid_argument for a component that is no directory, more than 255 links, or a
    // path over 4096 bytes.
    Result<Directory*> resolve(const std::vector<std::string>& components, Missing missing);

    // Makes the directory `name` in `parent`, with some mode; already_exists when anything has that
    // name.
    Result<Directory*> make(Directory& parent, const std::string& name);

    // Same for a directory that is only implied, so far: 0755 also below a set-group-ID directory.
    Result<Directory*> make_implied(Directory& parent, const std::string& name);

    // Takes in a directory that exists on disk.
    Result<Directory*> adopt(Directory& parent, const std::string& name);

    // Drops all that is known of the child `name` and below. The disk is the caller's.
    void forget(Directory& parent, const std::string& name);

    // A descriptor of `directory`, cached or opened again.
    Result<std::shared_ptr<const Fd>> open(Directory& directory);

    // Calls `visit` for every directory known, depth-first, parents first, the root included.
    Status for_each(const std::function<Status(Directory&)>& visit);

  private:
    class Resolution;

    Result<Directory*> step(Directory& at, const std::string& name, Missing missing,
                            Resolution& resolution);
    Result<Directory*> step_onto_existing(Directory& at, const std::string& name,
                                          Resolution& resolution);
    Status cache(Directory& directory, Fd fd);
    void touch(Directory& directory);
    void uncache(Directory& directory);

    Directory root_;
    unsigned writers_;
    unsigned next_writer_ = 0;
    Hooks hooks_;
    // Descriptors of directories that are open, here or in the hands of writers.
    std::shared_ptr<std::atomic<size_t>> open_count_ = std::make_shared<std::atomic<size_t>>(0);
    // Cached directories, the one used last in front.
    std::list<Directory*> recent_;
    std::unordered_map<const Directory*, std::list<Directory*>::iterator> recent_at_;
};

} // namespace lamina
