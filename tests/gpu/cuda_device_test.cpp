// SPDX-License-Identifier: Apache-2.0
// The CUDA device against a fake driver, so without any hardware; for a real one, see
// cuda_hardware_test.cpp. What a process finds when it looks for CUDA stays as it is, so each such
// situation is a process of its own: this program again, with --probe.
#include <fronta/gpu/cuda.hpp>

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/errors.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/captured_errors.hpp>

#include "fake_driver.hpp"

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// CMake gives the path of the fake driver where there is a toolkit to build it with.
#ifndef FRONTA_FAKE_DRIVER
#define FRONTA_FAKE_DRIVER ""
#define FRONTA_CUDA_STUB ""
#endif

namespace {

using namespace fronta::gpu;
using fronta::device_bad_alloc;
using fronta::device_error;
using fronta::device_lost_error;
using fronta::launch_error;
using fronta::test::captured_errors;
using fronta::test::fake_driver;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

fake_driver& fake() {
  static fake_driver& found = [&]() -> fake_driver& {
    void* library = dlopen(FRONTA_FAKE_DRIVER, RTLD_NOW);
    void* function =
        library != nullptr ? dlsym(library, fronta::test::fake_driver_symbol) : nullptr;
    if (function == nullptr) throw std::runtime_error("the fake driver cannot be opened");
    return *reinterpret_cast<fronta::test::fake_driver_function*>(function)();
  }();
  return found;
}

/// Runs `f` and returns the error that it throws; an error of the test if it throws none.
template <class Error, class Function>
Error thrown_by(Function f) {
  try {
    f();
  } catch (Error& e) {
    return std::move(e);
  }
  throw std::logic_error("nothing was thrown");
}

class recorded_work final : public work {
 public:
  explicit recorded_work(int code, void** stream = nullptr) : code_(code), stream_(stream) {}
  int enqueue(void* native_stream) override {
    if (stream_ != nullptr) *stream_ = native_stream;
    return code_;
  }
  void run_on_host() override {}
  [[nodiscard]] const char* name() const noexcept override { return "smooth"; }

 private:
  int code_;
  void** stream_;
};

// ---- Looking for CUDA.

int print_probe() {
  const cuda_status& s = cuda_probe();
  std::printf("built=%d\nloaded=%d\nversion=%d\nneeded=%d\ndevices=%zu\nreason=%s\nremedy=%s\n",
              s.built, s.loaded, s.driver_version, s.needed_version, s.devices.size(),
              s.reason.c_str(), s.remedy.c_str());
  try {
    std::printf("opened=%s\n", open_cuda_device(0)->properties().name.c_str());
  } catch (const device_error& e) {
    std::printf("error=%s\ncode=%d\nplace=%s\n", e.what(), e.code(), e.device().c_str());
  }
  return 0;
}

/// What a process with this environment (as for env(1)) finds.
std::map<std::string, std::string> probe_with(const std::string& environment) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      "env -u CUDA_VISIBLE_DEVICES " + environment + " '" + self + "' --probe";
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
  return probe_with("FRONTA_CUDA_DRIVER='" FRONTA_FAKE_DRIVER "' " + environment);
}

TEST(CudaProbe, SaysWhetherItWasBuiltWithCuda) {
  if (cuda_probe().built) {
    EXPECT_THAT(cuda_probe().reason, testing::Not(HasSubstr("without CUDA")));
    return;
  }
  EXPECT_FALSE(cuda_probe().loaded);
  EXPECT_THAT(cuda_probe().devices, IsEmpty());
  EXPECT_THAT(cuda_probe().reason, HasSubstr("without CUDA"));
  EXPECT_THAT(cuda_probe().remedy, HasSubstr("CUDA toolkit"));
  const auto error = thrown_by<device_error>([] { open_cuda_device(0); });
  EXPECT_THAT(error.what(), HasSubstr(cuda_probe().reason));
  EXPECT_EQ(error.device(), "gpu:0");
}

class CudaSituation : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda_probe().built) GTEST_SKIP() << cuda_probe().reason;
  }
};

TEST_F(CudaSituation, ADriverWithDevicesIsFound) {
  const auto found = probe_fake("");
  EXPECT_EQ(found.at("built"), "1");
  EXPECT_EQ(found.at("loaded"), "1");
  EXPECT_EQ(found.at("version"), "13000");
  EXPECT_EQ(found.at("needed"), "12000");
  EXPECT_EQ(found.at("devices"), "2");
  EXPECT_EQ(found.at("reason"), "");
  EXPECT_EQ(found.at("remedy"), "");
  EXPECT_EQ(found.at("opened"), "Fake H200");
}

TEST_F(CudaSituation, NoDriverIsSaidWithTheLibraryName) {
  const auto found = probe_with("-u FRONTA_CUDA_DRIVER");
  if (found.at("loaded") == "1") GTEST_SKIP() << "this machine has a driver";
  EXPECT_EQ(found.at("reason"), "no NVIDIA driver library (libcuda.so.1) was found");
  EXPECT_THAT(found.at("remedy"), HasSubstr("install the NVIDIA driver"));
  EXPECT_EQ(found.at("devices"), "0");
  EXPECT_THAT(found.at("error"), HasSubstr("no NVIDIA driver library (libcuda.so.1) was found; "
                                           "install the NVIDIA driver"));
  EXPECT_EQ(found.at("place"), "gpu:0");
}

