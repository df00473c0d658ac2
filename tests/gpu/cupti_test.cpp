// SPDX-License-Identifier: Apache-2.0
// Records of work on CUDA devices, against a fake driver and a fake CUPTI: without any hardware. A
// process looks for CUPTI once, so each situation there is this program again, with --probe.
#include <fronta/gpu/cuda.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#if FRONTA_HAS_CUPTI

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/clock_map.hpp>
#include <fronta/gpu/errors.hpp>
#include <fronta/this_task.hpp>

#include <support/trace_recorder.hpp>

#include "driver.hpp"
#include "fake_cupti.hpp"
#include "fake_driver.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace fronta::gpu;
using fronta::test::fake_cupti;
using fronta::test::fake_driver;
using fronta::test::trace_recorder;
using fronta::trace::device_span;
using fronta::trace::device_work;
using fronta::trace::event_kind;
using fronta::trace::time_grade;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

template <class Function>
auto& exported(const char* path, const char* name) {
  void* library = dlopen(path, RTLD_NOW);
  void* function = library != nullptr ? dlsym(library, name) : nullptr;
  if (function == nullptr) throw std::runtime_error(std::string(path) + " cannot be opened");
  return *reinterpret_cast<Function*>(function)();
}
fake_driver& driver() {
  static auto& found = exported<fronta::test::fake_driver_function>(
      FRONTA_FAKE_DRIVER, fronta::test::fake_driver_symbol);
  return found;
}
fake_cupti& cupti() {
  static auto& found = exported<fronta::test::fake_cupti_function>(FRONTA_FAKE_CUPTI,
                                                                   fronta::test::fake_cupti_symbol);
  return found;
}

