// SPDX-License-Identifier: Apache-2.0
#include <fronta/executor.hpp>

#include <fronta/errors.hpp>
#include <fronta/this_task.hpp>

#include "core.hpp"

#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace fronta {
namespace detail {
namespace {

using mode = executor_control::mode;

// Controls of executors that are gone, to be used again. Never freed: references may ask at any
// time.
struct control_depot {
  std::mutex mutex;
  std::vector<std::unique_ptr<executor_control>> all;
  std::vector<executor_control*> free;
};

control_depot& depot() {
  static auto* process_wide = new control_depot;
  return *process_wide;
}

executor_control& take_control() {
  auto& d = depot();
  const std::lock_guard lock(d.mutex);
  d.free.reserve(d.all.size() + 1);  // giving one back must not throw
  if (d.free.empty()) {
    d.all.push_back(std::make_unique<executor_control>());
    return *d.all.back();
  }
  auto& c = *d.free.back();
  d.free.pop_back();
  return c;
}

void give_back(executor_control& c) noexcept {
  auto& d = depot();
  const std::lock_guard lock(d.mutex);
  d.free.push_back(&c);
}

[[noreturn]] void throw_closed(const char* verb, bool gone) {
  throw shutdown_error(std::string(verb) +
                       (gone ? ": the executor is gone; keep it alive while it is used"
                             : ": the executor was shut down; call this before shutdown"));
}

bool inside_task() noexcept { return this_context != nullptr && this_context->task != nullptr; }

}  // namespace

void executor_control::notify() noexcept {
  const std::lock_guard lock(mutex);
  changed.notify_all();
}

std::uint64_t executor_control::unfinished() noexcept {
  auto ended = finished.load(std::memory_order_seq_cst) + left_finished;
  for (const auto* w : workers) ended += w->finished.load(std::memory_order_acquire);
  auto begun = left_submitted;
  for (const auto* w : workers) begun += w->submitted.load(std::memory_order_acquire);
  begun += 2 * submitted.load(std::memory_order_seq_cst);
  begun += submitted_apart.load(std::memory_order_seq_cst);
  return begun - ended;
}

void admission::admit_external(std::uint64_t generation, const char* verb, when_full full,
                               bool nested, bool dependent) {
  auto& c = control_;
  // Its control may be another executor's by now, whose numbers this must not shift.
  if (c.generation.load(std::memory_order_relaxed) != generation) throw_closed(verb, true);
  const bool apart = inside_task();  // also in tasks of other executors: those have own numbers
  const auto index = apart ? c.submitted_apart.fetch_add(2, std::memory_order_seq_cst)
                           : c.submitted.fetch_add(1, std::memory_order_seq_cst);
  const auto refuse = [&] { c.ended(2); };
  // Sequentially consistent against shutdown: it closes, then counts; we count, then look.
  const auto now = c.admits.load(std::memory_order_seq_cst);
  const bool mine = c.generation.load(std::memory_order_seq_cst) == generation;
  if (!mine || !(now == mode::open || (nested && now == mode::draining))) {
    refuse();
    throw_closed(verb, !mine || now == mode::gone);
  }
  if (c.max_pending >= 0 && !nested && !dependent) {
    auto pending = c.pending.load(std::memory_order_relaxed);
    do {
      if (pending < c.max_pending) continue;
      refuse();
      if (full == when_full::fail) {
        throw queue_full_error(std::string(verb) + ": max_pending (" +
                               std::to_string(c.max_pending) + ") tasks are unfinished; " +
                               (std::string_view(verb) == "map"
                                    ? "give it a smaller .window"
                                    : "wait for one, or use try_submit"));
      }
      committed_ = true;  // nothing is left to undo
      admitted_ = false;
      return;
    } while (!c.pending.compare_exchange_weak(pending, pending + 1, std::memory_order_acquire,
                                              std::memory_order_relaxed));
    limited_ = true;
  }
  external_ = true;
  submit_woke_worker = false;
  if (apart) return;
  if (c.max_pending >= 0) {
    numbers_ = &c.admitted;
    number_ = numbers_->fetch_add(1, std::memory_order_relaxed);
    path_ = child_path(0, 0, number_);
  } else {
    numbers_ = &c.submitted;
    number_ = index;
    path_ = child_path(0, 0, index - c.first_index);
  }
}

// Others may have taken numbers meanwhile. Then there is a gap: numbers must stay different, and
// those of threads that submit at the same time are in no order anyway.
void admission::give_number_back() noexcept {
  if (keeps_number_) return;
  if (numbers_ == nullptr) {
    if (inside_task() && this_context->children == number_ + 1) --this_context->children;
    return;
  }
  auto& c = control_;
  auto last = number_ + 1;
  if (numbers_ != &c.submitted) {
    numbers_->compare_exchange_strong(last, number_, std::memory_order_relaxed);
    return;
  }
  // There it is a count of submissions too, whose sum must not shrink in between.
  c.submitted_apart.fetch_add(2, std::memory_order_seq_cst);
  if (!c.submitted.compare_exchange_strong(last, number_, std::memory_order_seq_cst)) c.ended(2);
}

void admission::undo() noexcept {
  give_number_back();
  if (limited_) control_.pending.fetch_sub(1, std::memory_order_relaxed);
  if (worker_ != nullptr) {
    worker::bump(worker_->finished);
  } else {
    control_.ended(1);
  }
}

guest::guest(executor_control& c, std::uint64_t generation, const char* verb) : control_(c) {
  if (c.generation.load(std::memory_order_relaxed) != generation) throw_closed(verb, true);
  c.enter();
  // Sequentially consistent against shutdown, as an admission.
  const auto now = c.admits.load(std::memory_order_seq_cst);
  const bool mine = c.generation.load(std::memory_order_seq_cst) == generation;
  const auto* const host = c.host.load(std::memory_order_relaxed);
  const bool inside = (this_worker != nullptr && this_worker->host == host) ||
                      (inside_task() && this_context->task->host == host);
  const auto latest = inside ? executor_control::mode::draining : executor_control::mode::open;
  if (mine && static_cast<std::uint32_t>(now) <= static_cast<std::uint32_t>(latest)) return;
  c.leave();
  throw_closed(verb, !mine || now == mode::gone);
}

void prepare_cold(node& n, executor_control& c, const task_options* given, body_traits traits,
                  const char* verb) {
  if (const auto error = c.core->broken()) std::rethrow_exception(error);
  c.core->prepare_cold(n, given, traits, verb);
}
void connect_cold(node& n) noexcept { static_cast<executor_core*>(n.host)->connect_cold(n); }
node* find_or_enter_key(node& n, executor_control& c, const std::type_info& type,
                        const char* verb) {
  return c.core->find_or_enter_key(n, type, verb);
}

void throw_bad_map_option(const char* option, std::ptrdiff_t value) {
  throw std::invalid_argument(std::string("map: ") + option + " is " + std::to_string(value) +
                              "; give at least 1");
}
void throw_map_key(const std::string& key) {
  throw std::invalid_argument("map: .task.key is \"" + key +
                              "\", and tasks of one key are one task; drop it");
}
void throw_map_retries() {
  throw std::invalid_argument(
      "map: .task.retries are given, and its items cannot be copied for a further run; make them "
      "copyable, or drop the retries");
}
void throw_map_timeout(std::size_t index) {
  throw timeout_error("map: item " + std::to_string(index) +
                      " was not done when the time limit passed; it and those behind it were "
                      "cancelled; raise map_options::timeout");
}
std::uint64_t next_map_path(executor_control& c) noexcept {
  if (inside_task()) {
    return child_path(this_context->path, this_context->attempt, this_context->children++);
  }
  return child_path(1, 0, c.maps.fetch_add(1, std::memory_order_relaxed));
}
void give_map_path_back(executor_control& c, std::uint64_t path) noexcept {
  if (inside_task()) {
    auto& own = *this_context;
    if (child_path(own.path, own.attempt, own.children - 1) == path) --own.children;
    return;
  }
  auto last = c.maps.load(std::memory_order_relaxed);
  if (child_path(1, 0, last - 1) == path) {
    c.maps.compare_exchange_strong(last, last - 1, std::memory_order_relaxed);
  }
}
bool task_was_given_up() noexcept {
  const auto& n = *this_context->task;
  // Relaxed: who sees the stop that follows sees this too, and to others it is a matter of chance.
  if (n.extra() == nullptr || !n.extra()->aborting.load(std::memory_order_relaxed)) return false;
  while (!n.done()) std::this_thread::yield();  // else its own end could come before that one
  return true;
}
bool wants_retry(const task_options& options, int attempt, const std::exception_ptr& error) {
  return attempt < options.retries.value_or(0) && (!options.retry_if || options.retry_if(error));
}
bool pause_before_retry(const task_options& options, int retry, const std::stop_token& task,
                        const std::stop_token& range) {
  const auto pause = options.backoff.value_or(backoff()).pause(retry);
  if (!pause.zero() && !task.stop_requested() && !range.stop_requested()) {
    const this_task::blocking lent;
    static_cast<executor_core&>(*this_context->task->host).pause(pause, task, range);
  }
  return !task.stop_requested() && !range.stop_requested();
}
std::exception_ptr cancelled_item() {
  return std::make_exception_ptr(cancelled_error(
      "map: the item was cancelled before it ran, with its range or its executor; keep the range "
      "and do not cancel at shutdown to have every item run"));
}

}  // namespace detail

