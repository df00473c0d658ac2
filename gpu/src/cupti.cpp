// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/cuda.hpp>

#include <string>

#if !defined(FRONTA_HAS_CUDA) || !defined(FRONTA_HAS_CUPTI)
#error "FRONTA_HAS_CUDA and FRONTA_HAS_CUPTI must be 0 or 1: the build says what is there"
#endif

#if FRONTA_HAS_CUDA
#include "cupti.hpp"
#endif

#if FRONTA_HAS_CUPTI
#include "driver.hpp"

#include <cupti.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <span>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>
#endif

namespace fronta::gpu {

#if FRONTA_HAS_CUPTI

namespace detail {
namespace {

constexpr const char* library_variable = "FRONTA_CUPTI";
// The CUDA versions whose records begin as those below do.
constexpr int oldest_major = 12;
constexpr int newest_major = 13;
constexpr std::uint32_t oldest_version = 19;  // of CUDA 12.0, before versions were spelled out
constexpr std::uint32_t spelled_out = 10'000;

// Small, since a buffer comes back when all of its work has ended: a long kernel holds up what
// stands in the same one.
constexpr std::size_t buffer_bytes = std::size_t{128} << 10;
constexpr std::size_t most_buffers = 128;
constexpr std::size_t buffer_alignment = 64;
// Marks that are remembered, correlations of one generation (there are two), batches that wait.
constexpr std::size_t most_marks = std::size_t{1} << 16;
constexpr std::size_t most_correlations = std::size_t{1} << 16;
constexpr std::size_t most_batches = 8;

// Each record grew at its end from version to version; this much they share.
struct kernel_head {
  CUpti_ActivityKind kind;
  std::array<std::byte, 12> configuration;
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t completed;
  std::uint32_t device;
  std::uint32_t context;
  std::uint32_t stream;
  std::array<std::byte, 40> shape;
  std::uint32_t correlation;
};
struct memory_head {  // copies and fills
  CUpti_ActivityKind kind;
  std::uint8_t copy_kind;
  std::array<std::byte, 3> ends;
  std::uint64_t bytes;
  std::uint64_t begin;
  std::uint64_t end;
  std::uint32_t device;
  std::uint32_t context;
  std::uint32_t stream;
  std::uint32_t correlation;
};
struct peer_copy_head {
  memory_head common;  // but for the correlation
  std::array<std::byte, 12> ends;
  std::uint32_t correlation;
};
static_assert(offsetof(kernel_head, begin) == offsetof(CUpti_ActivityKernel9, start));
static_assert(offsetof(kernel_head, end) == offsetof(CUpti_ActivityKernel9, end));
static_assert(offsetof(kernel_head, device) == offsetof(CUpti_ActivityKernel9, deviceId));
static_assert(offsetof(kernel_head, correlation) == offsetof(CUpti_ActivityKernel9, correlationId));
static_assert(offsetof(memory_head, copy_kind) == offsetof(CUpti_ActivityMemcpy5, copyKind));
static_assert(offsetof(memory_head, bytes) == offsetof(CUpti_ActivityMemcpy5, bytes));
static_assert(offsetof(memory_head, begin) == offsetof(CUpti_ActivityMemcpy5, start));
static_assert(offsetof(memory_head, end) == offsetof(CUpti_ActivityMemcpy5, end));
static_assert(offsetof(memory_head, device) == offsetof(CUpti_ActivityMemcpy5, deviceId));
static_assert(offsetof(memory_head, correlation) == offsetof(CUpti_ActivityMemcpy5, correlationId));
static_assert(offsetof(memory_head, bytes) == offsetof(CUpti_ActivityMemset4, bytes));
static_assert(offsetof(memory_head, begin) == offsetof(CUpti_ActivityMemset4, start));
static_assert(offsetof(memory_head, end) == offsetof(CUpti_ActivityMemset4, end));
static_assert(offsetof(memory_head, device) == offsetof(CUpti_ActivityMemset4, deviceId));
static_assert(offsetof(memory_head, correlation) == offsetof(CUpti_ActivityMemset4, correlationId));
static_assert(offsetof(memory_head, bytes) == offsetof(CUpti_ActivityMemcpyPtoP4, bytes));
static_assert(offsetof(memory_head, begin) == offsetof(CUpti_ActivityMemcpyPtoP4, start));
static_assert(offsetof(memory_head, end) == offsetof(CUpti_ActivityMemcpyPtoP4, end));
static_assert(offsetof(memory_head, device) == offsetof(CUpti_ActivityMemcpyPtoP4, deviceId));
static_assert(offsetof(peer_copy_head, correlation) ==
              offsetof(CUpti_ActivityMemcpyPtoP4, correlationId));

// External correlations are recorded with calls of the API, so those are too.
constexpr std::array kinds{CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
                           CUPTI_ACTIVITY_KIND_DRIVER,
                           CUPTI_ACTIVITY_KIND_RUNTIME,
                           CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                           CUPTI_ACTIVITY_KIND_MEMCPY,
                           CUPTI_ACTIVITY_KIND_MEMCPY2,
                           CUPTI_ACTIVITY_KIND_MEMSET};
// One that no other profiler of the process is likely to use.
constexpr auto mark_kind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM2;

struct entry_points {
  decltype(&cuptiGetVersion) get_version = nullptr;
  decltype(&cuptiGetResultString) get_result_string = nullptr;
  decltype(&cuptiSubscribe) subscribe = nullptr;
  decltype(&cuptiUnsubscribe) unsubscribe = nullptr;
  decltype(&cuptiActivityRegisterCallbacks) register_callbacks = nullptr;
  decltype(&cuptiActivityRegisterTimestampCallback) register_clock = nullptr;
  decltype(&cuptiActivityEnable) enable = nullptr;
  decltype(&cuptiActivityDisable) disable = nullptr;
  decltype(&cuptiActivityFlushAll) flush_all = nullptr;
  decltype(&cuptiActivityGetNextRecord) next_record = nullptr;
  decltype(&cuptiActivityGetNumDroppedRecords) dropped_records = nullptr;
  decltype(&cuptiActivityPushExternalCorrelationId) push = nullptr;
  decltype(&cuptiActivityPopExternalCorrelationId) pop = nullptr;
  decltype(&cuptiGetDeviceId) device_id = nullptr;
};

/// The search came to its end: CUPTI cannot be used.
struct no_cupti {
  std::string reason;
  std::string remedy;
};

struct found_cupti {
  cupti_status status;
  entry_points api;
};

std::vector<std::string> candidates(int driver_version) {
  std::vector<std::string> folders{""};  // where the loader looks
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    folders.push_back(std::string(value) + "/extras/CUPTI/lib64/");
    folders.push_back(std::string(value) + "/lib64/");
  }
  folders.emplace_back("/usr/local/cuda/extras/CUPTI/lib64/");
  folders.emplace_back("/usr/local/cuda/lib64/");
  std::vector<std::string> paths;
  // One of a newer CUDA than the driver's cannot talk to it; an older one can.
  const int newest = std::clamp(driver_version / 1000, oldest_major, newest_major);
  for (int major = newest; major >= oldest_major; --major) {
    for (const auto& folder : folders) {
      paths.push_back(folder + "libcupti.so." + std::to_string(major));
    }
  }
  return paths;
}

void* open_library(found_cupti& found, int driver_version) {
  const char* named = std::getenv(library_variable);
  const bool is_named = named != nullptr && *named != '\0';
  std::string why = "no reason given";
  std::vector<std::string> paths;
  if (is_named) {
    paths.emplace_back(named);
  } else {
    paths = candidates(driver_version);
  }
  for (const auto& path : paths) {
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      found.status.library = path;
      return library;
    }
    if (const char* words = dlerror()) why = words;
  }
  if (is_named) {
    throw no_cupti{std::string("the library \"") + named + "\" named by " + library_variable +
                       " cannot be opened: " + why,
                   std::string("correct or unset ") + library_variable};
  }
  throw no_cupti{"CUPTI (libcupti.so." +
                     std::to_string(std::clamp(driver_version / 1000, oldest_major, newest_major)) +
                     ") was not found",
                 std::string("install the CUDA toolkit with CUPTI, or name the library in ") +
                     library_variable};
}

void look_for(found_cupti& found) {
  const auto& driver = find_driver();
  if (!driver.status.reason.empty()) throw no_cupti{driver.status.reason, driver.status.remedy};
  void* const library = open_library(found, driver.status.driver_version);
  const auto entry = [&](auto& f, const char* name) {
    f = reinterpret_cast<std::remove_reference_t<decltype(f)>>(dlsym(library, name));
    if (f == nullptr) {
      throw no_cupti{
          "CUPTI (" + found.status.library + ") lacks the function " + name,
          std::string("install the CUDA toolkit's CUPTI, or name another in ") + library_variable};
    }
  };
  auto& api = found.api;
  entry(api.get_version, "cuptiGetVersion");
  std::uint32_t version = 0;
  if (api.get_version(&version) != CUPTI_SUCCESS) version = 0;
  found.status.version = static_cast<int>(version);
  const auto needs = "Fronta knows the records of CUDA " + std::to_string(oldest_major) + " to " +
                     std::to_string(newest_major) + " alone";
  const std::string remedy =
      std::string("install CUPTI of one of these, or name it in ") + library_variable;
  const bool known = version < spelled_out ? version >= oldest_version
                                           : version / spelled_out <= std::uint32_t{newest_major};
  if (!known) {
    throw no_cupti{"CUPTI (" + found.status.library + ") has version " + std::to_string(version) +
                       ", and " + needs,
                   remedy};
  }
  entry(api.get_result_string, "cuptiGetResultString");
  entry(api.subscribe, "cuptiSubscribe");
  entry(api.unsubscribe, "cuptiUnsubscribe");
  entry(api.register_callbacks, "cuptiActivityRegisterCallbacks");
  entry(api.register_clock, "cuptiActivityRegisterTimestampCallback");
  entry(api.enable, "cuptiActivityEnable");
  entry(api.disable, "cuptiActivityDisable");
  entry(api.flush_all, "cuptiActivityFlushAll");
  entry(api.next_record, "cuptiActivityGetNextRecord");
  entry(api.dropped_records, "cuptiActivityGetNumDroppedRecords");
  entry(api.push, "cuptiActivityPushExternalCorrelationId");
  entry(api.pop, "cuptiActivityPopExternalCorrelationId");
  entry(api.device_id, "cuptiGetDeviceId");
}

found_cupti look_once() noexcept {
  found_cupti found;
  try {
    look_for(found);
  } catch (no_cupti& end) {
    found.status.reason = std::move(end.reason);
    found.status.remedy = std::move(end.remedy);
  } catch (const std::exception& ex) {
    found.status.reason = ex.what();  // out of memory: short enough to need none
    found.status.remedy = "free memory";
  }
  return found;
}

const found_cupti& find_cupti() noexcept {
  static const found_cupti found = look_once();
  return found;
}

const char* remedy_for(CUptiResult code) noexcept {
  switch (code) {
    case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
    case CUPTI_ERROR_MAX_LIMIT_REACHED:
    case CUPTI_ERROR_DISABLED:
      return "another profiler or debugger holds CUPTI, such as Nsight Systems, Nsight Compute, "
             "compute-sanitizer, cuda-gdb or a library's own; run without it";
    case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
      return "the driver lets administrators alone profile; run as one, or load its kernel module "
             "with NVreg_RestrictProfilingToAdminUsers=0";
    case CUPTI_ERROR_NOT_INITIALIZED:
    case CUPTI_ERROR_UNKNOWN:
      return "it could not connect to the driver; name the CUPTI of the driver's CUDA version in "
             "FRONTA_CUPTI";
    case CUPTI_ERROR_NOT_SUPPORTED:
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
    case CUPTI_ERROR_CONFIDENTIAL_COMPUTING_NOT_SUPPORTED:
    case CUPTI_ERROR_LEGACY_PROFILER_NOT_SUPPORTED:
      return "it cannot profile this device or system; use another";
    default:
      return "look the code up in the documentation of CUPTI";
  }
}

std::string sentence(const entry_points& api, const char* call, CUptiResult code) {
  const char* name = nullptr;
  if (api.get_result_string(code, &name) != CUPTI_SUCCESS || name == nullptr) name = "unknown code";
  return std::string(call) + " failed with " + name + " (" +
         std::to_string(static_cast<int>(code)) + "): " + remedy_for(code);
}

std::uint64_t host_clock() noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

// A record's part that concerns us.
struct piece {
  trace::device_work what;
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t bytes;
  std::uint32_t device;
  std::uint32_t correlation;
};

trace::device_work way_of(std::uint8_t kind) noexcept {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA:
      return trace::device_work::to_device;
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH:
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH:
      return trace::device_work::to_host;
    case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP:
      return trace::device_work::between;
    default:
      return trace::device_work::on_device;
  }
}

