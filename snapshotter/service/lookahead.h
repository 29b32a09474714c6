// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "snapshotter/core/free_space.h"
#include "snapshotter/core/staged_tree.h"
#include "snapshotter/service/ahead_book.h"
#include "snapshotter/service/image_layers.h"
#include "snapshotter/service/limits.h"
#include "snapshotter/service/unpack_slots.h"
#include "unpacker/pipeline/layer_unpacker.h"

namespace lamina {

// Most clients apply an image's layers one after the other. From the first Apply on, this unpacks
// the layers that follow, into staging/, so that their Applies find them done. Nothing depends on
// it: whatever goes wrong here, an Apply unpacks by itself. Thread-safe.
class Lookahead {
  public:
    // What it works with. All may be called by several threads at once. Those that take a stop
    // token may block until then, which holds up nothing but what needs their answer.
    struct Parts {
        std::function<Result<std::vector<LayerAhead>>(const LayerPlace&, size_t depth,
                                                      const std::stop_token&)>
            layers_above;
        std::function<bool(const LayerAhead&, const std::stop_token&)> has_blob;
        std::function<Result<std::unique_ptr<BlobSource>>(const LayerAhead&,
                                                          const std::stop_token&)>
            open_blob;
        std::function<Result<StagedTree>()> make_tree;
        std::function<Result<UnpackReport>(BlobSource&, Encoding, const UnpackTarget&,
                                           const std::stop_token&)>
            unpack;
        std::function<Result<FreeSpace>()> free_space;
        // Whether this snapshot still waits for its commit.
        std::function<bool(const std::string& key)> is_active;
        // Whether this snapshot, which was there, is gone.
        std::function<bool(SnapshotId)> is_removed;
    };

    // Begins an unpack only while fewer than `busy` places of `slots` (which outlive it) are taken;
    // with 0 it never does. Images are given up when no Apply came for `age`, or when what was
    // applied of them was removed.
    Lookahead(Parts parts, UnpackSlots& slots, unsigned busy,
              AheadBook::Clock::duration age = kStagedAge);
    // Ends all unpacks and throws away what nobody took. All visits must have ended.
    ~Lookahead();

    // One Apply, from before its unpack to its end. One thread at a time.
    class Visit {
      public:
        // Of a layer that nothing is done ahead for.
        Visit() = default;
        Visit(Visit&& other) noexcept;
        Visit& operator=(Visit&&) = delete;
        // Unless it succeeded, the layers above are given up, if no other Apply of the image runs.
        ~Visit();

        // The layer, if it was unpacked already or is just being unpacked, which is then waited
        // for until `stop`. Only if it was made of a blob of this size and encoding, and once:
        // whoever gets nothing unpacks by himself, and nobody else will. At most one call.
        std::optional<StagedLayer> take(uint64_t size, Encoding encoding,
                                        const std::stop_token& stop);
        // What take() gave is the snapshot's now. Without it, it was made in vain.
        void use() { is_used_ = true; }
        // With the diff ID that is answered.
        void succeed(const Digest& diff_id) { diff_id_ = diff_id; }

      private:
        friend class Lookahead;
        Visit(Lookahead& owner, AheadBook::ImageId image, LayerPlace place)
            : owner_(&owner), image_(image), place_(std::move(place)) {}

        Lookahead* owner_ = nullptr;
        AheadBook::ImageId image_ = 0;
        std::optional<LayerPlace> place_;
        std::optional<Digest> diff_id_;
        std::optional<bool> is_used_; // of what take() gave
    };

    // An Apply begins.
    Visit enter(const LayerApply& apply);

    // An Apply of `blob` into the snapshot `key` begins for which its parents are not known
    // (rebase): containerd unpacks the layers of that image at the same time itself, and nothing is
    // to be done ahead for it while that snapshot is active. Images of the same namespace that only
    // share the blob are not told apart; they go without meanwhile.
    void keep_off(const std::string& containerd_namespace, const Digest& blob,
                  const std::string& key);

    [[nodiscard]] AheadCounts counts();
    // Of all staged trees now, with an estimate for those that are being unpacked.
    [[nodiscard]] uint64_t staged_bytes();

  private:
    using Lock = std::unique_lock<std::mutex>;

    void scout(const std::stop_token& stop);
    void watch(const std::stop_token& stop);
    void work(const std::stop_token& stop);
    void look_up(const AheadBook::Question& question);
    void end_keep_off_of_settled(const std::vector<LayerAhead>& layers);
    bool look_for_blobs(Lock& lock);
    void look_after_staged();
    void drop_what_was_given_up(Lock& lock, AheadBook::Dropped& dropped);
    Result<StagedLayer> stage(const LayerAhead& layer, const AheadBook::InFlight& unpacks,
                              const std::stop_token& stop);
    Status check_room(const AheadBook::InFlight& unpacks);

    const Parts parts_;
    UnpackSlots& slots_;
    const unsigned busy_;
    const AheadBook::Clock::duration age_;

    std::mutex mutex_;
    std::condition_variable_any changed_; // with every change of what follows
    AheadBook book_;

    std::vector<std::jthread> threads_; // last: they use the rest
};

} // namespace lamina
