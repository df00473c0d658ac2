// SPDX-License-Identifier: Apache-2.0
#include "core.hpp"

#include <fronta/detail/deadlock.hpp>
#include <fronta/detail/task_data.hpp>
#include <fronta/errors.hpp>
#include <fronta/trace.hpp>
#include <fronta/trace_recording.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>

namespace fronta::detail {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// An entry in the key table, held by its task: leaves the table when the task's memory goes.
struct key_holder {
  std::shared_ptr<key_table> table;
  std::string key;
  node* task = nullptr;
  key_holder(std::shared_ptr<key_table> t, std::string k)
      : table(std::move(t)), key(std::move(k)) {}
  key_holder(const key_holder&) = delete;
  key_holder& operator=(const key_holder&) = delete;
  ~key_holder() {
    const std::lock_guard lock(table->mutex);
    const auto at = table->tasks.find(key);
    if (at != table->tasks.end() && at->second.task == task) table->tasks.erase(at);
  }
};

void task_timed_out(node& n) {
  std::exception_ptr error;
  try {
    const auto limit = std::chrono::duration<double>(n.extra()->options.timeout->value()).count();
    error = std::make_exception_ptr(timeout_error(
        "task \"" + n.name() + "\" was not done within its timeout of " + std::to_string(limit) +
        " s, counted from submit; raise .timeout or do less"));
  } catch (const std::bad_alloc&) {
    error = std::current_exception();
  }
  abort(n, std::move(error));
}

void pause_over(node& n) {
  // The pause is the task's only missing input; a cancelled task has another flag set.
  if (n.blockers().fetch_sub(1, std::memory_order_acq_rel) == 1) n.host->make_ready(n, false);
}

// The arrays that a task reads, with a handle of each.
struct data_collector final : data_visitor {
  std::vector<data_block*> blocks;
  std::size_t bytes_of_others = 0;
  data_collector() = default;
  data_collector(const data_collector&) = delete;
  data_collector& operator=(const data_collector&) = delete;
  ~data_collector() {
    for (auto* b : blocks) b->drop_handle();
  }
  void numbers(data_block& b) override {
    if (std::ranges::find(blocks, &b) != blocks.end()) return;
    blocks.push_back(&b);
    b.add_handle();
  }
  void bytes(std::size_t count) override { bytes_of_others += count; }
};

// Whether an array that it reads went with a device.
bool data_is_lost(node& n) {
  data_collector found;
  n.visit_data(found);
  return std::ranges::any_of(found.blocks, [](data_block* b) {
    if (b->is_on_host()) return false;
    const std::lock_guard lock(b->mutex);
    return !b->is_on_host() && (b->arriving == nullptr || b->arriving->numbers() == nullptr) &&
           !b->copies.empty() &&
           std::ranges::all_of(b->copies, [](const auto& c) { return c->lost(); });
  });
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return {};
  }
}

struct kept_node {
  node& n;
  explicit kept_node(node& kept) noexcept : n(kept) { n.add_keeper(); }
  ~kept_node() { n.drop_keeper(); }
  kept_node(const kept_node&) = delete;
  kept_node& operator=(const kept_node&) = delete;
};

}  // namespace

executor_core::executor_core(executor_control& control, executor_options options)
    : control_(control),
      options_(std::move(options)),
      seed_(options_.seed ? *options_.seed : random_seed()),
      timers_(options_.clock != nullptr ? options_.clock : system_clock()),
      router_(options_.tags) {
  if (options_.max_pending && *options_.max_pending < 1) {
    throw std::invalid_argument("executor: max_pending is " +
                                std::to_string(*options_.max_pending) + "; give at least 1");
  }
  if (options_.tags.find("cpu") != nullptr) {
    throw std::invalid_argument(
        "executor: tags names \"cpu\", which belongs to the places; set their workers instead");
  }
}

executor_core::~executor_core() = default;