template <class Head>
const Head& as(const CUpti_Activity* record) noexcept {
  return *reinterpret_cast<const Head*>(record);
}

}  // namespace

// What one session holds; guarded by the process's mutex.
struct recorded_device {
  struct sample {
    clock_sample read{};
    bool timed = false;     // by the host
    bool recorded = false;  // by CUPTI
  };
  struct batch {
    std::uint64_t number = 0;
    std::vector<sample> samples{};
    bool taken = false;  // all of its samples
    [[nodiscard]] bool ready() const noexcept {
      return taken && std::ranges::all_of(samples, &sample::recorded);
    }
  };

  CUcontext context;
  work_recorder& to;
  std::uint32_t device = 0;  // in CUPTI's count
  std::uint64_t number = 0;
  std::deque<batch> batches{};
  std::uint64_t batches_so_far = 0;
  bool lost = false;

  // In order of time: one whose records do not come holds the next ones up, but not for ever.
  void tell_batches() {
    while (!batches.empty() && (batches.front().ready() || batches.size() > most_batches)) {
      std::vector<clock_sample> there;
      for (const auto& s : batches.front().samples) {
        if (s.timed && s.recorded && s.read.device != 0) there.push_back(s.read);
      }
      batches.pop_front();
      if (!there.empty()) to.compared(there);
    }
  }
};