TEST_F(CudaSituation, ANamedLibraryThatIsMissingIsSaidWithItsPath) {
  const auto found = probe_with("FRONTA_CUDA_DRIVER=/nowhere/libcuda.so");
  EXPECT_EQ(found.at("loaded"), "0");
  EXPECT_THAT(found.at("reason"),
              StartsWith("the driver library \"/nowhere/libcuda.so\" named by FRONTA_CUDA_DRIVER"));
  EXPECT_THAT(found.at("remedy"), HasSubstr("FRONTA_CUDA_DRIVER"));
}

TEST_F(CudaSituation, AnOldDriverIsSaidWithBothVersions) {
  const auto found = probe_fake("FRONTA_FAKE_VERSION=11080");
  EXPECT_EQ(found.at("loaded"), "1");
  EXPECT_EQ(found.at("version"), "11080");
  EXPECT_EQ(found.at("reason"),
            "the NVIDIA driver is for CUDA 11.8, and Fronta needs one for CUDA 12.0");
  EXPECT_EQ(found.at("remedy"), "update the NVIDIA driver to version 525.60 or newer");
}

TEST_F(CudaSituation, ALibraryThatIsNoDriverIsSaid) {
  const auto found = probe_with("FRONTA_CUDA_DRIVER=libm.so.6");
  EXPECT_EQ(found.at("loaded"), "1");
  EXPECT_EQ(found.at("version"), "0");
  EXPECT_THAT(found.at("reason"), StartsWith("the driver library is no CUDA driver"));
}

TEST_F(CudaSituation, TheToolkitsStubIsTold) {
  const std::string stub = FRONTA_CUDA_STUB;
  if (!std::filesystem::exists(stub)) GTEST_SKIP() << "no " << stub;
  const auto found = probe_with("FRONTA_CUDA_DRIVER=" + stub);
  EXPECT_THAT(found.at("reason"), HasSubstr("stub"));
  EXPECT_EQ(found.at("error").substr(0, 16), "open_cuda_device");
  EXPECT_EQ(found.at("code"), "34");
}

TEST_F(CudaSituation, AMissingEntryPointIsSaidByItsName) {
  const auto found = probe_fake("FRONTA_FAKE_LACKS=cuMemPoolCreate");
  EXPECT_EQ(found.at("reason"), "the NVIDIA driver lacks the function cuMemPoolCreate");
}

TEST_F(CudaSituation, ARefusalOfTheDriverIsPassedOn) {
  const auto found = probe_fake("FRONTA_FAKE_INIT=803");
  EXPECT_EQ(found.at("version"), "13000");
  EXPECT_EQ(found.at("reason"),
            "cuInit failed with CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803), \"unsupported driver "
            "combination\"");
  EXPECT_THAT(found.at("remedy"), HasSubstr("reboot"));
  EXPECT_EQ(found.at("code"), "803");
}

TEST_F(CudaSituation, AMachineWithoutDevicesIsSaid) {
  for (const char* how : {"FRONTA_FAKE_DEVICES=0", "FRONTA_FAKE_INIT=100"}) {
    const auto found = probe_fake(how);
    EXPECT_EQ(found.at("reason"), "the NVIDIA driver found no CUDA device") << how;
    EXPECT_EQ(found.at("devices"), "0");
    EXPECT_EQ(found.at("code"), "100");
  }
}

TEST_F(CudaSituation, TheVariableThatHidesTheDevicesIsNamedWithItsValue) {
  for (const std::string value : {"", "-1"}) {
    for (const char* how : {"FRONTA_FAKE_DEVICES=0", "FRONTA_FAKE_INIT=100"}) {
      const auto found = probe_fake(std::string(how) + " CUDA_VISIBLE_DEVICES=" + value);
      EXPECT_EQ(found.at("reason"),
                "no CUDA device is visible: CUDA_VISIBLE_DEVICES is \"" + value + '"');
      EXPECT_THAT(found.at("remedy"), StartsWith("unset CUDA_VISIBLE_DEVICES"));
    }
  }
}

// ---- Opening.

class CudaFake : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda_probe().built) GTEST_SKIP() << cuda_probe().reason;
    ASSERT_EQ(cuda_probe().reason, "");
    fake().heal();
    fake().take_calls();
  }
  void TearDown() override {
    if (!cuda_probe().built) return;
    EXPECT_EQ(fake().alive(), fake_driver::counts{}) << "something was not given back";
    fake().heal();
  }
};

using CudaOpen = CudaFake;