class told final : public work_recorder {
 public:
  void recorded(const work_record& r) noexcept override {
    const std::lock_guard lock(mutex_);
    records_.push_back(r);
  }
  void compared(std::span<const clock_sample> batch) noexcept override {
    const std::lock_guard lock(mutex_);
    batches_.emplace_back(batch.begin(), batch.end());
  }
  void lost(std::uint64_t records) noexcept override {
    const std::lock_guard lock(mutex_);
    lost_ += records;
  }
  [[nodiscard]] std::vector<work_record> records() const {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  [[nodiscard]] std::vector<std::uint64_t> marks() const {
    std::vector<std::uint64_t> all;
    for (const auto& r : records()) all.push_back(r.mark);
    return all;
  }
  [[nodiscard]] std::vector<std::vector<clock_sample>> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  [[nodiscard]] std::uint64_t losses() const {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<work_record> records_;
  std::vector<std::vector<clock_sample>> batches_;
  std::uint64_t lost_ = 0;
};

// ---- Looking for CUPTI.

int print_probe() {
  const auto& s = cupti_probe();
  std::printf("library=%s\nversion=%d\nreason=%s\nremedy=%s\n", s.library.c_str(), s.version,
              s.reason.c_str(), s.remedy.c_str());
  if (cuda_probe().devices.empty()) return 0;
  const auto d = open_cuda_device(0);
  told to;
  std::string why;
  std::printf("recorded=%d\n", d->record_work(&to, why));
  std::printf("why=%s\n", why.c_str());
  return 0;
}

/// What a process with this environment (as for env(1)) finds.
std::map<std::string, std::string> probe(const std::string& environment) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      "env -u FRONTA_CUPTI -u CUDA_HOME -u CUDA_PATH -u LD_LIBRARY_PATH -u CUDA_VISIBLE_DEVICES "
      "FRONTA_CUDA_DRIVER='" FRONTA_FAKE_DRIVER "' " +
      environment + " '" + self + "' --probe";
  std::map<std::string, std::string> found;
  std::FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a command of ours
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::array<char, 1024> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr) {
    std::string text = line.data();
    text.resize(text.find_last_not_of('\n') + 1);
    const std::size_t middle = text.find('=');
    if (middle != std::string::npos) found[text.substr(0, middle)] = text.substr(middle + 1);
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return found;
}
std::map<std::string, std::string> probe_fake(const std::string& environment) {
  return probe("FRONTA_CUPTI='" FRONTA_FAKE_CUPTI "' " + environment);
}

TEST(CuptiProbe, FindsTheNamedLibrary) {
  const auto found = probe_fake("");
  EXPECT_EQ(found.at("library"), FRONTA_FAKE_CUPTI);
  EXPECT_EQ(found.at("version"), "130001");
  EXPECT_EQ(found.at("reason"), "");
  EXPECT_EQ(found.at("remedy"), "");
  EXPECT_EQ(found.at("recorded"), "1");
  EXPECT_EQ(probe_fake("FRONTA_FAKE_CUPTI_VERSION=19").at("reason"), "") << "CUDA 12.0";
}

TEST(CuptiProbe, ANamedLibraryThatIsMissingIsSaidWithItsPath) {
  const auto found = probe("FRONTA_CUPTI=/nowhere/libcupti.so");
  EXPECT_THAT(found.at("reason"),
              StartsWith("the library \"/nowhere/libcupti.so\" named by FRONTA_CUPTI cannot be"));
  EXPECT_EQ(found.at("remedy"), "correct or unset FRONTA_CUPTI");
}

TEST(CuptiProbe, NoLibraryIsSaidWithTheNameForTheDriver) {
  const auto found = probe("FRONTA_FAKE_VERSION=12040");
  if (!found.at("library").empty()) GTEST_SKIP() << "this machine has " << found.at("library");
  EXPECT_EQ(found.at("reason"), "CUPTI (libcupti.so.12) was not found");
  EXPECT_EQ(found.at("recorded"), "0");
  EXPECT_EQ(found.at("why"), found.at("reason") + "; " + found.at("remedy"));
  EXPECT_THAT(found.at("remedy"), HasSubstr("FRONTA_CUPTI"));
}

TEST(CuptiProbe, LooksWhereAToolkitHasIt) {
  const auto home = std::filesystem::path(testing::TempDir()) / "fronta_cuda_home";
  const auto folder = home / "extras/CUPTI/lib64";
  std::filesystem::remove_all(home);
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink(FRONTA_FAKE_CUPTI, folder / "libcupti.so.12");
  const auto found = probe("FRONTA_FAKE_VERSION=12040 CUDA_HOME='" + home.string() + "'");
  std::filesystem::remove_all(home);
  if (found.at("library") == "libcupti.so.12") GTEST_SKIP() << "the loader knows another";
  EXPECT_EQ(found.at("library"), (folder / "libcupti.so.12").string());
  EXPECT_EQ(found.at("reason"), "");
}

TEST(CuptiProbe, ALibraryThatIsNoCuptiIsSaid) {
  const auto found = probe("FRONTA_CUPTI=libm.so.6");
  EXPECT_EQ(found.at("reason"), "CUPTI (libm.so.6) lacks the function cuptiGetVersion");
}

TEST(CuptiProbe, TheRealOneRefusesADriverThatIsNone) {
  const auto found = probe("");
  if (found.at("library").empty()) GTEST_SKIP() << found.at("reason");
  if (found.at("recorded") == "1") GTEST_SKIP() << "it has found a driver beside ours";
  EXPECT_GE(std::stoi(found.at("version")), 19);
  EXPECT_THAT(found.at("why"), AllOf(StartsWith("cuptiSubscribe failed with CUPTI_ERROR_"),
                                     HasSubstr("could not connect to the driver")));
}

TEST(CuptiProbe, VersionsWithOtherRecordsAreRefused) {
  for (const std::string version : {"0", "18", "140000"}) {
    const auto found = probe_fake("FRONTA_FAKE_CUPTI_VERSION=" + version);
    EXPECT_THAT(found.at("reason"), HasSubstr("has version " + version + ", and Fronta knows"));
    EXPECT_THAT(found.at("remedy"), HasSubstr("FRONTA_CUPTI"));
  }
}

TEST(CuptiProbe, WithoutADeviceTheReasonIsTheDrivers) {
  const auto found = probe_fake("FRONTA_FAKE_DEVICES=0");
  EXPECT_EQ(found.at("reason"), "the NVIDIA driver found no CUDA device");
}

// ---- Records.

// What it enqueues stores the driver's clock, the host's, in a word of pinned memory.
class store_clock final : public work {
 public:
  store_clock(CUfunction f, const void* word) : function_(f), at_(driver().device_address(word)) {}
  int enqueue(void* native_stream) override {
    std::array<void*, 1> arguments{&at_};
    return detail::find_driver().api.launch_kernel(function_, 1, 1, 1, 1, 1, 1, 0,
                                                   static_cast<CUstream>(native_stream),
                                                   arguments.data(), nullptr);
  }
  void run_on_host() override {}

