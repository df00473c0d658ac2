// SPDX-License-Identifier: Apache-2.0
// The CUDA device on a real one; skipped, with the reason, where there is none. Label: gpu.
#include <fronta/gpu/clock_map.hpp>
#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/errors.hpp>

#include <gtest/gtest.h>

#if FRONTA_HAS_CUDA

#include "driver.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fronta::gpu;
using namespace std::chrono_literals;
using fronta::device_bad_alloc;
using fronta::device_lost_error;
using fronta::launch_error;

// `store` puts a value in a word; `delayed_store` waits so many nanoseconds first.
constexpr const char* program = R"(
.version 6.4
.target sm_50
.address_size 64
.visible .entry store(.param .u64 at, .param .u64 value)
{
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [at];
  ld.param.u64 %rd2, [value];
  st.global.u64 [%rd1], %rd2;
  ret;
}
.visible .entry delayed_store(.param .u64 at, .param .u64 value, .param .u64 delay)
{
  .reg .pred %p;
  .reg .b64 %rd<7>;
  ld.param.u64 %rd1, [at];
  ld.param.u64 %rd2, [value];
  ld.param.u64 %rd3, [delay];
  mov.u64 %rd4, %globaltimer;
again:
  mov.u64 %rd5, %globaltimer;
  sub.u64 %rd6, %rd5, %rd4;
  setp.lt.u64 %p, %rd6, %rd3;
  @%p bra again;
  st.global.u64 [%rd1], %rd2;
  ret;
}
)";

using word = std::atomic<std::uint64_t>;

class CudaHardware : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda_probe().reason.empty()) GTEST_SKIP() << cuda_probe().reason;
    device_ = open_cuda_device(0);
    stream_ = device_->create_stream(0);
    word_ = std::construct_at(static_cast<word*>(device_->allocate_pinned(4096)), 0U);
    device_->make_current();
    ASSERT_EQ(api().module_load_data(&module_, program), CUDA_SUCCESS);
  }
  void TearDown() override {
    if (device_ == nullptr) return;
    await(stream_);
    device_->make_current();
    EXPECT_EQ(api().module_unload(module_), CUDA_SUCCESS);
    device_->deallocate_pinned(word_);
    device_->destroy_stream(stream_);
    EXPECT_EQ(device_->fault_code(), 0) << device_->fault_text();
  }

  static const detail::driver& api() { return detail::find_driver().api; }

  /// A kernel of the program above.
  class kernel final : public work {
   public:
    kernel(CUmodule module, const char* name, std::vector<std::uint64_t> arguments,
           unsigned grid = 1)
        : module_(module), name_(name), arguments_(std::move(arguments)), grid_(grid) {}
    int enqueue(void* native_stream) override {
      CUfunction function = nullptr;
      if (const int code = api().module_get_function(&function, module_, name_); code != 0)
        return code;
      std::vector<void*> pointers;
      pointers.reserve(arguments_.size());
      for (std::uint64_t& a : arguments_) pointers.push_back(&a);
      return api().launch_kernel(function, grid_, 1, 1, 1, 1, 1, 0,
                                 static_cast<CUstream>(native_stream), pointers.data(), nullptr);
    }
    void run_on_host() override {}
    [[nodiscard]] const char* name() const noexcept override { return name_; }

   private:
    CUmodule module_;
    const char* name_;
    std::vector<std::uint64_t> arguments_;
    unsigned grid_;
  };

  void store(stream_handle s, void* at, std::uint64_t value, std::chrono::nanoseconds delay = 0ns) {
    const auto to = reinterpret_cast<std::uintptr_t>(at);
    const auto wait = static_cast<std::uint64_t>(delay.count());
    device_->enqueue(
        s, delay == 0ns
               ? std::make_unique<kernel>(module_, "store", std::vector{to, value})
               : std::make_unique<kernel>(module_, "delayed_store", std::vector{to, value, wait}));
  }

  /// False when it takes too long.
  template <class Condition>
  static bool soon(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!holds())
      if (std::chrono::steady_clock::now() > end) return false;
    return true;
  }
  bool await(std::uint64_t value) {
    return soon([&] { return word_->load(std::memory_order_acquire) >= value; });
  }
  bool await(stream_handle s) {
    return soon([&] { return device_->query(s) != stream_state::busy; });
  }

  std::unique_ptr<device> device_;
  stream_handle stream_ = nullptr;
  word* word_ = nullptr;
  CUmodule module_ = nullptr;
};

