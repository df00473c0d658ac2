// SPDX-License-Identifier: Apache-2.0
#include <support/host_call.hpp>

#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/kernels.hpp>

#include <gpu/fake_driver.hpp>
#include <support/device_parts.hpp>

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace fronta::test {

void prepare_cuda() {
  static const bool once = [] {
    ::setenv("CUDA_MODULE_LOADING", "EAGER", 0);
    ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
    if constexpr (has_device_parts) {
      if (std::getenv("FRONTA_CUDA_DRIVER") == nullptr) on_device::keep_contexts();
    }
    return true;
  }();
  static_cast<void>(once);
}

namespace {

// The fake driver, where that is what the process found.
fake_driver* fake() {
  static fake_driver* const found = []() -> fake_driver* {
    const char* const path = std::getenv("FRONTA_CUDA_DRIVER");
    if (path == nullptr) return nullptr;
    void* const library = ::dlopen(path, RTLD_NOW);
    void* const function = library != nullptr ? ::dlsym(library, fake_driver_symbol) : nullptr;
    return function != nullptr ? reinterpret_cast<fake_driver_function*>(function)() : nullptr;
  }();
  return found;
}

using cell = on_device::call_cell;

// Serves the kernels that call. Lives as long as the process: kernels of a device that broke never
// end, and their cells are never free again.
class host_calls {
 public:
  host_calls() {
    constexpr std::size_t count = 4'096;
    auto* const cells = static_cast<cell*>(on_device::pinned(count * sizeof(cell)));
    if (cells == nullptr) return;
    for (std::size_t i = 0; i < count; ++i) free_.push_back(new (cells + i) cell);
    std::thread([this] { serve(); }).detach();
  }

  int enqueue(void* native_stream, std::function<void()> f) {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return 2;  // out of memory
    cell* const c = free_.front();
    new (c) cell;
    if (const int code = on_device::call_host(native_stream, c); code != 0) return code;
    free_.pop_front();
    calls_.push_back({c, std::move(f)});
    changed_.notify_one();
    return 0;
  }

 private:
  struct call {
    cell* at;
    std::function<void()> f;  // empty once it was called
  };

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return !calls_.empty(); });
      std::erase_if(calls_, [&](call& c) {
        const std::uint32_t stage =
            std::atomic_ref(c.at->stage).load(std::memory_order_acquire);  // behind the stream
        if (stage == cell::begun && c.f != nullptr) {
          std::thread(&answer, c.at, std::exchange(c.f, nullptr)).detach();
        }
        if (stage == cell::ended) free_.push_back(c.at);
        return stage == cell::ended;
      });
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::microseconds(5));
      lock.lock();
    }
  }

  static void answer(cell* at, std::function<void()> f) {
    std::uint32_t answer = cell::returned;
    try {
      f();
    } catch (...) {
      answer = cell::thrown;
    }
    f = nullptr;
    // Release: what `f` did comes before what the stream does next.
    std::atomic_ref(at->answer).store(answer, std::memory_order_release);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<cell*> free_;   // guarded by mutex_
  std::vector<call> calls_;  // guarded by mutex_; enqueued and not ended
};

}  // namespace

bool test_kernels_run() {
  const auto& found = gpu::cuda_probe();
  return fake() != nullptr ||
         (!found.devices.empty() && gpu::kernels_run_on(found.devices.front()));
}

std::optional<int> enqueue_on_fake(void* native_stream, const std::function<void()>& f) {
  if (fake() == nullptr) return std::nullopt;
  return fake()->enqueue(native_stream, f);
}

int call_from_device([[maybe_unused]] void* native_stream, std::function<void()> f) {
  if (const auto code = enqueue_on_fake(native_stream, f)) return *code;
  if constexpr (has_device_parts) {
    prepare_cuda();
    static host_calls& all = *new host_calls;
    return all.enqueue(native_stream, std::move(f));
  } else {
    return 98;
  }
}

}  // namespace fronta::test
