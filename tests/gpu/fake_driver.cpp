// SPDX-License-Identifier: Apache-2.0
#include "fake_driver.hpp"

#include <cudaTypedefs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// What the driver's handles point to; the names are the header's.
struct CUctx_st {
  int device = 0;
  int retained = 0;
  std::size_t reserved = 0;  // by all pools of the device
};
struct mark {
  std::atomic<bool> passed{false};
};
class stream_thread;
struct CUstream_st {
  CUcontext context = nullptr;
  std::shared_ptr<stream_thread> thread = nullptr;  // null: what is enqueued is done at once
};
struct CUevent_st {
  CUcontext context = nullptr;
  std::shared_ptr<mark> last = nullptr;  // of the last record
};
struct CUmemPoolHandle_st {
  int device = 0;
  std::size_t used = 0;
  std::size_t reserved = 0;
};
struct CUfunc_st {};
struct CUmod_st {
  CUfunc_st function;
};

/// Does what is enqueued on a stream, in its order. After a fault it does nothing more.
class stream_thread : public std::enable_shared_from_this<stream_thread> {
 public:
  using operation = std::function<void()>;
  static std::shared_ptr<stream_thread> start(std::atomic<int>& broken) {
    auto made = std::make_shared<stream_thread>(broken);
    std::thread([made] { made->run(); }).detach();
    return made;
  }
  explicit stream_thread(std::atomic<int>& broken) : broken_(broken) {}
  void push(operation o) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(o));
    changed_.notify_all();
  }
  /// An empty operation ends the thread.
  void end() { push(nullptr); }
  [[nodiscard]] bool idle() {
    const std::lock_guard lock(mutex_);
    return queue_.empty();
  }
  void wait_until_idle() {
    while (!idle() && broken_ == 0) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  void wait_for(const mark& m) const {
    while (!m.passed && broken_ == 0) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return !queue_.empty(); });
      const operation o = std::move(queue_.front());
      if (o == nullptr) return;
      lock.unlock();
      try {
        if (broken_ == 0) o();
      } catch (...) {
        broken_ = 700;
      }
      lock.lock();
      queue_.pop_front();
    }
  }
  std::atomic<int>& broken_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<operation> queue_;  // guarded by mutex_; the first is being done
};

namespace {

using fronta::test::fake_driver;

int from_environment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? static_cast<int>(std::strtol(value, nullptr, 10)) : otherwise;
}

std::string number(std::uint64_t n) { return std::to_string(n); }
std::string address(const void* p) { return number(reinterpret_cast<std::uintptr_t>(p)); }

char* new_block(std::size_t alignment, std::size_t bytes) {
  return static_cast<char*>(::operator new(bytes, std::align_val_t{alignment}));
}
void delete_block(std::size_t alignment, void* p) {
  ::operator delete(p, std::align_val_t{alignment});
}

bool sticky(int code) {
  constexpr std::array codes{226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911};
  return std::ranges::find(codes, code) != codes.end();
}

thread_local CUcontext current = nullptr;

class fake final : public fake_driver {
 public:
  fake() {
    for (int i = 0; i < from_environment("FRONTA_FAKE_DEVICES", 2); ++i)
      contexts_.push_back(new CUctx_st{.device = i});
    options_.memory = static_cast<std::size_t>(from_environment("FRONTA_FAKE_MEMORY", 1 << 20));
  }
  ~fake() {
    for (CUcontext c : contexts_) delete c;
  }
  fake(const fake&) = delete;
  fake& operator=(const fake&) = delete;

  // ---- Steering.

