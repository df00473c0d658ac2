// SPDX-License-Identifier: Apache-2.0
// Who copies much pageable memory is told once, with what was measured.
#include <fronta/gpu/pageable_copy.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/captured_errors.hpp>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fronta::executor;
using fronta::cpu::threads;
using fronta::gpu::copy_kind;
using fronta::gpu::pageable_copy;
using fronta::gpu::simulated;
using fronta::gpu::stream;
using fronta::gpu::time_model;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t large = std::size_t{4} << 20;

/// An executor whose device copies a byte a nanosecond, and what its hook was told.
class PageableCopies : public testing::Test {
 protected:
  static simulated slow_copies() {
    auto model = time_model::instant();
    model.host_bandwidth = 1e9;
    return {.model = model};
  }
  simulated telling() {
    auto config = slow_copies();
    config.options.on_pageable_copy = [this](const pageable_copy& c) {
      const std::lock_guard lock(mutex_);
      told_.push_back(c);
    };
    return config;
  }
  std::vector<pageable_copy> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  std::mutex mutex_;
  std::vector<pageable_copy> told_;  // guarded by mutex_
};

TEST_F(PageableCopies, AreToldOncePerCallSiteWithWhatWasMeasured) {
  executor ex{threads{.workers = 2}, telling()};
  const std::vector<std::byte> numbers(large);
  std::uint_least32_t line = 0;
  for (int i = 0; i < 3; ++i) {
    ex.submit([&](stream& s) {
        line = std::source_location::current().line() + 1;
        static_cast<void>(s.to_device(std::span(numbers)));
      }).get();
  }
  const auto all = told();
  ASSERT_EQ(all.size(), 1U);
  const auto& one = all.front();
  EXPECT_EQ(one.at.line(), line);
  EXPECT_THAT(one.at.file_name(), HasSubstr("pageable_copies_test.cpp"));
  EXPECT_EQ(one.place, "gpu:0");
  EXPECT_EQ(one.kind, copy_kind::to_device);
  EXPECT_EQ(one.bytes, large);
  EXPECT_TRUE(one.simulated);
  // The model's time is the least for both.
  EXPECT_GE(one.took, std::chrono::nanoseconds(large));
  ASSERT_TRUE(one.pinned.has_value());
  EXPECT_GE(*one.pinned, std::chrono::nanoseconds(large));
}

TEST_F(PageableCopies, ToTheHostTakeTheCopyOutOfPinnedMemoryAsWell) {
  executor ex{threads{.workers = 2}, telling()};
  std::vector<std::byte> numbers(large, std::byte{7});
  std::vector<std::byte> back(large);
  ex.submit([&](stream& s) {
      auto there = s.to_device(std::span(numbers));
      s.to_host(std::span(back), there);
    }).get();
  EXPECT_EQ(back, numbers);
  const auto all = told();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].kind, copy_kind::to_host);
  EXPECT_EQ(all[1].at.line(), all[0].at.line() + 1);
  ASSERT_TRUE(all[1].pinned.has_value());
  EXPECT_GT(all[1].took, *all[1].pinned);
}

TEST_F(PageableCopies, AreNotToldWhenSmallOrPinned) {
  executor ex{threads{.workers = 2}, telling()};
  const std::vector<std::byte> small(large - 1);
  std::byte* pinned = nullptr;
  ex.submit([&](stream& s) {
      static_cast<void>(s.to_device(std::span(small)));
      pinned = static_cast<std::byte*>(s.on().allocate_pinned(large));
      auto there = s.to_device(std::span(std::as_const(pinned), large));
      s.to_host(std::span(pinned, large), there);
    }).get();
  EXPECT_TRUE(told().empty());
  ex.submit([&](stream& s) { s.on().deallocate_pinned(pinned); }).get();
}

TEST_F(PageableCopies, BringTheRightNumbersThoughTheyAreMeasured) {
  executor ex{threads{.workers = 2}, telling()};
  std::vector<int> numbers(large);  // more than the ring holds at once
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i);
  std::vector<int> back(numbers.size());
  ex.submit([&](stream& s) {
      auto there = s.to_device(std::span(std::as_const(numbers)));
      s.to_host(std::span(back), there);
    }).get();
  EXPECT_EQ(back, numbers);
  EXPECT_EQ(told().size(), 2U);
}

TEST_F(PageableCopies, GoOnWhenTheHookThrows) {
  const fronta::test::captured_errors reported;
  auto config = slow_copies();
  config.options.on_pageable_copy = [](const pageable_copy&) {
    throw std::runtime_error("from the hook");
  };
  executor ex{threads{.workers = 2}, config};
  const std::vector<std::byte> numbers(large);
  ex.submit([&](stream& s) { static_cast<void>(s.to_device(std::span(numbers))); }).get();
  EXPECT_THAT(reported.texts(), testing::ElementsAre(HasSubstr("from the hook")));
}

TEST(PageableCopy, SaysWhereHowMuchWasLostAndWhatToDo) {
  pageable_copy c{.at = std::source_location::current(),
                  .place = "gpu:1",
                  .bytes = large,
                  .took = 9ms,
                  .pinned = 3ms};
  EXPECT_THAT(c.text(), AllOf(HasSubstr("gpu:1: to_device at "), HasSubstr(c.at.file_name()),
                              HasSubstr("4.0 MiB"), HasSubstr("9.00 ms where 3.00 ms"),
                              HasSubstr("allocate_pinned"), Not(HasSubstr("simulated"))));
  c.simulated = true;
  EXPECT_THAT(c.text(), HasSubstr("simulated"));
}

TEST(PageableCopy, ClaimsNoNumberThatWasNotMeasured) {
  const pageable_copy c{.at = std::source_location::current(), .place = "gpu:0", .took = 9ms};
  EXPECT_THAT(c.text(), AllOf(Not(HasSubstr("ms")), HasSubstr("allocate_pinned")));
}

}  // namespace
