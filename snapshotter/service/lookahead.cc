// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/lookahead.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "unpacker/base/log.h"

namespace lamina {
namespace {

using Clock = AheadBook::Clock;
using State = AheadBook::Entry::State;

void log_staged(const LayerAhead& layer, const Result<StagedLayer>& staged) {
    const log::Field digest{"digest", layer.place.blob.text()};
    if (staged) {
        log::info("stage layer", {digest,
                                  {"bytes", staged->report.blob_bytes},
                                  {"uncompressed_bytes", staged->report.uncompressed_bytes},
                                  {"seconds", staged->report.times.total_seconds}});
    } else {
        log::info("layer is not staged", {digest, {"error", staged.error().message}});
    }
}

} // namespace

Lookahead::Lookahead(Parts parts, UnpackSlots& slots, unsigned busy, Clock::duration age)
    : parts_(std::move(parts)), slots_(slots), busy_(busy), age_(age) {
    if (busy_ == 0) {
        return;
    }
    threads_.emplace_back([this](const std::stop_token& stop) { scout(stop); });
    threads_.emplace_back([this](const std::stop_token& stop) { watch(stop); });
    for (unsigned i = 0; i < busy_; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
}

Lookahead::~Lookahead() {
    for (std::jthread& thread : threads_) {
        thread.request_stop();
    }
    AheadBook::Dropped dropped;
    const Lock lock(mutex_);
    book_.drop_all("the daemon stops", dropped);
}

AheadCounts Lookahead::counts() {
    const Lock lock(mutex_);
    return book_.counts();
}

uint64_t Lookahead::staged_bytes() {
    const Lock lock(mutex_);
    return book_.staged_bytes();
}

// --- Applies ---

Lookahead::Visit Lookahead::enter(const LayerApply& apply) {
    if (busy_ == 0) {
        return {};
    }
    AheadBook::Dropped dropped; // destroyed after the lock
    const Lock lock(mutex_);
    const auto image = book_.enter(apply, Clock::now(), dropped);
    changed_.notify_all();
    return image == 0 ? Visit() : Visit(*this, image, apply.place);
}

void Lookahead::keep_off(const std::string& containerd_namespace, const Digest& blob,
                         const std::string& key) {
    if (busy_ == 0) {
        return;
    }
    AheadBook::Dropped dropped;
    const Lock lock(mutex_);
    book_.keep_off(containerd_namespace, blob, key, dropped);
    changed_.notify_all();
}

Lookahead::Visit::Visit(Visit&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), image_(other.image_),
      place_(std::move(other.place_)), diff_id_(std::move(other.diff_id_)),
      is_used_(other.is_used_) {}

Lookahead::Visit::~Visit() {
    if (owner_ == nullptr) {
        return;
    }
    AheadBook::Dropped dropped;
    const Lock lock(owner_->mutex_);
    if (is_used_) {
        owner_->book_.count_taken(image_, *is_used_);
    }
    owner_->book_.leave(image_, *place_, diff_id_, Clock::now(), dropped);
    owner_->changed_.notify_all();
}

std::optional<StagedLayer> Lookahead::Visit::take(uint64_t size, Encoding encoding,
                                                  const std::stop_token& stop) {
    if (owner_ == nullptr) {
        return std::nullopt;
    }
    AheadBook::Dropped dropped;
    Lock lock(owner_->mutex_);
    const auto entry = owner_->book_.find(*place_);
    if (!entry || (*entry)->layer.size != size || (*entry)->layer.encoding != encoding) {
        return std::nullopt;
    }
    const auto has_ended = [&] { return (*entry)->state != State::unpacking; };
    if (!owner_->changed_.wait(lock, stop, has_ended)) {
        return std::nullopt;
    }
    std::optional<StagedLayer> staged;
    if ((*entry)->state == State::done) {
        staged.emplace(*std::exchange((*entry)->result, std::nullopt));
        is_used_ = false; // not yet
    }
    owner_->book_.take_out(*entry, dropped);
    owner_->changed_.notify_all(); // there is room for another one
    return staged;
}

// --- The thread that asks containerd what there is to do ---

// Its calls end when the image is dropped that they are for, and so at the end of all.
void Lookahead::scout(const std::stop_token& stop) {
    const auto has_question = [&] { return book_.has_question(); };
    auto pause = kBlobPollMin;
    Lock lock(mutex_);
    while (!stop.stop_requested()) {
        if (const auto question = book_.take_question()) {
            lock.unlock();
            look_up(*question);
            lock.lock();
            pause = kBlobPollMin;
        } else if (book_.expected().empty()) {
            changed_.wait(lock, stop, has_question);
        } else {
            const bool found = look_for_blobs(lock);
            pause = found ? kBlobPollMin : std::min(pause * 2, kBlobPollMax);
            changed_.wait_for(lock, stop, pause, has_question);
        }
    }
}

void Lookahead::look_up(const AheadBook::Question& question) {
    auto layers = parts_.layers_above(question.place, question.depth, question.stop);
    if (!layers) {
        log::debug("cannot look ahead",
                   {{"digest", question.place.blob.text()}, {"error", layers.error().message}});
        layers.emplace();
    }
    end_keep_off_of_settled(*layers);
    AheadBook::Dropped dropped;
    const Lock lock(mutex_);
    book_.answer(question, *layers, Clock::now(), dropped);
    changed_.notify_all();
}

// The base of an image may be applied long after others of its layers, and nothing but they tell
// that it is unpacked in parallel. They are not committed before it (core/unpack).
void Lookahead::end_keep_off_of_settled(const std::vector<LayerAhead>& layers) {
    Lock lock(mutex_);
    for (const std::string& key : book_.kept_off_by(layers)) {
        lock.unlock();
        const bool is_active = parts_.is_active(key);
        lock.lock();
        if (!is_active) {
            book_.end_keep_off(key);
        }
    }
}

// Whether a blob was found. Asks without the lock.
bool Lookahead::look_for_blobs(Lock& lock) {
    bool found = false;
    for (const AheadBook::EntryPtr& entry : book_.expected()) {
        lock.unlock();
        const bool is_there = parts_.has_blob(entry->layer, entry->stop.get_token());
        lock.lock();
        if (is_there && entry->state == State::expected) {
            entry->state = State::ready;
            changed_.notify_all();
            found = true;
        }
    }
    return found;
}

// --- The thread that sees to it that time and space are limited ---

void Lookahead::watch(const std::stop_token& stop) {
    Lock lock(mutex_);
    while (!stop.stop_requested()) {
        changed_.wait(lock, stop, [&] { return !book_.is_empty(); });
        lock.unlock();
        look_after_staged();
        lock.lock();
        changed_.wait_for(lock, stop, kStagedWatchTime, [] { return false; });
    }
}

void Lookahead::look_after_staged() {
    const auto room = check_room({});
    AheadBook::Dropped dropped;
    Lock lock(mutex_);
    drop_what_was_given_up(lock, dropped);
    book_.expire(Clock::now() - age_, dropped);
    if (!room) {
        book_.drop_all(room.error().message, dropped);
    }
    changed_.notify_all();
}

// A client that gives up tells nobody, but containerd removes what it made: the snapshot of a
// failed unpack at once, committed ones with the garbage. Asks without the lock.
void Lookahead::drop_what_was_given_up(Lock& lock, AheadBook::Dropped& dropped) {
    for (const auto& [image, snapshot] : book_.snapshots()) {
        lock.unlock();
        const bool is_removed = parts_.is_removed(snapshot);
        lock.lock();
        if (is_removed) {
            book_.forget_snapshot(image, snapshot, dropped);
        }
    }
}

// Whether these can still be written, with what must stay free for everybody else.
Status Lookahead::check_room(const AheadBook::InFlight& unpacks) {
    TRY_ASSIGN(const FreeSpace space, parts_.free_space());
    if (space.bytes < kFreeBytesMin + unpacks.estimated_bytes ||
        space.inodes < kFreeInodesMin * (1 + unpacks.layers)) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("too little space: {} bytes and {} inodes are free", space.bytes,
                                space.inodes));
    }
    return {};
}