TEST_F(CudaOpen, TellsWhatTheDeviceIs) {
  const auto d = open_cuda_device(1);
  const device_properties& p = d->properties();
  EXPECT_EQ(p.name, "Fake H200");
  EXPECT_FALSE(p.simulated);
  EXPECT_EQ(p.index, 1);
  EXPECT_EQ(p.memory_bytes, std::size_t{1} << 20);
  EXPECT_EQ(p.multiprocessors, 132);
  EXPECT_EQ(p.copy_engines, 3);
  EXPECT_EQ(p.compute_major, 9);
  EXPECT_EQ(p.compute_minor, 0);
  EXPECT_EQ(p.least_priority, 0);
  EXPECT_EQ(p.greatest_priority, -5);
}

TEST_F(CudaOpen, HoldsThePrimaryContextAndAPoolOfItsOwn) {
  {
    const auto d = open_cuda_device(0);
    EXPECT_EQ(fake().alive(), (fake_driver::counts{.contexts = 1, .pools = 1}));
    const auto calls = fake().take_calls();
    EXPECT_THAT(calls, Contains("cuMemPoolCreate device=0"));
    EXPECT_THAT(calls, Contains("cuMemPoolSetAttribute attribute=4 value=18446744073709551615"))
        << "the release threshold";
    EXPECT_THAT(calls, Contains("cuMemPoolSetAttribute attribute=3 value=0"))
        << "internal dependencies";
    EXPECT_THAT(calls, Contains("cuMemPoolSetAccess device=1"))
        << "so that copies between devices go straight";
  }
  const auto calls = fake().take_calls();
  EXPECT_THAT(calls, ElementsAre("cuMemPoolDestroy", "cuDevicePrimaryCtxRelease"));
}

TEST_F(CudaOpen, LeavesNoDeadContextBehind) {
  open_cuda_device(0).reset();
  EXPECT_EQ(fake().current_device(), -1);

  const auto other = open_cuda_device(1);
  open_cuda_device(0).reset();
  other->make_current();
  auto d = open_cuda_device(0);
  other->make_current();
  d.reset();
  EXPECT_EQ(fake().current_device(), 1) << "a context of somebody else stays current";
}

TEST_F(CudaOpen, AnIndexThatDoesNotExistIsRefused) {
  EXPECT_THAT(thrown_by<std::invalid_argument>([] { open_cuda_device(2); }).what(),
              HasSubstr("open_cuda_device(2)"));
  EXPECT_THROW(open_cuda_device(-1), std::invalid_argument);
}

TEST_F(CudaOpen, WhateverTheDriverRefusesIsPassedOnAndUndone) {
  for (const char* call :
       {"cuDeviceGet", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain",
        "cuCtxGetStreamPriorityRange", "cuMemPoolCreate", "cuMemPoolSetAttribute"}) {
    fake().fail(call, 1, 46);
    const auto error = thrown_by<device_error>([] { open_cuda_device(0); });
    EXPECT_THAT(error.what(),
                StartsWith("gpu:0 (Fake H200) cannot be opened: " + std::string(call) +
                           " failed with CUDA_ERROR_DEVICE_UNAVAILABLE (46), \"CUDA-capable "
                           "device(s) is/are busy\"; "));
    EXPECT_THAT(error.what(), HasSubstr("compute mode"));
    EXPECT_EQ(error.code(), 46);
    EXPECT_EQ(error.device(), "gpu:0");
    EXPECT_EQ(fake().alive(), fake_driver::counts{}) << call;
  }
}

TEST_F(CudaOpen, ADeviceWithoutPoolsIsRefused) {
  fake().set({.pools = false});
  EXPECT_THAT(thrown_by<device_error>([] { open_cuda_device(0); }).what(),
              HasSubstr("memory pools"));
}

TEST_F(CudaOpen, DoesWithoutAPeer) {
  fake().fail("cuMemPoolSetAccess", 1, 1);
  EXPECT_NO_THROW(open_cuda_device(0));
}

// ---- Calls.

class CudaDevice : public CudaFake {
 protected:
  void SetUp() override {
    CudaFake::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    reopen();
  }
  void TearDown() override {
    if (device_ != nullptr && stream_ != nullptr) device_->destroy_stream(stream_);
    device_.reset();
    CudaFake::TearDown();
  }

  void reopen() {
    if (device_ != nullptr) device_->destroy_stream(stream_);
    device_ = open_cuda_device(0);
    stream_ = device_->create_stream(0);
    fake().take_calls();
  }

  std::unique_ptr<device> device_;
  stream_handle stream_ = nullptr;
};

TEST_F(CudaDevice, StreamsDoNotWaitForTheDefaultStream) {
  stream_handle s = device_->create_stream(-3);
  EXPECT_THAT(fake().take_calls(), ElementsAre("cuStreamCreateWithPriority flags=1 priority=-3"));
  EXPECT_NE(device_->native(s), nullptr);
  device_->destroy_stream(s);
  EXPECT_THAT(fake().take_calls(), ElementsAre("cuStreamDestroy"));
}