namespace {

void tell_place(std::uint16_t executor, std::int32_t number, const std::string& name,
                const resources& offers) noexcept {
  if (!trace::on()) return;
  const auto place = static_cast<std::uint64_t>(number);
  trace::detail::tell({trace::event_kind::place, executor, -1, 0, place}, name);
  const auto* const cpu = offers.find("cpu");
  if (cpu == nullptr || cpu->units() < amount::scale) return;
  const auto workers = static_cast<std::uint64_t>(cpu->units() / amount::scale);
  trace::detail::tell({trace::event_kind::workers, executor, -1, 0, (place << 32U) | workers}, {});
}

}  // namespace

void executor_core::tell_open() {
  if (!trace::on()) return;
  trace::detail::tell({trace::event_kind::executor_open, traced_as, -1, 0, seed_}, {});
  for (const auto& p : router_.places()) {
    if (const auto number = router_.find_place(p.name))
      tell_place(traced_as, *number, p.name, p.offers);
  }
}

void executor_core::start(std::vector<std::unique_ptr<backend>> backends) {
  trace::detail::record_as_environment_says();
  tell_open();
  control_.always_cold.store(false);
  for (auto& b : backends) {
    auto one = std::make_unique<attached>(*this, std::move(b));
    one->first_place = static_cast<std::int32_t>(router_.places().size());
    auto& added = *backends_.emplace_back(std::move(one));
    if (added.owned->elastic()) router_.expect_places();
    const auto places = added.owned->start(added);
    added.running = true;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto number = router_.add_place(places[i], *added.owned, i);
      tell_place(traced_as, number, places[i].name, places[i].offers);
      const std::lock_guard lock(places_mutex_);
      added.places.push_back(number);
    }
    if (added.owned->devices() != nullptr) ++device_backends_;
    orders_edges_ = orders_edges_ || added.owned->edge_within() != edge_level::done;
  }
  if (const auto only = router_.only_pool()) {
    pool_ = only->to;
    pool_place_ = only->local_place;
    pool_number_ = only->number;
  }
  // Never back to false: a worker's initializer may have failed already.
  if (pool_ == nullptr || options_.default_timeout) control_.always_cold.store(true);
  control_.max_pending = options_.max_pending.value_or(-1);
}

void executor_core::stop() noexcept {
  // Workers may be about to add a timer for a task that was cancelled meanwhile.
  for (auto& b : backends_) {
    if (b->running) b->owned->stop();
  }
  timers_.stop();
  for (auto* n : router_.take_waiting()) n->drop_keeper();  // entries of tasks that have ended
  if (trace::on()) {
    trace::detail::tell({trace::event_kind::executor_close, traced_as, -1, 0, 0}, {});
  }
}

// ---- Submission.