// ---- executor_ref

detail::executor_control& executor_ref::checked(const char* verb) const {
  if (control_ == nullptr) {
    throw invalid_state_error(std::string(verb) +
                              ": this executor was moved from or is empty; use the one that lives");
  }
  return *control_;
}

bool executor_ref::open() const noexcept {
  return control_ != nullptr && control_->generation.load() == generation_ &&
         control_->admits.load() == detail::mode::open;
}

namespace {

template <class Look>
auto look_at(detail::executor_control& c, std::uint64_t generation, const char* verb, Look&& look) {
  const detail::guest stay(c, generation, verb);
  return look(*c.core);
}

}  // namespace

std::vector<place_status> executor_ref::places() const {
  return look_at(checked("places"), generation_, "places",
                 [](detail::executor_core& core) { return core.routes().places(); });
}

placement executor_ref::explain(const any_future& f) const {
  auto& c = checked("explain");
  const auto* const n = detail::future_access::get(f);
  if (n == nullptr) detail::throw_empty("explain");
  return look_at(c, generation_, "explain", [&](detail::executor_core& core) {
    if (n->host != &core) {
      throw std::invalid_argument("explain: \"" + n->name() +
                                  "\" is no task of this executor; ask the one that has it");
    }
    return core.explain(*n);
  });
}