TEST_F(CudaDevice, EventsAreWithoutTiming) {
  event_handle spinning = device_->create_event(false);
  event_handle blocking = device_->create_event(true);
  EXPECT_THAT(fake().take_calls(), ElementsAre("cuEventCreate flags=2", "cuEventCreate flags=3"));
  device_->destroy_event(spinning);
  device_->destroy_event(blocking);
}

TEST_F(CudaDevice, EventsOrderStreamsAlsoOfAnotherDevice) {
  const auto other = open_cuda_device(1);
  stream_handle far = other->create_stream(0);
  event_handle e = device_->create_event(false);
  fake().take_calls();
  device_->record(stream_, e);
  other->wait(far, e);
  EXPECT_EQ(device_->query(e), stream_state::idle);
  EXPECT_TRUE(device_->synchronize(e));
  EXPECT_THAT(fake().take_calls(), ElementsAre("cuEventRecord", "cuStreamWaitEvent", "cuEventQuery",
                                               "cuEventSynchronize"));
  device_->destroy_event(e);
  other->destroy_stream(far);
}

TEST_F(CudaDevice, CopiesByKind) {
  std::array<int, 4> from{1, 2, 3, 4};
  std::array<int, 4> to{};
  void* a = device_->allocate(stream_, sizeof from);
  void* b = device_->allocate(stream_, sizeof from);
  void* c = device_->allocate(stream_, sizeof from);
  fake().take_calls();
  device_->copy(stream_, a, from.data(), sizeof from, copy_kind::to_device);
  device_->copy(stream_, b, a, sizeof from, copy_kind::on_device);
  device_->copy(stream_, c, b, sizeof from, copy_kind::between);
  device_->copy(stream_, to.data(), c, sizeof from, copy_kind::to_host);
  EXPECT_THAT(fake().take_calls(),
              ElementsAre("cuMemcpyHtoDAsync bytes=16", "cuMemcpyDtoDAsync bytes=16",
                          "cuMemcpyAsync bytes=16", "cuMemcpyDtoHAsync bytes=16"));
  EXPECT_EQ(from, to);

  device_->fill(stream_, a, 0xff, sizeof from);
  device_->copy(stream_, to.data(), a, sizeof from, copy_kind::to_host);
  EXPECT_EQ(to, (std::array{-1, -1, -1, -1}));
  for (void* p : {a, b, c}) device_->deallocate(stream_, p);
}

TEST_F(CudaDevice, NothingIsAskedOfTheDriverForNoBytes) {
  device_->copy(stream_, nullptr, nullptr, 0, copy_kind::to_device);
  device_->fill(stream_, nullptr, 0, 0);
  EXPECT_THAT(fake().take_calls(), IsEmpty());
}

TEST_F(CudaDevice, MemoryIsAllocatedAndFreedInStreamOrder) {
  void* p = device_->allocate(stream_, 1000);
  void* empty = device_->allocate(stream_, 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 256, 0U);
  EXPECT_NE(empty, nullptr);
  device_->deallocate(stream_, p);
  device_->deallocate(stream_, empty);
  device_->deallocate(stream_, nullptr);
  EXPECT_THAT(fake().take_calls(),
              ElementsAre("cuMemAllocFromPoolAsync bytes=1000", "cuMemAllocFromPoolAsync bytes=1",
                          "cuMemFreeAsync", "cuMemFreeAsync"));
}

TEST_F(CudaDevice, WhatThePoolKeepsCountsAsFree) {
  const memory_status before = device_->memory();
  EXPECT_EQ(before.total_bytes, std::size_t{1} << 20);
  EXPECT_EQ(before.free_bytes, before.total_bytes);
  void* p = device_->allocate(stream_, 1 << 19);
  EXPECT_EQ(device_->memory().free_bytes, before.free_bytes - (1 << 19));
  device_->deallocate(stream_, p);
  EXPECT_EQ(device_->memory().free_bytes, before.free_bytes);
}

TEST_F(CudaDevice, PinnedMemoryIsForAllDevices) {
  void* p = device_->allocate_pinned(1000);
  EXPECT_EQ(fake().take_calls().front(), "cuMemHostAlloc bytes=1000 flags=3");
  const auto other = open_cuda_device(1);
  int on_stack = 0;
  for (const device* d :
       {static_cast<const device*>(device_.get()), static_cast<const device*>(other.get())}) {
    EXPECT_TRUE(d->is_pinned(p));
    EXPECT_TRUE(d->is_pinned(static_cast<char*>(p) + 999));
    EXPECT_FALSE(d->is_pinned(static_cast<char*>(p) + 1000));
    EXPECT_FALSE(d->is_pinned(&on_stack));
    EXPECT_FALSE(d->is_pinned(nullptr));
  }
  void* on_device = device_->allocate(stream_, 8);
  EXPECT_FALSE(device_->is_pinned(on_device));
  device_->deallocate(stream_, on_device);
  device_->deallocate_pinned(p);
  device_->deallocate_pinned(nullptr);
  EXPECT_FALSE(device_->is_pinned(p));
}

