// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshotter/service/ahead_book.h"
#include "snapshotter/service/limits.h"

namespace lamina {
namespace {

using State = AheadBook::Entry::State;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Digest digest(char letter) {
    return *Digest::parse("sha256:" + std::string(64, letter));
}

// Of the image that begins with the layer `first`, the one whose blob is `blob`.
LayerAhead layer(char first, char blob, uint64_t size) {
    return {{"default", digest(first).text(), digest(blob)}, size, Encoding::sniff, digest('d')};
}

class AheadBookTest : public ::testing::Test {
  protected:
    AheadBook::ImageId enter(char first) {
        return book_.enter({{"default", "", digest(first)}, 0, 1}, now_, dropped_);
    }

    // An Apply of the layer `first` runs, and the layers above it have blobs of these sizes.
    void add_image(char first, const std::vector<uint64_t>& sizes) {
        enter(first);
        const auto question = book_.take_question();
        ASSERT_TRUE(question);
        std::vector<LayerAhead> layers;
        for (const uint64_t size : sizes) {
            layers.push_back(layer(first, static_cast<char>('1' + layers.size()), size));
        }
        book_.answer(*question, layers, now_, dropped_);
    }

    void make_all_ready() {
        for (const auto& entry : book_.expected()) {
            entry->state = State::ready;
        }
    }

    // Begins what is next, until there is nothing.
    std::vector<uint64_t> order_of_sizes() {
        std::vector<uint64_t> sizes;
        while (const auto next = book_.next()) {
            sizes.push_back((*next)->layer.size);
            (*next)->state = State::over;
        }
        return sizes;
    }

    const AheadBook::Clock::time_point now_ = AheadBook::Clock::now();
    AheadBook book_;
    AheadBook::Dropped dropped_;
};

TEST_F(AheadBookTest, WhatIsNeededNextComesFirstThenTheLongest) {
    add_image('a', {3, 1, 9, 5});
    add_image('b', {4, 2, 7});
    make_all_ready();
    EXPECT_THAT(order_of_sizes(), ElementsAre(4, 3, 9, 7, 5, 2, 1));
}

TEST_F(AheadBookTest, LayerWhoseBlobIsNotThereHoldsNothingUp) {
    add_image('a', {3, 1, 9});
    const auto expected = book_.expected();
    expected[1]->state = State::ready;
    EXPECT_THAT(order_of_sizes(), ElementsAre(1));
}

TEST_F(AheadBookTest, LayerThatDoesNotFitHoldsNothingUp) {
    constexpr uint64_t kLargest = kStagedBytesMax / kTreeBytesPerBlobByte;
    add_image('a', {UINT64_MAX, kLargest + 1, kLargest, 1});
    make_all_ready();
    EXPECT_THAT(order_of_sizes(), ElementsAre(kLargest, 1));
}

TEST_F(AheadBookTest, WhatIsBeingUnpackedTakesRoom) {
    constexpr uint64_t kLargest = kStagedBytesMax / kTreeBytesPerBlobByte;
    add_image('a', {kLargest - 2, 3, 2});
    make_all_ready();
    const auto first = book_.next();
    ASSERT_TRUE(first);
    (*first)->state = State::unpacking;
    EXPECT_THAT(order_of_sizes(), ElementsAre(2));
}

TEST_F(AheadBookTest, QuestionsAreTakenInTheOrderOfTheirImagesAndOnce) {
    const auto first = enter('a');
    const auto second = enter('b');
    EXPECT_EQ(book_.take_question()->image, first);
    EXPECT_EQ(book_.take_question()->image, second);
    EXPECT_FALSE(book_.take_question());
}

TEST_F(AheadBookTest, QuestionGoesWithItsImage) {
    const auto image = enter('a');
    ASSERT_TRUE(book_.has_question());
    book_.leave(image, {"default", "", digest('a')}, std::nullopt, now_, dropped_);
    EXPECT_FALSE(book_.has_question());
    EXPECT_FALSE(book_.take_question());
}

TEST_F(AheadBookTest, QuestionThatWasTakenIsStoppedWithItsImage) {
    const auto image = enter('a');
    const auto question = book_.take_question();
    EXPECT_FALSE(question->stop.stop_requested());
    book_.leave(image, {"default", "", digest('a')}, std::nullopt, now_, dropped_);
    EXPECT_TRUE(question->stop.stop_requested());
    book_.answer(*question, {layer('a', '1', 1)}, now_, dropped_);
    EXPECT_TRUE(book_.is_empty()) << "the answer comes too late";
}

TEST_F(AheadBookTest, ThereAreNeverMoreQuestionsThanImages) {
    for (int i = 0; i < 3; ++i) {
        for (char name = 'a'; name <= 'f'; ++name) { // clients that give up at once
            book_.leave(enter(name), {"default", "", digest(name)}, std::nullopt, now_, dropped_);
        }
    }
    EXPECT_FALSE(book_.has_question());
    EXPECT_TRUE(book_.is_empty());
}

TEST_F(AheadBookTest, ImageWithALayerThatIsAppliedApartIsDropped) {
    add_image('a', {1});
    book_.keep_off("other", digest('1'), "other/1/x", dropped_);
    EXPECT_EQ(book_.expected().size(), 1U);
    book_.keep_off("default", digest('1'), "default/1/x", dropped_);
    EXPECT_TRUE(book_.is_empty());
}

TEST_F(AheadBookTest, ImageWithALayerThatWasAppliedApartIsDroppedWhenItIsKnown) {
    const LayerAhead kept = layer('a', '1', 1);
    book_.keep_off("other", digest('1'), "other/1/x", dropped_);
    book_.keep_off("default", digest('2'), "default/2/x", dropped_);
    EXPECT_THAT(book_.kept_off_by({kept}), IsEmpty());
    book_.keep_off("default", digest('1'), "default/3/x", dropped_);
    EXPECT_THAT(book_.kept_off_by({kept}), ElementsAre("default/3/x"));
    add_image('a', {1});
    EXPECT_TRUE(book_.is_empty());
    book_.end_keep_off("default/3/x");
    add_image('a', {1});
    EXPECT_EQ(book_.expected().size(), 1U);
}

TEST_F(AheadBookTest, OfLayersAppliedApartTheNewestAreRemembered) {
    book_.keep_off("default", digest('1'), "first", dropped_);
    for (size_t i = 0; i < kLayersKeptOffMax; ++i) {
        book_.keep_off("default", digest('2'), std::to_string(i), dropped_);
    }
    EXPECT_THAT(book_.kept_off_by({layer('a', '1', 1)}), IsEmpty());
    EXPECT_EQ(book_.kept_off_by({layer('a', '2', 1)}).size(), kLayersKeptOffMax);
}

} // namespace
} // namespace lamina