  void set(const options& o) override {
    const std::scoped_lock lock(mutex_);
    options_ = o;
  }
  void fail(const std::string& call, int nth, int code) override {
    const std::scoped_lock lock(mutex_);
    failures_[call] = {nth, code};
  }
  void heal() override {
    const std::scoped_lock lock(mutex_);
    options_ = {};
    failures_.clear();
    broken_ = 0;
    current = nullptr;
  }
  std::vector<std::string> take_calls() override {
    const std::scoped_lock lock(mutex_);
    return std::exchange(calls_, {});
  }
  counts alive() override {
    const std::scoped_lock lock(mutex_);
    const auto size = [](const auto& all) { return static_cast<int>(all.size()); };
    counts n{.streams = size(streams_),
             .events = size(events_),
             .pools = size(pools_),
             .blocks = size(blocks_),
             .pinned = size(pinned_),
             .modules = size(modules_)};
    for (CUcontext c : contexts_) n.contexts += c->retained;
    return n;
  }
  std::uint64_t device_address(const void* pinned) override {
    return reinterpret_cast<std::uintptr_t>(pinned) + device_view;
  }
  void observe(void (*by)(const activity& a)) override {
    const std::scoped_lock lock(mutex_);
    observer_ = by;
  }
  int device_of(const void* context) override {
    return static_cast<const CUctx_st*>(context)->device;
  }
  int enqueue(void* stream, std::function<void()> kernel) override {
    return call_on(static_cast<CUstream>(stream), "kernel", "",
                   [&](fake& f) { return f.put(static_cast<CUstream>(stream), kernel); });
  }
  int current_device() override { return current != nullptr ? current->device : -1; }
  void make_current(int device) override { current = contexts_[static_cast<std::size_t>(device)]; }

  // ---- The driver's side.

  bool contexts_gone() {
    const std::scoped_lock lock(mutex_);
    return options_.contexts_gone;
  }

  /// Every entry point goes through here, under one lock.
  template <class Body>
  CUresult call(std::string_view name, const std::string& arguments, Body body) {
    const std::scoped_lock lock(mutex_);
    if (!asynchronous)
      calls_.push_back(std::string(name) + (arguments.empty() ? "" : " " + arguments));
    if (const int code = broken_; code != 0) return static_cast<CUresult>(code);
    if (const auto f = failures_.find(name); f != failures_.end() && --f->second.nth == 0) {
      const int code = f->second.code;
      failures_.erase(f);
      if (sticky(code)) broken_ = code;
      return static_cast<CUresult>(code);
    }
    return body(*this);
  }
  /// One for a stream: needs the stream's context current.
  template <class Body>
  CUresult call_on(CUstream s, std::string_view name, const std::string& arguments, Body body) {
    return call(name, arguments, [&](fake& self) {
      if (!self.streams_.contains(s)) return CUDA_ERROR_INVALID_HANDLE;
      if (s->context != current) return CUDA_ERROR_INVALID_CONTEXT;
      return body(self);
    });
  }

  /// And one for work on it.
  template <class Body>
  CUresult work_on(CUstream s, std::string_view name, const std::string& arguments,
                   activity::kind what, std::uint64_t bytes, Body body) {
    return call_on(s, name, arguments, [&](fake& self) {
      const auto begin = now();
      const CUresult code = body(self);
      if (code == CUDA_SUCCESS && self.observer_ != nullptr)
        self.observer_({what, s->context->device, bytes, begin, now()});
      return code;
    });
  }
  static std::int64_t now() {
    const auto t = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::nanoseconds(t).count();
  }

  /// Does it when the stream comes to it.
  CUresult put(CUstream s, std::function<void()> operation) {
    if (s->thread != nullptr) {
      s->thread->push(std::move(operation));
    } else {
      operation();
    }
    return CUDA_SUCCESS;
  }
  std::shared_ptr<stream_thread> new_thread() {
    return asynchronous ? stream_thread::start(broken_) : nullptr;
  }
  [[nodiscard]] bool is_broken() const { return broken_ != 0; }
  void give_back(CUdeviceptr p) {
    const auto found = blocks_.find(std::bit_cast<char*>(p));
    if (CUmemoryPool pool = pool_of_[p]; pools_.contains(pool)) pool->used -= found->second;
    pool_of_.erase(p);
    delete_block(512, found->first);
    blocks_.erase(found);
  }
  void give_back_later(CUdeviceptr p) {
    const std::scoped_lock lock(mutex_);
    give_back(p);
  }

  /// Where the bytes behind a device pointer are in this process.
  [[nodiscard]] void* host(CUdeviceptr p) const {
    void* const pinned = std::bit_cast<void*>(p - device_view);
    return inside(pinned_, pinned) ? pinned : std::bit_cast<void*>(p);
  }
  static bool inside(const std::map<char*, std::size_t>& all, const void* p) {
    return std::ranges::any_of(
        all, [&](const auto& block) { return p >= block.first && p < block.first + block.second; });
  }