void executor_core::prepare_cold(node& n, const task_options* given, body_traits traits,
                                 const char* verb) {
  auto& x = n.require_extra();
  auto& o = x.options;
  if (given != nullptr) o = *given;
  if (const auto* outer = current_annotation()) merge_options(o, *outer);
  if (!o.timeout) o.timeout = options_.default_timeout;
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument(std::string(verb) + ": task \"" + n.name() + "\" " + why);
  };
  if (o.retries.value_or(0) < 0) {
    refuse("asks for " + std::to_string(*o.retries) + " retries; give 0 or more");
  }
  if (o.retries.value_or(0) > 0 && !traits.can_repeat) {
    refuse(
        "has retries, but its callable or an argument cannot be used twice (move-only, or a "
        "future given as an rvalue); pass copyable arguments and futures as lvalues");
  }
  if (o.keep == keep::recipe && !traits.can_keep) {
    refuse(
        "is to keep its recipe, but its callable or an argument cannot be copied; make them "
        "copyable, or drop .keep");
  }
  if (o.priority) {
    n.priority = std::max(*o.priority, std::numeric_limits<std::int32_t>::min() + 1);
    n.own_priority = true;
  }
  if (const auto* cpu = o.needs.find("cpu")) x.cpu_units = cpu->units();
  const auto tags = o.needs.entries().size() - (o.needs.find("cpu") != nullptr ? 1 : 0);
  n.weakly_known = !o.key.empty();
  x.on_gpu = traits.on_gpu;
  x.two_bodies = traits.both;
  if (traits.both) {
    x.on_gpu = router_.on_device_alone(n);
    x.chooses = !x.on_gpu && o.select.value_or(select_by::tags) != select_by::tags &&
                device_backends_ != 0 && o.place_on.empty();
    x.timed = o.select == select_by::cost && device_backends_ != 0;
    x.kind = o.name.empty() ? traits.callable->hash_code() : std::hash<std::string>()(o.name);
    if (x.timed) std::call_once(links_timed_, [this] { time_links(); });
  } else if (given != nullptr && (given->select.value_or(select_by::tags) != select_by::tags ||
                                  given->fallback.value_or(fallback::none) != fallback::none)) {
    refuse(
        "is to choose between bodies, by .select or .fallback, and has one alone; submit "
        "variants(cpu_fn, gpu_fn), the second of which takes a gpu::stream&");
  }
  x.may_use_device = x.on_gpu || x.chooses;
  x.falls_back =
      traits.both && x.may_use_device && o.fallback.value_or(fallback::none) == fallback::cpu;
  if (x.falls_back && !traits.can_repeat) {
    refuse(
        "is to fall back to its CPU body, but its callable or an argument cannot be used twice "
        "(move-only, or a future given as an rvalue); pass copyable arguments and futures as "
        "lvalues");
  }
  if (x.falls_back && traits.bound_input) {
    refuse(
        "is to fall back to its CPU body, but an argument is of use on one device alone (a "
        "gpu::buffer); pass arrays");
  }
  // What may run again may also give another value.
  if (o.retries.value_or(0) > 0 || x.falls_back || !x.may_use_device) n.early_value = false;
  n.routed = x.may_use_device || x.timed || pool_ == nullptr || tags != 0 ||
             x.cpu_units != amount::scale || !o.place_on.empty();
  if (n.routed) router_.check(n, verb);
  if (!o.prefer.empty()) router_.check_preferred(n, verb);
  if (o.timeout && !o.timeout->infinite()) {
    const auto now = timers_.now();
    x.due = deadline(*o.timeout, now).when();
  }
}

void executor_core::connect_cold(node& n) noexcept {
  auto& x = *n.extra();
  if (!x.options.key.empty()) {
    const std::lock_guard lock(keys_->mutex);
    const auto at = keys_->tasks.find(x.options.key);
    if (at != keys_->tasks.end() && at->second.task == &n) {
      at->second.connecting = {};
      keys_->connected.notify_all();
    }
  }
  // Made first, then handed to the task unless it has ended meanwhile.
  std::uint64_t timer = 0;
  std::shared_ptr<void> link;
  try {
    if (x.due != deadline::time_point::max() && !n.done()) {
      timer = timers_.add(x.due, n, &task_timed_out);
    }
    if (x.options.stop.stop_possible()) {
      const auto stop = [&n] {
        const kept_node keep(n);  // cancelling lets go of what keeps it
        if (!cancel(n, nullptr)) n.request_stop();
      };
      link = std::make_shared<std::stop_callback<decltype(stop)>>(x.options.stop, stop);
    }
  } catch (...) {
    // Without its timeout the task could run for ever: better no task.
    abort(n, std::current_exception());
  }
  bool ended = false;
  {
    const std::lock_guard lock(x.links);
    ended = x.ended;
    if (!ended) {
      x.timer = timer;
      x.stop_link = std::move(link);
    }
  }
  if (ended && timer != 0) timers_.cancel(timer);
}