namespace {

/// What is one for the process. CUPTI calls back in threads of its own and in those that call it,
/// so nothing of it is called with `mutex_` held but from within the callback.
class recording {
 public:
  // Never destroyed: CUPTI's threads may come here while the program ends.
  static recording& of_process() {
    static auto* const one = new recording;
    return *one;
  }

  /// Says why not, or nothing.
  std::string begin(recorded_device& d) {
    const std::lock_guard starting(starting_);
    const auto& found = find_cupti();
    if (!found.status.reason.empty()) return found.status.reason + "; " + found.status.remedy;
    {
      const std::lock_guard lock(mutex_);
      marks_.resize(most_marks);
      d.number = ++sessions_so_far_;
      sessions_.emplace(d.number, &d);
    }
    if (!on_) {
      if (auto why = switch_on(); !why.empty()) {
        forget(d);
        return why;
      }
      on_ = true;
    }
    std::uint32_t device = 0;
    const auto code = found.api.device_id(d.context, &device);
    if (code != CUPTI_SUCCESS) {
      leave(d);
      return sentence(found.api, "cuptiGetDeviceId", code);
    }
    const std::lock_guard lock(mutex_);
    d.device = device;
    return {};
  }

  void end(recorded_device& d) noexcept {
    const std::lock_guard starting(starting_);
    leave(d);
  }

