// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/errors.hpp>

#include <stdexcept>
#include <string>
#include <thread>

#ifndef FRONTA_HAS_CUDA
#error "FRONTA_HAS_CUDA must be 0 or 1: the build says whether a CUDA toolkit is there"
#endif

#if FRONTA_HAS_CUDA
#include "cupti.hpp"
#include "driver.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>
#endif

namespace fronta::gpu {

namespace {

std::string place_name(int index) { return "gpu:" + std::to_string(index); }

}  // namespace

#if FRONTA_HAS_CUDA

namespace {

// One thread that stores the device's clock. The oldest target and version that hold it: the driver
// compiles it for what it finds.
constexpr const char* clock_program = R"(
.version 6.4
.target sm_50
.address_size 64
.visible .entry fronta_clock(.param .u64 at)
{
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [at];
  cvta.to.global.u64 %rd2, %rd1;
  mov.u64 %rd3, %globaltimer;
  st.volatile.global.u64 [%rd2], %rd3;
  ret;
}
)";

CUstream as_stream(stream_handle s) noexcept { return reinterpret_cast<CUstream>(s); }
CUevent as_event(event_handle e) noexcept { return reinterpret_cast<CUevent>(e); }
CUdeviceptr address(const void* p) noexcept { return reinterpret_cast<CUdeviceptr>(p); }

std::int64_t steady_now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Whether a code says that the device, or the process's hold on it, is beyond repair.
bool is_fault(int code) noexcept {
  switch (code) {
    // Of these CUDA's header says "the process must be terminated and relaunched". By number: older
    // toolkits lack some of the names.
    case 226:  // CONTAINED
    case 700:  // ILLEGAL_ADDRESS
    case 702:  // LAUNCH_TIMEOUT
    case 710:  // ASSERT
    case 714:  // HARDWARE_STACK_ERROR
    case 715:  // ILLEGAL_INSTRUCTION
    case 716:  // MISALIGNED_ADDRESS
    case 717:  // INVALID_ADDRESS_SPACE
    case 718:  // INVALID_PC
    case 719:  // LAUNCH_FAILED
    case 721:  // TENSOR_MEMORY_LEAK
    case 810:  // MPS_CLIENT_TERMINATED
    case 911:  // EXTERNAL_DEVICE
    // The hardware has lost data.
    case 214:  // ECC_UNCORRECTABLE
    case 220:  // NVLINK_UNCORRECTABLE
    // The driver or the context is gone: the process ends, or somebody has reset the device.
    case 4:    // DEINITIALIZED
    case 709:  // CONTEXT_IS_DESTROYED
    // Nobody knows what else is broken.
    case 999:  // UNKNOWN
      return true;
    default:
      return false;
  }
}

const char* advice(int code) noexcept {
  switch (code) {
    case 1:  // INVALID_VALUE
      return "check the addresses and sizes that it was given";
    case 9:  // cudaErrorInvalidConfiguration
      return "give it a grid and a block that are not empty and within the device's limits";
    case 98:   // cudaErrorInvalidDeviceFunction
    case 209:  // NO_BINARY_FOR_GPU
    case 218:  // INVALID_PTX
    case 222:  // UNSUPPORTED_PTX_VERSION
      return "compile the kernel for this device's compute capability, with a toolkit no newer "
             "than "
             "the driver";
    case 35:  // cudaErrorInsufficientDriver
      return "update the NVIDIA driver, or build with an older CUDA toolkit";
    case 221:  // JIT_COMPILER_NOT_FOUND
      return "install the driver's library libnvidia-ptxjitcompiler";
    case 201:  // INVALID_CONTEXT
    case 400:  // INVALID_HANDLE
      return "give it only streams, events and kernels of this device that still exist";
    case 701:  // LAUNCH_OUT_OF_RESOURCES
      return "launch it with smaller blocks or less shared memory, or have it use fewer registers";
    case 46:  // DEVICE_UNAVAILABLE
      return "end the process that holds the device, or change its compute mode with nvidia-smi";
    default:
      break;
  }
  if (code >= 900 && code <= 908) return "end the stream's capture before anything else uses it";
  return "look the code up in the documentation of the CUDA driver";
}

class cuda_device final : public device {
 public:
  cuda_device(const detail::driver& api, device_properties p)
      : api_(api), properties_(std::move(p)), place_(place_name(properties_.index)) {
    try {
      open();
    } catch (...) {
      close();
      throw;
    }
  }
  ~cuda_device() override { close(); }
  cuda_device(const cuda_device&) = delete;
  cuda_device& operator=(const cuda_device&) = delete;