TEST_F(CudaHardware, TellsWhatItIs) {
  const device_properties& p = device_->properties();
  EXPECT_FALSE(p.name.empty());
  EXPECT_FALSE(p.simulated);
  EXPECT_GT(p.memory_bytes, 0U);
  EXPECT_GT(p.multiprocessors, 0);
  EXPECT_GT(p.compute_major, 0);
  EXPECT_LE(p.greatest_priority, p.least_priority);
  EXPECT_GE(cuda_probe().driver_version, cuda_probe().needed_version);
  for (int priority = p.greatest_priority; priority <= p.least_priority; ++priority)
    device_->destroy_stream(device_->create_stream(priority));
}

TEST_F(CudaHardware, CopiesThereAndBack) {
  constexpr std::size_t n = 1 << 20;
  std::vector<std::uint32_t> from(n);
  std::iota(from.begin(), from.end(), 1U);
  std::vector<std::uint32_t> to(n);
  void* a = device_->allocate(stream_, n * 4);
  void* b = device_->allocate(stream_, n * 4);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % 256, 0U);
  device_->copy(stream_, a, from.data(), n * 4, copy_kind::to_device);
  device_->copy(stream_, b, a, n * 4, copy_kind::on_device);
  device_->fill(stream_, a, 0, n * 4);
  device_->copy(stream_, a, b, n * 4, copy_kind::between);
  device_->copy(stream_, to.data(), a, n * 4, copy_kind::to_host);
  device_->deallocate(stream_, a);
  device_->deallocate(stream_, b);
  device_->write_word(stream_, *word_, 1);
  ASSERT_TRUE(await(1));
  EXPECT_EQ(from, to);
}

TEST_F(CudaHardware, AWordIsWrittenAfterWhatPrecedesIt) {
  auto* seen = static_cast<std::uint64_t*>(device_->allocate_pinned(8));
  *seen = 0;
  void* p = device_->allocate(stream_, 8);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    store(stream_, p, i, i == 1 ? 50ms : 10us);
    device_->copy(stream_, seen, p, 8, copy_kind::to_host);
    device_->write_word(stream_, *word_, i);
    if (i == 1) {
      EXPECT_EQ(device_->query(stream_), stream_state::busy);
      EXPECT_EQ(word_->load(), 0U);
    }
    ASSERT_TRUE(await(i));
    ASSERT_EQ(*seen, i);
  }
  device_->write_word(stream_, *word_, UINT64_MAX);
  EXPECT_TRUE(await(UINT64_MAX)) << "all 64 bits";
  EXPECT_TRUE(await(stream_));
  EXPECT_EQ(device_->query(stream_), stream_state::idle);
  device_->deallocate(stream_, p);
  device_->deallocate_pinned(seen);
}

TEST_F(CudaHardware, AKernelsStoresToPinnedMemoryAreSeenWithTheWord) {
  std::uint64_t* const seen = reinterpret_cast<std::uint64_t*>(word_) + 64;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    store(stream_, seen, i);
    device_->write_word(stream_, *word_, i);
    ASSERT_TRUE(await(i));
    ASSERT_EQ(std::atomic_ref(*seen).load(std::memory_order_relaxed), i);
  }
}

TEST_F(CudaHardware, EventsOrderStreams) {
  stream_handle second = device_->create_stream(0);
  for (const bool blocking : {false, true}) {
    event_handle e = device_->create_event(blocking);
    EXPECT_EQ(device_->query(e), stream_state::idle) << "not yet recorded";
    void* p = device_->allocate(stream_, 8);
    std::uint64_t seen = 0;
    for (std::uint64_t i = 1; i <= 3; ++i) {
      store(stream_, p, i, 20ms);
      device_->record(stream_, e);
      EXPECT_EQ(device_->query(e), stream_state::busy);
      device_->wait(second, e);
      device_->copy(second, &seen, p, 8, copy_kind::to_host);
      device_->record(second, e);
      EXPECT_TRUE(device_->synchronize(e));
      EXPECT_EQ(device_->query(e), stream_state::idle);
      EXPECT_EQ(seen, i);
    }
    device_->deallocate(stream_, p);
    device_->destroy_event(e);
  }
  device_->destroy_stream(second);
}

TEST_F(CudaHardware, MemoryRunsOutAndComesBack) {
  const memory_status before = device_->memory();
  EXPECT_GT(before.free_bytes, 0U);
  try {
    static_cast<void>(device_->allocate(stream_, before.total_bytes * 2));
    FAIL() << "there is no such device";
  } catch (const device_bad_alloc& e) {
    EXPECT_EQ(e.asked(), before.total_bytes * 2);
    EXPECT_GT(e.free(), 0U);
  }
  constexpr std::size_t much = 64 << 20;
  void* p = device_->allocate(stream_, much);
  EXPECT_LE(device_->memory().free_bytes + much / 2, before.free_bytes);
  device_->deallocate(stream_, p);
  device_->write_word(stream_, *word_, 1);
  ASSERT_TRUE(await(1));
  EXPECT_GE(device_->memory().free_bytes + much / 2, before.free_bytes)
      << "what the pool keeps counts as free";
}

