// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>

#include <fronta/cpus.hpp>
#include <fronta/detail/futex.hpp>
#include <fronta/detail/pause.hpp>
#include <fronta/detail/state.hpp>
#include <fronta/errors.hpp>
#include <fronta/trace.hpp>

#include "pool.hpp"

#include <sched.h>

#if FRONTA_HAS_HWLOC
#include <hwloc.h>
#endif

#include <cassert>
#include <chrono>
#include <stdexcept>
#include <system_error>

namespace fronta::cpu {
namespace {

using detail::node;
using detail::task_host;
using trace::event_kind;
using trace::detail::emit;
using trace::detail::emit_in;

constexpr auto spin_time = std::chrono::microseconds(15);
constexpr std::size_t stack_bytes = std::size_t{64} << 20;
constexpr unsigned deepest_nesting = 1'000;
// Now and then the inbox goes first, so that nothing starves behind a busy deque. A prime, so that
// it falls into step with nothing.
constexpr std::uint32_t inbox_turn = 61;

std::atomic<unsigned> pools_made{0};

// Where the node lies was written by another core. The loads go on while those before it run.
void fetch_ahead(const node& n) noexcept {
  const auto* const at = reinterpret_cast<const char*>(&n);
  __builtin_prefetch(at);
  __builtin_prefetch(at + 64);
  __builtin_prefetch(at + 128);  // callable and value follow the node
}

}  // namespace

std::unique_ptr<backend> make_backend(threads config) {
  if (config.workers && *config.workers < 1) {
    throw std::invalid_argument("cpu::threads: workers is " + std::to_string(*config.workers) +
                                "; give at least 1");
  }
  if (config.max_substitutes < 0) {
    throw std::invalid_argument("cpu::threads: max_substitutes is " +
                                std::to_string(config.max_substitutes) + "; give 0 or more");
  }
  if (config.offers.find("cpu") != nullptr) {
    throw std::invalid_argument(
        "cpu::threads: offers names \"cpu\", which the workers are; set workers instead");
  }
#if !FRONTA_HAS_HWLOC
  if (config.pin) {
    throw std::invalid_argument(
        "cpu::threads: pin needs hwloc, which this build has not; install libhwloc-dev and build "
        "anew, or leave pin out");
  }
#endif
  return std::make_unique<pool>(std::move(config));
}

pool::pool(threads config)
    : config_(std::move(config)),
      workers_(config_.workers ? static_cast<unsigned>(*config_.workers) : usable_cpus()),
      spin_(config_.spin.value_or(usable_cpus() > 1)),
      places_(!config_.pin && config_.place.value_or(usable_cpus() > 1)),
      prefix_(!config_.name.empty() ? config_.name
                                    : "fronta-" + std::to_string(pools_made.fetch_add(1))) {
  for (unsigned i = 0; i < workers_; ++i) {
    slots_.push_back(std::make_unique<slot>());
    slots_.back()->index = static_cast<std::int32_t>(i);
    slots_.back()->victim = i;
  }
  if (config_.pin) compute_cores();
}

pool::~pool() = default;

std::vector<place_info> pool::start(backend_host& host) {
  host_ = &host;
  tasks_ = &host.tasks();
  place_ = host.place_number(0);
  try {
    const std::lock_guard lock(mutex_);
    for (auto& s : slots_) create_thread(s.get());
  } catch (...) {
    stop();
    throw;
  }
  auto offers = config_.offers.entries();
  offers.push_back({"cpu", workers_});
  return {{config_.name.empty() ? "cpu" : config_.name, resources(std::move(offers))}};
}

void pool::stop() noexcept {
  for (;;) {
    bool none_left = false;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto* t : sleepers_) t->signal();
      sleepers_.clear();
      none_left = alive_ == 0;
      reap();
    }
    if (none_left) return;
    ::sched_yield();  // the rest are on their way to notice
  }
}

void pool::reap() noexcept {
  for (auto* t : ended_) {
    ::pthread_join(t->handle_, nullptr);
    std::erase_if(all_threads_, [&](const auto& owned) { return owned.get() == t; });
  }
  ended_.clear();
}

// ---- Threads.