  [[nodiscard]] const device_properties& properties() const noexcept override {
    return properties_;
  }

  void make_current() override { prepare("cuCtxSetCurrent"); }

  // ---- Streams.

  stream_handle create_stream(int priority) override {
    CUstream s = nullptr;
    call("cuStreamCreateWithPriority", api_.stream_create_with_priority, &s,
         static_cast<unsigned>(CU_STREAM_NON_BLOCKING), priority);
    return reinterpret_cast<stream_handle>(s);
  }

  void destroy_stream(stream_handle s) noexcept override {
    release("cuStreamDestroy", api_.stream_destroy, as_stream(s));
  }

  [[nodiscard]] void* native(stream_handle s) const noexcept override { return as_stream(s); }

  stream_state query(stream_handle s) noexcept override {
    if (lost() || !use()) return stream_state::fault;
    // To query a stream in capture spoils the capture, and a prober does not know what a task does.
    CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
    if (const CUresult code = api_.stream_is_capturing(as_stream(s), &capture);
        code != CUDA_SUCCESS)
      return state_of(code);
    if (capture != CU_STREAM_CAPTURE_STATUS_NONE) return stream_state::busy;
    return state_of(api_.stream_query(as_stream(s)));
  }

  [[nodiscard]] int fault_code() const noexcept override {
    return fault_.load(std::memory_order_acquire);
  }

  [[nodiscard]] std::string fault_text() const override {
    const int code = fault_code();
    if (given_up_.load(std::memory_order_acquire)) return why_given_up_;
    return code == 0 ? std::string() : detail::short_description(api_, code);
  }
  void* enter() override {
    CUcontext before = nullptr;
    static_cast<void>(api_.ctx_get_current(&before));
    make_current();
    return before;
  }
  void leave(void* before) noexcept override {
    if (before != context_) {
      static_cast<void>(api_.ctx_set_current(static_cast<CUcontext>(before)));
    }
  }
  void give_up(const std::string& why) override {
    std::string text = why;
    int none = 0;
    // Whoever sets the code has the text to itself until the flag is up.
    if (!fault_.compare_exchange_strong(none, CUDA_ERROR_LAUNCH_TIMEOUT)) return;
    why_given_up_ = std::move(text);
    given_up_.store(true, std::memory_order_release);
  }

  // ---- Enqueueing.

  void enqueue(stream_handle s, std::unique_ptr<work> w) override {
    assert(w != nullptr && "gpu::device::enqueue needs a piece of work");
    prepare("enqueue");
    // A CUresult or the runtime's cudaError: what a launch can return is numbered alike.
    if (const int code = w->enqueue(as_stream(s)); code != 0)
      raise(code, "the launch of \"" + std::string(w->name()) + '"');
  }

  void copy(stream_handle s, void* to, const void* from, std::size_t bytes,
            copy_kind kind) override {
    prepare("copy");
    if (bytes == 0) return;
    const recorded_copy record(*this);
    CUstream on = as_stream(s);
    switch (kind) {
      case copy_kind::to_device:
        check(api_.memcpy_htod_async(address(to), from, bytes, on), "cuMemcpyHtoDAsync");
        break;
      case copy_kind::to_host:
        check(api_.memcpy_dtoh_async(to, address(from), bytes, on), "cuMemcpyDtoHAsync");
        break;
      case copy_kind::on_device:
        check(api_.memcpy_dtod_async(address(to), address(from), bytes, on), "cuMemcpyDtoDAsync");
        break;
      case copy_kind::between:
        // Addresses are unified: the driver sees from them which devices take part, and goes over
        // the host where they cannot reach each other.
        check(api_.memcpy_async(address(to), address(from), bytes, on), "cuMemcpyAsync");
        break;
    }
  }