TEST_F(CudaDevice, PinnedMemoryThatTheDeviceCannotSeeIsGivenBack) {
  fake().fail("cuMemHostGetDevicePointer", 1, 1);
  EXPECT_THROW(static_cast<void>(device_->allocate_pinned(8)), launch_error);
  EXPECT_EQ(fake().alive().pinned, 0);
}

TEST_F(CudaDevice, WorkIsEnqueuedOnTheNativeStream) {
  void* seen = nullptr;
  device_->enqueue(stream_, std::make_unique<recorded_work>(0, &seen));
  EXPECT_EQ(seen, device_->native(stream_));
}

TEST_F(CudaDevice, HostFunctionsAreCalled) {
  int called = 0;
  device_->call_host(stream_, [](void* context) { ++*static_cast<int*>(context); }, &called);
  EXPECT_EQ(called, 1);
  EXPECT_THAT(fake().take_calls(), ElementsAre("cuLaunchHostFunc"));
}

// ---- Words.

using CudaWords = CudaDevice;

TEST_F(CudaWords, AreWrittenThroughTheDevicesAddress) {
  auto* words = static_cast<std::atomic<std::uint64_t>*>(device_->allocate_pinned(4096));
  std::uninitialized_value_construct_n(words, 512);
  EXPECT_THAT(fake().take_calls(), Contains(StartsWith("cuMemHostGetDevicePointer")));
  device_->write_word(stream_, words[0], 7);
  device_->write_word(stream_, words[511], UINT64_MAX);
  EXPECT_THAT(
      fake().take_calls(),
      ElementsAre("cuStreamWriteValue64 at=" + std::to_string(fake().device_address(words)) +
                      " value=7 flags=0",
                  "cuStreamWriteValue64 at=" + std::to_string(fake().device_address(words + 511)) +
                      " value=18446744073709551615 flags=0"))
      << "and the driver is asked for it once for each block";
  EXPECT_EQ(words[0], 7U);
  EXPECT_EQ(words[511], UINT64_MAX);
  device_->deallocate_pinned(words);
}

TEST_F(CudaWords, MayBePinnedByAnotherDevice) {
  const auto other = open_cuda_device(1);
  auto* word = static_cast<std::atomic<std::uint64_t>*>(other->allocate_pinned(8));
  std::construct_at(word, 0U);
  device_->write_word(stream_, *word, 5);
  EXPECT_EQ(*word, 5U);
  other->deallocate_pinned(word);
}

TEST_F(CudaWords, MustBeInPinnedMemory) {
  std::atomic<std::uint64_t> word{0};
  const auto error = thrown_by<launch_error>([&] { device_->write_word(stream_, word, 1); });
  EXPECT_THAT(error.what(), HasSubstr("not in pinned memory; take it from allocate_pinned"));
  EXPECT_EQ(device_->fault_code(), 0);
}

TEST_F(CudaWords, AreWrittenByTheHostWhereStreamsCannot) {
  fake().set({.words_by_stream = false});
  reopen();
  auto* word = static_cast<std::atomic<std::uint64_t>*>(device_->allocate_pinned(8));
  std::construct_at(word, 0U);
  fake().take_calls();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    device_->write_word(stream_, *word, i);
    EXPECT_EQ(*word, i);
  }
  fake().fail("cuLaunchHostFunc", 1, 1);
  EXPECT_THROW(device_->write_word(stream_, *word, 4), launch_error);
  device_->write_word(stream_, *word, 5);
  EXPECT_EQ(*word, 5U);
  EXPECT_THAT(fake().take_calls(), testing::Each("cuLaunchHostFunc"));
  device_->deallocate_pinned(word);
}

// ---- The current context.

TEST_F(CudaDevice, IsMadeCurrent) {
  fake().make_current(1);
  device_->make_current();
  EXPECT_EQ(fake().current_device(), 0);
}

TEST_F(CudaDevice, EveryCallFindsItsContextWhateverOthersMadeCurrent) {
  // The fake insists on it. Another library changes it before each call.
  const auto other = open_cuda_device(1);
  const auto change = [&] {
    other->make_current();
    return device_.get();
  };
  event_handle e = change()->create_event(false);
  stream_handle s = change()->create_stream(0);
  void* pinned = change()->allocate_pinned(64);
  void* p = change()->allocate(s, 64);
  auto& word = *std::construct_at(static_cast<std::atomic<std::uint64_t>*>(pinned), 0U);
  change()->copy(s, p, pinned, 64, copy_kind::to_device);
  change()->fill(s, p, 0, 64);
  change()->write_word(s, word, 1);
  change()->record(s, e);
  change()->wait(s, e);
  change()->call_host(s, [](void*) {}, nullptr);
  change()->enqueue(s, std::make_unique<recorded_work>(0));
  EXPECT_EQ(fake().current_device(), 0) << "also for what the work itself calls";
  EXPECT_EQ(change()->query(s), stream_state::idle);
  EXPECT_EQ(change()->query(e), stream_state::idle);
  EXPECT_TRUE(change()->synchronize(e));
  EXPECT_EQ(change()->memory().total_bytes, std::size_t{1} << 20);
  static_cast<void>(change()->sample_clocks());
  change()->deallocate(s, p);
  change()->deallocate_pinned(pinned);
  change()->destroy_event(e);
  change()->destroy_stream(s);
  EXPECT_EQ(device_->fault_code(), 0);
}