 private:
  CUfunction function_;
  std::uint64_t at_;
};

class Cupti : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cupti_probe().reason, "");
    driver().heal();
    cupti().set({});
  }
  void TearDown() override {
    EXPECT_EQ(cupti().now(), fake_cupti::state{}) << "CUPTI was left on";
    EXPECT_EQ(cupti().depth(), 0U) << "a mark was not ended";
    driver().heal();
  }
};

class CuptiRecords : public Cupti {
 protected:
  void SetUp() override {
    Cupti::SetUp();
    device_ = open_cuda_device(0);
    stream_ = device_->create_stream(0);
    memory_ = device_->allocate(stream_, size);
    word_ = device_->allocate_pinned(8);
    const auto& api = detail::find_driver().api;
    ASSERT_EQ(api.module_load_data(&module_, "%globaltimer"), CUDA_SUCCESS);
    ASSERT_EQ(api.module_get_function(&function_, module_, "any"), CUDA_SUCCESS);
  }
  void TearDown() override {
    record(nullptr);
    detail::find_driver().api.module_unload(module_);
    device_->deallocate_pinned(word_);
    device_->deallocate(stream_, memory_);
    device_->destroy_stream(stream_);
    device_ = nullptr;
    Cupti::TearDown();
  }

  void record(work_recorder* to) {
    std::string why;
    EXPECT_TRUE(device_->record_work(to, why)) << why;
  }
  void fill(std::size_t bytes = 64) { device_->fill(stream_, memory_, 1, bytes); }
  void fill_marked(std::uint64_t mark, std::size_t bytes = 64) {
    device_->mark_work(mark);
    fill(bytes);
    device_->mark_work(0);
  }
  void launch() { device_->enqueue(stream_, std::make_unique<store_clock>(function_, word_)); }

  static constexpr std::size_t size = 4096;
  std::unique_ptr<device> device_;
  stream_handle stream_ = nullptr;
  void* memory_ = nullptr;
  void* word_ = nullptr;
  CUmodule module_ = nullptr;
  CUfunction function_ = nullptr;
};

TEST_F(CuptiRecords, TellWhatWasDoneForWhomAndHowManyBytes) {
  std::vector<char> host(size);
  // As of CUDA 13 and 12: their records differ at the end.
  for (const char* version : {"130001", "19"}) {
    setenv("FRONTA_FAKE_CUPTI_VERSION", version, 1);
    told to;
    record(&to);
    device_->mark_work(7);
    device_->copy(stream_, memory_, host.data(), 100, copy_kind::to_device);
    launch();
    device_->copy(stream_, static_cast<char*>(memory_) + 1000, memory_, 200, copy_kind::on_device);
    device_->copy(stream_, static_cast<char*>(memory_) + 1000, memory_, 300, copy_kind::between);
    device_->mark_work(0);
    device_->mark_work(8);
    fill(400);
    device_->copy(stream_, host.data(), memory_, 500, copy_kind::to_host);
    device_->mark_work(0);
    record(nullptr);
    std::vector<device_work> whats;
    std::vector<std::uint64_t> bytes;
    for (const auto& r : to.records()) {
      whats.push_back(r.what);
      bytes.push_back(r.bytes);
      EXPECT_GT(r.begin, 0);
      EXPECT_LE(r.begin, r.end);
    }
    using enum device_work;
    EXPECT_THAT(whats,
                ElementsAre(to_device, kernel, on_device, between, device_work::fill, to_host));
    EXPECT_THAT(bytes, ElementsAre(100, 0, 200, 300, 400, 500));
    EXPECT_THAT(to.marks(), ElementsAre(7, 7, 7, 7, 8, 8));
    EXPECT_EQ(to.losses(), 0U);
  }
  unsetenv("FRONTA_FAKE_CUPTI_VERSION");
}