  void fill(stream_handle s, void* at, unsigned char value, std::size_t bytes) override {
    prepare("fill");
    if (bytes == 0) return;
    check(api_.memset_d8_async(address(at), value, bytes, as_stream(s)), "cuMemsetD8Async");
  }

  void write_word(stream_handle s, std::atomic<std::uint64_t>& word, std::uint64_t value) override {
    static_assert(sizeof word == 8 && std::atomic<std::uint64_t>::is_always_lock_free);
    prepare("write_word");
    if (!words_by_stream_) {
      write_word_by_host(s, word, value);
      return;
    }
    // By default the write fences the whole system: what came before it is visible with it.
    check(api_.stream_write_value_64(as_stream(s), device_address(&word), value,
                                     CU_STREAM_WRITE_VALUE_DEFAULT),
          "cuStreamWriteValue64");
  }

  void record(stream_handle s, event_handle e) override {
    call("cuEventRecord", api_.event_record, as_event(e), as_stream(s));
  }

  void wait(stream_handle s, event_handle e) override {
    call("cuStreamWaitEvent", api_.stream_wait_event, as_stream(s), as_event(e),
         static_cast<unsigned>(CU_EVENT_WAIT_DEFAULT));
  }

  void call_host(stream_handle s, void (*fn)(void*), void* context) override {
    call("cuLaunchHostFunc", api_.launch_host_func, as_stream(s), fn, context);
  }

  // ---- Events.

  event_handle create_event(bool blocking) override {
    CUevent e = nullptr;
    unsigned how = CU_EVENT_DISABLE_TIMING;
    if (blocking) how |= CU_EVENT_BLOCKING_SYNC;
    call("cuEventCreate", api_.event_create, &e, how);
    return reinterpret_cast<event_handle>(e);
  }

  void destroy_event(event_handle e) noexcept override {
    release("cuEventDestroy", api_.event_destroy, as_event(e));
  }

  stream_state query(event_handle e) noexcept override {
    if (lost() || !use()) return stream_state::fault;
    return state_of(api_.event_query(as_event(e)));
  }

  bool synchronize(event_handle e) noexcept override {
    if (lost() || !use()) return false;
    const CUresult code = api_.event_synchronize(as_event(e));
    // "False after a fault": whatever kept it from waiting is one.
    if (code != CUDA_SUCCESS) note_fault(code);
    return code == CUDA_SUCCESS;
  }

  // ---- Memory.

  void* allocate(stream_handle s, std::size_t bytes) override {
    prepare("allocate");
    CUdeviceptr p = 0;
    const CUresult code =
        api_.mem_alloc_from_pool_async(&p, std::max<std::size_t>(bytes, 1), pool_, as_stream(s));
    check(code, "cuMemAllocFromPoolAsync", bytes);
    return std::bit_cast<void*>(p);
  }

  void deallocate(stream_handle s, void* p) noexcept override {
    if (p != nullptr) release("cuMemFreeAsync", api_.mem_free_async, address(p), as_stream(s));
  }

  memory_status memory() const noexcept override {
    memory_status m{.free_bytes = 0, .total_bytes = properties_.memory_bytes};
    if (lost() || !use()) return m;
    if (const CUresult code = api_.mem_get_info(&m.free_bytes, &m.total_bytes);
        code != CUDA_SUCCESS) {
      if (is_fault(code)) note_fault(code);
      return m;
    }
    // The pool keeps what was given back to it; to the system that is in use.
    cuuint64_t reserved = 0;
    cuuint64_t used = 0;
    if (api_.mem_pool_get_attribute(pool_, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved) ==
            CUDA_SUCCESS &&
        api_.mem_pool_get_attribute(pool_, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used) ==
            CUDA_SUCCESS &&
        reserved > used)
      m.free_bytes += static_cast<std::size_t>(reserved - used);
    return m;
  }