  void flush(CUpti_ActivityFlag how) noexcept {
    const auto& api = find_cupti().api;
    static_cast<void>(api.flush_all(static_cast<std::uint32_t>(how)));
    const std::lock_guard lock(mutex_);
    tell_losses(dropped());
  }

  // What an external correlation stands for.
  struct mark {
    std::uint64_t id = 0;
    std::uint64_t session = 0;
    std::uint64_t value = 0;  // of a sample, its index
    std::uint64_t batch = 0;  // of samples; 0 for work
  };
  void push(mark m) noexcept {
    {
      const std::lock_guard lock(mutex_);
      m.id = ++ids_;
      marks_[m.id % most_marks] = m;
    }
    static_cast<void>(find_cupti().api.push(mark_kind, m.id));
  }
  // False when the thread has none.
  bool pop() noexcept {
    std::uint64_t last = 0;
    return find_cupti().api.pop(mark_kind, &last) == CUPTI_SUCCESS;
  }
  [[nodiscard]] bool has_mark() noexcept {
    const auto& api = find_cupti().api;
    std::uint64_t last = 0;
    return api.pop(mark_kind, &last) == CUPTI_SUCCESS && api.push(mark_kind, last) == CUPTI_SUCCESS;
  }

  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }

 private:
  // With starting_ held, as are the next.
  void leave(recorded_device& d) noexcept {
    bool last = false;
    bool lost = false;
    {
      const std::lock_guard lock(mutex_);
      last = sessions_.size() == 1;
      lost = d.lost;
    }
    if (!lost) {
      // By force what has not ended is given up too, so only when nobody waits for that.
      flush(last ? CUPTI_ACTIVITY_FLAG_FLUSH_FORCED : CUPTI_ACTIVITY_FLAG_NONE);
      if (last) {
        switch_off(kinds);
        on_ = false;
      }
    }
    forget(d);
  }