std::vector<std::string> executor_ref::hosting_places() const {
  auto hosts = places();
  std::erase_if(hosts, [](const place_status& p) { return !p.hosts_tasks; });
  if (hosts.empty()) {
    throw unsatisfiable_error(
        "scatter_each: no place of this executor runs tasks; give it a backend with workers, such "
        "as cpu::threads",
        "cpu", amount(1), {});
  }
  std::vector<std::string> names;
  for (amount share = 1;; share = share + amount(1)) {
    const auto before = names.size();
    for (const auto& p : hosts) {
      const auto* cpu = p.offers.find("cpu");
      if (share == amount(1) || (cpu != nullptr && *cpu >= share)) names.push_back(p.name);
    }
    if (names.size() == before) return names;
  }
}

std::int16_t executor_ref::place_index(const std::string& name) const {
  return look_at(checked("scatter"), generation_, "scatter", [&](detail::executor_core& core) {
    if (name.empty()) return std::int16_t{-1};
    const auto at = core.routes().find_place(name);
    if (!at) {
      throw unsatisfiable_error(
          "scatter: \"" + name + "\" is no place of this executor; see executor::places()", name,
          amount(1), {});
    }
    return static_cast<std::int16_t>(*at);
  });
}

void executor_ref::put(std::int16_t place, detail::data_block* numbers) const {
  if (place < 0 || numbers == nullptr) return;
  look_at(checked("scatter"), generation_, "scatter", [&](detail::executor_core& core) {
    const auto [to, local] = core.routes().launching_place(place);
    to->put(local, *numbers);
  });
}

executor_ref executor_of(const detail::node& n) noexcept {
  auto& c = static_cast<const detail::executor_core*>(n.host)->control();
  return {&c, c.generation.load(std::memory_order_relaxed)};
}

executor_ref this_task::executor() {
  const auto* c = detail::this_context;
  if (c == nullptr || c->task == nullptr) {
    throw invalid_state_error(
        "this_task::executor: the calling thread runs no task; call it inside one");
  }
  return executor_of(*c->task);
}

// ---- executor

void executor::open_with(executor_options options, std::vector<std::unique_ptr<backend>> backends) {
  if (backends.empty()) {
    throw std::invalid_argument(
        "executor: there is no backend; give at least one, such as cpu::threads");
  }
  for (std::size_t i = 0; i < backends.size(); ++i) {
    if (backends[i] == nullptr) {
      throw std::invalid_argument("executor: backend " + std::to_string(i) +
                                  " is null; give what make_backend returns");
    }
  }
  auto& c = detail::take_control();
  std::unique_ptr<detail::executor_core> core;
  try {
    core = std::make_unique<detail::executor_core>(c, std::move(options));
    {
      const std::lock_guard lock(c.mutex);
      c.host = core.get();
    }
    core->start(std::move(backends));
  } catch (...) {
    if (core != nullptr) core->stop();
    core.reset();
    c.host.store(nullptr);
    detail::give_back(c);
    throw;
  }
  c.first_index = c.submitted.load();
  c.admitted.store(0);
  c.from_callbacks.store(0);
  c.maps.store(0);
  c.core = core.release();
  control_ = &c;
  generation_ = c.generation.fetch_add(1, std::memory_order_seq_cst) + 1;
  c.admits.store(detail::mode::open, std::memory_order_seq_cst);
}

executor& executor::operator=(executor&& other) noexcept {
  if (this != &other) {
    close();
    as_ref() = std::exchange(other.as_ref(), {});
  }
  return *this;
}

executor::~executor() { close(); }