TEST_F(CuptiRecords, MayComeBeforeTheirMark) {
  cupti().set({.marks_last = true});
  told to;
  record(&to);
  fill_marked(3);
  fill_marked(4);
  record(nullptr);
  EXPECT_THAT(to.marks(), ElementsAre(3, 4));
}

TEST_F(CuptiRecords, OfNobodysWorkAreNotToldButOfCopies) {
  const auto other = device_->create_stream(0);
  std::vector<char> host(size);
  told to;
  record(&to);
  fill();
  device_->mark_work(5);
  std::thread([&] { fill(); }).join();  // another thread's
  device_->fill(other, memory_, 1, 8);
  device_->mark_work(6);  // ends the one before
  fill();
  device_->mark_work(0);
  fill();
  launch();
  device_->copy(other, host.data(), memory_, 30, copy_kind::to_host);
  record(nullptr);
  EXPECT_THAT(to.marks(), ElementsAre(5, 6, 0));
  EXPECT_EQ(to.records()[2].what, device_work::to_host);
  EXPECT_EQ(to.records()[2].bytes, 30U);
  EXPECT_EQ(to.losses(), 0U);
  device_->destroy_stream(other);
}

TEST_F(CuptiRecords, ComeByAndByAndAtLastWhenTheRecorderGoes) {
  told to;
  record(&to);
  fill_marked(1);
  EXPECT_THAT(to.records(), IsEmpty());
  device_->compare_records(1);
  EXPECT_THAT(to.marks(), ElementsAre(1));
  cupti().set({.incomplete = true});  // as beside a long kernel
  fill_marked(2);
  device_->compare_records(1);
  EXPECT_THAT(to.marks(), ElementsAre(1));
  record(nullptr);
  EXPECT_THAT(to.marks(), ElementsAre(1, 2));
  fill_marked(3);
  device_->compare_records(1);
  EXPECT_THAT(to.marks(), ElementsAre(1, 2)) << "nobody listens";
}

TEST_F(CuptiRecords, OfTwoDevicesGoToTheirOwnRecorders) {
  const auto second = open_cuda_device(1);
  const auto s = second->create_stream(0);
  auto* const p = second->allocate(s, 64);
  told to_first;
  told to_second;
  record(&to_first);
  std::string why;
  ASSERT_TRUE(second->record_work(&to_second, why)) << why;
  device_->make_current();
  fill_marked(1, 10);
  second->mark_work(1);  // each counts its own marks
  second->fill(s, p, 1, 20);
  second->mark_work(0);
  device_->mark_work(2);  // good for that device alone
  second->copy(s, p, static_cast<char*>(p) + 32, 30, copy_kind::on_device);
  device_->mark_work(0);
  second->compare_records(4);
  record(nullptr);
  EXPECT_NE(cupti().now(), fake_cupti::state{}) << "the second still records";
  ASSERT_TRUE(second->record_work(nullptr, why));
  ASSERT_THAT(to_first.records(), SizeIs(1));
  EXPECT_EQ(to_first.records()[0].bytes, 10U);
  EXPECT_THAT(to_second.marks(), ElementsAre(1, 0));
  EXPECT_EQ(to_second.records()[0].bytes, 20U);
  EXPECT_EQ(to_second.records()[1].bytes, 30U);
  EXPECT_THAT(to_first.batches(), IsEmpty());
  EXPECT_THAT(to_second.batches(), ElementsAre(SizeIs(4)));
  second->deallocate(s, p);
  second->destroy_stream(s);
}

// ---- The clock.

TEST_F(CuptiRecords, TheClocksOwnKernelsAreSamplesAndNobodysWork) {
  told to;
  record(&to);
  device_->compare_records(16);
  device_->compare_records(5);
  EXPECT_THAT(to.records(), IsEmpty());
  ASSERT_THAT(to.batches(), ElementsAre(SizeIs(16), SizeIs(5)));
  for (const auto& b : to.batches()) {
    for (const auto& s : b) {
      EXPECT_LE(s.host_before, s.device) << "here its clock is the host's";
      EXPECT_LE(s.device, s.host_after);
    }
  }
}