void pool::create_thread(slot* s) {
  if (alive_ >= workers_ + static_cast<std::size_t>(config_.max_substitutes)) {
    throw std::system_error(
        std::make_error_code(std::errc::resource_unavailable_try_again),
        "cpu::threads: a waiting task needs a substitute and max_substitutes (" +
            std::to_string(config_.max_substitutes) +
            ") exist; wait less deep, or raise max_substitutes");
  }
  reap();
  auto made = std::make_unique<pool_thread>(*this, s);
  made->host = tasks_;
  made->place = place_;
  all_threads_.reserve(all_threads_.size() + 1);
  ended_.reserve(alive_ + 1);  // a thread that ends must not need memory
  sleepers_.reserve(alive_ + 1);
  tasks_->worker_joined(*made);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_bytes);
  struct start_info {
    pool* owner;
    pool_thread* self;
  };
  auto info = std::make_unique<start_info>(start_info{this, made.get()});
  const int failed = ::pthread_create(
      &made->handle_, &attributes,
      [](void* argument) -> void* {
        const std::unique_ptr<start_info> given(static_cast<start_info*>(argument));
        given->owner->thread_main(*given->self);
        return nullptr;
      },
      info.get());
  ::pthread_attr_destroy(&attributes);
  if (failed != 0) {
    tasks_->worker_left(*made);
    throw std::system_error(failed, std::generic_category(),
                            "cpu::threads: no further thread could be made; use fewer workers or "
                            "raise the process's thread limit");
  }
  info.release();  // NOLINT(bugprone-unused-return-value): the thread owns it now
  ++alive_;
  // Sleeping until told otherwise: it will find itself among the sleepers.
  if (s == nullptr) sleepers_.push_back(made.get());
  all_threads_.push_back(std::move(made));
}

void pool::thread_main(pool_thread& self) {
  detail::this_worker = &self;
  pthread_attr_t mine;
  if (::pthread_getattr_np(::pthread_self(), &mine) == 0) {
    void* lowest = nullptr;
    std::size_t bytes = 0;
    ::pthread_attr_getstack(&mine, &lowest, &bytes);
    self.stack_limit_ = static_cast<const char*>(lowest) + bytes / 2;
    ::pthread_attr_destroy(&mine);
  }
  std::uint32_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_name_++;
  }
  std::string index = "_";  // += because g++ 12 warns falsely about "_" + string (-Wrestrict)
  index += std::to_string(number);
  const auto name = prefix_.substr(0, 15 - std::min<std::size_t>(index.size(), 15)) + index;
  ::pthread_setname_np(::pthread_self(), name.c_str());
  emit(event_kind::worker_start, 0, number);
  if (config_.initializer) {
    try {
      config_.initializer();
    } catch (...) {
      std::exception_ptr error;
      try {
        std::throw_with_nested(broken_pool_error(
            "cpu::threads: the initializer of a worker threw \"" +
            detail::describe(std::current_exception()) + "\"; mend the initializer"));
      } catch (...) {
        error = std::current_exception();
      }
      bool first = false;
      {
        const std::lock_guard lock(mutex_);
        first = broken_error_ == nullptr;
        if (first) broken_error_ = error;
      }
      refuses_.store(refusal::broken, std::memory_order_release);
      if (first) {
        host_->backend_broken(error);
        tasks_->report(error, "cpu::threads: the pool is broken");
      }
    }
  }
  // A forced unwind out of a task (pthread_exit) must leave the pool in order: the slot goes on to
  // a new thread.
  struct at_end {
    pool& owner;
    pool_thread& self;
    ~at_end() {
      emit(event_kind::worker_exit, 0);
      detail::this_worker = nullptr;
      detail::this_context = nullptr;
      if (self.slot_ != nullptr) self.keep_next_stealable();
      const bool forced = self.slot_ != nullptr || self.odd_units_ != 0;
      wake_list woken;
      const std::lock_guard lock(owner.mutex_);
      if (self.odd_units_ != 0) {
        owner.spare_units_ += self.odd_units_;
        owner.serve_odd(woken);
      }
      if (self.slot_ != nullptr) owner.release_slot(*std::exchange(self.slot_, nullptr), woken);
      try {
        while (forced && owner.sleepers_.size() < owner.free_slots_.size()) {
          owner.create_thread(nullptr);
        }
      } catch (...) {
        detail::report_current(
            "cpu::threads: a task ended its thread and no new one could be "
            "made; return from tasks instead of calling pthread_exit");
      }
      if (forced && owner.has_work()) woken.add(owner.give_slot_to_sleeper());
      owner.tasks_->worker_left(self);
      --owner.alive_;
      owner.ended_.push_back(&self);
    }
  } const guard{*this, self};
  self.initialized_.store(true, std::memory_order_relaxed);
  self.work();
}

void wake_list::add(pool_thread* t) noexcept {
  if (t != nullptr) t->next_woken_ = std::exchange(first_, t);
}