namespace {

// Whether this thread runs or ends a task of the executor: then it cannot wait for the executor.
bool inside_own_task(const detail::executor_control& c) noexcept {
  const auto* const host = c.host.load();
  if (detail::this_worker != nullptr && detail::this_worker->host == host) return true;
  for (const auto* r = detail::this_context; r != nullptr; r = r->outer) {
    if (r->task != nullptr && r->task->host == host) return true;
  }
  for (const auto* e = detail::this_ending; e != nullptr; e = e->outer) {
    if (e->host == host) return true;
  }
  return false;
}

void close_admission(detail::executor_control& c, bool cancelling) {
  // Never back from cancelling to draining.
  auto now = c.admits.load();
  const auto to = cancelling ? detail::mode::cancelling : detail::mode::draining;
  while (static_cast<std::uint32_t>(now) < static_cast<std::uint32_t>(to) &&
         !c.admits.compare_exchange_weak(now, to, std::memory_order_seq_cst)) {
  }
  if (cancelling) c.core->cancel_everything();
}

// True when nothing is left. Inside a task of another executor its cpu share is lent meanwhile.
bool drain(detail::executor_control& c, deadline until) {
  std::optional<detail::blocking_section> lent;
  std::unique_lock lock(c.mutex);
  if (detail::this_worker != nullptr && c.unfinished() != 0 && !until.passed()) {
    lock.unlock();  // lending takes locks of its own
    try {
      lent.emplace(trace::wait_reason::executor);
    } catch (const std::exception&) {
      // No substitute: it keeps its share.
    }
    lock.lock();
  }
  c.watched.store(true, std::memory_order_seq_cst);
  while (c.unfinished() != 0) {
    if (until.never()) {
      c.changed.wait(lock);
    } else if (c.changed.wait_until(lock, until.when()) == std::cv_status::timeout) {
      return c.unfinished() == 0;
    }
  }
  return true;
}

// Waits for the end, then takes everything apart.
void finish(detail::executor_control& c) noexcept {
  drain(c, {});
  c.core->stop();
  c.admits.store(detail::mode::gone, std::memory_order_seq_cst);
  c.generation.fetch_add(1, std::memory_order_seq_cst);
  drain(c, {});  // submissions that were counted before they saw the new generation
  delete std::exchange(c.core, nullptr);
  {
    const std::lock_guard lock(c.mutex);
    c.host = nullptr;
    c.watched.store(false, std::memory_order_seq_cst);
  }
  detail::give_back(c);
}

void finish_elsewhere(detail::executor_control& c) {
  std::thread([&c] { finish(c); }).detach();
}

}  // namespace

void executor::shutdown(shutdown_options options) {
  auto& c = checked("shutdown");
  if (options.wait && inside_own_task(c)) {
    throw std::system_error(
        std::make_error_code(std::errc::resource_deadlock_would_occur),
        "executor::shutdown: a task of this executor cannot wait for its own end; use .wait = "
        "false there, or shut down from outside");
  }
  close_admission(c, options.cancel_futures);
  if (options.wait) drain(c, {});
}

shutdown_report executor::shutdown_for(time_limit limit, shutdown_options options) {
  auto& c = checked("shutdown_for");
  const deadline until(limit);
  if (options.wait && !limit.zero() && inside_own_task(c)) {
    throw std::system_error(
        std::make_error_code(std::errc::resource_deadlock_would_occur),
        "executor::shutdown_for: a task of this executor cannot wait for its own end; call it "
        "from outside");
  }
  close_admission(c, options.cancel_futures);
  shutdown_report report;
  report.drained = drain(c, options.wait ? until : deadline(std::chrono::seconds(0)));
  if (!report.drained) {
    {
      const std::lock_guard lock(c.mutex);
      report.unfinished = static_cast<std::size_t>(c.unfinished());
    }
    report.running = c.core->running_names();
  }
  return report;
}

fronta::trace::recording executor::trace(const std::string& file,
                                         const fronta::trace::recording_options& options) const {
  return look_at(checked("trace"), generation_, "trace", [&](detail::executor_core& core) {
    fronta::trace::recording begun(file, options);
    core.tell_open();
    return begun;
  });
}

void executor::detach() && {
  auto& c = checked("detach");
  close_admission(c, false);
  finish_elsewhere(c);
  as_ref() = {};
}

void executor::close() noexcept {
  if (control_ == nullptr) return;
  auto& c = *control_;  // which stays: tasks that hold a reference to this may still submit
  close_admission(c, false);
  if (!inside_own_task(c)) {
    finish(c);
    return;
  }
  try {
    finish_elsewhere(c);
  } catch (...) {
    detail::report_error(std::current_exception(),
                         "~executor: destroyed by its own task, and no thread could be made to "
                         "wait for the rest; its threads are leaked");
  }
}

}  // namespace fronta
