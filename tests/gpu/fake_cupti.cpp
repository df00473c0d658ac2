// SPDX-License-Identifier: Apache-2.0
#include "fake_cupti.hpp"

#include "fake_driver.hpp"

#include <cupti.h>
#include <dlfcn.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using fronta::test::fake_cupti;
using fronta::test::fake_driver;
using activity = fake_driver::activity;

std::uint32_t version() {
  const char* value = std::getenv("FRONTA_FAKE_CUPTI_VERSION");
  return value != nullptr ? static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10)) : 130001U;
}

fake_driver& driver() {
  // The process has it open, by this name.
  void* const library = dlopen(std::getenv("FRONTA_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
  void* const function =
      library != nullptr ? dlsym(library, fronta::test::fake_driver_symbol) : nullptr;
  if (function == nullptr) throw std::logic_error("fake CUPTI: there is no fake driver");
  return *reinterpret_cast<fronta::test::fake_driver_function*>(function)();
}

thread_local std::map<CUpti_ExternalCorrelationKind, std::vector<std::uint64_t>> marks;

struct buffer {
  std::uint8_t* at = nullptr;
  std::size_t size = 0;
  std::size_t used = 0;
};

std::size_t size_of(const CUpti_Activity& record) {
  const bool old = version() < 130000;
  switch (record.kind) {
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      return old ? sizeof(CUpti_ActivityKernel9) : sizeof(CUpti_ActivityKernel10);
    case CUPTI_ACTIVITY_KIND_MEMCPY:
      return old ? sizeof(CUpti_ActivityMemcpy5) : sizeof(CUpti_ActivityMemcpy6);
    case CUPTI_ACTIVITY_KIND_MEMCPY2:
      return sizeof(CUpti_ActivityMemcpyPtoP4);
    case CUPTI_ACTIVITY_KIND_MEMSET:
      return sizeof(CUpti_ActivityMemset4);
    case CUPTI_ACTIVITY_KIND_DRIVER:
      return sizeof(CUpti_ActivityAPI);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
      return sizeof(CUpti_ActivityExternalCorrelation);
    default:
      return 0;
  }
}

class fake final : public fake_cupti {
 public:
  void set(const options& o) override {
    const std::scoped_lock lock(mutex_);
    options_ = o;
  }
  void fail(const std::string& call, int code, int nth) override {
    const std::scoped_lock lock(mutex_);
    failures_[call] = {code, nth};
  }
  void drop(std::size_t records) override {
    const std::scoped_lock lock(mutex_);
    dropped_ += records;
  }
  state now() override {
    const std::scoped_lock lock(mutex_);
    return {subscribers_, static_cast<int>(kinds_.size()), static_cast<int>(buffers_.size())};
  }
  std::size_t depth() override {
    std::size_t sum = 0;
    for (const auto& [kind, stack] : marks) sum += stack.size();
    return sum;
  }

  // ---- CUPTI's side.

  template <class Body>
  CUptiResult call(const char* name, Body body) {
    const std::scoped_lock lock(mutex_);
    if (const auto f = failures_.find(name); f != failures_.end() && --f->second.nth == 0) {
      const auto code = static_cast<CUptiResult>(f->second.code);
      failures_.erase(f);
      return code;
    }
    return body(*this);
  }

  void saw(const activity& a) {
    const std::scoped_lock lock(mutex_);
    const auto correlation = ++correlations_;
    const auto stack = marks;
    // They come with the record of the call alone.
    const auto add_marks = [&] {
      if (!kinds_.contains(CUPTI_ACTIVITY_KIND_DRIVER)) return;
      for (const auto& [kind, ids] : stack) {
        if (ids.empty()) continue;
        CUpti_ActivityExternalCorrelation r{};
        r.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION;
        r.externalKind = kind;
        r.externalId = ids.back();
        r.correlationId = correlation;
        add(r);
      }
      CUpti_ActivityAPI r{};
      r.kind = CUPTI_ACTIVITY_KIND_DRIVER;
      r.correlationId = correlation;
      add(r);
    };
    if (!options_.marks_last) add_marks();
    add_work(a, correlation);
    if (options_.marks_last) add_marks();
  }

  options options_;
  int subscribers_ = 0;
  std::set<CUpti_ActivityKind> kinds_;
  CUpti_BuffersCallbackRequestFunc request_ = nullptr;
  CUpti_BuffersCallbackCompleteFunc complete_ = nullptr;
  std::vector<buffer> buffers_;
  std::size_t dropped_ = 0;

 private:
  std::uint64_t own_time(std::int64_t steady) const {
    if (options_.without_times) return 0;
    const auto more = std::llround(static_cast<double>(steady) * options_.drift);
    return static_cast<std::uint64_t>(steady + options_.offset + more);
  }
  template <class Record>
  void timed(Record r, const activity& a, CUpti_ActivityKind kind, std::uint32_t correlation) {
    r.kind = kind;
    r.start = own_time(a.begin);
    r.end = own_time(a.end);
    r.deviceId = static_cast<std::uint32_t>(a.device);
    r.correlationId = correlation;
    if constexpr (requires { r.bytes; }) r.bytes = a.bytes;
    add(r);
  }
  template <class Record>
  void copy(Record r, const activity& a, CUpti_ActivityMemcpyKind way, std::uint32_t correlation) {
    r.copyKind = static_cast<std::uint8_t>(way);
    timed(r, a, CUPTI_ACTIVITY_KIND_MEMCPY, correlation);
  }
  void add_work(const activity& a, std::uint32_t correlation) {
    const bool old = version() < 130000;
    const auto copied = [&](CUpti_ActivityMemcpyKind way) {
      if (old) {
        copy(CUpti_ActivityMemcpy5{}, a, way, correlation);
      } else {
        copy(CUpti_ActivityMemcpy6{}, a, way, correlation);
      }
    };
    switch (a.what) {
      case activity::kind::kernel:
        if (old) {
          timed(CUpti_ActivityKernel9{}, a, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, correlation);
        } else {
          timed(CUpti_ActivityKernel10{}, a, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, correlation);
        }
        break;
      case activity::kind::to_device:
        copied(CUPTI_ACTIVITY_MEMCPY_KIND_HTOD);
        break;
      case activity::kind::to_host:
        copied(CUPTI_ACTIVITY_MEMCPY_KIND_DTOH);
        break;
      case activity::kind::on_device:
        copied(CUPTI_ACTIVITY_MEMCPY_KIND_DTOD);
        break;
      case activity::kind::between:
        timed(CUpti_ActivityMemcpyPtoP4{}, a, CUPTI_ACTIVITY_KIND_MEMCPY2, correlation);
        break;
      case activity::kind::fill:
        timed(CUpti_ActivityMemset4{}, a, CUPTI_ACTIVITY_KIND_MEMSET, correlation);
        break;
    }
  }

  template <class Record>
  void add(const Record& r) {
    if (!kinds_.contains(r.kind)) return;
    if (buffers_.empty() || buffers_.back().size - buffers_.back().used < sizeof r) {
      buffer next;
      std::size_t most = 0;
      request_(&next.at, &next.size, &most);
      if (next.at == nullptr || std::bit_cast<std::uintptr_t>(next.at) % 8 != 0) {
        ++dropped_;
        return;
      }
      buffers_.push_back(next);
    }
    auto& to = buffers_.back();
    std::memcpy(to.at + to.used, &r, sizeof r);
    to.used += sizeof r;
  }

  struct failure {
    int code = 0;
    int nth = 0;
  };
  std::mutex mutex_;
  std::map<std::string, failure, std::less<>> failures_;
  std::uint32_t correlations_ = 0;
};

fake& the_fake() {
  static fake f;
  return f;
}

}  // namespace

extern "C" {

// CUPTI's names are not written as ours are.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

CUptiResult cuptiGetVersion(std::uint32_t* v) {
  *v = version();
  return CUPTI_SUCCESS;
}

CUptiResult cuptiGetResultString(CUptiResult code, const char** text) {
  switch (code) {
    case CUPTI_ERROR_NOT_INITIALIZED:
      *text = "CUPTI_ERROR_NOT_INITIALIZED";
      return CUPTI_SUCCESS;
    case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
      *text = "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES";
      return CUPTI_SUCCESS;
    case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
      *text = "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED";
      return CUPTI_SUCCESS;
    default:
      return CUPTI_ERROR_INVALID_PARAMETER;
  }
}

CUptiResult cuptiSubscribe(CUpti_SubscriberHandle* handle, CUpti_CallbackFunc, void*) {
  return the_fake().call("cuptiSubscribe", [&](fake& f) {
    if (f.subscribers_ != 0) return CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
    ++f.subscribers_;
    *handle = nullptr;
    return CUPTI_SUCCESS;
  });
}

CUptiResult cuptiUnsubscribe(CUpti_SubscriberHandle) {
  return the_fake().call("cuptiUnsubscribe", [&](fake& f) {
    --f.subscribers_;
    return CUPTI_SUCCESS;
  });
}

CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                           CUpti_BuffersCallbackCompleteFunc complete) {
  return the_fake().call("cuptiActivityRegisterCallbacks", [&](fake& f) {
    f.request_ = request;
    f.complete_ = complete;
    return CUPTI_SUCCESS;
  });
}

CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc) {
  return CUPTI_SUCCESS;  // it has a clock of its own
}

CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  driver().observe([](const activity& a) { the_fake().saw(a); });
  return the_fake().call("cuptiActivityEnable", [&](fake& f) {
    f.kinds_.insert(kind);
    return CUPTI_SUCCESS;
  });
}

CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  return the_fake().call("cuptiActivityDisable", [&](fake& f) {
    f.kinds_.erase(kind);
    return CUPTI_SUCCESS;
  });
}

CUptiResult cuptiActivityFlushAll(std::uint32_t flag) {
  std::vector<buffer> whole;
  const CUptiResult code = the_fake().call("cuptiActivityFlushAll", [&](fake& f) {
    if (!f.options_.incomplete || (flag & CUPTI_ACTIVITY_FLAG_FLUSH_FORCED) != 0)
      whole.swap(f.buffers_);
    return CUPTI_SUCCESS;
  });
  for (const auto& b : whole) the_fake().complete_(nullptr, 0, b.at, b.size, b.used);
  return code;
}

CUptiResult cuptiActivityGetNextRecord(std::uint8_t* at, std::size_t valid,
                                       CUpti_Activity** record) {
  std::uint8_t* next = at;
  if (*record != nullptr) next = reinterpret_cast<std::uint8_t*>(*record) + size_of(**record);
  if (next >= at + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext, std::uint32_t, std::size_t* dropped) {
  return the_fake().call("cuptiActivityGetNumDroppedRecords", [&](fake& f) {
    *dropped = std::exchange(f.dropped_, 0);
    return CUPTI_SUCCESS;
  });
}

CUptiResult cuptiActivityPushExternalCorrelationId(CUpti_ExternalCorrelationKind kind,
                                                   std::uint64_t id) {
  marks[kind].push_back(id);
  return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityPopExternalCorrelationId(CUpti_ExternalCorrelationKind kind,
                                                  std::uint64_t* last) {
  auto& stack = marks[kind];
  if (stack.empty()) return CUPTI_ERROR_QUEUE_EMPTY;
  *last = stack.back();
  stack.pop_back();
  return CUPTI_SUCCESS;
}

CUptiResult cuptiGetDeviceId(CUcontext context, std::uint32_t* id) {
  return the_fake().call("cuptiGetDeviceId", [&](fake&) {
    *id = static_cast<std::uint32_t>(driver().device_of(context));
    return CUPTI_SUCCESS;
  });
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

fake_cupti* fronta_fake_cupti() { return &the_fake(); }
}