void wake_list::fail(node& n, std::exception_ptr error) noexcept {
  // Tasks of odd amounts never lie in the inbox, whose link this is.
  n.next = std::exchange(failed_, &n);
  error_ = std::move(error);
}

wake_list::~wake_list() {
  while (first_ != nullptr) {
    auto* const t = first_;
    first_ = t->next_woken_;
    t->signal(first_ == nullptr ? caller_ : caller::unknown);
  }
  while (failed_ != nullptr) {
    node& n = *std::exchange(failed_, failed_->next);
    detail::abort(n, error_);
    n.drop_keeper();
  }
}

void pool_thread::place_for(wake_list::caller what) noexcept {
  if (::pthread_getaffinity_np(handle_, sizeof own_cpus_, &own_cpus_) != 0) return;
  const int here = ::sched_getcpu();
  if (here < 0 || here >= CPU_SETSIZE || !CPU_ISSET(here, &own_cpus_)) return;
  cpu_set_t some;
  if (what == wake_list::caller::sleeps) {
    CPU_ZERO(&some);
    CPU_SET(here, &some);
  } else {
    some = own_cpus_;
    CPU_CLR(here, &some);
  }
  placed_ = ::pthread_setaffinity_np(handle_, sizeof some, &some) == 0;
}

void pool_thread::signal(wake_list::caller what) noexcept {
  // A thread signals itself when what it waits for is free. And before the end of its initializer
  // it is not settled where a thread may run.
  if (pool_.places_ && what != wake_list::caller::unknown && this != detail::this_worker &&
      initialized_.load(std::memory_order_relaxed)) {
    place_for(what);
  }
  detail::yield_point();
  signal_.store(1, std::memory_order_release);
  detail::yield_point();
  detail::futex_wake_one(signal_);
}

void pool_thread::wait_for_signal() noexcept {
  while (signal_.load(std::memory_order_acquire) == 0) detail::futex_wait(signal_, 0);
  signal_.store(0, std::memory_order_relaxed);
  if (std::exchange(placed_, false)) {
    ::pthread_setaffinity_np(handle_, sizeof own_cpus_, &own_cpus_);
  }
}

bool pool_thread::may_nest() const noexcept {
  return !starting_ && block_depth_ == 0 &&
         nesting<deepest_nesting&& static_cast<const char*>(__builtin_frame_address(0))>
             stack_limit_;
}

// ---- Queues.

void pool::launch(launched_task task, std::size_t, launch_as how) noexcept {
  auto& n = std::move(task).release();
  if (n.routed) routed_.fetch_add(1, std::memory_order_relaxed);
  if (n.device_ended) {
    push_first(n);  // whatever its share was: only its end is left
    return;
  }
  if (n.routed && n.extra()->cpu_units != amount::scale) {
    launch_odd(n);
    return;
  }
  if (how == launch_as::first) {
    push_first(n);
    return;
  }
  auto* const w = detail::this_worker;
  // Tasks of a task go to its worker's deque; those that name another priority are shared.
  if (w != nullptr && w->host == tasks_ && w->place == place_ &&
      (n.priority == 0 || !n.own_priority)) {
    w->push(n, how == launch_as::next);
  } else {
    push_shared(n);
  }
}

void pool::push_shared(node& n) noexcept {
  if (n.priority != 0) {
    try {
      // Told before it is done, here and below: once queued, it may run and be gone.
      emit(event_kind::enqueue, n, static_cast<std::uint64_t>(trace::queue::priority));
      priorities_.push(n);
      work_added();
      return;
    } catch (const std::bad_alloc&) {
      // Better late than lost: it goes with the others.
    }
  }
  if (n.linked_once) {
    push_first(n);
    return;
  }
  emit(event_kind::enqueue, n, static_cast<std::uint64_t>(trace::queue::inbox));
  inbox_.push(n);
  work_added();
}

void pool::push_first(node& n) noexcept {
  emit(event_kind::enqueue, n, static_cast<std::uint64_t>(trace::queue::priority));
  try {
    const std::lock_guard lock(first_mutex_);
    first_.push_back(&n);
    first_size_.store(first_.size(), std::memory_order_seq_cst);
  } catch (const std::bad_alloc&) {
    if (n.routed) routed_.fetch_sub(1, std::memory_order_relaxed);
    if (n.device_ended) {
      detail::finish_device_run(n);  // better in this thread than never
      return;
    }
    detail::abort(n, std::current_exception());
    n.drop_keeper();
    return;
  }
  work_added();
}