  void* allocate_pinned(std::size_t bytes) override {
    prepare("allocate_pinned");
    void* p = nullptr;
    const std::size_t size = std::max<std::size_t>(bytes, 1);
    const CUresult code =
        api_.mem_host_alloc(&p, size, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP);
    if (code == CUDA_ERROR_OUT_OF_MEMORY)
      throw device_bad_alloc(title("cuMemHostAlloc") + " had no room for " + std::to_string(bytes) +
                                 " bytes of pinned host memory; pin less, or give the "
                                 "process more memory",
                             bytes, 0, {});
    check(code, "cuMemHostAlloc");
    try {
      CUdeviceptr at = 0;
      check(api_.mem_host_get_device_pointer(&at, p, 0), "cuMemHostGetDevicePointer");
      const std::unique_lock lock(pinned_mutex_);
      pinned_.emplace(address(p), pinned_block{size, at});
    } catch (...) {
      release("cuMemFreeHost", api_.mem_free_host, p);
      throw;
    }
    return p;
  }

  void deallocate_pinned(void* p) noexcept override {
    if (p == nullptr) return;
    {
      // First out of the table: once it is free, another thread may be given the same address.
      const std::unique_lock lock(pinned_mutex_);
      pinned_.erase(address(p));
    }
    release("cuMemFreeHost", api_.mem_free_host, p);
  }

  bool is_pinned(const void* p) const noexcept override {
    if (find_pinned(p)) return true;
    if (p == nullptr || lost() || !use()) return false;
    // Somebody else's, such as another device's or the runtime library's. This query succeeds for
    // any address, and leaves zeros for those that the driver does not know.
    unsigned type = 0;
    int managed = 0;
    std::array<CUpointer_attribute, 2> which{CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                             CU_POINTER_ATTRIBUTE_IS_MANAGED};
    std::array<void*, 2> where{&type, &managed};
    const CUresult code = api_.pointer_get_attributes(static_cast<unsigned>(which.size()),
                                                      which.data(), where.data(), address(p));
    return code == CUDA_SUCCESS && type == CU_MEMORYTYPE_HOST && managed == 0;
  }

  // ---- Time.

  clock_sample sample_clocks() override {
    prepare("sample_clocks");
    const auto kernel = clock_kernel();
    const std::scoped_lock lock(clock_mutex_);
    prepare_clock(kernel);
    return read_clock(kernel);
  }
  [[nodiscard]] std::int64_t host_now() const noexcept override { return steady_now(); }

  void stamp(stream_handle s, std::atomic<std::uint64_t>& word) override {
    prepare("stamp");
    store_clock(clock_kernel(), as_stream(s), device_address(&word));
  }

  [[nodiscard]] bool record_work(work_recorder* to, std::string& why) override {
    std::unique_ptr<detail::cupti_session> records;
    if (to != nullptr) {
      prepare("record_work");
      records = detail::cupti_session::open(context_, *to, why);
      if (records == nullptr) return false;
    }
    {
      const std::unique_lock lock(records_mutex_);
      records_.swap(records);
      recording_.store(records_ != nullptr, std::memory_order_relaxed);
    }
    if (records != nullptr && lost()) records->give_up();
    return true;  // the one before ends here, without the lock: it may tell of much
  }

  // A sample is a kernel between two readings of the host's clock, with its record.
  void compare_records(std::size_t samples) override {
    prepare("compare_records");
    const std::shared_lock lock(records_mutex_);
    if (records_ == nullptr) return;
    take_samples(samples);
    records_->flush();
  }

  void mark_work(std::uint64_t mark) noexcept override {
    const std::shared_lock lock(records_mutex_);
    if (records_ != nullptr) records_->mark(mark);
  }

 private:
  struct pinned_block {
    std::size_t bytes = 0;
    CUdeviceptr at = 0;  ///< as the device sees its beginning
  };
  /// A store that a host function will do.
  struct word_store {
    cuda_device* owner = nullptr;
    std::atomic<std::uint64_t>* word = nullptr;
    std::uint64_t value = 0;
    word_store* next_free = nullptr;  // guarded by stores_mutex_
  };