  void forget(recorded_device& d) noexcept {
    const std::lock_guard lock(mutex_);
    sessions_.erase(d.number);
  }

  std::string switch_on() {
    const auto& api = find_cupti().api;
    // Nothing is called back; but who subscribes has CUPTI to itself.
    if (const auto code = api.subscribe(
            &subscriber_, [](void*, CUpti_CallbackDomain, CUpti_CallbackId, const void*) {},
            nullptr);
        code != CUPTI_SUCCESS) {
      return sentence(api, "cuptiSubscribe", code);
    }
    if (const auto code = api.register_callbacks(&requested, &completed); code != CUPTI_SUCCESS) {
      switch_off({});
      return sentence(api, "cuptiActivityRegisterCallbacks", code);
    }
    // Else it takes the wall clock, which may jump; that is measured all the same.
    static_cast<void>(api.register_clock(&host_clock));
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if (const auto code = api.enable(kinds[i]); code != CUPTI_SUCCESS) {
        switch_off(std::span(kinds).first(i));
        return sentence(api, "cuptiActivityEnable", code);
      }
    }
    return {};
  }
  void switch_off(std::span<const CUpti_ActivityKind> enabled) noexcept {
    const auto& api = find_cupti().api;
    for (const auto kind : enabled) static_cast<void>(api.disable(kind));
    static_cast<void>(api.unsubscribe(subscriber_));
  }

  // ---- CUPTI's callbacks.

  // Without a buffer CUPTI drops records, and counts them.
  static void CUPTIAPI requested(std::uint8_t** buffer, std::size_t* size, std::size_t* most) {
    auto& self = of_process();
    const std::lock_guard lock(self.buffers_mutex_);
    *buffer = nullptr;
    *size = *most = 0;
    if (!self.free_.empty()) {
      *buffer = self.free_.back();
      self.free_.pop_back();
    } else if (self.buffers_ < most_buffers) {
      try {
        self.free_.reserve(self.buffers_ + 1);  // so that giving back does not throw
        *buffer = static_cast<std::uint8_t*>(
            ::operator new(buffer_bytes, std::align_val_t{buffer_alignment}));
        ++self.buffers_;
      } catch (const std::bad_alloc&) {
        return;
      }
    }
    if (*buffer != nullptr) *size = buffer_bytes;
  }
  static void CUPTIAPI completed(CUcontext /*none*/, std::uint32_t /*none*/, std::uint8_t* buffer,
                                 std::size_t /*size*/, std::size_t valid) {
    auto& self = of_process();
    if (buffer == nullptr) return;
    {
      const std::lock_guard lock(self.mutex_);
      self.read(buffer, valid);
    }
    const std::lock_guard lock(self.buffers_mutex_);
    self.free_.push_back(buffer);
  }

  // ---- With mutex_ held.

  void read(std::uint8_t* buffer, std::size_t valid) noexcept {
    const auto& api = find_cupti().api;
    std::uint64_t missing = 0;
    CUpti_Activity* record = nullptr;
    while (api.next_record(buffer, valid, &record) == CUPTI_SUCCESS) {
      try {
        missing += take(record);
      } catch (const std::bad_alloc&) {
        ++missing;
      }
    }
    for (const auto& [number, d] : sessions_) {
      try {
        d->tell_batches();
      } catch (const std::bad_alloc&) {
        // The next batch has to do.
      }
    }
    tell_losses(missing + dropped());
  }

  // How many are lost: of the record itself, or of those that waited for it.
  std::uint64_t take(const CUpti_Activity* record) {
    using enum trace::device_work;
    switch (record->kind) {
      case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: {
        const auto& r = as<CUpti_ActivityExternalCorrelation>(record);
        return r.externalKind == mark_kind ? correlate(r.correlationId, r.externalId) : 0;
      }
      case CUPTI_ACTIVITY_KIND_KERNEL:
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
        const auto& r = as<kernel_head>(record);
        return add({kernel, r.begin, r.end, 0, r.device, r.correlation});
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY: {
        const auto& r = as<memory_head>(record);
        return add({way_of(r.copy_kind), r.begin, r.end, r.bytes, r.device, r.correlation});
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY2: {
        const auto& r = as<peer_copy_head>(record);
        const auto& c = r.common;
        return add({between, c.begin, c.end, c.bytes, c.device, r.correlation});
      }
      case CUPTI_ACTIVITY_KIND_MEMSET: {
        const auto& r = as<memory_head>(record);
        return add({fill, r.begin, r.end, r.bytes, r.device, r.correlation});
      }
      default:
        return 0;
    }
  }

  // A call's mark and the records of what it enqueued come in either order.
  std::uint64_t correlate(std::uint32_t correlation, std::uint64_t id) {
    turn_generation();
    young_.marks[correlation] = id;
    std::uint64_t lost = 0;
    for (auto* const g : {&young_, &old_}) {
      const auto [first, last] = g->pieces.equal_range(correlation);
      for (auto at = first; at != last; ++at) lost += tell(at->second, id);
      g->pieces.erase(first, last);
    }
    return lost;
  }
  std::uint64_t add(const piece& p) {
    for (const auto* const g : {&young_, &old_}) {
      if (const auto at = g->marks.find(p.correlation); at != g->marks.end())
        return tell(p, at->second);
    }
    // Nobody's, or its mark is still to come.
    turn_generation();
    young_.pieces.emplace(p.correlation, p);
    return 0;
  }
  void turn_generation() {
    if (young_.marks.size() + young_.pieces.size() < most_correlations) return;
    old_ = std::exchange(young_, {});
  }

  std::uint64_t tell(const piece& p, std::uint64_t id) noexcept {
    const auto& m = marks_[id % most_marks];
    if (m.id != id) return id <= ids_ ? 1 : 0;  // forgotten, or not ours
    const auto at = sessions_.find(m.session);
    if (at == sessions_.end()) return 0;
    auto& d = *at->second;
    const bool has_times = p.begin != 0 && p.end != 0;
    if (m.batch != 0) {
      const auto b = std::ranges::find(d.batches, m.batch, &recorded_device::batch::number);
      if (b == d.batches.end() || m.value >= b->samples.size()) return 0;
      auto& s = b->samples[m.value];
      s.recorded = true;
      s.read.device = has_times ? static_cast<std::int64_t>(p.begin) : 0;  // 0: no sample
      return 0;
    }
    if (!has_times) return 1;
    work_record r{m.value, p.what, static_cast<std::int64_t>(p.begin),
                  static_cast<std::int64_t>(p.end), p.bytes};
    if (p.device == d.device) {
      d.to.recorded(r);
      return 0;
    }
    // A mark is for one device: on another this is nobody's.
    r.mark = 0;
    for (const auto& [number, other] : sessions_) {
      if (other->device != p.device) continue;
      other->to.recorded(r);
      break;
    }
    return 0;
  }

  [[nodiscard]] std::uint64_t dropped() const noexcept {
    std::size_t n = 0;
    return find_cupti().api.dropped_records(nullptr, 0, &n) == CUPTI_SUCCESS ? n : 0;
  }
  void tell_losses(std::uint64_t n) noexcept {
    if (n == 0) return;
    for (const auto& [number, d] : sessions_) d->to.lost(n);
  }

  std::mutex starting_;  // taken before the others
  // Guarded by starting_.
  bool on_ = false;
  CUpti_SubscriberHandle subscriber_ = nullptr;

  std::mutex buffers_mutex_;
  // Guarded by buffers_mutex_.
  std::vector<std::uint8_t*> free_;
  std::size_t buffers_ = 0;  // with those that CUPTI has

  std::mutex mutex_;
  // Guarded by mutex_; sessions_ changes with starting_ held.
  std::map<std::uint64_t, recorded_device*> sessions_;
  std::uint64_t sessions_so_far_ = 0;
  std::vector<mark> marks_;  // by id, the last so many
  std::uint64_t ids_ = 0;
  struct generation {
    std::unordered_map<std::uint32_t, std::uint64_t> marks;  // by correlation
    std::unordered_multimap<std::uint32_t, piece> pieces;    // that have no mark yet
  };
  generation young_;
  generation old_;
};