TEST_F(CuptiRecords, TimesAreKnownWithinTheirError) {
  // Its clock is far off, and faster by 80 millionths.
  const fake_cupti::options skew{.offset = 5'000'000'000, .drift = 80e-6};
  cupti().set(skew);
  told to;
  record(&to);
  struct truth {
    std::int64_t before;
    std::int64_t after;
  };
  std::vector<truth> truths;
  device_->compare_records(64);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    device_->mark_work(i);
    const auto before = device_->host_now();
    launch();
    truths.push_back({before, device_->host_now()});
    device_->mark_work(0);
    if (i % 25 == 0) device_->compare_records(16);
  }
  record(nullptr);
  clock_map map;
  for (const auto& b : to.batches()) map.add(b);
  ASSERT_EQ(map.batches(), 5U);
  ASSERT_THAT(to.records(), SizeIs(100));
  for (const auto& r : to.records()) {
    const auto& [before, after] = truths[r.mark - 1];
    const auto begin = map.to_host(r.begin);
    const auto end = map.to_host(r.end);
    EXPECT_GT(begin.host + begin.error, before);
    EXPECT_LT(end.host - end.error, after);
    EXPECT_LT(begin.error, 10'000'000) << "far less than the clocks are apart";
  }
}

TEST_F(CuptiRecords, SamplesThatComeLateAreStillOfTheirOwnTime) {
  told to;
  record(&to);
  cupti().set({.incomplete = true});
  for (int i = 0; i < 5; ++i) device_->compare_records(2);
  EXPECT_THAT(to.batches(), IsEmpty());
  cupti().set({});
  device_->compare_records(2);
  const auto batches = to.batches();
  ASSERT_THAT(batches, SizeIs(6));
  std::int64_t last = 0;
  for (const auto& b : batches) {
    ASSERT_THAT(b, SizeIs(2));
    for (const auto& s : b) {
      EXPECT_LE(last, s.host_before);
      EXPECT_LE(s.host_before, s.device);
      EXPECT_LE(s.device, s.host_after);
      last = s.host_after;
    }
  }
}

TEST_F(CuptiRecords, ASampleThatFailsEndsItsBatchAlone) {
  told to;
  record(&to);
  device_->compare_records(1);
  driver().fail("cuLaunchKernel", 3, 218);
  EXPECT_THROW(device_->compare_records(8), fronta::launch_error);
  device_->compare_records(1);
  EXPECT_THAT(to.batches(), ElementsAre(SizeIs(1), SizeIs(2), SizeIs(1)));
}

// ---- Losses.

TEST_F(CuptiRecords, ThatCuptiDroppedAreCounted) {
  told to;
  record(&to);
  cupti().drop(3);
  device_->compare_records(1);
  EXPECT_EQ(to.losses(), 3U);
  cupti().drop(2);
  fill_marked(1);
  record(nullptr);
  EXPECT_EQ(to.losses(), 5U);
  EXPECT_THAT(to.marks(), ElementsAre(1));
}

TEST_F(CuptiRecords, WithoutTimesAreLost) {
  cupti().set({.without_times = true});
  told to;
  record(&to);
  fill_marked(1);
  device_->compare_records(2);
  EXPECT_THAT(to.records(), IsEmpty());
  EXPECT_EQ(to.losses(), 1U);
  clock_map map;
  for (const auto& b : to.batches()) map.add(b);
  EXPECT_TRUE(map.empty()) << "nor is there a sample";
}

TEST_F(CuptiRecords, OverflowInsteadOfTakingAllMemory) {
  told to;
  record(&to);
  device_->mark_work(1);
  // Each takes some 200 bytes, and nobody flushes: 16 MiB are there for them.
  constexpr std::size_t many = 120'000;
  for (std::size_t i = 0; i < many; ++i) device_->fill(stream_, memory_, 1, 1);
  device_->mark_work(0);
  EXPECT_EQ(cupti().now().buffers, 128);
  driver().take_calls();
  device_->compare_records(1);
  EXPECT_GT(to.losses(), 0U);
  EXPECT_GT(to.records().size(), many / 2);
  EXPECT_LT(to.records().size(), many);
  // And there is room again.
  const auto before = to.records().size();
  fill_marked(2);
  device_->compare_records(1);
  EXPECT_EQ(to.records().size(), before + 1);
}