// Ends a queue's entry without a run.
void pool::refuse(node& n) noexcept {
  if (n.routed) routed_.fetch_sub(1, std::memory_order_relaxed);
  if (n.device_ended) {
    detail::finish_device_run(n);  // it ran already
    return;
  }
  if (refuses_.load(std::memory_order_acquire) == refusal::cancelling) {
    detail::cancel(n, detail::cancelled_by_shutdown);
  } else if (n.try_claim(detail::phase::settling)) {
    std::exception_ptr error;
    {
      const std::lock_guard lock(mutex_);
      error = broken_error_;
    }
    n.store_error(std::move(error));
    detail::finish_dropped(n, detail::phase::error);
  }
  n.drop_keeper();
}

void pool::cancel_pending() noexcept {
  auto open = refusal::none;
  refuses_.compare_exchange_strong(open, refusal::cancelling);
  // Cancelling may make no further task ready here: whatever depends on one is cancelled with it.
  for (bool again = true; again;) {
    // Callbacks run in `refuse`: not under the inbox's lock.
    node* batch[inbox::most];
    std::size_t count = 0;
    inbox_.take(1, [&](node& n) {
      batch[count++] = &n;
      return true;
    });
    again = count != 0;
    for (std::size_t i = 0; i < count; ++i) refuse(*batch[i]);
    while (auto* n = priorities_.pop_above(std::int64_t{priority_queue::none} - 1)) refuse(*n);
    for (auto& s : slots_) {
      while (auto* n = s->tasks.steal(again)) refuse(*n);
      while (auto* n = s->from_outside.steal(again)) refuse(*n);
    }
  }
  std::deque<node*> first;
  std::deque<odd_request> odd;
  {
    const std::lock_guard lock(first_mutex_);
    first.swap(first_);
    first_size_.store(0, std::memory_order_seq_cst);
  }
  {
    wake_list woken;
    const std::lock_guard lock(mutex_);
    odd.swap(odd_);
    for (auto at = odd.begin(); at != odd.end();) {
      if (at->resumed != nullptr) {
        odd_.push_back(*at);
        at = odd.erase(at);
      } else {
        ++at;
      }
    }
    serve_odd(woken);
  }
  for (auto* n : first) refuse(*n);
  for (const auto& request : odd) refuse(*request.task);
}

bool pool::has_work() const noexcept {
  if (!inbox_.empty() || !priorities_.empty() || first_size_.load(std::memory_order_seq_cst) != 0) {
    return true;
  }
  for (const auto& s : slots_) {
    if (s->tasks.size() != 0 || s->from_outside.size() != 0) return true;
  }
  return false;
}

std::size_t pool::load() const noexcept {
  // The router asks where there are several places; then all tasks are routed.
  return routed_.load(std::memory_order_relaxed);
}

void pool_thread::push(node& n, bool next) noexcept {
  auto* queued = &n;
  if (starting_ || slot_ == nullptr) {  // an odd task's thread, or one that blocks
    pool_.push_shared(n);
    return;
  }
  // Only at the end of a task that runs alone on this stack: else the next one could wait for long.
  if (next && nesting == 0) {
    queued = std::exchange(slot_->next, &n);
    if (queued == nullptr) return;
  }
  emit(event_kind::enqueue, *queued, static_cast<std::uint64_t>(trace::queue::deque));
  if (slot_->tasks.push(*queued)) {
    pool_.work_added();
  } else {
    pool_.push_shared(*queued);
  }
}

bool pool_thread::take_if_newest(node& n) noexcept {
  if (starting_ || slot_ == nullptr || !slot_->tasks.newest_is(n)) return false;
  auto* const got = slot_->tasks.pop();
  assert(got == nullptr || got == &n);
  return got != nullptr;
}

// ---- Slots.

void pool::wake_one() noexcept {
  pool_thread* woken = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (searching_.load(std::memory_order_seq_cst) != 0) return;
    woken = give_slot_to_sleeper();
  }
  if (woken == nullptr) return;
  const bool by_worker = detail::this_worker != nullptr;
  woken->signal(by_worker ? wake_list::caller::stays : wake_list::caller::unknown);
  if (!by_worker) detail::submit_woke_worker = true;
}

pool_thread* pool::give_slot_to_sleeper() noexcept {
  if (free_slots_.empty() || sleepers_.empty()) return nullptr;
  auto* const t = sleepers_.back();
  sleepers_.pop_back();
  t->slot_ = free_slots_.back();
  free_slots_.pop_back();
  free_count_.fetch_sub(1, std::memory_order_seq_cst);
  // An initializer may take long: nobody must rely on the thread meanwhile.
  if (t->initialized_.load(std::memory_order_relaxed)) {
    searching_.fetch_add(1, std::memory_order_seq_cst);
    t->searching_ = true;
  }
  return t;
}