recording& process() { return recording::of_process(); }

}  // namespace

std::unique_ptr<cupti_session> cupti_session::open(CUcontext context, work_recorder& to,
                                                   std::string& why) {
  auto d = std::make_unique<recorded_device>(recorded_device{.context = context, .to = to});
  auto session = std::unique_ptr<cupti_session>(new cupti_session(nullptr));
  why = process().begin(*d);
  if (!why.empty()) return nullptr;
  session->device_ = std::move(d);
  return session;
}

cupti_session::cupti_session(std::unique_ptr<recorded_device> d) : device_(std::move(d)) {}

cupti_session::~cupti_session() {
  if (device_ != nullptr) process().end(*device_);
}

void cupti_session::mark(std::uint64_t mark) noexcept {
  static_cast<void>(process().pop());
  if (mark != 0) process().push({.session = device_->number, .value = mark});
}

bool cupti_session::begin_copy() noexcept {
  if (process().has_mark()) return false;
  process().push({.session = device_->number});
  return true;
}

void cupti_session::end_copy() noexcept { static_cast<void>(process().pop()); }

void cupti_session::begin_batch() {
  const std::lock_guard lock(process().mutex());
  device_->batches.push_back({.number = ++device_->batches_so_far});
}

void cupti_session::begin_sample() {
  std::uint64_t index = 0;
  {
    const std::lock_guard lock(process().mutex());
    index = device_->batches.back().samples.size();
    device_->batches.back().samples.emplace_back();
  }
  process().push({.session = device_->number, .value = index, .batch = device_->batches_so_far});
}