// ---- Refusals.

TEST_F(CuptiRecords, AreRefusedWithTheReasonAndUndone) {
  told to;
  std::string why;
  cupti().fail("cuptiSubscribe", 39);
  EXPECT_FALSE(device_->record_work(&to, why));
  EXPECT_THAT(why, AllOf(StartsWith("cuptiSubscribe failed with "
                                    "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED (39)"),
                         HasSubstr("another profiler"), HasSubstr("Nsight Systems")));
  EXPECT_EQ(cupti().now(), fake_cupti::state{});

  cupti().fail("cuptiActivityEnable", 35, 4);
  EXPECT_FALSE(device_->record_work(&to, why));
  EXPECT_THAT(why, AllOf(StartsWith("cuptiActivityEnable failed with "
                                    "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES (35)"),
                         HasSubstr("NVreg_RestrictProfilingToAdminUsers=0")));
  EXPECT_EQ(cupti().now(), fake_cupti::state{});

  cupti().fail("cuptiActivityRegisterCallbacks", 15);
  EXPECT_FALSE(device_->record_work(&to, why));
  EXPECT_THAT(why, HasSubstr("could not connect to the driver"));
  EXPECT_EQ(cupti().now(), fake_cupti::state{});

  cupti().fail("cuptiGetDeviceId", 15);
  EXPECT_FALSE(device_->record_work(&to, why));
  EXPECT_THAT(why, StartsWith("cuptiGetDeviceId failed with CUPTI_ERROR_NOT_INITIALIZED (15)"));
  EXPECT_EQ(cupti().now(), fake_cupti::state{});

  fill_marked(1);
  record(&to);
  fill_marked(2);
  record(nullptr);
  EXPECT_THAT(to.marks(), ElementsAre(2)) << "what failed leaves nothing behind";
}

TEST_F(CuptiRecords, OfALostDeviceAreNotAskedFor) {
  told to;
  record(&to);
  driver().fail("cuMemsetD8Async", 1, 700);
  EXPECT_THROW(fill_marked(1), fronta::device_lost_error);
  device_->mark_work(0);
  EXPECT_THROW(device_->compare_records(1), fronta::device_lost_error);
  record(nullptr);
  EXPECT_EQ(cupti().now().subscribers, 1) << "who knows what it would wait for";
  driver().heal();
  const auto next = open_cuda_device(0);
  std::string why;
  EXPECT_TRUE(next->record_work(&to, why)) << why;
  next->compare_records(3);
  EXPECT_TRUE(next->record_work(nullptr, why));
  EXPECT_THAT(to.batches(), ElementsAre(SizeIs(3)));
}

TEST_F(CuptiRecords, KeepThreadsApart) {
  constexpr int threads = 4;
  constexpr int each = 200;
  told to;
  record(&to);
  std::atomic<int> running{threads};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      const auto s = device_->create_stream(0);
      auto* const p = device_->allocate(s, 1024);
      for (int i = 1; i <= each; ++i) {
        device_->mark_work(static_cast<std::uint64_t>(t) * each + static_cast<std::uint64_t>(i));
        device_->fill(s, p, 1, static_cast<std::size_t>(t) * each + static_cast<std::size_t>(i));
        device_->mark_work(0);
      }
      device_->deallocate(s, p);
      device_->destroy_stream(s);
      --running;
    });
  }
  while (running != 0) device_->compare_records(2);
  for (auto& t : all) t.join();
  record(nullptr);
  ASSERT_THAT(to.records(), SizeIs(threads * each));
  std::vector<bool> seen(threads * each);
  for (const auto& r : to.records()) {
    EXPECT_EQ(r.bytes, r.mark);
    seen[r.mark - 1] = true;
  }
  EXPECT_EQ(std::ranges::count(seen, true), threads * each);
  EXPECT_EQ(to.losses(), 0U);
}

// ---- Through an executor.