node* executor_core::find_or_enter_key(node& n, const std::type_info& type, const char* verb) {
  auto& x = *n.extra();
  auto holder = std::make_shared<key_holder>(keys_, x.options.key);
  any_future other;  // goes after the lock, which its end may take
  const auto self = std::this_thread::get_id();
  std::unique_lock lock(keys_->mutex);
  for (;;) {
    const auto [at, entered] =
        keys_->tasks.try_emplace(x.options.key, key_table::entry{&n, &type, self});
    if (entered) break;
    auto& [task, its_type, connecting] = at->second;
    if (connecting != std::thread::id() && connecting != self) {
      keys_->connected.wait(lock);
      continue;
    }
    // A destructor that runs while this thread connects cannot wait for itself.
    if (connecting != self && task->try_add_reader()) {
      if (*its_type == type) return task;
      other = future_access::adopt_erased(task);
      throw std::invalid_argument(std::string(verb) + ": a task with the key \"" + x.options.key +
                                  "\" and another result type exists; use another key");
    }
    at->second = {&n, &type, self};  // that one is on its way out
    break;
  }
  holder->task = &n;
  x.key_entry = std::move(holder);
  return nullptr;
}

// ---- The life of a task.

void executor_core::make_ready(node& n, bool next) noexcept {
  const auto how = next ? backend::launch_as::next : backend::launch_as::normal;
  if (n.watched) {
    bool listed = false;
    {
      const std::lock_guard lock(tasks_mutex_);
      listed = watched_.erase(&n) != 0;
    }
    if (listed) n.drop_keeper();
  }
  if (cancelling_.load(std::memory_order_acquire)) [[unlikely]] {
    cancel(n, cancelled_by_shutdown);
    n.drop_keeper();
    return;
  }
  const auto* const x = n.extra();
  if (x != nullptr && x->options.stop.stop_requested()) {
    cancel(n, nullptr);
    n.drop_keeper();
    return;
  }
  if (x != nullptr && x->due != deadline::time_point::max() && timers_.now() >= x->due) {
    task_timed_out(n);
    n.drop_keeper();
    return;
  }
  if (!n.routed) {
    pool_->launch(launched_task(n), pool_place_, how);
    return;
  }
  const kept_node keep(n);  // a waiting task may start, and end, at any moment
  std::optional<router::target> to;
  bool bound = false;
  try {
    // An input that is on its way there will fail; the run waits for it to say so.
    if (x->falls_back && x->on_gpu && !x->chooses &&
        x->late_inputs.load(std::memory_order_relaxed) <= 1 && router_.all_lost(n)) {
      router_.fall_back(n, "its device was lost before");
    }
    note_inputs(n);
    bound = x->bound_to >= 0;
    to = router_.route(n);
  } catch (...) {
    abort(n, std::current_exception());
    n.drop_keeper();
    return;
  }
  if (to) {
    to->to->launch(launched_task(n), to->local_place, how);
    return;
  }
  try {
    if (!options_.no_worker_timeout.infinite()) watch_for_place(n);
    // A wait for it may have begun when it still could have gone elsewhere.
    if (auto stuck = bound ? deadlock_of(n) : nullptr) abort(n, std::move(stuck));
  } catch (...) {
    abort(n, std::current_exception());  // the queue where it waits has its entry's keeper
  }
  // The canceller may have looked before it waited.
  if (cancelling_.load(std::memory_order_seq_cst)) cancel(n, cancelled_by_shutdown);
}

// Starts or stops the no-worker clock of waiting tasks, and starts those that have a place now.
void executor_core::places_changed() {
  launch(router_.look_again());
  if (options_.no_worker_timeout.infinite()) return;
  const auto waiting = router_.waiting();
  for (auto* n : waiting.nodes) watch_for_place(*n);
}

void executor_core::watch_for_place(node& n) {
  auto& x = *n.extra();
  std::uint64_t stopped = 0;
  {
    const std::lock_guard lock(x.links);
    // Under the lock: of two that look, the later one has seen more.
    const bool hopeless = !router_.has_place(n);
    if (hopeless == (x.no_worker_timer != 0) || x.ended) return;
    if (hopeless) {
      const auto at = deadline(options_.no_worker_timeout, timers_.now()).when();
      x.no_worker_timer = timers_.add(at, n, &no_place_came);
      return;
    }
    stopped = std::exchange(x.no_worker_timer, 0);
  }
  timers_.cancel(stopped);
}