void cupti_session::end_sample(std::int64_t host_before, std::int64_t host_after) noexcept {
  static_cast<void>(process().pop());
  const std::lock_guard lock(process().mutex());
  auto& s = device_->batches.back().samples.back();
  s.timed = true;
  s.read.host_before = host_before;
  s.read.host_after = host_after;
}

void cupti_session::abandon_sample() noexcept {
  static_cast<void>(process().pop());
  const std::lock_guard lock(process().mutex());
  device_->batches.back().samples.pop_back();
}

void cupti_session::end_batch() noexcept {
  const std::lock_guard lock(process().mutex());
  device_->batches.back().taken = true;
  try {
    device_->tell_batches();
  } catch (const std::bad_alloc&) {
    // The next batch has to do.
  }
}

void cupti_session::flush() noexcept { process().flush(CUPTI_ACTIVITY_FLAG_NONE); }

void cupti_session::give_up() noexcept {
  const std::lock_guard lock(process().mutex());
  device_->lost = true;
}

}  // namespace detail

const cupti_status& cupti_probe() noexcept { return detail::find_cupti().status; }

#else

#if FRONTA_HAS_CUDA

namespace detail {

struct recorded_device {};

std::unique_ptr<cupti_session> cupti_session::open(CUcontext /*context*/, work_recorder& /*to*/,
                                                   std::string& why) {
  why = cupti_probe().reason + "; " + cupti_probe().remedy;
  return nullptr;
}
cupti_session::cupti_session(std::unique_ptr<recorded_device> d) : device_(std::move(d)) {}
cupti_session::~cupti_session() = default;
void cupti_session::mark(std::uint64_t /*mark*/) noexcept {}
bool cupti_session::begin_copy() noexcept { return false; }
void cupti_session::end_copy() noexcept {}
void cupti_session::begin_batch() {}
void cupti_session::begin_sample() {}
void cupti_session::end_sample(std::int64_t /*before*/, std::int64_t /*after*/) noexcept {}
void cupti_session::abandon_sample() noexcept {}
void cupti_session::end_batch() noexcept {}
void cupti_session::flush() noexcept {}
void cupti_session::give_up() noexcept {}

}  // namespace detail

#endif

const cupti_status& cupti_probe() noexcept {
  static const cupti_status status{
      .library = {},
      .reason = "this build of Fronta is without CUPTI: its headers were not found",
      .remedy = "install the CUDA toolkit with CUPTI and build Fronta again"};
  return status;
}

#endif

}  // namespace fronta::gpu