void pool::rejoin_first(slot& s, wake_list& woken) noexcept {
  auto* const t = rejoining_.front();
  rejoining_.pop_front();
  slot_wanted_.fetch_sub(1, std::memory_order_relaxed);
  t->slot_ = &s;
  woken.add(t);
}

// To a thread that waits to go on; else to tasks of odd amounts; else it is free.
void pool::release_slot(slot& s, wake_list& woken) noexcept {
  if (!rejoining_.empty()) {
    rejoin_first(s, woken);
    if (rejoining_.empty() && !odd_.empty()) serve_odd(woken);  // held back for it
    return;
  }
  if (!odd_.empty()) {
    withheld_.push_back(&s);
    spare_units_ += amount::scale;
    serve_odd(woken);
    return;
  }
  free_slots_.push_back(&s);
  free_count_.fetch_add(1, std::memory_order_seq_cst);
}

void pool::require_sleeper() {
  if (sleepers_.size() <= free_slots_.size()) create_thread(nullptr);
}

void pool_thread::keep_next_stealable() noexcept {
  if (auto* const pending = std::exchange(slot_->next, nullptr)) {
    if (!slot_->tasks.push(*pending)) pool_.push_first(*pending);
  }
}

void pool_thread::begin_block(bool sleeps) {
  if (starting_ || block_depth_ != 0) {
    ++block_depth_;
    return;
  }
  if (slot_ != nullptr) keep_next_stealable();
  {
    wake_list woken(sleeps ? wake_list::caller::sleeps : wake_list::caller::unknown);
    const std::lock_guard lock(pool_.mutex_);
    // Who takes the share must exist now: when work comes later, making a thread may fail.
    pool_.require_sleeper();
    if (slot_ != nullptr) {
      pool_.release_slot(*std::exchange(slot_, nullptr), woken);
      if (pool_.has_work()) woken.add(pool_.give_slot_to_sleeper());
    }
  }
  ++block_depth_;
  detail::yield_point();
  if (odd_units_ != 0) pool_.pay_back(odd_units_);
}

void pool_thread::end_block() noexcept {
  if (--block_depth_ != 0 || starting_) return;
  {
    wake_list woken;
    const std::lock_guard lock(pool_.mutex_);
    if (odd_units_ != 0) {
      pool_.odd_.push_front({nullptr, this, odd_units_});
      pool_.serve_odd(woken);
    } else if (!pool_.free_slots_.empty()) {
      slot_ = pool_.free_slots_.back();
      pool_.free_slots_.pop_back();
      pool_.free_count_.fetch_sub(1, std::memory_order_seq_cst);
      pool_.bind_to_core(*slot_);
      return;
    } else {
      pool_.rejoining_.push_back(this);
      pool_.slot_wanted_.fetch_add(1, std::memory_order_relaxed);
      // A whole slot may be saved up for a large task that has not started.
      if (pool_.spare_units_ >= amount::scale) pool_.serve_odd(woken);
    }
  }
  wait_for_signal();
  if (slot_ != nullptr) pool_.bind_to_core(*slot_);
}

bool pool_thread::sleep() noexcept {
  {
    wake_list woken(wake_list::caller::sleeps);
    const std::lock_guard lock(pool_.mutex_);
    const auto left = slot();
    if (slot_ != nullptr) {
      pool_.release_slot(*std::exchange(slot_, nullptr), woken);
      if (searching_) {
        searching_ = false;
        pool_.searching_.fetch_sub(1, std::memory_order_seq_cst);
      }
    }
    // Announced; whoever adds work from now on sees a free slot. What was added before shows now,
    // and so does what found no sleeper to take a slot that tasks of odd amounts gave back.
    if (!pool_.free_slots_.empty() && pool_.has_work()) {
      slot_ = pool_.free_slots_.back();
      pool_.free_slots_.pop_back();
      pool_.free_count_.fetch_sub(1, std::memory_order_seq_cst);
      pool_.searching_.fetch_add(1, std::memory_order_seq_cst);
      searching_ = true;
      pool_.bind_to_core(*slot_);
      return true;
    }
    // Substitutes beyond what the slots need end.
    if (pool_.stopping_ || pool_.sleepers_.size() > pool_.workers_) return false;
    pool_.sleepers_.push_back(this);
    // Under the lock: nobody can take the slot before, and `slot()` is not ours to read after.
    emit_in(left, event_kind::worker_park);
  }
  pool_.tasks_->worker_idle();
  detail::yield_point();
  wait_for_signal();
  emit(event_kind::worker_unpark, 0);
  if (slot_ != nullptr) pool_.bind_to_core(*slot_);
  return slot_ != nullptr || odd_task_ != nullptr;
}

