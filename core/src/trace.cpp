// SPDX-License-Identifier: Apache-2.0
#include <fronta/detail/worker.hpp>
#include <fronta/trace.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <mutex>
#include <source_location>
#include <utility>

namespace fronta::trace {
namespace {

// Never destroyed: threads may tell until the very end of the process.
class both_sinks final : public sink {
 public:
  void record(const event& e) noexcept override {
    each([&](sink& to) { to.record(e); });
  }
  void record_text(const event& e, std::string_view text) noexcept override {
    each([&](sink& to) { to.record_text(e, text); });
  }
  void record(const device_span& s) noexcept override {
    each([&](sink& to) { to.record(s); });
  }

  sink* set(sink* next) noexcept {
    const std::lock_guard lock(mutex_);
    auto* const before = given_.exchange(next, std::memory_order_acq_rel);
    choose();
    return before;
  }
  void lock() noexcept { mutex_.lock(); }
  void unlock() noexcept { mutex_.unlock(); }
  void set_recorder(sink* next) noexcept {
    const std::lock_guard lock(mutex_);
    recorder_.store(next, std::memory_order_release);
    choose();
  }

 private:
  template <class Tell>
  void each(Tell tell) noexcept {
    if (auto* const to = recorder_.load(std::memory_order_acquire)) tell(*to);
    if (auto* const to = given_.load(std::memory_order_acquire)) tell(*to);
  }
  void choose() noexcept {
    auto* const given = given_.load(std::memory_order_relaxed);
    auto* const recorder = recorder_.load(std::memory_order_relaxed);
    auto* const one = given != nullptr ? given : recorder;
    detail::active.store(given != nullptr && recorder != nullptr ? this : one,
                         std::memory_order_release);
  }

  std::mutex mutex_;  // guards writes of the two
  std::atomic<sink*> given_{nullptr};
  std::atomic<sink*> recorder_{nullptr};
};

both_sinks& sinks() noexcept {
  // Out of memory here, it terminates.
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new)
  static auto* const process_wide = new both_sinks;
  return *process_wide;
}

constexpr std::array<std::string_view, 43> names{
    "submit",         "dependency",   "ready",         "enqueue",     "steal",
    "start",          "block",        "unblock",       "finish",      "cancel",
    "retry",          "acquire",      "release",       "route",       "issue",
    "worker_start",   "worker_park",  "worker_unpark", "worker_exit", "executor_open",
    "executor_close", "place",        "thread",        "lost",        "cpu_time",
    "zone_begin",     "zone_end",     "counter",       "message",     "fall_back",
    "choose",         "lost_records", "follow",        "wait",        "consume",
    "location",       "placed",       "moved",         "freed",       "elsewhere",
    "workers",        "callback",     "paced"};
static_assert(names.back() == "paced" &&
              names.size() == static_cast<std::size_t>(event_kind::paced) + 1);

std::uint16_t this_executor() noexcept {
  const auto* const w = fronta::detail::this_worker;
  return w != nullptr && w->host != nullptr ? w->host->traced_as : std::uint16_t{0};
}

std::int32_t this_slot() noexcept {
  const auto* const w = fronta::detail::this_worker;
  return w != nullptr ? w->slot() : -1;
}

// The end of a long path says more than its beginning. Options that were made without braces have
// a line of their own header.
void tell_location(const fronta::detail::node& n, const std::source_location& where) noexcept {
  constexpr std::string_view own = "fronta/task_options.hpp";
  constexpr std::size_t longest_path = 230;
  std::string_view file = where.file_name();
  if (where.line() == 0 || file.ends_with(own)) return;
  if (file.size() > longest_path) file.remove_prefix(file.size() - longest_path);
  std::array<char, longest_path + 16> text{};
  auto* const end = std::ranges::copy(file, text.data()).out;
  *end = ':';
  const auto digits = std::to_chars(end + 1, text.data() + text.size(), where.line());
  detail::tell({event_kind::location, n.traced_as, this_slot(), n.path, where.line()},
               {text.data(), static_cast<std::size_t>(digits.ptr - text.data())});
}

void pass_on(const event& e) noexcept {
  if (auto* const to = detail::active.load(std::memory_order_acquire)) to->record(e);
}

// Behind an event of `n` that names the other one. Ids are unique within an executor only.
void tell_elsewhere(const fronta::detail::node& n, const fronta::detail::node& other) noexcept {
  if (other.traced_as == n.traced_as) return;
  pass_on({event_kind::elsewhere, n.traced_as, this_slot(), n.path, other.traced_as});
}

}  // namespace