  /// Of a copy that is of no marked work, CUPTI would not know that it is ours.
  class recorded_copy {
   public:
    explicit recorded_copy(cuda_device& d) {
      // Relaxed: what is copied while that changes may be recorded or not.
      if (!d.recording_.load(std::memory_order_relaxed)) return;
      lock_ = std::shared_lock(d.records_mutex_);
      if (d.records_ != nullptr && d.records_->begin_copy()) of_ = d.records_.get();
    }
    ~recorded_copy() {
      if (of_ != nullptr) of_->end_copy();
    }
    recorded_copy(const recorded_copy&) = delete;
    recorded_copy& operator=(const recorded_copy&) = delete;

   private:
    std::shared_lock<std::shared_mutex> lock_;
    detail::cupti_session* of_ = nullptr;
  };

  // ---- Opening and closing.

  void open() {
    check_open(api_.device_get(&device_, properties_.index), "cuDeviceGet");
    if (attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) == 0)
      throw device_error(place_ + " (" + properties_.name +
                             ") cannot be opened: it has no memory pools; use another device, or "
                             "have its virtualisation allow them",
                         static_cast<int>(CUDA_ERROR_NOT_SUPPORTED), place_);
    words_by_stream_ = attribute(CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS) != 0;
    CUcontext context = nullptr;
    check_open(api_.primary_ctx_retain(&context, device_), "cuDevicePrimaryCtxRetain");
    context_ = context;
    check_open(api_.ctx_set_current(context_), "cuCtxSetCurrent");
    check_open(api_.ctx_get_stream_priority_range(&properties_.least_priority,
                                                  &properties_.greatest_priority),
               "cuCtxGetStreamPriorityRange");
    open_pool();
  }

  /// A pool of our own, so that nobody else's settings change with ours.
  void open_pool() {
    CUmemPoolProps wanted{};
    wanted.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    wanted.handleTypes = CU_MEM_HANDLE_TYPE_NONE;
    wanted.location = {CU_MEM_LOCATION_TYPE_DEVICE, properties_.index};
    check_open(api_.mem_pool_create(&pool_, &wanted), "cuMemPoolCreate");
    // Otherwise each synchronisation gives all unused memory back to the system.
    cuuint64_t keep = UINT64_MAX;
    check_open(api_.mem_pool_set_attribute(pool_, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep),
               "cuMemPoolSetAttribute");
    // Otherwise an allocation may make its stream wait for another one, unseen.
    int off = 0;
    check_open(
        api_.mem_pool_set_attribute(pool_, CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES, &off),
        "cuMemPoolSetAttribute");
    share_pool();
  }