void executor_core::no_place_came(node& n) {
  auto& core = static_cast<executor_core&>(*n.host);
  {
    const std::lock_guard lock(n.extra()->links);
    n.extra()->no_worker_timer = 0;
    if (n.done() || core.router_.has_place(n)) return;
  }
  const auto restrictions = core.router_.restrictions(n);
  abort(n, std::make_exception_ptr(no_worker_error(
               "task \"" + n.name() + "\": within no_worker_timeout there was no place " +
                   (restrictions.empty() ? "at all" : "for " + restrictions) +
                   "; add one, or raise the timeout",
               restrictions)));
}

void executor_core::note_inputs(node& n) {
  // Collected first: it may be cancelled meanwhile, and sizes are asked of the values' own types.
  late_keepers inputs;
  n.visit_pending_inputs(
      [](void* context, node& input) {
        if ((!input.readable_early() && !input.done()) || input.made_at < 0) return;
        static_cast<std::vector<node*>*>(context)->push_back(&input);
        input.add_keeper();
      },
      &inputs.nodes, true);
  router::input_places known;
  for (auto* input : inputs.nodes) {
    const auto at =
        std::ranges::find_if(known.bytes, [&](const auto& k) { return k.first == input->made_at; });
    if (at != known.bytes.end()) {
      at->second += input->value_bytes();
    } else {
      known.bytes.emplace_back(input->made_at, input->value_bytes());
    }
    if (!input->device_movable || input->readable_early()) known.draw.push_back(input->made_at);
    // Another executor counts places of its own.
    if (!input->device_bound || input->host != this) continue;
    if (known.bound < 0) known.bound = input->made_at;
    if (known.bound != input->made_at) known.also_bound = input->made_at;
  }
  router_.note_inputs(n, std::move(known));
  if (n.extra()->chooses || n.extra()->timed) router_.note_data(n, data_of(n));
}

// Where its data is now. An array that somebody is copying at this moment counts as being
// everywhere: its lock is held for as long as that takes.
input_data executor_core::data_of(node& n) {
  data_collector found;
  n.visit_pending_data(found);
  input_data data;
  data.other_bytes = found.bytes_of_others;
  for (auto* b : found.blocks) {
    input_data::numbers a{b->bytes(), b->is_on_host(), {}};
    const std::unique_lock lock(b->mutex, std::try_to_lock);
    if (!lock.owns_lock()) {
      data.other_bytes += b->bytes();
      continue;
    }
    for (const auto& c : b->copies) {
      if (!c->lost()) a.memories.push_back(c->memory());
    }
    data.arrays.push_back(std::move(a));
  }
  return data;
}

void executor_core::launch(const std::vector<router::target>& targets) noexcept {
  for (const auto& t : targets) {
    t.to->launch(launched_task(*t.task), t.local_place, backend::launch_as::first);
  }
}

task_host::claim_result executor_core::claim_routed(node& n, std::int32_t place,
                                                    bool inline_waiter) noexcept {
  try {
    return router_.claim(n, place, inline_waiter);
  } catch (...) {
    abort(n, std::current_exception());
    return claim_result::gone;
  }
}

void executor_core::release(node& n) noexcept {
  try {
    launch(router_.release(n));
  } catch (...) {
    tags_unserved_.store(true, std::memory_order_seq_cst);
    report_error(std::current_exception(),
                 "executor: no memory to start tasks that wait for tags; they start later");
  }
}

device_host& executor_core::device_of(node& n) {
  return *router_.owner_of(n.extra()->held.device_place)->devices();
}

void executor_core::device_ended(node& n) noexcept {
  // Where its host part ran. Nothing goes before it: others wait for what it holds.
  const auto [to, place] = router_.launching_place(n.extra()->held.host_place);
  to->launch(launched_task(n), place, backend::launch_as::first);
}

void executor_core::started(node& n) noexcept {
  try {
    bool asked = false;
    {
      const std::lock_guard lock(tasks_mutex_);
      running_.insert(&n);
      asked = cancelling_.load(std::memory_order_relaxed);
    }
    if (asked) n.request_stop();
  } catch (const std::bad_alloc&) {
    // It is missing from reports, no more.
  }
}