  static constexpr CUdeviceptr device_view = CUdeviceptr{1} << 60;
  const bool asynchronous = from_environment("FRONTA_FAKE_ASYNCHRONOUS", 0) != 0;

  std::vector<CUcontext> contexts_;
  options options_;
  std::set<CUstream> streams_;
  std::set<CUevent> events_;
  std::set<CUmemoryPool> pools_;
  std::set<CUmodule> modules_;
  std::map<char*, std::size_t> blocks_;
  std::map<CUdeviceptr, CUmemoryPool> pool_of_;
  std::map<char*, std::size_t> pinned_;

 private:
  struct failure {
    int nth = 0;
    int code = 0;
  };
  std::mutex mutex_;
  std::map<std::string, failure, std::less<>> failures_;
  std::vector<std::string> calls_;
  void (*observer_)(const activity&) = nullptr;
  std::atomic<int> broken_ = 0;
};

// Threads of streams may outlive everything.
fake& the_fake() {
  static fake& f = *new fake;
  return f;
}

/// Takes the handle out of the set and deletes it.
template <class Handle>
CUresult destroy(std::set<Handle>& all, Handle h) {
  if (all.erase(h) == 0) return CUDA_ERROR_INVALID_HANDLE;
  delete h;
  return CUDA_SUCCESS;
}