cuda profiled() {
  return {.devices = {0}, .streams = 1, .options = {.times = time_grade::profiled}};
}

TEST_F(Cupti, ABackendThatIsRefusedRecordsSaysWhy) {
  cupti().fail("cuptiSubscribe", 39);
  try {
    fronta::executor ex{fronta::cpu::threads{.workers = 1}, profiled()};
    FAIL() << "another profiler holds CUPTI";
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(),
                AllOf(HasSubstr("times is profiled, but Fake H200 keeps no records"),
                      HasSubstr("another profiler"), HasSubstr("use stamped or observed")));
  }
}

TEST_F(Cupti, ProfiledSpansOfATaskLieWithinTheObserved) {
  cupti().set({.offset = -7'000'000'000, .drift = -60e-6});
  trace_recorder trace;
  const std::vector<int> numbers(1'000, 7);
  std::vector<int> back(numbers.size());
  std::vector<std::uint64_t> tasks;
  {
    fronta::executor ex{fronta::cpu::threads{.workers = 2}, profiled()};
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(ex.submit([&](stream& s) {
                          auto in = s.to_device(std::span<const int>(numbers));
                          s.to_host(std::span(back), in);
                          return fronta::this_task::path();
                        }).get());
    }
  }
  EXPECT_EQ(back, numbers);
  const auto observed = trace.spans(time_grade::observed);
  const auto spans = trace.spans(time_grade::profiled);
  ASSERT_THAT(spans, SizeIs(40));
  for (const auto task : tasks) {
    const auto same = std::ranges::find(observed, task, &device_span::task);
    ASSERT_NE(same, observed.end());
    std::vector<device_work> pieces;
    for (const auto& s : spans) {
      if (s.task != task) continue;
      pieces.push_back(s.what);
      EXPECT_FALSE(s.simulated);
      EXPECT_EQ(s.bytes, 4'000U);
      EXPECT_EQ(s.place, same->place);
      EXPECT_EQ(s.stream, same->stream);
      EXPECT_LE(s.begin_earliest, s.begin_latest);
      EXPECT_GE(s.begin_latest, same->begin_earliest);
      EXPECT_LE(s.end_earliest, same->end_latest);
    }
    EXPECT_THAT(pieces, ElementsAre(device_work::to_device, device_work::to_host));
  }
  EXPECT_THAT(trace.of(event_kind::lost_records), IsEmpty());
}

TEST_F(Cupti, ATraceSaysThatRecordsWereLost) {
  trace_recorder trace;
  {
    fronta::executor ex{fronta::cpu::threads{.workers = 1}, profiled()};
    ex.submit([](stream&) { cupti().drop(9); }).wait();
  }
  std::uint64_t sum = 0;
  for (const auto& e : trace.of(event_kind::lost_records)) sum += e.argument & 0xFFFF'FFFF;
  EXPECT_EQ(sum, 9U);
}

TEST_F(Cupti, AHostPartThatThrowsLeavesNoMark) {
  trace_recorder trace;
  fronta::executor ex{fronta::cpu::threads{.workers = 1}, profiled()};
  EXPECT_THROW(ex.submit([](stream&) {
                   EXPECT_EQ(cupti().depth(), 1U);
                   throw std::runtime_error("on purpose");
                 }).get(),
               std::runtime_error);
  const auto depth = ex.submit([] { return cupti().depth(); }).get();
  EXPECT_EQ(depth, 0U) << "of the only worker";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == std::string_view("--probe")) return print_probe();
  // Before anything looks for CUDA.
  setenv("FRONTA_CUDA_DRIVER", FRONTA_FAKE_DRIVER, 1);
  setenv("FRONTA_CUPTI", FRONTA_FAKE_CUPTI, 1);
  unsetenv("CUDA_VISIBLE_DEVICES");
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

#else

TEST(Cupti, IsSaidToBeMissingInABuildWithoutIt) {
  EXPECT_THAT(fronta::gpu::cupti_probe().reason, testing::HasSubstr("without CUPTI"));
  EXPECT_THAT(fronta::gpu::cupti_probe().remedy, testing::HasSubstr("build Fronta again"));
}

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

#endif
