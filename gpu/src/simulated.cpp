// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/simulated.hpp>

#include <fronta/gpu/clock_map.hpp>
#include <fronta/gpu/errors.hpp>

#include "simulated_machine.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace fronta::gpu {
namespace {

using namespace detail::sim;  // NOLINT(google-build-using-namespace): our own inside

constexpr int greatest_priority = -5;

// ---- The model.

double nanoseconds_at(double amount, double rate) {
  return amount > 0 && rate > 0 ? amount / rate * 1e9 : 0;
}

double kernel_takes(const time_model& m, const work_cost& cost) {
  return static_cast<double>(m.launch.count()) +
         std::max(nanoseconds_at(cost.bytes, m.memory_bandwidth),
                  nanoseconds_at(cost.operations, m.throughput));
}

double copy_takes(const time_model& m, std::size_t bytes, copy_kind kind) {
  double rate = m.host_bandwidth;
  if (kind == copy_kind::on_device) rate = m.memory_bandwidth;
  if (kind == copy_kind::between) rate = m.peer_bandwidth;
  return static_cast<double>(m.copy.count()) + nanoseconds_at(static_cast<double>(bytes), rate);
}

// ---- Its configuration.

[[noreturn]] void reject(const char* what, const std::string& value, const char* instead) {
  throw std::invalid_argument(std::string("gpu::simulated: ") + what + " is " + value + "; " +
                              instead);
}

void check(const simulated& c) {
  if (c.devices < 1) reject("devices", std::to_string(c.devices), "give at least 1");
  if (c.streams < 1) reject("streams", std::to_string(c.streams), "give at least 1");
  if (!(c.time.scale > 0) || std::isinf(c.time.scale)) {
    reject("time.scale", std::to_string(c.time.scale), "give a positive number");
  }
  const auto not_negative = [](const char* what, double value) {
    if (!(value >= 0)) reject(what, std::to_string(value), "give 0 or more");
  };
  const time_model& m = c.model;
  not_negative("model.launch", static_cast<double>(m.launch.count()));
  not_negative("model.copy", static_cast<double>(m.copy.count()));
  not_negative("model.memory_bandwidth", m.memory_bandwidth);
  not_negative("model.throughput", m.throughput);
  not_negative("model.host_bandwidth", m.host_bandwidth);
  not_negative("model.peer_bandwidth", m.peer_bandwidth);
  not_negative("model.jitter", m.jitter);
  if (!(m.clock_drift > -1) || std::isinf(m.clock_drift)) {
    reject("model.clock_drift", std::to_string(m.clock_drift), "give more than -1");
  }
  const simulated_faults& f = c.faults;
  not_negative("faults.late_by", static_cast<double>(f.late_by.count()));
  if (f.on < 0 || f.on >= c.devices) {
    reject("faults.on", std::to_string(f.on), "give the index of a device");
  }
  for (const auto& occasion :
       {f.break_at_kernel, f.hang_at_kernel, f.refuse_kernel, f.out_of_memory_at, f.late_word}) {
    if (occasion == 0U) reject("an occasion of faults", "0", "the first is 1");
  }
}

std::unique_ptr<std::byte, host_block_delete> new_block(std::size_t bytes) {
  void* const p = ::operator new(bytes, std::align_val_t{256}, std::nothrow);
  return {static_cast<std::byte*>(p), {}};
}

std::list<operation> one_operation(operation op) {
  std::list<operation> one;
  one.push_back(std::move(op));
  return one;
}

// ---- A device: checks its calls and makes operations of them.

std::int64_t steady_now() noexcept {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class simulated_device final : public device {
 public:
  simulated_device(machine& m, parts& d) : machine_(m), parts_(d) {
    properties_.name = "simulated device " + std::to_string(d.index);
    properties_.simulated = true;
    properties_.index = d.index;
    properties_.memory_bytes = d.memory;
    properties_.multiprocessors = 1;
    properties_.copy_engines = 2;
    properties_.least_priority = 0;
    properties_.greatest_priority = greatest_priority;
  }

  [[nodiscard]] const device_properties& properties() const noexcept override {
    return properties_;
  }
  void make_current() override {}

  [[nodiscard]] void* enter() override { return nullptr; }
  void leave(void* /*before*/) noexcept override {}
  [[nodiscard]] stream_handle create_stream(int priority) override {
    const std::lock_guard lock(machine_.mutex());
    require_alive("create_stream");
    return reinterpret_cast<stream_handle>(
        &machine_.add_stream(parts_, std::clamp(priority, greatest_priority, 0)));
  }
  void destroy_stream(stream_handle s) noexcept override {
    if (s == nullptr) return;
    aftermath after;
    const std::lock_guard lock(machine_.mutex());
    machine_.remove_stream(*reinterpret_cast<stream*>(s), after);
  }
  [[nodiscard]] void* native(stream_handle) const noexcept override { return nullptr; }
  [[nodiscard]] stream_state query(stream_handle s) noexcept override {
    const std::lock_guard lock(machine_.mutex());
    if (parts_.lost()) return stream_state::fault;
    const auto& of = *reinterpret_cast<const stream*>(s);
    return of.queue.empty() && of.stands == standing::free ? stream_state::idle
                                                           : stream_state::busy;
  }
  [[nodiscard]] int fault_code() const noexcept override {
    // Acquire: whoever sees it may take away what the work used.
    return parts_.fault_code.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::string fault_text() const override {
    const std::lock_guard lock(machine_.mutex());
    return parts_.lost() ? parts_.fault_text : std::string();
  }

  void give_up(const std::string& why) override {
    aftermath after;
    const std::lock_guard lock(machine_.mutex());
    machine_.give_up(parts_, why, 702, after);
  }

  void enqueue(stream_handle s, std::unique_ptr<work> w) override;
  void copy(stream_handle s, void* to, const void* from, std::size_t bytes,
            copy_kind kind) override;
  void fill(stream_handle s, void* at, unsigned char value, std::size_t bytes) override;
  void write_word(stream_handle s, std::atomic<std::uint64_t>& word, std::uint64_t value) override;
  void record(stream_handle s, event_handle e) override;
  void wait(stream_handle s, event_handle e) override;
  void call_host(stream_handle s, void (*fn)(void*), void* context) override;

  [[nodiscard]] event_handle create_event(bool blocking) override;
  void destroy_event(event_handle e) noexcept override;
  [[nodiscard]] stream_state query(event_handle e) noexcept override;
  bool synchronize(event_handle e) noexcept override;

  [[nodiscard]] void* allocate(stream_handle s, std::size_t bytes) override;
  void deallocate(stream_handle s, void* p) noexcept override;
  [[nodiscard]] memory_status memory() const noexcept override {
    const std::lock_guard lock(machine_.mutex());
    return {parts_.memory - parts_.used, parts_.memory};
  }
  [[nodiscard]] void* allocate_pinned(std::size_t bytes) override;
  void deallocate_pinned(void* p) noexcept override;
  [[nodiscard]] bool is_pinned(const void* p) const noexcept override {
    const std::lock_guard lock(machine_.mutex());
    return machine::find(machine_.pinned_blocks(), p, 1) != nullptr;
  }

  [[nodiscard]] clock_sample sample_clocks() override;
  [[nodiscard]] std::int64_t host_now() const noexcept override;
  void stamp(stream_handle s, std::atomic<std::uint64_t>& word) override;
  [[nodiscard]] bool record_work(work_recorder* to, std::string& why) override;
  void compare_records(std::size_t samples) override;
  void mark_work(std::uint64_t mark) noexcept override;

 private:
  [[noreturn]] void refuse(const char* call, const std::string& why, int code = 0) const {
    throw launch_error(parts_.name + " (simulated): " + call + ": " + why, code, parts_.name);
  }
  [[noreturn]] void report_loss(const char* call) const {
    throw device_lost_error(parts_.name + " (simulated): " + call + ": the device is at fault (" +
                                parts_.fault_text + "); use another one",
                            parts_.fault_code, parts_.name);
  }
  /// With the mutex.
  void require_alive(const char* call) const {
    if (parts_.lost()) report_loss(call);
  }
  [[nodiscard]] stream& mine(stream_handle s, const char* call) const {
    if (s == nullptr) refuse(call, "there is no stream; create one");
    auto& of = *reinterpret_cast<stream*>(s);
    if (of.owner != &parts_) {
      refuse(call, "the stream is of " + of.owner->name + "; call that device");
    }
    return of;
  }
  [[nodiscard]] static event& given(event_handle e) noexcept {
    assert(e != nullptr && "gpu: an event is needed here");
    return *reinterpret_cast<event*>(e);
  }
  /// Requires that the bytes lie in device memory: of this device, or of any.
  const block& require_device_memory(const char* call, const char* which, const void* p,
                                     std::size_t bytes, bool of_any) const {
    const block* b = machine::find(machine_.device_blocks(), p, bytes);
    const auto range = [&] {
      return std::string(which) + " (" + std::to_string(bytes) + " bytes) ";
    };
    if (b == nullptr) refuse(call, range() + "is not inside one allocation of device memory");
    if (b->returned) refuse(call, range() + "has been deallocated");
    if (!of_any && b->owner != &parts_) {
      refuse(call, range() + "is memory of " + b->owner->name + "; use copy_kind::between");
    }
    return *b;
  }
  void require_host_memory(const char* which, const void* p) const {
    if (p == nullptr) refuse("copy", std::string(which) + " is null");
    if (machine::find(machine_.device_blocks(), p, 1) != nullptr) {
      refuse("copy", std::string(which) + " is device memory; another copy_kind is meant");
    }
  }
  [[nodiscard]] bool pinned(const void* p, std::size_t bytes) const noexcept {
    return machine::find(machine_.pinned_blocks(), p, bytes) != nullptr;
  }
  /// The faults that are for this device.
  [[nodiscard]] const simulated_faults& faults() const noexcept {
    static constexpr simulated_faults none{};
    const auto& f = machine_.config().faults;
    return f.on == parts_.index ? f : none;
  }

  machine& machine_;
  parts& parts_;
  device_properties properties_;
};

void simulated_device::enqueue(stream_handle s, std::unique_ptr<work> w) {
  stream& at = mine(s, "enqueue");
  if (!w) refuse("enqueue", "there is no work; give one");
  const double takes = kernel_takes(machine_.config().model, w->cost());
  auto one = one_operation(
      {.what = run_work{std::move(w)}, .engine = engine_kind::compute, .duration = takes});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("enqueue");
  const std::uint64_t number = ++parts_.kernels;
  auto& kernel = std::get<run_work>(one.front().what);
  if (faults().refuse_kernel == number) {
    refuse("enqueue",
           std::string("kernel \"") + kernel.body->name() +
               "\" is refused, as simulated_faults::refuse_kernel asks",
           701);  // CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, which is not sticky
  }
  if (faults().hang_at_kernel == number) kernel.fate = kernel_fate::hangs;
  if (faults().break_at_kernel == number) kernel.fate = kernel_fate::breaks;
  machine_.push(at, one, after);
}

void simulated_device::copy(stream_handle s, void* to, const void* from, std::size_t bytes,
                            copy_kind kind) {
  stream& at = mine(s, "copy");
  outcome mine_is = outcome::pending;
  auto one = one_operation({.what = move_bytes{to, from, bytes, kind, nullptr, nullptr},
                            .engine = engine_kind::compute,
                            .duration = copy_takes(machine_.config().model, bytes, kind)});
  auto& move = std::get<move_bytes>(one.front().what);
  {
    aftermath after;
    std::unique_lock lock(machine_.mutex());
    require_alive("copy");
    if (bytes == 0) return;
    if (kind == copy_kind::to_device) {
      require_host_memory("the source", from);
      require_device_memory("copy", "the destination", to, bytes, false);
      one.front().engine = engine_kind::inward;
      if (!pinned(from, bytes)) {
        // Pageable memory is the caller's again as soon as we return.
        lock.unlock();
        move.staged = std::make_unique_for_overwrite<std::byte[]>(bytes);
        std::memcpy(move.staged.get(), from, bytes);
        lock.lock();
        require_alive("copy");
      }
    } else if (kind == copy_kind::to_host) {
      require_device_memory("copy", "the source", from, bytes, false);
      require_host_memory("the destination", to);
      one.front().engine = engine_kind::outward;
      if (!pinned(to, bytes)) move.caller = &mine_is;
    } else if (kind == copy_kind::on_device) {
      require_device_memory("copy", "the source", from, bytes, false);
      require_device_memory("copy", "the destination", to, bytes, false);
    } else {
      const block& source = require_device_memory("copy", "the source", from, bytes, true);
      const block& target = require_device_memory("copy", "the destination", to, bytes, true);
      if (source.owner == target.owner) {
        refuse("copy",
               "both sides are memory of " + source.owner->name + "; use copy_kind::on_device");
      }
      one.front().engine = source.owner == &parts_ ? engine_kind::outward : engine_kind::inward;
    }
    const bool blocks = move.caller != nullptr;
    machine_.push(at, one, after);
    if (!blocks) return;
  }
  for (;;) {
    const outcome now_is = machine_.await(parts_, mine_is);
    if (now_is == outcome::done) return;
    aftermath after;
    const std::lock_guard lock(machine_.mutex());
    if (now_is == outcome::dropped) {
      require_alive("copy");
      refuse("copy", "the stream was destroyed meanwhile");
    }
    if (machine_.withdraw(at, mine_is, after)) {
      refuse("copy", "it would wait for ever: in virtual time nothing can happen any more");
    }
  }
}

void simulated_device::fill(stream_handle s, void* at, unsigned char value, std::size_t bytes) {
  stream& on = mine(s, "fill");
  const double takes = kernel_takes(machine_.config().model, {.bytes = static_cast<double>(bytes)});
  auto one = one_operation(
      {.what = set_bytes{at, value, bytes}, .engine = engine_kind::compute, .duration = takes});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("fill");
  if (bytes == 0) return;
  require_device_memory("fill", "the destination", at, bytes, false);
  machine_.push(on, one, after);
}

void simulated_device::write_word(stream_handle s, std::atomic<std::uint64_t>& word,
                                  std::uint64_t value) {
  stream& at = mine(s, "write_word");
  auto one = one_operation({.what = store_word{&word, value}});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("write_word");
  if (!pinned(&word, sizeof word)) {
    refuse("write_word", "the word is not in pinned memory; use allocate_pinned");
  }
  if (faults().late_word == ++parts_.words) {
    one.front().engine = engine_kind::late_word;
    one.front().duration = static_cast<double>(faults().late_by.count());
  }
  machine_.push(at, one, after);
}

void simulated_device::record(stream_handle s, event_handle e) {
  stream& at = mine(s, "record");
  event& marked = given(e);
  if (marked.owner != &parts_) {
    refuse("record", "the event is of " + marked.owner->name + "; create one on this device");
  }
  auto m = std::make_shared<mark>();
  auto one = one_operation({.what = pass_mark{m}});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("record");
  machine_.push(at, one, after);
  marked.last = std::move(m);
}

void simulated_device::wait(stream_handle s, event_handle e) {
  stream& at = mine(s, "wait");
  const event& awaited = given(e);
  auto one = one_operation({.what = await_mark{}});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("wait");
  if (!awaited.last || awaited.last->passed) return;
  std::get<await_mark>(one.front().what).which = awaited.last;
  machine_.push(at, one, after);
}

void simulated_device::call_host(stream_handle s, void (*fn)(void*), void* context) {
  stream& at = mine(s, "call_host");
  if (fn == nullptr) refuse("call_host", "there is no function; give one");
  auto one = one_operation({.what = call_function{fn, context}, .engine = engine_kind::host_call});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("call_host");
  machine_.push(at, one, after);
}

// Whoever synchronises sleeps either way: a core that spins is one that the engines lack.
event_handle simulated_device::create_event(bool /*blocking*/) {
  const std::lock_guard lock(machine_.mutex());
  require_alive("create_event");
  event& e = parts_.events.emplace_back();
  e.owner = &parts_;
  e.self = std::prev(parts_.events.end());
  return reinterpret_cast<event_handle>(&e);
}

void simulated_device::destroy_event(event_handle e) noexcept {
  if (e == nullptr) return;
  const std::lock_guard lock(machine_.mutex());
  event& of = given(e);
  of.owner->events.erase(of.self);
}

stream_state simulated_device::query(event_handle e) noexcept {
  const std::lock_guard lock(machine_.mutex());
  if (parts_.lost()) return stream_state::fault;
  const auto& m = given(e).last;
  return !m || m->passed ? stream_state::idle : stream_state::busy;
}

bool simulated_device::synchronize(event_handle e) noexcept {
  std::shared_ptr<mark> m;
  {
    const std::lock_guard lock(machine_.mutex());
    if (parts_.lost()) return false;
    m = given(e).last;
  }
  return !m || machine_.await(parts_, m);
}

void* simulated_device::allocate(stream_handle s, std::size_t bytes) {
  (void)mine(s, "allocate");
  // Before the lock: everybody waits for that.
  auto memory = new_block(bytes <= parts_.memory ? bytes : 0);
  const std::lock_guard lock(machine_.mutex());
  require_alive("allocate");
  const std::size_t free = parts_.memory - parts_.used;
  const auto fail = [&](const std::string& why) {
    throw device_bad_alloc(parts_.name + " (simulated): allocate: " + why, bytes, free, {});
  };
  const std::uint64_t number = ++parts_.allocations;
  const auto& f = faults();
  if (f.out_of_memory_at && number >= *f.out_of_memory_at &&
      number - *f.out_of_memory_at < f.out_of_memory_for) {
    fail("refused, as simulated_faults::out_of_memory_at asks");
  }
  if (bytes > free) {
    fail(std::to_string(bytes) + " bytes were asked for and " + std::to_string(free) + " of " +
         std::to_string(parts_.memory) + " are free; deallocate some, or ask for less");
  }
  if (!memory) fail("the host, whose memory stands in for the device's, has none left");
  std::byte* const p = memory.get();
  machine_.device_blocks().emplace(p, block{std::move(memory), bytes, &parts_, false});
  parts_.used += bytes;
  return p;
}

void simulated_device::deallocate(stream_handle s, void* p) noexcept {
  if (p == nullptr) return;
  aftermath after;
  auto one = one_operation({.what = return_block{}});
  const std::lock_guard lock(machine_.mutex());
  const auto which = machine_.device_blocks().find(static_cast<const std::byte*>(p));
  assert(which != machine_.device_blocks().end() && which->second.owner == &parts_ &&
         "gpu: deallocate was given what allocate did not give");
  if (which == machine_.device_blocks().end()) return;
  assert(!which->second.returned && "gpu: deallocate was called twice");
  which->second.returned = true;
  if (parts_.lost()) {
    machine_.release(which, after);  // the stream will not come to it
    return;
  }
  auto& of = *reinterpret_cast<stream*>(s);
  assert(s != nullptr && of.owner == &parts_ && "gpu: deallocate needs a stream of the device");
  std::get<return_block>(one.front().what).which = which;
  machine_.push(of, one, after);
}

void* simulated_device::allocate_pinned(std::size_t bytes) {
  const std::lock_guard lock(machine_.mutex());
  require_alive("allocate_pinned");
  auto memory = new_block(bytes);
  if (!memory) throw std::bad_alloc();
  std::byte* const p = memory.get();
  machine_.pinned_blocks().emplace(p, block{std::move(memory), bytes, &parts_, false});
  return p;
}

void simulated_device::deallocate_pinned(void* p) noexcept {
  if (p == nullptr) return;
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  auto node = machine_.pinned_blocks().extract(static_cast<const std::byte*>(p));
  assert(!node.empty() && "gpu: deallocate_pinned was given what allocate_pinned did not give");
  if (!node.empty()) after.freed.insert(std::move(node));
}

clock_sample simulated_device::sample_clocks() {
  const std::lock_guard lock(machine_.mutex());
  require_alive("sample_clocks");
  if (machine_.is_virtual()) {
    const instant now = machine_.clock();
    return {now, machine_.device_clock(now), now};
  }
  const auto before = steady_now();
  const auto between = machine_.clock();
  const auto after = steady_now();
  return {before, machine_.device_clock(between), after};
}

std::int64_t simulated_device::host_now() const noexcept {
  if (!machine_.is_virtual()) return steady_now();
  const std::lock_guard lock(machine_.mutex());
  return machine_.clock();
}

void simulated_device::stamp(stream_handle s, std::atomic<std::uint64_t>& word) {
  stream& at = mine(s, "stamp");
  auto one = one_operation({.what = store_clock{&word}});
  aftermath after;
  const std::lock_guard lock(machine_.mutex());
  require_alive("stamp");
  if (!pinned(&word, sizeof word)) {
    refuse("stamp", "the word is not in pinned memory; use allocate_pinned");
  }
  machine_.push(at, one, after);
}

bool simulated_device::record_work(work_recorder* to, std::string& /*why*/) {
  const std::lock_guard lock(machine_.mutex());
  parts_.recorder = to;
  return true;
}

void simulated_device::compare_records(std::size_t samples) {
  const auto batch = sample_batch(*this, samples);
  const std::lock_guard lock(machine_.mutex());
  if (parts_.recorder != nullptr) parts_.recorder->compared(batch);
}

void simulated_device::mark_work(std::uint64_t mark) noexcept {
  const std::lock_guard lock(machine_.mutex());
  parts_.mark_thread(mark);
}

}  // namespace

// ---- The simulation.

class simulation::body {
 public:
  explicit body(const simulated& config) : machine_(config) {
    for (int i = 0; i < config.devices; ++i) {
      devices_.push_back(
          std::make_unique<simulated_device>(machine_, machine_.at(static_cast<std::size_t>(i))));
    }
  }
  ~body() { machine_.stop(); }
  body(const body&) = delete;
  body& operator=(const body&) = delete;

  [[nodiscard]] machine& engines() noexcept { return machine_; }
  [[nodiscard]] std::vector<std::unique_ptr<simulated_device>>& devices() noexcept {
    return devices_;
  }

 private:
  machine machine_;
  std::vector<std::unique_ptr<simulated_device>> devices_;
};

simulation::simulation(const simulated& config) {
  check(config);
  body_ = std::make_unique<body>(config);
}

simulation::~simulation() = default;

int simulation::count() const noexcept { return static_cast<int>(body_->devices().size()); }

device& simulation::at(int index) {
  if (index < 0 || index >= count()) {
    throw std::out_of_range("gpu::simulation::at: there is no device " + std::to_string(index) +
                            "; there are " + std::to_string(count()));
  }
  return *body_->devices()[static_cast<std::size_t>(index)];
}

bool simulation::step() { return body_->engines().step(); }

std::int64_t simulation::now() const {
  machine& m = body_->engines();
  const std::lock_guard lock(m.mutex());
  const instant now = m.clock();
  if (m.config().time.mode != simulated_time::kind::scaled) return now;
  return std::llround(static_cast<double>(now) / m.config().time.scale);
}

}  // namespace fronta::gpu