struct known_error {
  int code;
  const char* name;
  const char* words;
};
constexpr std::array known_errors{
    known_error{1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    known_error{2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    known_error{46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy"},
    known_error{209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available"},
    known_error{218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    known_error{400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    known_error{700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    known_error{701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested"},
    known_error{803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "unsupported driver combination"},
};

CUresult look_up(CUresult code, const char* known_error::* part, const char** found) {
  *found = nullptr;
  for (const known_error& e : known_errors)
    if (e.code == static_cast<int>(code)) *found = e.*part;
  return *found != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

class entry_points {
 public:
  entry_points() {
    errors_and_devices();
    contexts();
    streams();
    events();
    copies();
    pools();
    pinned();
    modules();
  }
  void* find(std::string_view name) const {
    const char* lacking = std::getenv("FRONTA_FAKE_LACKS");
    if (lacking != nullptr && name == lacking) return nullptr;
    const auto found = all_.find(name);
    return found != all_.end() ? found->second : nullptr;
  }

 private:
  /// The type is the one that the driver's header gives, so that a wrong signature does not
  /// compile.
  template <class Function>
  void add(const char* name, Function f) {
    all_.emplace(name, reinterpret_cast<void*>(f));
  }

  void errors_and_devices() {
    add<PFN_cuGetErrorName_v6000>("cuGetErrorName", [](CUresult code, const char** found) {
      return look_up(code, &known_error::name, found);
    });
    add<PFN_cuGetErrorString_v6000>("cuGetErrorString", [](CUresult code, const char** found) {
      return look_up(code, &known_error::words, found);
    });
    add<PFN_cuInit_v2000>("cuInit", [](unsigned) {
      return static_cast<CUresult>(from_environment("FRONTA_FAKE_INIT", 0));
    });
    add<PFN_cuDeviceGetCount_v2000>("cuDeviceGetCount", [](int* count) {
      *count = static_cast<int>(the_fake().contexts_.size());
      return CUDA_SUCCESS;
    });
    add<PFN_cuDeviceGet_v2000>("cuDeviceGet", [](CUdevice* device, int index) {
      return the_fake().call("cuDeviceGet", number(static_cast<std::uint64_t>(index)), [&](fake&) {
        *device = index;
        return CUDA_SUCCESS;
      });
    });
    add<PFN_cuDeviceGetName_v2000>("cuDeviceGetName", [](char* name, int size, CUdevice) {
      std::strncpy(name, "Fake H200", static_cast<std::size_t>(size));
      return CUDA_SUCCESS;
    });
    add<PFN_cuDeviceTotalMem_v3020>("cuDeviceTotalMem", [](std::size_t* bytes, CUdevice) {
      *bytes = the_fake().options_.memory;
      return CUDA_SUCCESS;
    });
    add<PFN_cuDeviceGetAttribute_v2000>(
        "cuDeviceGetAttribute", [](int* value, CUdevice_attribute which, CUdevice) {
          return the_fake().call("cuDeviceGetAttribute", "", [&](fake& f) {
            switch (which) {
              case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
                *value = 132;
                break;
              case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
                *value = 3;
                break;
              case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
                *value = 9;
                break;
              case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
                *value = 0;
                break;
              case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
                *value = f.options_.pools;
                break;
              case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
                *value = f.options_.words_by_stream;
                break;
              default:
                return CUDA_ERROR_INVALID_VALUE;
            }
            return CUDA_SUCCESS;
          });
        });
    add<PFN_cuDeviceCanAccessPeer_v4000>("cuDeviceCanAccessPeer", [](int* can, CUdevice, CUdevice) {
      *can = 1;
      return CUDA_SUCCESS;
    });
  }

  void contexts() {
    add<PFN_cuDevicePrimaryCtxRetain_v7000>(
        "cuDevicePrimaryCtxRetain", [](CUcontext* context, CUdevice device) {
          return the_fake().call("cuDevicePrimaryCtxRetain", "", [&](fake& f) {
            if (from_environment("FRONTA_FAKE_BUSY", 0) != 0) return CUDA_ERROR_DEVICE_UNAVAILABLE;
            *context = f.contexts_[static_cast<std::size_t>(device)];
            ++(*context)->retained;
            return CUDA_SUCCESS;
          });
        });
    add<PFN_cuDevicePrimaryCtxRelease_v11000>("cuDevicePrimaryCtxRelease", [](CUdevice device) {
      return the_fake().call("cuDevicePrimaryCtxRelease", "", [&](fake& f) {
        --f.contexts_[static_cast<std::size_t>(device)]->retained;
        return CUDA_SUCCESS;
      });
    });
    add<PFN_cuCtxGetCurrent_v4000>("cuCtxGetCurrent", [](CUcontext* context) {
      *context = current;
      return CUDA_SUCCESS;
    });
    add<PFN_cuCtxSetCurrent_v4000>("cuCtxSetCurrent", [](CUcontext context) {
      if (context != nullptr && context->retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
      if (context != nullptr && the_fake().contexts_gone()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
      current = context;
      return CUDA_SUCCESS;
    });
    add<PFN_cuCtxGetStreamPriorityRange_v5050>(
        "cuCtxGetStreamPriorityRange", [](int* least, int* greatest) {
          return the_fake().call("cuCtxGetStreamPriorityRange", "", [&](fake&) {
            if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
            *least = 0;
            *greatest = -5;
            return CUDA_SUCCESS;
          });
        });
  }

  void streams() {
    add<PFN_cuStreamCreateWithPriority_v5050>(
        "cuStreamCreateWithPriority", [](CUstream* s, unsigned flags, int priority) {
          return the_fake().call(
              "cuStreamCreateWithPriority",
              "flags=" + number(flags) + " priority=" + std::to_string(priority), [&](fake& f) {
                if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
                *s = *f.streams_.insert(new CUstream_st{current, f.new_thread()}).first;
                return CUDA_SUCCESS;
              });
        });
    add<PFN_cuStreamDestroy_v4000>("cuStreamDestroy", [](CUstream s) {
      return the_fake().call("cuStreamDestroy", "", [&](fake& f) {
        if (f.streams_.contains(s) && s->thread != nullptr) s->thread->end();
        return destroy(f.streams_, s);
      });
    });
    add<PFN_cuStreamQuery_v2000>("cuStreamQuery", [](CUstream s) {
      return the_fake().call_on(s, "cuStreamQuery", "", [&](fake& f) {
        const bool busy = f.options_.busy || (s->thread != nullptr && !s->thread->idle());
        return busy ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
      });
    });
    add<PFN_cuStreamSynchronize_v2000>("cuStreamSynchronize", [](CUstream s) {
      std::shared_ptr<stream_thread> until;
      const CUresult code = the_fake().call_on(s, "cuStreamSynchronize", "", [&](fake&) {
        until = s->thread;
        return CUDA_SUCCESS;
      });
      if (until == nullptr) return code;
      until->wait_until_idle();
      return the_fake().is_broken() ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_SUCCESS;
    });
    add<PFN_cuStreamIsCapturing_v10000>(
        "cuStreamIsCapturing", [](CUstream s, CUstreamCaptureStatus* status) {
          return the_fake().call_on(s, "cuStreamIsCapturing", "", [&](fake& f) {
            *status = f.options_.capturing ? CU_STREAM_CAPTURE_STATUS_ACTIVE
                                           : CU_STREAM_CAPTURE_STATUS_NONE;
            return CUDA_SUCCESS;
          });
        });
    add<PFN_cuStreamWaitEvent_v3020>("cuStreamWaitEvent", [](CUstream s, CUevent e, unsigned) {
      return the_fake().call_on(s, "cuStreamWaitEvent", "", [&](fake& f) {
        if (!f.events_.contains(e)) return CUDA_ERROR_INVALID_HANDLE;
        if (s->thread == nullptr || e->last == nullptr) return CUDA_SUCCESS;
        return f.put(s, [m = e->last, t = s->thread.get()] { t->wait_for(*m); });
      });
    });
    add<PFN_cuStreamWriteValue64_v11070>(
        "cuStreamWriteValue64", [](CUstream s, CUdeviceptr at, cuuint64_t value, unsigned flags) {
          return the_fake().call_on(
              s, "cuStreamWriteValue64",
              "at=" + number(at) + " value=" + number(value) + " flags=" + number(flags),
              [&](fake& f) {
                void* const word = f.host(at);
                if (std::bit_cast<CUdeviceptr>(word) == at) return CUDA_ERROR_INVALID_VALUE;
                return f.put(s, [word, value] {
                  std::atomic_ref(*static_cast<std::uint64_t*>(word))
                      .store(value, std::memory_order_release);
                });
              });
        });
    add<PFN_cuLaunchHostFunc_v10000>(
        "cuLaunchHostFunc", [](CUstream s, CUhostFn fn, void* context) {
          bool now = false;
          const CUresult code = the_fake().call_on(s, "cuLaunchHostFunc", "", [&](fake& f) {
            now = s->thread == nullptr;  // and not under the lock
            return now ? CUDA_SUCCESS : f.put(s, [fn, context] { fn(context); });
          });
          if (code == CUDA_SUCCESS && now) fn(context);
          return code;
        });
    add<PFN_cuLaunchKernel_v4000>(
        "cuLaunchKernel", [](CUfunction function, unsigned grid, unsigned, unsigned, unsigned block,
                             unsigned, unsigned, unsigned, CUstream s, void** arguments, void**) {
          return the_fake().work_on(
              s, "cuLaunchKernel", "grid=" + number(grid) + " block=" + number(block),
              fake::activity::kind::kernel, 0, [&](fake& f) {
                if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
                // There is one kernel: the clock's.
                void* const at = f.host(*static_cast<CUdeviceptr*>(arguments[0]));
                return f.put(s, [at] {
                  std::atomic_ref(*static_cast<std::int64_t*>(at))
                      .store(fake::now(), std::memory_order_release);
                });
              });
        });
  }

  void events() {
    add<PFN_cuEventCreate_v2000>("cuEventCreate", [](CUevent* e, unsigned flags) {
      return the_fake().call("cuEventCreate", "flags=" + number(flags), [&](fake& f) {
        if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
        *e = *f.events_.insert(new CUevent_st{current}).first;
        return CUDA_SUCCESS;
      });
    });
    add<PFN_cuEventDestroy_v4000>("cuEventDestroy", [](CUevent e) {
      return the_fake().call("cuEventDestroy", "", [&](fake& f) { return destroy(f.events_, e); });
    });
    add<PFN_cuEventRecord_v2000>("cuEventRecord", [](CUevent e, CUstream s) {
      return the_fake().call_on(s, "cuEventRecord", "", [&](fake& f) {
        if (!f.events_.contains(e)) return CUDA_ERROR_INVALID_HANDLE;
        if (e->context != s->context) return CUDA_ERROR_INVALID_HANDLE;
        e->last = std::make_shared<mark>();
        return f.put(s, [m = e->last] { m->passed = true; });
      });
    });
    add<PFN_cuEventQuery_v2000>("cuEventQuery", [](CUevent e) {
      return the_fake().call("cuEventQuery", "", [&](fake& f) {
        if (!f.events_.contains(e)) return CUDA_ERROR_INVALID_HANDLE;
        const bool busy = f.options_.busy || (e->last != nullptr && !e->last->passed);
        return busy ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
      });
    });
    add<PFN_cuEventSynchronize_v2000>("cuEventSynchronize", [](CUevent e) {
      std::shared_ptr<mark> until;
      const CUresult code = the_fake().call("cuEventSynchronize", "", [&](fake& f) {
        if (!f.events_.contains(e)) return CUDA_ERROR_INVALID_HANDLE;
        until = e->last;
        return CUDA_SUCCESS;
      });
      if (until == nullptr) return code;
      while (!until->passed) {
        if (the_fake().is_broken()) return CUDA_ERROR_ILLEGAL_ADDRESS;
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
      return CUDA_SUCCESS;
    });
  }

  using kind = fake::activity::kind;
  static CUresult copy(CUstream s, const char* name, kind what, CUdeviceptr to, CUdeviceptr from,
                       std::size_t bytes) {
    bool pageable = false;
    const CUresult code =
        the_fake().work_on(s, name, "bytes=" + number(bytes), what, bytes, [&](fake& f) {
          void* const target = f.host(to);
          const void* const source = f.host(from);
          const auto known = [&](const void* p) {
            return fake::inside(f.blocks_, p) || fake::inside(f.pinned_, p);
          };
          if (s->thread != nullptr && !known(source)) {  // it is taken before the call returns
            const auto* const begin = static_cast<const char*>(source);
            return f.put(s, [target, taken = std::vector<char>(begin, begin + bytes)] {
              std::memcpy(target, taken.data(), taken.size());
            });
          }
          pageable = s->thread != nullptr && !known(target);
          return f.put(s, [=] { std::memcpy(target, source, bytes); });
        });
    if (!pageable || code != CUDA_SUCCESS) return code;
    s->thread->wait_until_idle();
    return the_fake().is_broken() ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_SUCCESS;
  }

  void copies() {
    add<PFN_cuMemcpyHtoDAsync_v3020>(
        "cuMemcpyHtoDAsync", [](CUdeviceptr to, const void* from, std::size_t bytes, CUstream s) {
          return copy(s, "cuMemcpyHtoDAsync", kind::to_device, to,
                      reinterpret_cast<CUdeviceptr>(from), bytes);
        });
    add<PFN_cuMemcpyDtoHAsync_v3020>("cuMemcpyDtoHAsync",
                                     [](void* to, CUdeviceptr from, std::size_t bytes, CUstream s) {
                                       return copy(s, "cuMemcpyDtoHAsync", kind::to_host,
                                                   reinterpret_cast<CUdeviceptr>(to), from, bytes);
                                     });
    add<PFN_cuMemcpyDtoDAsync_v3020>(
        "cuMemcpyDtoDAsync", [](CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream s) {
          return copy(s, "cuMemcpyDtoDAsync", kind::on_device, to, from, bytes);
        });
    add<PFN_cuMemcpyAsync_v4000>(
        "cuMemcpyAsync", [](CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream s) {
          return copy(s, "cuMemcpyAsync", kind::between, to, from, bytes);
        });
    add<PFN_cuMemsetD8Async_v3020>(
        "cuMemsetD8Async", [](CUdeviceptr at, unsigned char value, std::size_t n, CUstream s) {
          return the_fake().work_on(
              s, "cuMemsetD8Async", "bytes=" + number(n), kind::fill, n, [&](fake& f) {
                return f.put(s, [to = f.host(at), value, n] { std::memset(to, value, n); });
              });
        });
  }

  void pools() {
    add<PFN_cuMemPoolCreate_v11020>(
        "cuMemPoolCreate", [](CUmemoryPool* pool, const CUmemPoolProps* p) {
          return the_fake().call(
              "cuMemPoolCreate", "device=" + std::to_string(p->location.id), [&](fake& f) {
                if (p->allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
                    p->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
                  return CUDA_ERROR_INVALID_VALUE;
                *pool = *f.pools_.insert(new CUmemPoolHandle_st{.device = p->location.id}).first;
                return CUDA_SUCCESS;
              });
        });
    add<PFN_cuMemPoolDestroy_v11020>("cuMemPoolDestroy", [](CUmemoryPool pool) {
      return the_fake().call("cuMemPoolDestroy", "", [&](fake& f) {
        f.contexts_[static_cast<std::size_t>(pool->device)]->reserved -= pool->reserved;
        return destroy(f.pools_, pool);
      });
    });
    add<PFN_cuMemPoolSetAttribute_v11020>(
        "cuMemPoolSetAttribute", [](CUmemoryPool, CUmemPool_attribute which, void* value) {
          const bool wide = which >= CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
          const std::uint64_t v = wide ? *static_cast<cuuint64_t*>(value)
                                       : static_cast<std::uint64_t>(*static_cast<int*>(value));
          return the_fake().call("cuMemPoolSetAttribute",
                                 "attribute=" + number(which) + " value=" + number(v),
                                 [](fake&) { return CUDA_SUCCESS; });
        });
    add<PFN_cuMemPoolGetAttribute_v11020>(
        "cuMemPoolGetAttribute", [](CUmemoryPool pool, CUmemPool_attribute which, void* value) {
          return the_fake().call("cuMemPoolGetAttribute", "", [&](fake&) {
            auto& to = *static_cast<cuuint64_t*>(value);
            if (which == CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT)
              to = pool->reserved;
            else if (which == CU_MEMPOOL_ATTR_USED_MEM_CURRENT)
              to = pool->used;
            else
              return CUDA_ERROR_INVALID_VALUE;
            return CUDA_SUCCESS;
          });
        });
    add<PFN_cuMemPoolSetAccess_v11020>(
        "cuMemPoolSetAccess", [](CUmemoryPool, const CUmemAccessDesc* access, std::size_t) {
          return the_fake().call("cuMemPoolSetAccess",
                                 "device=" + std::to_string(access->location.id),
                                 [](fake&) { return CUDA_SUCCESS; });
        });
    add<PFN_cuMemAllocFromPoolAsync_v11020>(
        "cuMemAllocFromPoolAsync",
        [](CUdeviceptr* p, std::size_t bytes, CUmemoryPool pool, CUstream s) {
          return the_fake().call_on(
              s, "cuMemAllocFromPoolAsync", "bytes=" + number(bytes), [&](fake& f) {
                const std::size_t size = (bytes + 511) / 512 * 512;
                if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
                CUcontext context = f.contexts_[static_cast<std::size_t>(pool->device)];
                const std::size_t spare = pool->reserved - pool->used;
                const std::size_t more = size > spare ? size - spare : 0;
                if (more > f.options_.memory - context->reserved) return CUDA_ERROR_OUT_OF_MEMORY;
                auto* block = new_block(512, size);
                pool->reserved += more;
                context->reserved += more;
                pool->used += size;
                f.blocks_[block] = size;
                f.pool_of_[reinterpret_cast<CUdeviceptr>(block)] = pool;
                *p = reinterpret_cast<CUdeviceptr>(block);
                return CUDA_SUCCESS;
              });
        });
    add<PFN_cuMemFreeAsync_v11020>("cuMemFreeAsync", [](CUdeviceptr p, CUstream s) {
      return the_fake().call_on(s, "cuMemFreeAsync", "", [&](fake& f) {
        if (!f.blocks_.contains(std::bit_cast<char*>(p))) return CUDA_ERROR_INVALID_VALUE;
        if (s->thread != nullptr) return f.put(s, [&f, p] { f.give_back_later(p); });
        f.give_back(p);
        return CUDA_SUCCESS;
      });
    });
    add<PFN_cuMemGetInfo_v3020>("cuMemGetInfo", [](std::size_t* free, std::size_t* total) {
      return the_fake().call("cuMemGetInfo", "", [&](fake& f) {
        if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
        *total = f.options_.memory;
        *free = f.options_.memory - current->reserved;
        return CUDA_SUCCESS;
      });
    });
  }

  void pinned() {
    add<PFN_cuMemHostAlloc_v2020>(
        "cuMemHostAlloc", [](void** p, std::size_t bytes, unsigned flags) {
          return the_fake().call(
              "cuMemHostAlloc", "bytes=" + number(bytes) + " flags=" + number(flags), [&](fake& f) {
                if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
                const std::size_t size = (bytes + 4095) / 4096 * 4096;
                auto* block = new_block(4096, size);
                f.pinned_[block] = bytes;
                *p = block;
                return CUDA_SUCCESS;
              });
        });
    add<PFN_cuMemFreeHost_v2000>("cuMemFreeHost", [](void* p) {
      return the_fake().call("cuMemFreeHost", "", [&](fake& f) {
        if (f.pinned_.erase(static_cast<char*>(p)) == 0) return CUDA_ERROR_INVALID_VALUE;
        delete_block(4096, p);
        return CUDA_SUCCESS;
      });
    });
    add<PFN_cuMemHostGetDevicePointer_v3020>(
        "cuMemHostGetDevicePointer", [](CUdeviceptr* at, void* p, unsigned) {
          return the_fake().call("cuMemHostGetDevicePointer", address(p), [&](fake& f) {
            if (!fake::inside(f.pinned_, p)) return CUDA_ERROR_INVALID_VALUE;
            *at = f.device_address(p);
            return CUDA_SUCCESS;
          });
        });
    add<PFN_cuPointerGetAttributes_v7000>(
        "cuPointerGetAttributes",
        // NOLINTNEXTLINE(readability-non-const-parameter): the driver's signature
        [](unsigned n, CUpointer_attribute* which, void** values, CUdeviceptr p) {
          return the_fake().call("cuPointerGetAttributes", "", [&](fake& f) {
            for (unsigned i = 0; i < n; ++i) {
              if (which[i] != CU_POINTER_ATTRIBUTE_MEMORY_TYPE) continue;
              const void* const at = std::bit_cast<void*>(p);
              auto& type = *static_cast<unsigned*>(values[i]);
              type = 0;
              if (fake::inside(f.pinned_, at)) type = CU_MEMORYTYPE_HOST;
              if (fake::inside(f.blocks_, at)) type = CU_MEMORYTYPE_DEVICE;
            }
            return CUDA_SUCCESS;
          });
        });
  }

  void modules() {
    add<PFN_cuModuleLoadData_v2000>("cuModuleLoadData", [](CUmodule* module, const void* image) {
      return the_fake().call("cuModuleLoadData", "", [&](fake& f) {
        const std::string_view text = static_cast<const char*>(image);
        if (text.find("%globaltimer") == std::string_view::npos) return CUDA_ERROR_INVALID_PTX;
        *module = *f.modules_.insert(new CUmod_st).first;
        return CUDA_SUCCESS;
      });
    });
    add<PFN_cuModuleUnload_v2000>("cuModuleUnload", [](CUmodule module) {
      return the_fake().call("cuModuleUnload", "",
                             [&](fake& f) { return destroy(f.modules_, module); });
    });
    add<PFN_cuModuleGetFunction_v2000>(
        "cuModuleGetFunction", [](CUfunction* function, CUmodule module, const char*) {
          return the_fake().call("cuModuleGetFunction", "", [&](fake&) {
            *function = &module->function;
            return CUDA_SUCCESS;
          });
        });
  }

  std::map<std::string, void*, std::less<>> all_;
};

}  // namespace

// The three that are found by name. The header's macro makes the second one cuGetProcAddress_v2.
extern "C" {

CUresult cuDriverGetVersion(int* version) {
  *version = from_environment("FRONTA_FAKE_VERSION", 13000);
  return CUDA_SUCCESS;
}

CUresult cuGetProcAddress(const char* name, void** found, int, cuuint64_t,
                          CUdriverProcAddressQueryResult* how) {
  static const entry_points all;
  *found = all.find(name);
  *how = *found != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return *found != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

fake_driver* fronta_fake_driver() { return &the_fake(); }
}