TEST_F(CudaDevice, AThreadNeedsNoPreparation) {
  stream_state found = stream_state::fault;
  std::thread([&] {
    void* p = device_->allocate(stream_, 8);
    device_->deallocate(stream_, p);
    found = device_->query(stream_);
  }).join();
  EXPECT_EQ(found, stream_state::idle);
}

TEST_F(CudaDevice, ThreadsMayCallAtOnce) {
  for (const bool by_stream : {true, false}) {
    fake().set({.words_by_stream = by_stream});
    reopen();
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        stream_handle s = device_->create_stream(0);
        event_handle e = device_->create_event(t % 2 == 0);
        for (std::uint64_t i = 1; i <= 100; ++i) {
          auto* word = static_cast<std::atomic<std::uint64_t>*>(device_->allocate_pinned(8));
          std::construct_at(word, 0U);
          void* p = device_->allocate(s, 256);
          device_->fill(s, p, 0, 256);
          device_->write_word(s, *word, i);
          device_->record(s, e);
          EXPECT_TRUE(device_->synchronize(e));
          EXPECT_EQ(word->load(std::memory_order_acquire), i);
          EXPECT_TRUE(device_->is_pinned(word));
          EXPECT_GT(device_->memory().free_bytes, 0U);
          device_->deallocate(s, p);
          device_->deallocate_pinned(word);
          if (i % 25 == 0) static_cast<void>(device_->sample_clocks());
        }
        device_->destroy_event(e);
        device_->destroy_stream(s);
      });
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(device_->fault_code(), 0);
  }
}

// ---- Errors.

using CudaErrors = CudaDevice;

TEST_F(CudaErrors, AWrongCallIsItsCallersAlone) {
  event_handle e = device_->create_event(false);
  fake().fail("cuEventRecord", 2, 400);
  device_->record(stream_, e);
  const auto error = thrown_by<launch_error>([&] { device_->record(stream_, e); });
  EXPECT_STREQ(error.what(),
               "cuEventRecord on gpu:0 (Fake H200) failed with CUDA_ERROR_INVALID_HANDLE (400), "
               "\"invalid resource handle\"; give it only streams, events and kernels of this "
               "device that still exist");
  EXPECT_EQ(error.code(), 400);
  EXPECT_EQ(error.device(), "gpu:0");
  EXPECT_EQ(device_->fault_code(), 0);
  EXPECT_EQ(device_->fault_text(), "");
  device_->record(stream_, e);
  device_->destroy_event(e);
}

TEST_F(CudaErrors, WorkMayReturnADriversOrARuntimesCode) {
  const auto error_of = [&](int code) {
    return thrown_by<launch_error>(
        [&] { device_->enqueue(stream_, std::make_unique<recorded_work>(code)); });
  };
  EXPECT_THAT(error_of(701).what(),
              StartsWith("the launch of \"smooth\" on gpu:0 (Fake H200) failed with "
                         "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701), "));
  EXPECT_THAT(error_of(9).what(), HasSubstr("cudaErrorInvalidConfiguration (9)"));
  EXPECT_THAT(error_of(9).what(), HasSubstr("a grid and a block that are not empty"));
  EXPECT_THAT(error_of(98).what(), HasSubstr("cudaErrorInvalidDeviceFunction (98)"));
  EXPECT_THAT(error_of(209).what(), HasSubstr("compute capability"));
  EXPECT_THAT(error_of(12345).what(), HasSubstr("the unknown code 12345"));
  EXPECT_EQ(error_of(-1).code(), -1);
  EXPECT_EQ(device_->fault_code(), 0);
  EXPECT_THROW(device_->enqueue(stream_, std::make_unique<recorded_work>(2)), device_bad_alloc);
  EXPECT_THROW(device_->enqueue(stream_, std::make_unique<recorded_work>(700)), device_lost_error);
  EXPECT_EQ(device_->fault_code(), 700);
}

TEST_F(CudaErrors, OutOfMemorySaysHowMuchWasAskedAndIsFree) {
  void* half = device_->allocate(stream_, 1 << 19);
  const auto error =
      thrown_by<device_bad_alloc>([&] { static_cast<void>(device_->allocate(stream_, 1 << 20)); });
  EXPECT_EQ(error.asked(), std::size_t{1} << 20);
  EXPECT_EQ(error.free(), std::size_t{1} << 19);
  EXPECT_THAT(error.holders(), IsEmpty());
  EXPECT_THAT(error.what(), HasSubstr("gpu:0 (Fake H200) ran out of device memory for 1048576 "
                                      "bytes: 524288 of 1048576 bytes are free"));
  EXPECT_EQ(device_->fault_code(), 0);
  device_->deallocate(stream_, half);
  device_->deallocate(stream_, device_->allocate(stream_, 1 << 20));
}