void executor_core::forget(node& n) noexcept {
  bool listed = false;
  {
    const std::lock_guard lock(tasks_mutex_);
    running_.erase(&n);
    listed = n.watched && watched_.erase(&n) != 0;
  }
  if (listed) n.drop_keeper();
  auto* const x = n.extra();
  if (x == nullptr) return;
  std::shared_ptr<void> link;
  std::uint64_t timer = 0;
  std::uint64_t no_worker_timer = 0;
  {
    const std::lock_guard lock(x->links);
    x->ended = true;
    timer = std::exchange(x->timer, 0);
    no_worker_timer = std::exchange(x->no_worker_timer, 0);
    link = std::move(x->stop_link);
  }
  if (timer != 0) timers_.cancel(timer);
  if (no_worker_timer != 0) timers_.cancel(no_worker_timer);
}

bool executor_core::retry(node& n) noexcept {
  auto& x = *n.extra();
  const auto attempt = x.attempt.load(std::memory_order_relaxed);
  if (n.done() || cancelling_.load(std::memory_order_relaxed) || n.stop_requested()) return false;
  const auto pause = x.options.backoff.value_or(backoff()).pause(attempt + 1);
  const kept_node keep(n);
  try {
    if (!wants_retry(x.options, attempt, n.stored_error())) return false;
    x.attempt.store(attempt + 1, std::memory_order_relaxed);
    trace::detail::emit(trace::event_kind::retry, n, static_cast<std::uint64_t>(attempt) + 1);
    if (pause.zero()) return requeue(n);
  } catch (...) {
    report(std::current_exception(), "retry: retry_if threw, so the task was not tried again");
    return false;
  }
  trace::detail::emit(trace::event_kind::enqueue, n,
                      static_cast<std::uint64_t>(trace::queue::backoff));
  // Pending, with the pause as a missing input: whoever finds a stale queue entry leaves it alone.
  n.blockers().store(1, std::memory_order_release);
  if (!make_pending(n)) {
    n.blockers().store(0, std::memory_order_relaxed);
    return false;
  }
  const auto at = deadline(pause, timers_.now()).when();
  try {
    timers_.add(at, n, &pause_over);
  } catch (...) {
    abort(n, std::current_exception());
  }
  if (cancelling_.load(std::memory_order_seq_cst)) cancel(n, cancelled_by_shutdown);
  return true;
}

bool executor_core::fall_back(node& n) noexcept {
  if (n.done() || cancelling_.load(std::memory_order_relaxed) || n.stop_requested()) return false;
  const kept_node keep(n);
  try {
    if (!device_of(n).failed_for_device(n.stored_error()) || data_is_lost(n)) return false;
    router_.fall_back(n, text_of(n.stored_error()));
  } catch (...) {
    report(std::current_exception(), "fallback: no memory to run the CPU body, so the task failed");
    return false;
  }
  return requeue(n);
}

void executor_core::ran(node& n, std::chrono::nanoseconds took) noexcept {
  try {
    router_.ran(n, took);
  } catch (const std::bad_alloc&) {
    // One figure less.
  }
}

void executor_core::fetched(const void* memory, std::size_t bytes,
                            std::chrono::nanoseconds took) noexcept {
  try {
    router_.fetched(memory, bytes, took);
  } catch (const std::bad_alloc&) {
    // Likewise.
  }
}

void executor_core::time_links() {
  for (const auto& b : backends_) {
    auto* const devices = b->owned->devices();
    if (devices == nullptr) continue;
    for (std::size_t i = 0; i < b->places.size(); ++i) {
      for (const auto& c : devices->time_copies(i)) {
        router_.moved(b->place_number(i), c.to_host, c.bytes, c.took);
      }
    }
  }
}

placement executor_core::explain(const node& n) const { return router_.explain(n, pool_number_); }