  /// Lets other devices reach the pool's memory, so that copies between devices go straight. Best
  /// effort: without it they go over the host.
  void share_pool() {
    int count = 0;
    if (api_.device_get_count(&count) != CUDA_SUCCESS) return;
    for (int i = 0; i < count; ++i) {
      CUdevice other = 0;
      int reaches = 0;
      if (i == properties_.index || api_.device_get(&other, i) != CUDA_SUCCESS) continue;
      if (api_.device_can_access_peer(&reaches, other, device_) != CUDA_SUCCESS || reaches == 0)
        continue;
      const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, i},
                                   CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
      static_cast<void>(api_.mem_pool_set_access(pool_, &access, 1));
    }
  }

  /// Streams, events and pinned memory are their owners' to give back; device memory not given back
  /// keeps the pool alive in the driver.
  void close() noexcept {
    if (records_ != nullptr && lost()) records_->give_up();
    records_.reset();
    if (context_ == nullptr || given_up_.load(std::memory_order_acquire)) return;
    CUcontext before = nullptr;
    static_cast<void>(api_.ctx_get_current(&before));
    if (clock_stream_ != nullptr) destroy_stream(clock_stream_);
    if (clock_module_ != nullptr) release("cuModuleUnload", api_.module_unload, clock_module_);
    deallocate_pinned(clock_word_);
    if (pool_ != nullptr) release("cuMemPoolDestroy", api_.mem_pool_destroy, pool_);
    // The thread must not be left with a context that may be gone.
    static_cast<void>(api_.ctx_set_current(before == context_ ? nullptr : before));
    static_cast<void>(api_.primary_ctx_release(device_));
    context_ = nullptr;
  }

  int attribute(CUdevice_attribute which) const {
    int value = 0;
    check_open(api_.device_get_attribute(&value, which, device_), "cuDeviceGetAttribute");
    return value;
  }

  // ---- Words without stream memory operations.

  /// Where streams cannot write 64 bits (some virtual machines and old devices). A host function is
  /// slow, and holds its stream up while it runs, but it is ordered after everything before it and
  /// one 8-byte store. Two writes of 32 bits would be seen apart; a copy would need a source that
  /// lives until the copy is done, which only the word itself would tell.
  void write_word_by_host(stream_handle s, std::atomic<std::uint64_t>& word, std::uint64_t value) {
    word_store* const store = take_store();
    *store = {.owner = this, .word = &word, .value = value};
    const CUresult code = api_.launch_host_func(
        as_stream(s), [](void* context) { finish(static_cast<word_store*>(context)); }, store);
    if (code != CUDA_SUCCESS) give_back(store);
    check(code, "cuLaunchHostFunc");
  }

  static void finish(word_store* store) noexcept {
    // The store is given back first: whoever sees the word may close the device at once.
    const word_store s = *store;
    s.owner->give_back(store);
    s.word->store(s.value, std::memory_order_release);
  }

  word_store* take_store() {
    const std::scoped_lock lock(stores_mutex_);
    if (free_store_ == nullptr) return &stores_.emplace_back();
    return std::exchange(free_store_, free_store_->next_free);
  }

  void give_back(word_store* store) noexcept {
    const std::scoped_lock lock(stores_mutex_);
    store->next_free = std::exchange(free_store_, store);
  }

  // ---- The clock.

  CUfunction clock_kernel() {
    const std::scoped_lock lock(module_mutex_);
    if (clock_kernel_ == nullptr) {
      // May have failed half way before: what is there stays.
      if (clock_module_ == nullptr)
        call("cuModuleLoadData", api_.module_load_data, &clock_module_,
             static_cast<const void*>(clock_program));
      call("cuModuleGetFunction", api_.module_get_function, &clock_kernel_, clock_module_,
           "fronta_clock");
    }
    return clock_kernel_;
  }

  void store_clock(CUfunction kernel, CUstream s, CUdeviceptr at) {
    std::array<void*, 1> arguments{&at};
    check(api_.launch_kernel(kernel, 1, 1, 1, 1, 1, 1, 0, s, arguments.data(), nullptr),
          "cuLaunchKernel");
  }

  // With clock_mutex_ held, as is the next.
  void prepare_clock(CUfunction kernel) {
    if (clock_stream_ == nullptr) clock_stream_ = create_stream(properties_.greatest_priority);
    if (clock_word_ == nullptr) {
      clock_word_ = allocate_pinned(sizeof(std::uint64_t));
      static_cast<void>(read_clock(kernel));  // the first launch also loads the kernel
    }
  }

  // With records_mutex_ held.
  void take_samples(std::size_t samples) {
    const auto kernel = clock_kernel();
    const std::scoped_lock lock(clock_mutex_);
    prepare_clock(kernel);
    records_->begin_batch();
    for (std::size_t i = 0; i < samples; ++i) {
      records_->begin_sample();
      try {
        const auto s = read_clock(kernel);
        records_->end_sample(s.host_before, s.host_after);
      } catch (...) {
        records_->abandon_sample();
        records_->end_batch();
        throw;
      }
    }
    records_->end_batch();
  }

  clock_sample read_clock(CUfunction kernel) {
    const CUdeviceptr at = device_address(clock_word_);
    clock_sample sample;
    sample.host_before = steady_now();
    store_clock(kernel, as_stream(clock_stream_), at);
    // Not by a wait in the driver: behind a kernel that hangs that would last for ever, also once
    // the device was given up.
    CUresult code = CUDA_ERROR_NOT_READY;
    while ((code = api_.stream_query(as_stream(clock_stream_))) == CUDA_ERROR_NOT_READY) {
      if (given_up_.load(std::memory_order_acquire)) prepare("sample_clocks");
      if (steady_now() - sample.host_before > 1'000'000) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));  // it is no good any more
      }
    }
    sample.host_after = steady_now();
    check(code, "cuStreamQuery");
    const std::atomic_ref word(*static_cast<std::uint64_t*>(clock_word_));
    sample.device = static_cast<std::int64_t>(word.load(std::memory_order_acquire));
    return sample;
  }

  // ---- Addresses.

  std::optional<CUdeviceptr> find_pinned(const void* p) const noexcept {
    const std::shared_lock lock(pinned_mutex_);
    auto after = pinned_.upper_bound(address(p));
    if (after == pinned_.begin()) return std::nullopt;
    const auto& [start, block] = *std::prev(after);
    const CUdeviceptr offset = address(p) - start;
    if (offset >= block.bytes) return std::nullopt;
    return block.at + offset;
  }

  CUdeviceptr device_address(void* word) const {
    if (const auto found = find_pinned(word)) return *found;
    if (!is_pinned(word))
      throw launch_error(title("write_word") +
                             " was given a word that is not in pinned memory; take it from "
                             "allocate_pinned",
                         CUDA_ERROR_INVALID_VALUE, place_);
    // Pinned by another device, then: its memory is portable.
    CUdeviceptr at = 0;
    check(api_.mem_host_get_device_pointer(&at, word, 0), "cuMemHostGetDevicePointer");
    return at;
  }

  // ---- Calling the driver, and what it answers.

  [[nodiscard]] bool lost() const noexcept { return fault_code() != 0; }

  /// Makes the context current where it is not: other libraries may have changed it, so that asking
  /// each time (a thread-local of the driver's) is the only way to know.
  [[nodiscard]] bool use() const noexcept {
    CUcontext now = nullptr;
    if (api_.ctx_get_current(&now) == CUDA_SUCCESS && now == context_) return true;
    const CUresult code = api_.ctx_set_current(context_);
    if (code != CUDA_SUCCESS) note_fault(code);  // our context is no longer one
    return code == CUDA_SUCCESS;
  }

  /// Before each call that may throw.
  void prepare(const char* what) const {
    if (lost() || !use()) throw_lost(what);
  }

  template <class Function, class... Arguments>
  void call(const char* name, Function function, Arguments... arguments) const {
    prepare(name);
    check(function(arguments...), name);
  }

  /// For what gives something back and must not throw. A fault is noted, and excuses every failure;
  /// any other is a wrong call, which nobody else can be told of.
  template <class Function, class... Arguments>
  void release(const char* name, Function function, Arguments... arguments) const noexcept {
    if (given_up_.load(std::memory_order_acquire)) return;  // it may still be written
    const bool usable = use();
    const CUresult code = function(arguments...);
    if (code == CUDA_SUCCESS || !usable || lost()) return;
    if (is_fault(code)) {
      note_fault(code);
      return;
    }
    try {
      fronta::detail::report_error(
          std::make_exception_ptr(launch_error(sentence(code, name), code, place_)), name);
    } catch (...) {
      // No memory left to tell it with.
    }
  }

  void check(CUresult code, const char* name, std::size_t asked = 0) const {
    if (code != CUDA_SUCCESS) raise(code, name, asked);
  }

  /// While the device is being opened, any failure means the device, not the call.
  void check_open(CUresult code, const char* name) const {
    if (code == CUDA_SUCCESS) return;
    throw device_error(place_ + " (" + properties_.name + ") cannot be opened: " + name +
                           " failed with " + detail::describe(api_, code) + "; " + advice(code),
                       code, place_);
  }

  [[noreturn]] void raise(int code, const std::string& what, std::size_t asked = 0) const {
    if (is_fault(code)) {
      note_fault(code);
      throw_lost(what);
    }
    if (code == static_cast<int>(CUDA_ERROR_OUT_OF_MEMORY)) {
      const memory_status m = memory();
      throw device_bad_alloc(
          title(what) + " ran out of device memory" +
              (asked != 0 ? " for " + std::to_string(asked) + " bytes" : std::string()) + ": " +
              std::to_string(m.free_bytes) + " of " + std::to_string(m.total_bytes) +
              " bytes are free, not all in one piece; free some, or work in smaller parts",
          asked, m.free_bytes, {});
    }
    throw launch_error(sentence(code, what), code, place_);
  }

  [[noreturn]] void throw_lost(const std::string& what) const {
    const int code = fault_code();
    throw device_lost_error(title(what) + " found the device lost, with " +
                                detail::describe(api_, code) +
                                "; end the process to use the device again",
                            code, place_);
  }

  [[nodiscard]] std::string title(const std::string& what) const {
    return what + " on " + place_ + " (" + properties_.name + ')';
  }

  [[nodiscard]] std::string sentence(int code, const std::string& what) const {
    return title(what) + " failed with " + detail::describe(api_, code) + "; " + advice(code);
  }

  /// The first one stays: what follows a fault is its echo.
  void note_fault(int code) const noexcept {
    int none = 0;
    fault_.compare_exchange_strong(none, code, std::memory_order_acq_rel);
  }

  [[nodiscard]] stream_state state_of(CUresult code) const noexcept {
    if (code == CUDA_SUCCESS) return stream_state::idle;
    // A capture that began meanwhile: the stream is in use.
    if (code == CUDA_ERROR_NOT_READY || (code >= 900 && code <= 908)) return stream_state::busy;
    // The handle and the context are ours, so that nothing but the device can be wrong.
    note_fault(code);
    return stream_state::fault;
  }

  const detail::driver& api_;
  device_properties properties_;
  const std::string place_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  CUmemoryPool pool_ = nullptr;
  bool words_by_stream_ = true;

  mutable std::atomic<int> fault_{0};
  std::atomic<bool> given_up_{false};
  std::string why_given_up_;  // constant once that is true

  mutable std::shared_mutex pinned_mutex_;
  std::map<CUdeviceptr, pinned_block> pinned_;  // by host address; guarded by pinned_mutex_

  std::mutex stores_mutex_;
  // All that there are, also those that a fault has kept from being given back.
  std::deque<word_store> stores_;     // guarded by stores_mutex_
  word_store* free_store_ = nullptr;  // guarded by stores_mutex_

  std::mutex module_mutex_;
  CUmodule clock_module_ = nullptr;  // guarded by module_mutex_, as is the next
  CUfunction clock_kernel_ = nullptr;
  std::mutex clock_mutex_;
  // Guarded by clock_mutex_.
  stream_handle clock_stream_ = nullptr;
  void* clock_word_ = nullptr;

  std::shared_mutex records_mutex_;  // alone to change the next
  std::unique_ptr<detail::cupti_session> records_;
  std::atomic<bool> recording_{false};
};

}  // namespace