TEST_F(CudaErrors, OutOfPinnedMemoryIsSaidToBeTheHosts) {
  fake().fail("cuMemHostAlloc", 1, 2);
  const auto error =
      thrown_by<device_bad_alloc>([&] { static_cast<void>(device_->allocate_pinned(77)); });
  EXPECT_EQ(error.asked(), 77U);
  EXPECT_THAT(error.what(), HasSubstr("77 bytes of pinned host memory"));
}

TEST_F(CudaErrors, EveryCodeThatEndsTheProcessIsAFault) {
  for (const int code : {226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911,  // CUDA's
                         4, 214, 220, 709, 999}) {
    fake().fail("cuStreamQuery", 1, code);
    EXPECT_EQ(device_->query(stream_), stream_state::fault);
    EXPECT_EQ(device_->fault_code(), code);
    EXPECT_NE(device_->fault_text(), "");
    fake().heal();
    reopen();
    fake().fail("cuMemsetD8Async", 1, code);
    void* p = device_->allocate(stream_, 8);
    const auto error = thrown_by<device_lost_error>([&] { device_->fill(stream_, p, 0, 8); });
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(device_->fault_code(), code);
    fake().heal();
    device_->deallocate(stream_, p);
    reopen();
  }
}

TEST_F(CudaErrors, AfterAFaultEverythingSaysSo) {
  event_handle e = device_->create_event(true);
  void* p = device_->allocate(stream_, 8);
  auto* word = static_cast<std::atomic<std::uint64_t>*>(device_->allocate_pinned(8));
  std::construct_at(word, 0U);
  stream_handle second = device_->create_stream(0);
  fake().fail("cuStreamQuery", 1, 700);
  EXPECT_EQ(device_->query(stream_), stream_state::fault);
  EXPECT_EQ(device_->fault_code(), 700);
  EXPECT_EQ(device_->fault_text(),
            "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered");
  fake().take_calls();

  EXPECT_EQ(device_->query(second), stream_state::fault);
  EXPECT_EQ(device_->query(e), stream_state::fault);
  EXPECT_FALSE(device_->synchronize(e));
  const auto error = thrown_by<device_lost_error>([&] { device_->record(second, e); });
  EXPECT_STREQ(error.what(),
               "cuEventRecord on gpu:0 (Fake H200) found the device lost, with "
               "CUDA_ERROR_ILLEGAL_ADDRESS (700), \"an illegal memory access was encountered\"; "
               "end the process to use the device again");
  EXPECT_THROW(device_->wait(second, e), device_lost_error);
  EXPECT_THROW(device_->write_word(second, *word, 1), device_lost_error);
  EXPECT_THROW(device_->copy(second, p, word, 8, copy_kind::to_device), device_lost_error);
  EXPECT_THROW(device_->copy(second, p, word, 0, copy_kind::to_device), device_lost_error);
  EXPECT_THROW(device_->fill(second, p, 0, 8), device_lost_error);
  EXPECT_THROW(device_->call_host(second, [](void*) {}, nullptr), device_lost_error);
  EXPECT_THROW(device_->enqueue(second, std::make_unique<recorded_work>(0)), device_lost_error);
  EXPECT_THROW(static_cast<void>(device_->allocate(second, 8)), device_lost_error);
  EXPECT_THROW(static_cast<void>(device_->allocate_pinned(8)), device_lost_error);
  EXPECT_THROW(static_cast<void>(device_->create_stream(0)), device_lost_error);
  EXPECT_THROW(static_cast<void>(device_->create_event(true)), device_lost_error);
  EXPECT_THROW(static_cast<void>(device_->sample_clocks()), device_lost_error);
  EXPECT_THROW(device_->make_current(), device_lost_error);
  EXPECT_EQ(device_->memory().free_bytes, 0U);
  EXPECT_TRUE(device_->is_pinned(word));
  EXPECT_THAT(fake().take_calls(), IsEmpty()) << "the driver is not asked again";
  EXPECT_EQ(*word, 0U);

  // What is given back after a fault is not complained about, and here the driver takes none of it.
  const captured_errors errors;
  device_->deallocate(stream_, p);
  device_->deallocate_pinned(word);
  device_->destroy_event(e);
  device_->destroy_stream(second);
  EXPECT_THAT(errors.texts(), IsEmpty());
  EXPECT_THAT(fake().take_calls(),
              ElementsAre("cuMemFreeAsync", "cuMemFreeHost", "cuEventDestroy", "cuStreamDestroy"));

  // Once more, now that it works, for the balance of this test.
  fake().heal();
  device_->deallocate(stream_, p);
  device_->deallocate_pinned(word);
  device_->destroy_event(e);
  device_->destroy_stream(second);
  EXPECT_EQ(device_->fault_code(), 700) << "a fault stays";
}