// Between two runs. From here on others may cancel it, so the caller needs a keeper of its own.
// False when it was aborted: then the run is its last.
bool executor_core::make_pending(node& n) noexcept {
  {
    const std::lock_guard lock(tasks_mutex_);
    running_.erase(&n);
  }
  n.clear_outcome();
  if (n.routed) release(n);
  return n.unclaim();
}

// Back to the queue; the entry's keeper passes on.
bool executor_core::requeue(node& n) noexcept {
  const kept_node keep(n);
  if (!make_pending(n)) return false;
  make_ready(n, false);
  return true;
}

void executor_core::pause(time_limit limit, const std::stop_token& a, const std::stop_token& b) {
  std::mutex mutex;
  std::condition_variable changed;
  const auto wake = [&] {
    {
      const std::lock_guard lock(mutex);
    }
    changed.notify_all();
  };
  const std::stop_callback on_a(a, wake);
  const std::stop_callback on_b(b, wake);
  auto& clock = timers_.time();
  const auto at = deadline(limit, clock.now()).when();
  std::unique_lock lock(mutex);
  while (!a.stop_requested() && !b.stop_requested() && clock.now() < at) {
    clock.wait_until(lock, changed, at);
  }
}

bool executor_core::run_again(node& n) noexcept { return requeue(n); }

void executor_core::no_longer_pending() noexcept {
  control_.pending.fetch_sub(1, std::memory_order_release);
}

void executor_core::count_finished() noexcept {
  if (this_worker != nullptr && this_worker->host == this) {
    worker::bump(this_worker->finished);
  } else {
    auto& c = control_;
    c.finished.fetch_add(1, std::memory_order_seq_cst);
    if (c.watched.load(std::memory_order_seq_cst)) c.notify();
  }
}

void executor_core::report(std::exception_ptr error, const char* context) noexcept {
  if (!options_.error_hook) {
    report_error(std::move(error), context);
    return;
  }
  try {
    options_.error_hook(std::move(error), context);
  } catch (...) {
    report_error(std::current_exception(), "executor: the error hook threw; it must not");
  }
}

edge_level executor_core::needed_level(node& n, const node& source, bool reads_early) noexcept {
  if (source.host != this && !source.done()) n.watched = true;
  // Streams wait for each other within one backend; with several, a task may go to either.
  if (reads_early && n.extra()->on_gpu && !n.extra()->chooses && source.early_value &&
      source.host == this && device_backends_ == 1) {
    return edge_level::issued;
  }
  if (!orders_edges_ || source.host != this || !n.routed) return edge_level::done;
  const auto& where = n.extra()->options.place_on;
  if (where.empty() || source.extra() == nullptr) return edge_level::done;
  const auto* mine = router_.backend_of(where);
  const auto* its = router_.backend_of(source.extra()->options.place_on);
  return mine != nullptr && mine == its ? mine->edge_within() : edge_level::done;
}

// Nothing that this executor does ends the wait of such a task: a cancelling shutdown must find it.
void executor_core::watch(node& n) noexcept {
  try {
    const std::lock_guard lock(tasks_mutex_);
    if (watched_.insert(&n).second) n.add_keeper();
  } catch (const std::bad_alloc&) {
    // Then only its input ends the wait.
  }
  // It may have become ready, or ended, before it was in the list; then nobody takes it out.
  if (n.inputs_done() || n.current() != phase::pending) {
    bool listed = false;
    {
      const std::lock_guard lock(tasks_mutex_);
      listed = watched_.erase(&n) != 0;
    }
    if (listed) n.drop_keeper();
  }
  // Or the canceller looked before it was there.
  if (cancelling_.load(std::memory_order_seq_cst)) cancel(n, cancelled_by_shutdown);
}

void executor_core::fetch(node& n) {
  if (n.extra() == nullptr) return;
  auto* const from = router_.owner_of(n.extra()->held.host_place);
  if (from == nullptr) {
    throw cancelled_error("future: the value of task \"" + n.name() +
                          "\" was lost with the place that held it; run the task again");
  }
  from->fetch(n.path);
  n.remote.store(false, std::memory_order_release);
}