// Between tasks, when somebody waits for a slot.
void pool_thread::give_way() noexcept {
  keep_next_stealable();
  wake_list woken(wake_list::caller::sleeps);
  const std::lock_guard lock(pool_.mutex_);
  if (pool_.rejoining_.empty() && pool_.odd_.empty()) return;
  pool_.release_slot(*std::exchange(slot_, nullptr), woken);
}

// ---- The worker's loop.

void pool_thread::work() {
  if (made_asleep_) {
    pool_.tasks_->worker_idle();
    wait_for_signal();
    if (slot_ == nullptr && odd_task_ == nullptr) return;
    emit(event_kind::worker_unpark, 0);
  }
  starting_ = false;
  if (slot_ != nullptr) pool_.bind_to_core(*slot_);
  for (;;) {
    if (auto* const odd = std::exchange(odd_task_, nullptr)) run_odd(*odd);
    if (slot_ != nullptr) {
      node* n = searching_ ? nullptr : pick();
      if (n == nullptr) n = search();
      if (n != nullptr) {
        run(*n);
        if (pool_.slot_wanted_.load(std::memory_order_relaxed) != 0) give_way();
        if (slot_ != nullptr) continue;
      }
    }
    if (!sleep()) return;
  }
}

node* pool_thread::pick() noexcept {
  auto& s = *slot_;
  if (pool_.first_size_.load(std::memory_order_relaxed) != 0) {
    if (auto* n = pick_shared(priority_queue::none)) return n;
  }
  if (++s.picks % inbox_turn == 0) {
    if (auto* n = from_inbox(true)) return n;
  }
  auto* n = s.next != nullptr ? std::exchange(s.next, nullptr) : s.tasks.pop();
  if (n == nullptr) n = oldest_of_batch();
  if (n == nullptr) return nullptr;
  if (n->priority < 0) [[unlikely]] {
    if (auto* ordinary = from_inbox(true)) {
      if (!s.tasks.push(*n)) pool_.push_shared(*n);
      n = ordinary;
    }
  }
  if (pool_.priorities_.may_have_above(n->priority)) [[unlikely]] {
    if (auto* urgent = pool_.priorities_.pop_above(n->priority)) {
      if (!s.tasks.push(*n)) pool_.push_shared(*n);
      return urgent;
    }
  }
  return n;
}

// The tasks that hold tags already, or the priority queue above `floor`.
node* pool_thread::pick_shared(std::int64_t floor) noexcept {
  if (pool_.first_size_.load(std::memory_order_relaxed) != 0) {
    const std::lock_guard lock(pool_.first_mutex_);
    if (!pool_.first_.empty()) {
      auto* const n = pool_.first_.front();
      pool_.first_.pop_front();
      pool_.first_size_.store(pool_.first_.size(), std::memory_order_seq_cst);
      return n;
    }
  }
  if (floor != priority_queue::none && pool_.priorities_.may_have_above(floor)) {
    return pool_.priorities_.pop_above(floor);
  }
  return nullptr;
}

node* pool_thread::oldest_of_batch() noexcept {
  for (bool raced = true; raced;) {
    raced = false;
    if (auto* n = slot_->from_outside.steal(raced)) return n;
  }
  return nullptr;
}

// The oldest from outside. Further ones form the slot's batch.
node* pool_thread::from_inbox(bool one) noexcept {
  if (auto* n = oldest_of_batch()) return n;
  node* batch[inbox::most];
  std::size_t count = 0;
  const auto most = one ? std::size_t{1} : inbox::most;
  pool_.inbox_.take(pool_.workers_, [&](node& n) {
    batch[count++] = &n;
    fetch_ahead(n);
    return count < most;
  });
  for (std::size_t i = 1; i < count; ++i) {
    if (!slot_->from_outside.push(*batch[i])) pool_.push_first(*batch[i]);
  }
  return count != 0 ? batch[0] : nullptr;
}