TEST_F(CudaErrors, AContextThatIsGoneIsAFault) {
  const auto other = open_cuda_device(1);
  other->make_current();
  fake().set({.contexts_gone = true});  // somebody has reset the device
  EXPECT_EQ(device_->query(stream_), stream_state::fault);
  EXPECT_EQ(device_->fault_code(), 709);
  EXPECT_THROW(device_->make_current(), device_lost_error);
}

TEST_F(CudaErrors, BusyIsNoError) {
  event_handle e = device_->create_event(false);
  fake().set({.busy = true});
  EXPECT_EQ(device_->query(stream_), stream_state::busy);
  EXPECT_EQ(device_->query(e), stream_state::busy);
  fake().set({});
  EXPECT_EQ(device_->query(stream_), stream_state::idle);
  device_->destroy_event(e);
}

TEST_F(CudaErrors, AStreamInCaptureIsBusyAndLeftAlone) {
  fake().set({.capturing = true});
  EXPECT_EQ(device_->query(stream_), stream_state::busy);
  EXPECT_THAT(fake().take_calls(), Not(Contains("cuStreamQuery")));
  fake().set({});
  fake().fail("cuStreamQuery", 1, 900);  // a capture that began in between
  EXPECT_EQ(device_->query(stream_), stream_state::busy);
  EXPECT_EQ(device_->fault_code(), 0);
}

TEST_F(CudaErrors, GivingBackWhatIsNotTheDevicesIsReported) {
  const captured_errors errors;
  int other = 0;
  device_->deallocate(stream_, &other);
  device_->deallocate_pinned(&other);
  EXPECT_THAT(errors.texts(),
              ElementsAre(HasSubstr("cuMemFreeAsync on gpu:0 (Fake H200) failed with "
                                    "CUDA_ERROR_INVALID_VALUE (1)"),
                          HasSubstr("cuMemFreeHost on gpu:0")));
  EXPECT_EQ(device_->fault_code(), 0);
}

// ---- Clocks.

using CudaClocks = CudaDevice;

TEST_F(CudaClocks, TheDevicesTimeLiesBetweenTheHosts) {
  clock_sample before = device_->sample_clocks();
  EXPECT_EQ(
      fake().alive(),
      (fake_driver::counts{.contexts = 1, .streams = 2, .pools = 1, .pinned = 1, .modules = 1}));
  fake().take_calls();
  for (int i = 0; i < 10; ++i) {
    const clock_sample now = device_->sample_clocks();
    EXPECT_LE(now.host_before, now.device);  // the fake's clock is the host's
    EXPECT_LE(now.device, now.host_after);
    EXPECT_LE(before.host_after, now.host_before);
    before = now;
  }
  const auto calls = fake().take_calls();
  EXPECT_EQ(calls.size(), 20U);
  EXPECT_EQ(calls[0], "cuLaunchKernel grid=1 block=1");
  EXPECT_EQ(calls[1], "cuStreamQuery");
}

TEST_F(CudaClocks, MayFailAndBeTriedAgain) {
  for (const char* call : {"cuStreamCreateWithPriority", "cuMemHostAlloc", "cuModuleLoadData",
                           "cuModuleGetFunction", "cuLaunchKernel", "cuStreamQuery"}) {
    reopen();
    fake().fail(call, 1, 218);
    EXPECT_THAT(
        thrown_by<launch_error>([&] { static_cast<void>(device_->sample_clocks()); }).what(),
        StartsWith(std::string(call) + " on gpu:0 (Fake H200) failed with CUDA_ERROR_INVALID_PTX"));
    EXPECT_GT(device_->sample_clocks().device, 0);
  }
}

// ---- An executor on it.

class CudaExecutor : public CudaFake {
 protected:
  // What the driver was asked for between a task that made a buffer and the end of `links` that
  // each read what the one before gave on.
  static std::vector<std::string> calls_of_a_chain(int streams, int links) {
    fronta::executor ex{fronta::cpu::threads{.workers = 1},
                        cuda{.devices = {0}, .streams = streams}};
    auto last = ex.submit([](stream& s) { return s.allocate<int>(1); });
    last.wait();
    fake().take_calls();
    for (int i = 0; i < links; ++i) {
      last = ex.submit(
          [](stream& s, const buffer<int>& b) {
            static_cast<void>(s.read(b));
            s.enqueue(std::make_unique<recorded_work>(0));
            return b;
          },
          std::move(last));
    }
    last.wait();
    return fake().take_calls();
  }
};

TEST_F(CudaExecutor, AnEdgeOnTheSameStreamCallsNothing) {
  // A word tells the end of each task; its work is the test's own.
  const auto others = [](std::vector<std::string> calls) {
    std::erase_if(calls, [](const auto& c) { return c.starts_with("cuStreamWriteValue64"); });
    return calls;
  };
  EXPECT_THAT(others(calls_of_a_chain(1, 11)), IsEmpty());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == std::string_view("--probe")) return print_probe();
  // Before anything looks for CUDA.
  setenv("FRONTA_CUDA_DRIVER", FRONTA_FAKE_DRIVER, 1);
  unsetenv("CUDA_VISIBLE_DEVICES");
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
