// SPDX-License-Identifier: Apache-2.0
// A program of its own, since it replaces operator new: in the thread that asks for it the n-th
// allocation fails, and every later one where that is asked for too.
#include <fronta/annotate.hpp>
#include <fronta/cpu/threads.hpp>
#include <fronta/errors.hpp>
#include <fronta/executor.hpp>
#include <fronta/this_task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace {

enum class failing { once, from_then_on };
constinit thread_local long allocations_left = -1;  // negative: all succeed
constinit thread_local failing how_long = failing::once;
constinit thread_local bool failed = false;

bool fails_now() noexcept {
  if (allocations_left < 0) return false;
  if (allocations_left > 0) {
    --allocations_left;
    return false;
  }
  failed = true;
  if (how_long == failing::once) allocations_left = -1;
  return true;
}

void* allocate(std::size_t bytes) {
  if (fails_now()) throw std::bad_alloc();
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): operator new stands on it
  if (void* const p = std::malloc(bytes != 0 ? bytes : 1)) return p;
  throw std::bad_alloc();
}
void* allocate_aligned(std::size_t bytes, std::align_val_t alignment) {
  if (fails_now()) throw std::bad_alloc();
  const auto a = static_cast<std::size_t>(alignment);
  if (void* const p = std::aligned_alloc(a, (bytes + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}

// Not inlined: g++ 12 takes an inlined new and a delete that is a free for a mismatched pair.
// NOLINTNEXTLINE(cppcoreguidelines-no-malloc): operator delete stands on it
[[gnu::noinline]] void release(void* p) noexcept { std::free(p); }

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t a) { return allocate_aligned(bytes, a); }
void* operator new[](std::size_t bytes, std::align_val_t a) { return allocate_aligned(bytes, a); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace {

using namespace std::chrono_literals;
using fronta::any_future;
using fronta::executor;
using fronta::executor_options;
using fronta::future;
using fronta::cpu::threads;

// Counts living copies of itself.
struct counted {
  counted() { ++alive; }
  counted(const counted& other) : ballast(other.ballast) { ++alive; }
  counted(counted&& other) noexcept : ballast(std::move(other.ballast)) { ++alive; }
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }
  std::string ballast = std::string(100, 'x');
  static inline std::atomic<int> alive{0};
};

class OutOfMemory : public testing::TestWithParam<failing> {
 protected:
  executor ex{executor_options{.tags = {{"wide", 1}}, .max_pending = 2},
              threads{.workers = 1, .offers = {{"tag", 1}}},
              fronta::bare_place{"gpu:0", {{"gpu", 1}}}};

  // Tries with ever more allocations until the call needs no more. Each time it either throws
  // bad_alloc and has done nothing, or gives a future that ends.
  template <class Call>
  void survives(Call&& call) {
    int failures = 0;
    for (long n = 0;; ++n) {
      std::optional<any_future> result;
      bool threw = false;
      allocations_left = n;
      how_long = GetParam();
      failed = false;
      try {
        result = call();
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      allocations_left = -1;
      const bool reached = failed;
      EXPECT_TRUE(reached || !threw);
      failures += threw ? 1 : 0;
      if (result && result->valid()) {
        result->wait();
        if (const auto error = result->exception()) {
          EXPECT_TRUE(reached);
          EXPECT_THROW(std::rethrow_exception(error), std::bad_alloc);
        }
      }
      result.reset();
      // Still usable, nothing in the way, nothing left behind.
      EXPECT_EQ(ex.submit({.needs = {{"tag", 1}, {"wide", 1}, {"gpu", 1}}}, [] { return 1; }).get(),
                1);
      EXPECT_EQ(ex.submit([] { return 2; }).get(), 2);
      EXPECT_EQ(counted::alive, expected_alive) << "after " << n << " allocations";
      if (!reached) break;
      ASSERT_LT(n, 1'000);
    }
    EXPECT_GT(failures, 0);
    ASSERT_TRUE(ex.shutdown_for(60s));
  }
  int expected_alive = 0;
};

TEST_P(OutOfMemory, InSubmit) {
  survives(
      [&] { return ex.submit([c = counted()] { return static_cast<int>(c.ballast.size()); }); });
}

TEST_P(OutOfMemory, InSubmitWithArgumentsAndInputs) {
  const auto input = ex.submit([] { return std::string(50, 'y'); });
  input.wait();
  std::vector<future<std::string>> many(40, input);
  fronta::promise<int> later;
  const auto pending = later.get_future();
  const auto first = ex.submit([] { return 0; });
  first.wait();
  survives([&] {
    auto f = ex.submit([](const counted&, const std::string& s, const std::vector<std::string>& v,
                          int) { return s.size() + v.size(); },
                       counted(), input, many, first);
    return f;
  });
}

TEST_P(OutOfMemory, InSubmitOfATaggedTaskWithInputs) {
  const auto input = ex.submit([] { return std::string(50, 'y'); });
  const auto first = ex.submit([] { return 0; });
  fronta::wait(input, first);
  survives([&] {
    return ex.submit(
        {.needs = {{"tag", 1}}}, [c = counted()](const std::string& s, int) { return s.size(); },
        input, first);
  });
}

TEST_P(OutOfMemory, InSubmitWithEveryOption) {
  std::stop_source source;
  const fronta::task_options options{.name = "a name that does not fit into a small string",
                                     .needs = {{"tag", 1}, {"wide", 1}, {"gpu", 1}},
                                     .retries = 2,
                                     .retry_if = [](const std::exception_ptr&) { return true; },
                                     .backoff = 1ms,
                                     .priority = 3,
                                     .timeout = 1h,
                                     .stop = source.get_token(),
                                     .key = "a key that does not fit into a small string either",
                                     .place_on = "gpu:0",
                                     .prefer = "gpu:0",
                                     .keep = fronta::keep::recipe};
  survives([&] { return ex.submit(options, [c = counted()] { return 1; }); });
}

TEST_P(OutOfMemory, InSubmitOfATaskThatIsLateAlready) {
  const auto only_out_of_memory = [](const any_future& f) {
    f.wait();
    try {
      std::rethrow_exception(f.exception());
    } catch (const fronta::timeout_error&) {
      return any_future();
    } catch (...) {
      return f;
    }
  };
  survives([&] {
    const auto f = ex.submit({.timeout = 0s}, [c = counted()] {});
    allocations_left = -1;
    return only_out_of_memory(f);
  });
}

TEST_P(OutOfMemory, InSubmitInAScope) {
  const fronta::annotate scope{
      {.name = "a name that does not fit into a small string", .needs = {{"tag", 1}}}};
  survives([&] { return ex.submit([c = counted()] { return 1; }); });
}

TEST_P(OutOfMemory, InTrySubmitAndPost) {
  survives([&]() -> any_future {
    ex.post({.needs = {{"tag", 1}}}, [c = counted()] {});
    auto f = ex.try_submit([c = counted()] { return 1; });
    return f ? *f : any_future();
  });
}

TEST_P(OutOfMemory, InScatter) {
  survives([&] { return ex.scatter(counted(), "cpu"); });
}

TEST_P(OutOfMemory, InMap) {
  executor wide{threads{.workers = 1}};
  survives([&]() -> any_future {
    const auto start = [&] {
      return wide.map(
          {.chunk_size = 2}, [c = counted()](int i) { return i; }, std::vector{1, 2, 3});
    };
    std::optional<decltype(start())> started;
    try {
      started.emplace(start());
    } catch (const std::bad_alloc&) {
      allocations_left = -1;
      wide.submit([] {}).wait();  // behind the items that were submitted
      throw;
    }
    auto range = std::move(*started);
    started.reset();
    allocations_left = -1;
    int sum = 0;
    for (const int i : range) sum += i;
    EXPECT_EQ(sum, 6);
    range = wide.map([](int i) { return i; }, std::vector<int>());
    wide.submit([] {}).wait();
    return {};
  });
}

// The end of a task gives its tags to those that wait for them.
TEST(OutOfMemoryInARelease, LosesNoTask) {
  const auto previous =
      fronta::set_error_hook([](const std::exception_ptr&, const std::string&) {});
  for (long n = 0; n < 12; ++n) {
    executor ex{threads{.workers = 1, .offers = {{"tag", 1}}}};
    std::vector<future<int>> waiting;
    const auto holder = ex.submit({.needs = {{"tag", 1}}}, [&] {
      auto ref = fronta::this_task::executor();
      for (int i = 0; i < 3; ++i) {
        waiting.push_back(ref.submit({.needs = {{"tag", 1}}}, [] {
          allocations_left = -1;
          return 1;
        }));
      }
      how_long = failing::once;
      allocations_left = n;
    });
    holder.wait();
    for (const auto& f : waiting) EXPECT_EQ(f.get(), 1);
  }
  fronta::set_error_hook(previous);
}

TEST_P(OutOfMemory, InANestedSubmit) {
  // Armed in the worker's thread; what the submit threw becomes the outcome.
  long n = 0;
  const auto nested = [&] {
    auto ref = fronta::this_task::executor();
    allocations_left = n;
    how_long = GetParam();
    failed = false;
    std::optional<future<int>> f;
    try {
      f = ref.submit({.name = "a name that does not fit into a small string"},
                     [c = counted()] { return 1; });
    } catch (const std::bad_alloc&) {
    }
    allocations_left = -1;
    if (f) f->wait();
    return failed;
  };
  for (bool reached = true; reached; ++n) {
    reached = ex.submit(nested).get();
    ex.submit([] {}).wait();
    EXPECT_EQ(counted::alive, 0);
    ASSERT_LT(n, 1'000);
  }
}

INSTANTIATE_TEST_SUITE_P(Submit, OutOfMemory, testing::Values(failing::once, failing::from_then_on),
                         [](const auto& p) {
                           return p.param == failing::once ? "OneFailure" : "FailingFromThenOn";
                         });

}  // namespace