node* pool_thread::steal() noexcept {
  const auto count = static_cast<std::uint32_t>(pool_.slots_.size());
  for (bool raced = true; raced;) {
    raced = false;
    for (std::uint32_t i = 0; i < count; ++i) {
      slot_->victim = slot_->victim + 1 < count ? slot_->victim + 1 : 0;
      auto& from = *pool_.slots_[slot_->victim];
      if (&from == slot_) continue;
      auto* n = from.tasks.steal(raced);
      if (n == nullptr) n = from.from_outside.steal(raced);
      if (n != nullptr) {
        emit(event_kind::steal, *n, static_cast<std::uint64_t>(from.index));
        return n;
      }
    }
  }
  return nullptr;
}

node* pool_thread::search() noexcept {
  if (!searching_) {
    searching_ = true;
    pool_.searching_.fetch_add(1, std::memory_order_seq_cst);
  }
  const auto look = [&]() -> node* {
    if (auto* n = pick_shared(0)) return n;
    if (auto* n =
            slot_->next != nullptr ? std::exchange(slot_->next, nullptr) : slot_->tasks.pop()) {
      return n;
    }
    if (auto* n = from_inbox(false)) return n;
    if (auto* n = steal()) return n;
    return pick_shared(std::int64_t{priority_queue::none} - 1);
  };
  auto* n = look();
  if (n == nullptr && pool_.spin_) {
    const auto until = std::chrono::steady_clock::now() + spin_time;
    do {
      for (int i = 0; i < 8 && n == nullptr; ++i) {
        detail::cpu_pause();
        n = look();
      }
      if (pool_.slot_wanted_.load(std::memory_order_relaxed) != 0) break;
    } while (n == nullptr && std::chrono::steady_clock::now() < until);
  }
  if (n != nullptr) {
    searching_ = false;
    detail::yield_point();
    // The last one that searched looks after what came meanwhile, since submitters relied on it.
    if (pool_.searching_.fetch_sub(1, std::memory_order_seq_cst) == 1 && pool_.has_work()) {
      pool_.work_added();
    }
  }
  return n;
}

void pool_thread::run(node& n) {
  if (pool_.refuses_.load(std::memory_order_acquire) != pool::refusal::none) [[unlikely]] {
    pool_.refuse(n);
    return;
  }
  if (!n.routed) {
    // An entry may be stale: cancelled, run by a waiter, or waiting for a retry.
    if (n.inputs_done() && n.try_claim(detail::phase::running)) {
      detail::execute(n);
    } else {
      n.drop_keeper();
    }
    return;
  }
  claim_and_execute(n);
}

void pool_thread::claim_and_execute(node& n) {
  struct leaves {
    std::atomic<std::size_t>& load;
    ~leaves() { load.fetch_sub(1, std::memory_order_relaxed); }
  } const at_end{pool_.routed_};
  if (n.device_ended) {
    detail::finish_device_run(n);
    return;
  }
  switch (n.host->claim_routed(n, place, false)) {
    case task_host::claim_result::claimed:
      detail::execute(n);
      break;
    case task_host::claim_result::parked:
      break;
    case task_host::claim_result::gone:
      n.drop_keeper();
      break;
  }
}

// ---- Amounts of cpu other than 1.

void pool::launch_odd(node& n) noexcept {
  if (trace::on()) {
    trace::detail::tell(event_kind::enqueue, n, static_cast<std::uint64_t>(trace::queue::tags),
                        "cpu");
  }
  wake_list woken;
  const std::lock_guard lock(mutex_);
  try {
    // Higher priority first; those that come back from a wait stay in front.
    auto at = odd_.end();
    while (at != odd_.begin()) {
      const auto before = std::prev(at);
      if (before->resumed != nullptr || before->task->priority >= n.priority) break;
      at = before;
    }
    odd_.insert(at, {&n, nullptr, n.extra()->cpu_units});
  } catch (const std::bad_alloc&) {
    routed_.fetch_sub(1, std::memory_order_relaxed);
    woken.fail(n, std::current_exception());
    return;
  }
  serve_odd(woken);
}

// Every slot is withheld and has been for long, while ordinary tasks wait.
bool pool::ordinary_turn() const noexcept {
  return odd_streak_ >= inbox_turn && withheld_.size() == slots_.size() && has_work();
}

