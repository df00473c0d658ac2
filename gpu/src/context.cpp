// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <fronta/detail/worker.hpp>
#include <fronta/gpu/errors.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>

namespace fronta::gpu::detail {

void device_context::require_alive(const std::string& what) const {
  if (device_->fault_code() == 0) return;
  throw device_lost_error(place_ + ": the device was lost (" + device_->fault_text() + ") before " +
                              what + "; run the task elsewhere, or start the program anew",
                          device_->fault_code(), place_);
}

// The task is named if the place is of its executor.
void device_context::tell_now(trace::event_kind kind, std::size_t bytes,
                              const fronta::detail::node* task) const noexcept {
  const auto* const c = fronta::detail::this_context;
  const auto* const w = fronta::detail::this_worker;
  if (task == nullptr && c != nullptr) task = c->task;
  const bool own = task != nullptr && task->host != nullptr && task->host->traced_as == executor_;
  trace::detail::tell({kind, executor_, w != nullptr ? w->slot() : -1, own ? task->path : 0,
                       trace::place_bytes{number_, bytes}.argument()},
                      {});
}

bool device_context::synchronize(stream_handle s) {
  auto* const e = take_event();
  try {
    device_->record(s, e);
    const bool there = device_->synchronize(e);
    give_event(e);
    return there;
  } catch (...) {
    give_event(e);
    throw;
  }
}

void* device_context::allocate(stream_handle s, std::size_t bytes, task_memory& for_whom) {
  for (;;) {
    // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): read by wait_for_others below
    const auto seen = frees_seen_.load();
    std::size_t free = 0;
    try {
      auto* const p = device_->allocate(s, bytes);
      allocated_since_.fetch_add(bytes, std::memory_order_relaxed);
      return p;
    } catch (const device_bad_alloc& e) {
      free = e.free();
    }
    if (bytes > device_->memory().total_bytes) refuse(bytes, for_whom);
    if (arrays_.evict(bytes - std::min(bytes - 1, free)) == 0) {
      if (!wait_for_others(for_whom, seen)) refuse(bytes, for_whom);
    }
    static_cast<void>(synchronize(frees()));  // memory goes back on a stream of its own
  }
}

std::mutex& device_context::waiting_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Not any more when something has been freed, though it may not have the processor yet.
bool device_context::waits(const task_memory& m) noexcept {
  return m.waits_on_ != nullptr && m.waits_on_->frees_seen_.load() == m.waits_since_;
}

// True when something has been freed since `seen`.
bool device_context::wait_for_others(task_memory& m, std::uint64_t seen) {
  if (!m.is_task()) return false;
  const auto moved_on = [&] { return frees_seen_.load() != seen; };
  auto* const worker = fronta::detail::this_worker;
  struct waiting {
    explicit waiting(std::atomic<std::size_t>& c) : count(c) { ++count; }
    ~waiting() { --count; }
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    std::atomic<std::size_t>& count;
  } const one(waiting_);
  const auto goes_on = [&] {
    const std::lock_guard lock(waiting_mutex());
    m.waits_on_ = nullptr;
    return moved_on();
  };
  {
    const std::lock_guard lock(waiting_mutex());
    if (moved_on()) return true;
    // Somebody has to end: not this task, and none that waits itself. Of several it is the last one
    // to come here that fails, so the others go on.
    bool somebody = false;
    visit_tasks([&](const task_memory& t) { somebody = somebody || (&t != &m && !waits(t)); });
    if (!somebody) return false;
    m.waits_on_ = this;
    m.waits_since_ = seen;
  }
  // A worker is needed to end the others.
  const auto told_on = [&] {
    trace::detail::emit(trace::event_kind::unblock, m.task(),
                        static_cast<std::uint64_t>(worker->slot()));
  };
  if (worker != nullptr) {
    trace::detail::emit(trace::event_kind::block, m.task());
    trace::detail::emit(trace::event_kind::wait, m.task(),
                        static_cast<std::uint64_t>(trace::wait_reason::memory));
    try {
      worker->begin_block(true);
    } catch (const std::system_error&) {
      told_on();
      return goes_on();
    }
  }
  {
    std::unique_lock lock(waiting_mutex());
    memory_freed_.wait(lock, moved_on);
  }
  static_cast<void>(goes_on());
  if (worker != nullptr) {
    worker->end_block();
    told_on();
  }
  return true;
}

void device_context::refuse(std::size_t bytes, const task_memory& m) {
  std::vector<std::string> holders;
  std::string names;
  visit_tasks([&](const task_memory& t) {
    if (t.bytes() == 0) return;
    holders.push_back('"' + t.name() + "\" (" + std::to_string(t.bytes()) + " bytes)");
    names += (names.empty() ? "" : ", ") + holders.back();
  });
  const auto status = device_->memory();
  throw device_bad_alloc(place_ + ": " + std::to_string(bytes) +
                             " bytes of device memory were asked for" +
                             (m.is_task() ? " by task \"" + m.name() + '"' : std::string()) +
                             ", and " + std::to_string(status.free_bytes) + " of " +
                             std::to_string(status.total_bytes) + " are free" +
                             (names.empty() ? "; results that somebody still has hold the rest"
                                            : "; tasks that use memory: " + names) +
                             "; ask for less, or let go of results that are not needed",
                         bytes, status.free_bytes, std::move(holders));
}

void device_context::freed() noexcept {
  ++frees_seen_;
  if (waiting_.load() == 0) return;
  {
    const std::lock_guard lock(waiting_mutex());
  }
  memory_freed_.notify_all();
}

void device_context::begin(memory_user& u) noexcept {
  const std::lock_guard lock(users_mutex_);
  u.before = std::exchange(users_.before, &u);
  u.after = &users_;
  u.before->after = &u;
}

void device_context::end(memory_user& u) noexcept {
  {
    const std::lock_guard lock(users_mutex_);
    u.before->after = u.after;
    u.after->before = u.before;
  }
  freed();  // whoever waits finds one less to wait for
}

bool device_context::has_room() noexcept {
  const auto total = device_->properties().memory_bytes;
  if (allocated_since_.load(std::memory_order_relaxed) < total / 64) return true;
  // Before the device is asked: what comes in between counts twice rather than never.
  allocated_since_.store(0, std::memory_order_relaxed);
  const auto now = device_->memory();
  if (now.free_bytes >= now.total_bytes / 2) return true;
  allocated_since_.store(total, std::memory_order_relaxed);  // to be asked again
  return false;
}

void task_memory::copy_and_tell() noexcept {
  for (const auto& t : telling_) {
    auto& s = staged_[t.staged];
    const auto begin = std::chrono::steady_clock::now();
    std::memcpy(s.to, s.from, s.bytes);
    s.copied = true;
    pageable_copy c{.at = t.at,
                    .kind = copy_kind::to_host,
                    .bytes = s.bytes,
                    .took = std::chrono::steady_clock::now() - begin};
    try {
      c.place = on_->place();
      c.simulated = on_->on().properties().simulated;
      try {
        const current_device here(on_->on());
        c.pinned = on_->downloads().direct_download(on_->fetches(), t.on_device, s.bytes);
        c.took += *c.pinned;
      } catch (const std::exception&) {
        // Then no number is told.
      }
      on_->pageable()->tell(c);
    } catch (const std::bad_alloc&) {
      // Then nothing is.
    }
  }
}

event_handle device_context::take_event() {
  {
    const std::lock_guard lock(mutex_);
    if (!events_.empty()) {
      auto* const e = events_.back();
      events_.pop_back();
      return e;
    }
  }
  const current_device here(*device_);
  return device_->create_event(true);
}

void device_context::give_event(event_handle e) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    events_.push_back(e);
    return;
  } catch (const std::bad_alloc&) {
    // Then it is not kept.
  }
  device_->destroy_event(e);
}

}  // namespace fronta::gpu::detail
