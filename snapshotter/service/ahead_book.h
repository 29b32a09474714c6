// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "snapshotter/core/staged_tree.h"
#include "snapshotter/service/image_layers.h"
#include "unpacker/pipeline/report.h"

namespace lamina {

// A layer that was unpacked without the layers below it: `report.rebase` is still to be done.
struct StagedLayer {
    StagedTree tree;
    UnpackReport report;
};

// What the look-ahead has done, each layer counted once.
struct AheadCounts {
    uint64_t staged = 0; // unpacked completely
    uint64_t used = 0;   // of these: an Apply took it
    uint64_t wasted = 0; // begun, and nobody took it
};

// An Apply, as far as the look-ahead is concerned.
struct LayerApply {
    LayerPlace place;
    size_t depth = 0;        // number of layers below
    SnapshotId snapshot = 0; // that it writes into
};

// Which layers the look-ahead knows of and how far each has come. Does nothing by itself: no
// threads, no files. Not thread-safe.
class AheadBook {
  public:
    using Clock = std::chrono::steady_clock;
    using ImageId = uint64_t; // never used twice; 0 is none

    // A layer on its way.
    struct Entry {
        enum class State {
            expected,  // its blob may not be there yet
            ready,     // its blob is there
            unpacking, // a thread is at it
            done,      // `result` is there
            over,      // failed, or nobody wants it any more
        };
        Entry(ImageId its_image, size_t its_depth, LayerAhead its_layer)
            : image(its_image), depth(its_depth), layer(std::move(its_layer)) {}

        const ImageId image;
        const size_t depth; // number of layers below it
        const LayerAhead layer;
        State state = State::expected;
        std::optional<StagedLayer> result;
        std::stop_source stop; // of its unpack
    };
    using EntryPtr = std::shared_ptr<Entry>; // never null
    // What is to be destroyed without a lock: deleting a tree takes time.
    using Dropped = std::vector<EntryPtr>;

    // An image whose layers are to be found.
    struct Question {
        ImageId image = 0;
        LayerPlace place;
        size_t depth = 0;
        std::stop_token stop; // nobody wants the answer any more
    };

    // An Apply begins. Answers the image that it belongs to: a known one, else a new one, about
    // which there is a question; 0 when there are too many. Layers below are over.
    ImageId enter(const LayerApply& apply, Clock::time_point now, Dropped& dropped);
    // It has ended, with what it answered, or failed. When it failed, or answered another diff ID
    // than the image's configuration has, which containerd does not take, the image is dropped,
    // unless another Apply of it runs.
    void leave(ImageId image, const LayerPlace& place, const std::optional<Digest>& diff_id,
               Clock::time_point now, Dropped& dropped);

    // An Apply of `blob` into the snapshot `key` begins for which its parents are not known: the
    // client unpacks that image's layers at the same time by itself. Images with that layer are
    // dropped, now and when an answer comes to know of it.
    void keep_off(const std::string& containerd_namespace, const Digest& blob,
                  const std::string& key, Dropped& dropped);
    // The snapshots for which keep_off() holds one of these layers back.
    [[nodiscard]] std::vector<std::string> kept_off_by(const std::vector<LayerAhead>& layers) const;
    // It was committed or removed, and with it the image's parallel unpack is over.
    void end_keep_off(const std::string& key);

    // Questions go with their image, so there are never more than kImagesAheadMax.
    [[nodiscard]] bool has_question() const;
    // The oldest one, which is then to be answered.
    std::optional<Question> take_question();
    // What was found out. Layers that are known already are left out; when a later layer's Apply
    // has already asked for itself, its answer counts and not this one.
    void answer(const Question& question, const std::vector<LayerAhead>& layers,
                Clock::time_point now, Dropped& dropped);

    // Nothing when it is not known, or over.
    [[nodiscard]] std::optional<EntryPtr> find(const LayerPlace& place) const;
    // Nobody is to come for it again. The image is dropped with its last one. A result that was
    // there is the caller's now, to be counted by count_taken().
    void take_out(const EntryPtr& entry, Dropped& dropped);
    // Whether a snapshot has taken the result.
    void count_taken(ImageId image, bool is_used);

    [[nodiscard]] std::vector<EntryPtr> expected() const;
    // Of the ready layers whose estimated bytes fit: one that will be asked for next, else the one
    // with the most bytes.
    [[nodiscard]] std::optional<EntryPtr> next() const;
    // An unpack has ended, without a result when it failed. Takes the result unless the entry was
    // over meanwhile.
    void finish(const EntryPtr& entry, std::optional<StagedLayer>& result);

    // For each image the snapshots that its Applies wrote into, as far as layers follow on them.
    [[nodiscard]] std::vector<std::pair<ImageId, SnapshotId>> snapshots() const;
    // It was removed. With the last one, and no Apply that runs, the image is dropped: nobody can
    // ask for the layers above before there was another Apply for those below.
    void forget_snapshot(ImageId image, SnapshotId snapshot, Dropped& dropped);
    // Drops images that no Apply was seen of since `oldest`.
    void expire(Clock::time_point oldest, Dropped& dropped);
    void drop_all(std::string_view reason, Dropped& dropped);

    [[nodiscard]] bool is_empty() const { return images_.empty(); }
    [[nodiscard]] const AheadCounts& counts() const { return counts_; }

    // Unpacks that have begun and not ended, and the bytes that their trees may take, by a guess.
    struct InFlight {
        uint64_t layers = 0;
        uint64_t estimated_bytes = 0;
    };
    [[nodiscard]] InFlight in_flight() const;
    // What trees take that nobody took yet: known of finished ones, else a guess.
    [[nodiscard]] uint64_t staged_bytes() const;

  private:
    struct Image {
        LayerPlace first; // that an Apply was seen of
        size_t first_depth = 0;
        size_t depth = 0;                    // of the Apply seen last
        std::vector<SnapshotId> snapshots{}; // of the Applies of that depth
        // Of its layers; diff IDs as far as they are known.
        std::map<LayerPlace, std::optional<Digest>> diff_ids{};
        unsigned visits = 0; // Applies that run
        enum class Question { open, taken, answered } question = Question::open;
        std::stop_source stop{}; // of who looks for the answer
        Clock::time_point last_seen{};
        AheadCounts counts{};
    };
    using Images = std::map<ImageId, Image>;

    Images::iterator image_of(const LayerPlace& place);
    void drop(Images::iterator image, std::string_view reason, Dropped& dropped);
    void drop_if_finished(ImageId image, Dropped& dropped);
    void abandon(Entry& entry);

    Images images_;
    std::list<EntryPtr> entries_; // as images came, base first
    struct KeptOff {
        std::string containerd_namespace;
        Digest blob;
        std::string key;

        [[nodiscard]] bool holds_back(const LayerPlace& place) const {
            return blob == place.blob && containerd_namespace == place.containerd_namespace;
        }
    };
    std::deque<KeptOff> kept_off_; // oldest first
    ImageId last_image_ = 0;
    AheadCounts counts_;
};

} // namespace lamina