TEST_F(CudaHardware, KnowsPinnedMemory) {
  const std::vector<int> pageable(1000);
  int on_stack = 0;
  void* p = device_->allocate(stream_, 8);
  EXPECT_TRUE(device_->is_pinned(word_));
  EXPECT_TRUE(device_->is_pinned(reinterpret_cast<char*>(word_) + 4095));
  EXPECT_FALSE(device_->is_pinned(pageable.data()));
  EXPECT_FALSE(device_->is_pinned(&on_stack));
  EXPECT_FALSE(device_->is_pinned(p));
  device_->make_current();
  void* others = nullptr;
  ASSERT_EQ(api().mem_host_alloc(&others, 64, 0), CUDA_SUCCESS);
  EXPECT_TRUE(device_->is_pinned(others));
  EXPECT_EQ(api().mem_free_host(others), CUDA_SUCCESS);
  device_->deallocate(stream_, p);
}

TEST_F(CudaHardware, AWordOutsidePinnedMemoryIsRefused) {
  word ordinary{0};
  EXPECT_THROW(device_->write_word(stream_, ordinary, 1), launch_error);
}

TEST_F(CudaHardware, AWrongLaunchIsItsOwnTasksAlone) {
  const auto at = reinterpret_cast<std::uintptr_t>(word_);
  try {
    device_->enqueue(stream_, std::make_unique<kernel>(module_, "store", std::vector{at, at}, 0U));
    FAIL() << "an empty grid";
  } catch (const launch_error& e) {
    EXPECT_EQ(e.code(), static_cast<int>(CUDA_ERROR_INVALID_VALUE)) << e.what();
  }
  EXPECT_EQ(device_->fault_code(), 0);
  store(stream_, word_, 1);
  EXPECT_TRUE(await(1));
}

TEST_F(CudaHardware, HostFunctionsRunAfterWhatPrecedesThem) {
  store(stream_, word_, 5, 20ms);
  struct seen {
    word* from;
    word to{0};
  } s{word_};
  device_->call_host(
      stream_,
      [](void* context) {
        static_cast<seen*>(context)->to = *static_cast<seen*>(context)->from + 1;
      },
      &s);
  EXPECT_TRUE(soon([&] { return s.to == 6U; }));
  EXPECT_TRUE(await(stream_));
}

TEST_F(CudaHardware, ClocksRiseAndRunAlike) {
  std::vector<clock_sample> samples;
  samples.reserve(64);
  for (int i = 0; i < 64; ++i) samples.push_back(device_->sample_clocks());
  for (std::size_t i = 1; i < samples.size(); ++i) {
    EXPECT_LT(samples[i].host_before, samples[i].host_after);
    EXPECT_LE(samples[i - 1].host_after, samples[i].host_before);
    EXPECT_LE(samples[i - 1].device, samples[i].device);
  }
  store(stream_, word_, 1, 200ms);
  ASSERT_TRUE(await(1));
  const clock_sample last = device_->sample_clocks();
  const auto host = static_cast<double>(last.host_before - samples.back().host_before);
  const auto there = static_cast<double>(last.device - samples.back().device);
  EXPECT_NEAR(there / host, 1.0, 0.01);
}

class told final : public work_recorder {
 public:
  void recorded(const work_record& r) noexcept override {
    const std::lock_guard lock(mutex_);
    records_.push_back(r);
  }
  void compared(std::span<const clock_sample> batch) noexcept override {
    const std::lock_guard lock(mutex_);
    map_.add(batch);
  }
  void lost(std::uint64_t records) noexcept override {
    const std::lock_guard lock(mutex_);
    lost_ += records;
  }
  // To be read once nobody records any more.
  std::mutex mutex_;
  std::vector<work_record> records_;
  clock_map map_;
  std::uint64_t lost_ = 0;
};