// Withholds free slots and starts what fits, strictly in order: a large request is not starved by
// small ones behind it. Ordinary tasks that go on, and now and then one that starts, come before
// odd ones that start.
void pool::serve_odd(wake_list& woken) noexcept {
  while (!odd_.empty()) {
    const auto request = odd_.front();
    if (request.resumed == nullptr && (!rejoining_.empty() || ordinary_turn())) {
      if (spare_units_ < amount::scale) break;
      spare_units_ -= amount::scale;
      auto& s = *withheld_.back();
      withheld_.pop_back();
      odd_streak_ = 0;
      if (!rejoining_.empty()) {
        rejoin_first(s, woken);
        continue;
      }
      free_slots_.push_back(&s);
      free_count_.fetch_add(1, std::memory_order_seq_cst);
      try {
        if (sleepers_.empty()) create_thread(nullptr);
      } catch (...) {
        continue;  // no thread, no turn
      }
      woken.add(give_slot_to_sleeper());
      continue;
    }
    while (spare_units_ < request.units && !free_slots_.empty()) {
      withheld_.push_back(free_slots_.back());
      free_slots_.pop_back();
      free_count_.fetch_sub(1, std::memory_order_seq_cst);
      spare_units_ += amount::scale;
    }
    if (spare_units_ < request.units) break;
    auto* t = request.resumed;
    if (t == nullptr) {
      try {
        require_sleeper();
      } catch (...) {
        // While one of them runs, its thread comes back; else nobody would look here again.
        if (spare_units_ < static_cast<std::int64_t>(withheld_.size()) * amount::scale) break;
        odd_.pop_front();
        routed_.fetch_sub(1, std::memory_order_relaxed);
        woken.fail(*request.task, std::current_exception());
        continue;
      }
      t = sleepers_.back();
      sleepers_.pop_back();
      t->odd_task_ = request.task;
    }
    odd_.pop_front();
    spare_units_ -= request.units;
    ++odd_streak_;
    woken.add(t);
  }
  // Workers give their slots up between tasks while somebody waits.
  if (odd_counted_ == odd_.empty()) {
    odd_counted_ = !odd_counted_;
    slot_wanted_.fetch_add(odd_counted_ ? 1 : ~std::uint32_t{0}, std::memory_order_relaxed);
  }
  // What is left over of whole slots goes back.
  while (odd_.empty() && spare_units_ >= amount::scale) {
    spare_units_ -= amount::scale;
    auto& s = *withheld_.back();
    withheld_.pop_back();
    release_slot(s, woken);
    if (has_work()) woken.add(give_slot_to_sleeper());
  }
}

void pool::pay_back(std::int64_t units) noexcept {
  wake_list woken;
  const std::lock_guard lock(mutex_);
  spare_units_ += units;
  serve_odd(woken);
}

void pool_thread::run_odd(node& n) {
  odd_units_ = n.extra()->cpu_units;
  if (pool_.refuses_.load(std::memory_order_acquire) != pool::refusal::none) {
    pool_.refuse(n);
  } else {
    claim_and_execute(n);
  }
  pool_.pay_back(std::exchange(odd_units_, 0));
}

// ---- Binding to cores.

#if FRONTA_HAS_HWLOC

void pool::compute_cores() {
  hwloc_topology_t topology{};
  if (::hwloc_topology_init(&topology) != 0) throw std::bad_alloc();
  const std::unique_ptr<hwloc_topology, decltype(&::hwloc_topology_destroy)> owned(
      topology, &::hwloc_topology_destroy);
  if (::hwloc_topology_load(topology) == 0) {
    // hwloc shows cores outside the affinity mask too.
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const bool limited = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    // Where the kernel shows no cores, its CPUs serve.
    const auto type =
        ::hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    const int count = ::hwloc_get_nbobjs_by_type(topology, type);
    for (int i = 0; i < count; ++i) {
      const auto* core = ::hwloc_get_obj_by_type(topology, type, static_cast<unsigned>(i));
      std::vector<unsigned> cpus;
      for (int c = ::hwloc_bitmap_first(core->cpuset); c >= 0;
           c = ::hwloc_bitmap_next(core->cpuset, c)) {
        if (!limited || (c < CPU_SETSIZE && CPU_ISSET(c, &allowed))) {
          cpus.push_back(static_cast<unsigned>(c));
        }
      }
      if (!cpus.empty()) cores_.push_back(std::move(cpus));
    }
  }
  if (cores_.empty()) {
    throw std::runtime_error(
        "cpu::threads: pin is set and hwloc shows no core that this process may use; leave pin out "
        "or mend what hwloc sees (lstopo shows it)");
  }
}

#else

void pool::compute_cores() {}

#endif

void pool::bind_to_core(const slot& s) noexcept {
  if (cores_.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto c : cores_[static_cast<std::size_t>(s.index) % cores_.size()]) CPU_SET(c, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

}  // namespace fronta::cpu