// --- The threads that do it ---

void Lookahead::work(const std::stop_token& stop) {
    while (true) {
        {
            Lock lock(mutex_);
            if (!changed_.wait(lock, stop, [&] { return book_.next().has_value(); })) {
                return;
            }
        }
        const auto slot = slots_.take_spare(busy_, stop);
        if (!slot) {
            return;
        }
        Lock lock(mutex_);
        const auto next = book_.next(); // may be another one, or none, by now
        if (!next) {
            continue;
        }
        const AheadBook::EntryPtr entry = *next;
        entry->state = State::unpacking;
        const AheadBook::InFlight unpacks = book_.in_flight(); // with this one
        lock.unlock();
        auto staged = stage(entry->layer, unpacks, entry->stop.get_token());
        log_staged(entry->layer, staged);
        std::optional<StagedLayer> result;
        if (staged) {
            result.emplace(*std::move(staged));
        }
        lock.lock();
        book_.finish(entry, result);
        changed_.notify_all();
        lock.unlock(); // before a result that nobody wants is thrown away
    }
}

// Of those that begin at the same time, the last one has counted all, so what is on its way is
// never more than the room for it. What has been written of it counts twice: rather too little is
// begun than too much.
Result<StagedLayer> Lookahead::stage(const LayerAhead& layer, const AheadBook::InFlight& unpacks,
                                     const std::stop_token& stop) {
    TRY(check_room(unpacks));
    TRY_ASSIGN(const auto blob, parts_.open_blob(layer, stop));
    TRY_ASSIGN(StagedTree tree, parts_.make_tree());
    const UnpackTarget target{.root = tree.path(),
                              .whiteouts = WhiteoutMode::overlay,
                              .lowerdirs = {},
                              .index = tree.index_file()};
    TRY_ASSIGN(UnpackReport report, parts_.unpack(*blob, layer.encoding, target, stop));
    return StagedLayer{std::move(tree), std::move(report)};
}

} // namespace lamina
