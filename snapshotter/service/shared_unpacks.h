// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

#include "snapshotter/core/filled_tree.h"
#include "unpacker/base/digest.h"
#include "unpacker/codec/media_type.h"
#include "unpacker/pipeline/report.h"

namespace lamina {

// A layer that an Apply has unpacked, for others to clone.
struct SharedLayer {
    FilledTree tree;
    UnpackReport report; // `rebase` is what remains to be done on a clone
};

// Applies of one blob at the same time: one of them unpacks, the others wait for it and clone what
// it made. When it fails the one that has waited longest unpacks, and so on. Nothing is kept when
// nobody asks any more. Does nothing to files itself. Thread-safe; outlives its turns.
class SharedUnpacks {
  public:
    // What has to be equal for two Applies to give the same tree, but for what rebase_layer() does.
    struct Key {
        Digest blob;
        uint64_t size = 0; // of the blob
        Encoding encoding{};
        bool is_overlay = false; // whiteouts are kept, not carried out
        auto operator<=>(const Key&) const = default;
    };

    // The part that one Apply has, until it is destroyed. One thread.
    class Turn {
      public:
        Turn(Turn&& other) noexcept;
        Turn& operator=(Turn&&) = delete;
        // Who leads and has neither offered nor withheld has failed: the next one leads.
        ~Turn();

        // The others wait for this one.
        [[nodiscard]] bool leads() const { return leads_; }
        // What there is to clone, or null. Null for one who does not lead: each unpacks alone.
        [[nodiscard]] const std::shared_ptr<const SharedLayer>& layer() const { return layer_; }

        // Ends the lead with a layer for all who wait, and who come while those clone it.
        void offer(SharedLayer layer);
        // Ends the lead: it was unpacked, but cannot be shared. All who wait unpack alone.
        void withhold();
        // layer() is not what it was any more. Nobody else gets it, and one of those who ask
        // next leads.
        void reject();

      private:
        friend class SharedUnpacks;
        struct Flight;
        Turn(SharedUnpacks& owner, Key key, std::shared_ptr<Flight> flight)
            : owner_(&owner), key_(std::move(key)), flight_(std::move(flight)) {}

        SharedUnpacks* owner_;
        Key key_;
        std::shared_ptr<Flight> flight_;
        std::shared_ptr<const SharedLayer> layer_;
        bool leads_ = false;
    };

    // Waits as long as another one leads. canceled after `stop`.
    [[nodiscard]] Result<Turn> join(const Key& key, const std::stop_token& stop);

    // How many wait for the blob just now. For tests.
    [[nodiscard]] size_t waiting(const Key& key);

  private:
    using Flight = Turn::Flight;

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::map<Key, std::shared_ptr<Flight>> flights_;
};

} // namespace lamina
