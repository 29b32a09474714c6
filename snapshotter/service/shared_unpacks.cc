// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/service/shared_unpacks.h"

#include <algorithm>

namespace lamina {

// One blob that is asked for. There as long as it has turns.
struct SharedUnpacks::Turn::Flight {
    enum class State {
        open, // the first one in the queue is to lead
        led,
        done,  // `layer` is there
        alone, // it cannot be shared
    };
    State state = State::open;
    std::shared_ptr<const SharedLayer> layer;
    size_t turns = 0;       // with those who wait
    std::list<int> waiting; // an element for each, by its place; the values mean nothing
};

Result<SharedUnpacks::Turn> SharedUnpacks::join(const Key& key, const std::stop_token& stop) {
    using State = Flight::State;
    std::unique_lock lock(mutex_);
    auto& known = flights_[key];
    if (known == nullptr) {
        known = std::make_shared<Flight>();
    }
    Turn turn(*this, key, known);
    Flight& flight = *turn.flight_;
    ++flight.turns;
    const auto place = flight.waiting.insert(flight.waiting.end(), 0);
    const bool is_told = changed_.wait(lock, stop, [&] {
        const bool may_lead = flight.state == State::open && place == flight.waiting.begin();
        return may_lead || flight.state == State::done || flight.state == State::alone;
    });
    flight.waiting.erase(place);
    if (!is_told) {
        lock.unlock(); // the turn takes it at its end, and tells the next one in the queue
        return fail(ErrorCode::canceled, "stopped while another unpack of the layer ran");
    }
    if (flight.state == State::open) {
        flight.state = State::led;
        turn.leads_ = true;
    } else if (flight.state == State::done) {
        turn.layer_ = flight.layer;
    }
    return turn;
}

size_t SharedUnpacks::waiting(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto flight = flights_.find(key);
    return flight == flights_.end() ? 0 : flight->second->waiting.size();
}

SharedUnpacks::Turn::Turn(Turn&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)),
      flight_(std::move(other.flight_)), layer_(std::move(other.layer_)),
      leads_(std::exchange(other.leads_, false)) {}

SharedUnpacks::Turn::~Turn() {
    if (owner_ == nullptr) {
        return;
    }
    const std::lock_guard lock(owner_->mutex_);
    if (leads_) {
        flight_->state = Flight::State::open;
    }
    if (--flight_->turns == 0) {
        owner_->flights_.erase(key_);
    }
    owner_->changed_.notify_all();
}

void SharedUnpacks::Turn::offer(SharedLayer layer) {
    {
        const std::lock_guard lock(owner_->mutex_);
        flight_->layer = std::make_shared<const SharedLayer>(std::move(layer));
        flight_->state = Flight::State::done;
        leads_ = false;
    }
    owner_->changed_.notify_all();
}

void SharedUnpacks::Turn::withhold() {
    {
        const std::lock_guard lock(owner_->mutex_);
        flight_->state = Flight::State::alone;
        leads_ = false;
    }
    owner_->changed_.notify_all();
}

void SharedUnpacks::Turn::reject() {
    {
        const std::lock_guard lock(owner_->mutex_);
        if (flight_->state == Flight::State::done && flight_->layer == layer_) {
            flight_->layer = nullptr;
            flight_->state = Flight::State::open;
        }
        layer_ = nullptr;
    }
    owner_->changed_.notify_all();
}

} // namespace lamina