bool executor_core::could_start(node& n, std::span<node* const> stuck, std::string& tag) {
  return router_.could_start(n, stuck, tag);
}

std::string executor_core::place_of(const node& n) const {
  return router_.place_of(n, pool_number_);
}

// ---- Counting.

void executor_core::worker_joined(worker& w) {
  const std::lock_guard lock(control_.mutex);
  control_.workers.push_back(&w);
}

void executor_core::worker_left(worker& w) noexcept {
  const std::lock_guard lock(control_.mutex);
  std::erase(control_.workers, &w);
  control_.left_finished += w.finished.load(std::memory_order_acquire);
  control_.left_submitted += w.submitted.load(std::memory_order_acquire);
  control_.changed.notify_all();
}

void executor_core::worker_idle() noexcept {
  if (tags_unserved_.load(std::memory_order_relaxed)) [[unlikely]] {
    try {
      tags_unserved_.store(false, std::memory_order_relaxed);
      launch(router_.look_again());
    } catch (...) {
      tags_unserved_.store(true, std::memory_order_relaxed);
    }
  }
  // The lock orders the worker's counts before the reader's look, or the look before the notify.
  const std::lock_guard lock(control_.mutex);
  if (control_.watched.load(std::memory_order_relaxed)) control_.changed.notify_all();
}

// ---- Shutdown.

void executor_core::cancel_everything() noexcept {
  cancelling_.store(true, std::memory_order_seq_cst);
  try {
    for (auto& b : backends_) b->owned->cancel_pending();
    for (auto* n : router_.take_waiting()) {
      cancel(*n, cancelled_by_shutdown);
      n->drop_keeper();
    }
    late_keepers others;
    timers_.for_each(&pause_over, [&](node& n) {
      others.nodes.push_back(&n);
      n.add_keeper();
    });
    late_keepers running;
    {
      const std::lock_guard lock(tasks_mutex_);
      for (auto* n : watched_) {
        others.nodes.push_back(n);
        n->add_keeper();
      }
      for (auto* n : running_) {
        running.nodes.push_back(n);
        n->add_keeper();
      }
    }
    for (auto* n : others.nodes) cancel(*n, cancelled_by_shutdown);
    for (auto* n : running.nodes) n->request_stop();
  } catch (const std::bad_alloc&) {
    report_error(std::current_exception(), "shutdown: no memory to cancel all; the rest runs");
  }
}

std::vector<std::string> executor_core::running_names() {
  const std::lock_guard lock(tasks_mutex_);
  std::vector<std::string> names;
  for (const auto* n : running_) {
    if (!n->extra()->options.name.empty()) names.push_back(n->extra()->options.name);
  }
  std::ranges::sort(names);
  return names;
}

std::exception_ptr executor_core::broken() const noexcept {
  const std::lock_guard lock(tasks_mutex_);
  return broken_;
}

// ---- Places.

std::size_t executor_core::attached::place_added(place_info place) {
  std::size_t local = 0;
  {
    const std::lock_guard lock(core_.places_mutex_);
    local = places.size();
    places.push_back(core_.router_.add_place(place, *owned, local));
    tell_place(core_.traced_as, places.back(), place.name, place.offers);
  }
  core_.places_changed();
  return local;
}

void executor_core::attached::place_changed(std::size_t index, resources offers) {
  core_.router_.change_place(place_number(index), offers);
  core_.places_changed();
}

void executor_core::attached::place_removed(std::size_t index) {
  core_.router_.remove_place(place_number(index));
  core_.places_changed();
}

std::int32_t executor_core::attached::place_number(std::size_t index) const {
  const std::lock_guard lock(core_.places_mutex_);
  // Inside `start` the first places have no number yet, but will follow in order.
  return index < places.size() ? places[index] : first_place + static_cast<std::int32_t>(index);
}

void executor_core::attached::backend_broken(std::exception_ptr error) noexcept {
  const std::lock_guard lock(core_.tasks_mutex_);
  core_.broken_ = error;
  core_.control_.always_cold.store(true, std::memory_order_release);
}

}  // namespace fronta::detail