std::string_view name_of(event_kind kind) noexcept {
  const auto number = static_cast<std::size_t>(kind);
  return number < names.size() ? names[number] : std::string_view();
}

sink* set_sink(sink* next) noexcept { return sinks().set(next); }

namespace detail {

std::uint16_t next_executor() noexcept {
  static constinit std::atomic<std::uint16_t> last{0};
  for (;;) {
    const auto number =
        static_cast<std::uint16_t>(last.fetch_add(1, std::memory_order_relaxed) + 1);
    if (number != 0) return number;
  }
}

void set_recorder(sink* recorder) noexcept { sinks().set_recorder(recorder); }
void lock_sinks() noexcept { sinks().lock(); }
void unlock_sinks() noexcept { sinks().unlock(); }

void tell(event_kind kind, std::uint64_t task, std::uint64_t argument) noexcept {
  pass_on({kind, this_executor(), this_slot(), task, argument});
}

void tell_in(std::int32_t slot, event_kind kind) noexcept {
  pass_on({kind, this_executor(), slot, 0, 0});
}

void tell(const event& e, std::string_view text) noexcept {
  if (auto* const to = active.load(std::memory_order_acquire)) to->record_text(e, text);
}

void tell_of_this_thread(event_kind kind, std::uint64_t argument, std::string_view text) noexcept {
  const auto* const c = fronta::detail::this_context;
  const auto* const task = c != nullptr ? c->task : nullptr;
  tell({kind, task != nullptr ? task->traced_as : this_executor(), this_slot(),
        task != nullptr ? c->path : 0, argument},
       text);
}

void tell(event_kind kind, const fronta::detail::node& n, std::uint64_t argument) noexcept {
  pass_on({kind, n.traced_as, this_slot(), n.path, argument});
}

void tell(event_kind kind, const fronta::detail::node& n, std::uint64_t argument,
          std::string_view text) noexcept {
  tell({kind, n.traced_as, this_slot(), n.path, argument}, text);
}

void tell_block(const fronta::detail::node& n, const fronta::detail::node* awaited) noexcept {
  const auto other = awaited != nullptr ? awaited->path : 0;  // 0 of a promise, too
  pass_on({event_kind::block, n.traced_as, this_slot(), n.path, other});
  if (other != 0) tell_elsewhere(n, *awaited);
}

void tell_consume(const fronta::detail::node& n) noexcept {
  if (n.path == 0) return;  // of a promise
  const auto* const c = fronta::detail::this_context;
  const auto* const by = c != nullptr ? c->task : nullptr;
  pass_on({event_kind::consume, n.traced_as, this_slot(), n.path, by != nullptr ? c->path : 0});
  if (by != nullptr) tell_elsewhere(n, *by);
}

void tell_dependency(const fronta::detail::node& n, const fronta::detail::node& input) noexcept {
  pass_on({event_kind::dependency, n.traced_as, this_slot(), n.path, input.path});
  if (input.path != 0) tell_elsewhere(n, input);
}

void tell_submit(const fronta::detail::node& n) noexcept {
  const auto* const c = fronta::detail::this_context;
  const event e{event_kind::submit, n.traced_as, this_slot(), n.path, c != nullptr ? c->path : 0};
  const auto* const x = n.extra();
  if (x != nullptr && !x->options.name.empty()) {
    tell(e, x->options.name);
  } else {
    pass_on(e);
  }
  if (c != nullptr && c->task != nullptr) tell_elsewhere(n, *c->task);
  if (x != nullptr) tell_location(n, x->options.where);
}

}  // namespace detail
}  // namespace fronta::trace
