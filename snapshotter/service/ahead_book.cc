// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/ahead_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "snapshotter/service/limits.h"
#include "unpacker/base/log.h"

namespace lamina {

using State = AheadBook::Entry::State;

namespace {

constexpr std::string_view kUnpackedInParallel = "the client unpacks layers in parallel itself";

} // namespace

// --- Applies ---

AheadBook::ImageId AheadBook::enter(const LayerApply& apply, Clock::time_point now,
                                    Dropped& dropped) {
    const auto& [place, depth, snapshot] = apply;
    auto image = image_of(place);
    if (image == images_.end()) {
        if (images_.size() >= kImagesAheadMax) {
            return 0;
        }
        image = images_.emplace(++last_image_, Image{.first = place, .first_depth = depth}).first;
        image->second.diff_ids.emplace(place, std::nullopt);
    }
    const ImageId id = image->first;
    ++image->second.visits;
    if (std::exchange(image->second.depth, depth) != depth) {
        image->second.snapshots.clear();
    }
    image->second.snapshots.push_back(snapshot);
    image->second.last_seen = now;
    std::erase_if(entries_, [&](const EntryPtr& entry) {
        const bool is_passed = entry->image == id && entry->depth < apply.depth;
        if (is_passed) {
            abandon(*entry);
            dropped.push_back(entry);
        }
        return is_passed;
    });
    return id;
}

void AheadBook::leave(ImageId id, const LayerPlace& place, const std::optional<Digest>& diff_id,
                      Clock::time_point now, Dropped& dropped) {
    const auto image = images_.find(id);
    if (image == images_.end()) {
        return;
    }
    --image->second.visits;
    image->second.last_seen = now;
    const std::optional<Digest>& expected = image->second.diff_ids.at(place);
    const bool is_good = diff_id && (!expected || *expected == *diff_id);
    if (!is_good && image->second.visits == 0) {
        drop(image, diff_id ? "a layer has another diff ID" : "an Apply failed", dropped);
        return;
    }
    drop_if_finished(id, dropped);
}

AheadBook::Images::iterator AheadBook::image_of(const LayerPlace& place) {
    return std::ranges::find_if(
        images_, [&](const auto& image) { return image.second.diff_ids.contains(place); });
}

// --- Layers ---

void AheadBook::keep_off(const std::string& containerd_namespace, const Digest& blob,
                         const std::string& key, Dropped& dropped) {
    if (kept_off_.size() == kLayersKeptOffMax) {
        kept_off_.pop_front();
    }
    const KeptOff& layer = kept_off_.emplace_back(KeptOff{containerd_namespace, blob, key});
    for (auto image = images_.begin(); image != images_.end();) {
        const auto here = image++;
        const bool has_layer = std::ranges::any_of(
            here->second.diff_ids, [&](const auto& own) { return layer.holds_back(own.first); });
        if (has_layer) {
            drop(here, kUnpackedInParallel, dropped);
        }
    }
}

std::vector<std::string> AheadBook::kept_off_by(const std::vector<LayerAhead>& layers) const {
    std::vector<std::string> keys;
    for (const KeptOff& kept : kept_off_) {
        if (std::ranges::any_of(
                layers, [&](const LayerAhead& layer) { return kept.holds_back(layer.place); })) {
            keys.push_back(kept.key);
        }
    }
    return keys;
}

void AheadBook::end_keep_off(const std::string& key) {
    std::erase_if(kept_off_, [&](const KeptOff& kept) { return kept.key == key; });
}

bool AheadBook::has_question() const {
    return std::ranges::any_of(
        images_, [](const auto& image) { return image.second.question == Image::Question::open; });
}

std::optional<AheadBook::Question> AheadBook::take_question() {
    for (auto& [id, image] : images_) { // ids grow
        if (image.question == Image::Question::open) {
            image.question = Image::Question::taken;
            return Question{id, image.first, image.first_depth, image.stop.get_token()};
        }
    }
    return std::nullopt;
}

void AheadBook::answer(const Question& question, const std::vector<LayerAhead>& layers,
                       Clock::time_point now, Dropped& dropped) {
    const auto image = images_.find(question.image);
    if (image == images_.end()) {
        return;
    }
    if (!kept_off_by(layers).empty()) {
        drop(image, kUnpackedInParallel, dropped);
        return;
    }
    image->second.question = Image::Question::answered;
    image->second.last_seen = now;
    const bool is_overtaken = std::ranges::any_of(
        layers, [&](const LayerAhead& layer) { return image_of(layer.place) != images_.end(); });
    size_t depth = question.depth;
    for (const LayerAhead& layer : layers) {
        if (is_overtaken || depth == question.depth + kLayersAheadMax) {
            break;
        }
        image->second.diff_ids.emplace(layer.place, layer.diff_id);
        entries_.push_back(std::make_shared<Entry>(question.image, ++depth, layer));
    }
    drop_if_finished(question.image, dropped);
}

std::optional<AheadBook::EntryPtr> AheadBook::find(const LayerPlace& place) const {
    const auto found = std::ranges::find_if(
        entries_, [&](const EntryPtr& entry) { return entry->layer.place == place; });
    return found == entries_.end() ? std::nullopt : std::optional(*found);
}

void AheadBook::take_out(const EntryPtr& entry, Dropped& dropped) {
    if (entry->state == State::done) {
        entry->state = State::over; // and not wasted, so far
    }
    abandon(*entry);
    std::erase(entries_, entry);
    drop_if_finished(entry->image, dropped);
}

void AheadBook::count_taken(ImageId image, bool is_used) {
    const auto count = [is_used](AheadCounts& counts) {
        ++(is_used ? counts.used : counts.wasted);
    };
    count(counts_);
    if (const auto found = images_.find(image); found != images_.end()) {
        count(found->second.counts);
    }
}

std::vector<AheadBook::EntryPtr> AheadBook::expected() const {
    std::vector<EntryPtr> found;
    std::ranges::copy_if(entries_, std::back_inserter(found),
                         [](const EntryPtr& entry) { return entry->state == State::expected; });
    return found;
}

// What is needed next first, or the client unpacks it and the look-ahead gains nothing; then the
// longest, so that it does not run alone at the end.
std::optional<AheadBook::EntryPtr> AheadBook::next() const {
    const uint64_t room = kStagedBytesMax - std::min(staged_bytes(), kStagedBytesMax);
    const auto can_begin = [&](const EntryPtr& entry) {
        return entry->state == State::ready && entry->layer.size <= room / kTreeBytesPerBlobByte;
    };
    const auto urgency = [&](const EntryPtr& entry) {
        const bool is_needed_next = entry->depth <= images_.at(entry->image).depth + 1;
        return std::tuple(can_begin(entry), is_needed_next, entry->layer.size);
    };
    const auto best = std::ranges::max_element(entries_, {}, urgency); // the first of equals
    return best != entries_.end() && can_begin(*best) ? std::optional(*best) : std::nullopt;
}

void AheadBook::finish(const EntryPtr& entry, std::optional<StagedLayer>& result) {
    if (entry->state != State::unpacking) { // counted as wasted then
        return;
    }
    auto& image = images_.at(entry->image);
    if (!result) {
        entry->state = State::over;
        ++image.counts.wasted;
        ++counts_.wasted;
        return;
    }
    entry->state = State::done;
    entry->result.emplace(*std::move(result));
    ++image.counts.staged;
    ++counts_.staged;
}

AheadBook::InFlight AheadBook::in_flight() const {
    InFlight unpacks;
    for (const EntryPtr& entry : entries_) {
        if (entry->state == State::unpacking) {
            ++unpacks.layers;
            unpacks.estimated_bytes += entry->layer.size * kTreeBytesPerBlobByte;
        }
    }
    return unpacks;
}

// Of what is there, and what will be.
uint64_t AheadBook::staged_bytes() const {
    uint64_t bytes = in_flight().estimated_bytes;
    for (const EntryPtr& entry : entries_) {
        if (entry->state == State::done) {
            bytes += entry->result->report.usage.size_bytes;
        }
    }
    return bytes;
}

// --- The end ---

void AheadBook::abandon(Entry& entry) {
    if (entry.state == State::unpacking || entry.state == State::done) {
        ++images_.at(entry.image).counts.wasted;
        ++counts_.wasted;
    }
    entry.state = State::over;
    entry.stop.request_stop();
}

void AheadBook::drop(Images::iterator image, std::string_view reason, Dropped& dropped) {
    const ImageId id = image->first;
    std::erase_if(entries_, [&](const EntryPtr& entry) {
        if (entry->image != id) {
            return false;
        }
        abandon(*entry);
        dropped.push_back(entry);
        return true;
    });
    const AheadCounts& counts = image->second.counts;
    if (counts.staged + counts.wasted > 0) {
        log::info("look-ahead ended", {{"namespace", image->second.first.containerd_namespace},
                                       {"first_digest", image->second.first.blob.text()},
                                       {"reason", reason},
                                       {"staged", counts.staged},
                                       {"used", counts.used},
                                       {"wasted", counts.wasted},
                                       {"staged_in_all", counts_.staged},
                                       {"used_in_all", counts_.used},
                                       {"wasted_in_all", counts_.wasted}});
    }
    image->second.stop.request_stop();
    images_.erase(image);
}

void AheadBook::drop_if_finished(ImageId id, Dropped& dropped) {
    const auto image = images_.find(id);
    const bool has_layers =
        std::ranges::any_of(entries_, [&](const EntryPtr& entry) { return entry->image == id; });
    if (image != images_.end() && image->second.question == Image::Question::answered &&
        image->second.visits == 0 && !has_layers) {
        drop(image, "nothing is left to do", dropped);
    }
}

std::vector<std::pair<AheadBook::ImageId, SnapshotId>> AheadBook::snapshots() const {
    std::vector<std::pair<ImageId, SnapshotId>> all;
    for (const auto& [id, image] : images_) {
        for (const SnapshotId snapshot : image.snapshots) {
            all.emplace_back(id, snapshot);
        }
    }
    return all;
}

void AheadBook::forget_snapshot(ImageId id, SnapshotId snapshot, Dropped& dropped) {
    const auto image = images_.find(id);
    if (image == images_.end()) {
        return;
    }
    std::erase(image->second.snapshots, snapshot);
    if (image->second.snapshots.empty() && image->second.visits == 0) {
        drop(image, "the layers below were removed", dropped);
    }
}

void AheadBook::expire(Clock::time_point oldest, Dropped& dropped) {
    for (auto image = images_.begin(); image != images_.end();) {
        const auto here = image++;
        if (here->second.visits == 0 && here->second.last_seen < oldest) {
            drop(here, "nobody came", dropped);
        }
    }
}

void AheadBook::drop_all(std::string_view reason, Dropped& dropped) {
    while (!images_.empty()) {
        drop(images_.begin(), reason, dropped);
    }
}

} // namespace lamina