TEST_F(CudaHardware, RecordsOfAKernelAndTwoCopiesLieWithinWhatTheHostSaw) {
  told to;
  std::string why;
  if (!device_->record_work(&to, why)) GTEST_SKIP() << why;
  constexpr std::size_t size = 8 << 20;
  std::vector<char> host(size);
  void* p = device_->allocate(stream_, size);
  device_->compare_records(clock_map::batch);
  const auto before = device_->host_now();
  device_->mark_work(5);
  device_->copy(stream_, p, host.data(), size, copy_kind::to_device);
  store(stream_, p, 1, 2ms);
  device_->copy(stream_, host.data(), p, size, copy_kind::to_host);
  device_->mark_work(0);
  store(stream_, p, 2);  // nobody's
  device_->write_word(stream_, *word_, 1);
  ASSERT_TRUE(await(1));
  const auto after = device_->host_now();
  device_->compare_records(clock_map::batch);
  ASSERT_TRUE(device_->record_work(nullptr, why));
  device_->deallocate(stream_, p);

  EXPECT_EQ(to.lost_, 0U);
  ASSERT_EQ(to.map_.batches(), 2U) << "samples are records of kernels, too";
  ASSERT_EQ(to.records_.size(), 3U);
  using fronta::trace::device_work;
  constexpr std::array order{device_work::to_device, device_work::kernel, device_work::to_host};
  std::int64_t last = before;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& r = to.records_[i];
    EXPECT_EQ(r.mark, 5U);
    EXPECT_EQ(r.what, order[i]);
    EXPECT_EQ(r.bytes, r.what == device_work::kernel ? 0U : size);
    const auto begin = to.map_.to_host(r.begin);
    const auto end = to.map_.to_host(r.end);
    EXPECT_GE(begin.host + begin.error, last);
    EXPECT_LE(end.host - end.error, after);
    EXPECT_LE(begin.error, 20'000) << "CUPTI's clock is not as near the host's as it was thought";
    if (r.what == device_work::kernel) {
      EXPECT_GE(r.end - r.begin, 1'900'000);
    }
    last = begin.host - begin.error;
  }
}

TEST_F(CudaHardware, ThreadsEnqueueAtOnce) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      word& mine = *std::construct_at(word_ + 8 * (t + 1), 0U);
      stream_handle s = device_->create_stream(0);
      for (std::uint64_t i = 1; i <= 200; ++i) {
        void* p = device_->allocate(s, 1 << 16);
        device_->fill(s, p, 1, 1 << 16);
        device_->deallocate(s, p);
        device_->write_word(s, mine, i);
      }
      EXPECT_TRUE(soon([&] { return mine.load(std::memory_order_acquire) == 200U; }));
      EXPECT_TRUE(soon([&] { return device_->query(s) == stream_state::idle; }));
      device_->destroy_stream(s);
    });
  for (std::thread& t : threads) t.join();
}

TEST_F(CudaHardware, AnIllegalAddressIsAFaultOfTheDevice) {
  // It ends what the process can do with CUDA, so in a process of its own.
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "'" + self +
                              "' --gtest_also_run_disabled_tests "
                              "--gtest_filter=CudaChild.DISABLED_IllegalAddress >&2";
  EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): a command of ours
}

class CudaChild : public CudaHardware {
 protected:
  /// Whatever a failed test leaves behind, the process ends.
  void TearDown() override {
    device_.release();  // NOLINT(bugprone-unused-return-value): not closed, on purpose
  }
};

TEST_F(CudaChild, DISABLED_IllegalAddress) {
  event_handle e = device_->create_event(true);
  store(stream_, std::bit_cast<void*>(std::uintptr_t{16}), 1);
  // A call may already meet the fault; then nothing of it is done either.
  try {
    device_->record(stream_, e);
    device_->write_word(stream_, *word_, 1);
  } catch (const device_lost_error&) {
  }
  ASSERT_TRUE(soon([&] { return device_->query(stream_) == stream_state::fault; }));
  EXPECT_EQ(device_->fault_code(), 700);
  EXPECT_EQ(device_->fault_text(),
            "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered");
  EXPECT_EQ(word_->load(), 0U) << "a stream at fault writes nothing";
  EXPECT_FALSE(device_->synchronize(e));
  EXPECT_EQ(device_->query(e), stream_state::fault);
  EXPECT_THROW(device_->record(stream_, e), device_lost_error);
  EXPECT_THROW(static_cast<void>(device_->allocate(stream_, 8)), device_lost_error);
  // Giving back must neither throw nor hang.
  device_->destroy_event(e);
  device_->destroy_stream(stream_);
  device_->deallocate_pinned(word_);
  device_ = nullptr;
}

}  // namespace

#else

TEST(CudaHardware, IsNotTriedInABuildWithoutCuda) {
  GTEST_SKIP() << fronta::gpu::cuda_probe().reason;
}

#endif