const cuda_status& cuda_probe() noexcept { return detail::find_driver().status; }

#else

const cuda_status& cuda_probe() noexcept {
  static const cuda_status status{
      .built = false,
      .devices = {},
      .reason = "this build of Fronta is without CUDA: no CUDA toolkit was found when it was built",
      .remedy = "install the CUDA toolkit and build Fronta again"};
  return status;
}

#endif

std::unique_ptr<device> open_cuda_device(int index) {
  const cuda_status& status = cuda_probe();
#if FRONTA_HAS_CUDA
  const int code = detail::find_driver().code;
#else
  constexpr int code = 0;
#endif
  if (!status.reason.empty())
    throw device_error("open_cuda_device: " + status.reason + "; " + status.remedy, code,
                       place_name(index));
  if (index < 0 || static_cast<std::size_t>(index) >= status.devices.size())
    throw std::invalid_argument("open_cuda_device(" + std::to_string(index) +
                                "): there is no such device; give it an index from 0 to " +
                                std::to_string(status.devices.size() - 1));
#if FRONTA_HAS_CUDA
  return std::make_unique<cuda_device>(detail::find_driver().api,
                                       status.devices[static_cast<std::size_t>(index)]);
#else
  return nullptr;  // not reached: without CUDA there is always a reason
#endif
}

}  // namespace fronta::gpu
