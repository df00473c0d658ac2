// SPDX-License-Identifier: Apache-2.0
#include <fronta/detail/worker.hpp>
#include <fronta/detail/yield_point.hpp>
#include <fronta/errors.hpp>
#include <fronta/trace.hpp>

#include "wait_graph.hpp"

#include <array>
#include <cassert>
#include <optional>
#include <thread>

namespace fronta::detail {
namespace {

using trace::event_kind;
using trace::detail::emit;
using trace::detail::emit_block;

constexpr std::uint32_t after_fallback = 0x8000'0000;

constexpr auto posted_failed = "post: the task failed; catch inside it or use submit";

void count_finished(task_host& host) noexcept {
  if (this_worker != nullptr && this_worker->host == &host) {
    worker::bump(this_worker->finished);
  } else {
    host.count_finished();
  }
}

struct context_scope {
  explicit context_scope(run_context& c) : outer_nesting(this_worker) {
    this_context = &c;
    if (this_worker != nullptr) ++this_worker->nesting;
  }
  ~context_scope() {
    this_context = this_context->outer;
    if (outer_nesting != nullptr) --outer_nesting->nesting;
  }
  context_scope(const context_scope&) = delete;
  context_scope& operator=(const context_scope&) = delete;
  worker* outer_nesting;
};

// What callbacks and destructors do is not the work of the task on whose stack they happen to run.
class nobodys_context {
 public:
  nobodys_context() noexcept {
    nobody_.outer = this_context;
    if (nobody_.outer != nullptr) this_context = &nobody_;
  }
  ~nobodys_context() { this_context = nobody_.outer; }
  nobodys_context(const nobodys_context&) = delete;
  nobodys_context& operator=(const nobodys_context&) = delete;

 private:
  run_context nobody_;
};

// The end of a run: destroy callable and arguments, return tags, publish (wake, callbacks,
// dependents), count.
void finish_run(node& n, run_result result) noexcept {
  const nobodys_context scope;
  auto& host = *n.host;
  n.destroy_body();
  if (n.routed) {
    n.extra()->at_device_end.reset();  // with the arguments gone, nothing is used any more
    host.release(n);
  }
  if (n.extra() != nullptr) host.forget(n);
  if (n.counted) host.no_longer_pending();
  if (trace::on()) {
    const bool error = result != run_result::value;
    emit(event_kind::finish, n,
         trace::outcome_told{error, error ? 0 : n.stored_bytes()}.argument());
  }
  if (!n.has_future && result == run_result::error && !n.done()) {
    host.report(n.stored_error(), posted_failed);
  }
  // GPU tasks may be reading an early value: it stays, and the error lies in the extra.
  const auto bad = n.early_value && !n.stored_error() ? phase::aborted : phase::error;
  const auto end = result == run_result::value ? phase::value : bad;
  yield_point();
  if (!n.publish(end)) {
    if (!n.early_value) n.clear_outcome();
    end_code(n);
  } else if (end == phase::aborted) {
    end_code(n);
  }
  n.drop_keeper();
  count_finished(host);
}

run_result run_in_context(node& n, gpu::stream* stream = nullptr) {
  run_context context{.task = &n, .outer = this_context, .path = n.path, .stream = stream};
  bool timed = false;
  if (const auto* x = n.extra()) {
    context.attempt = x->attempt.load(std::memory_order_relaxed);
    // The same attempt once more: what it submits must not be taken for what the first run did.
    if (x->fell_back) context.children = after_fallback;
    timed = x->timed && stream == nullptr;
    n.host->started(n);
  }
  emit(event_kind::start, n, static_cast<std::uint64_t>(context.attempt));
  const auto began = timed ? n.host->now() : std::chrono::steady_clock::time_point();
  const context_scope scope(context);
  const auto result = n.run();
  if (timed && result == run_result::value) {
    n.host->ran(n, n.host->now() - began - context.fetching);
  }
  return result;
}

// Stores in a claimed node what its failed input means for it.
void take_failure(node& n, node& source, bool cancelled) noexcept {
  const auto input = source.extra() != nullptr && !source.extra()->failed_input.empty()
                         ? source.extra()->failed_input
                         : source.name();
  try {
    if (cancelled) {
      n.require_extra().cancel_reason = "future: task \"" + n.name() +
                                        "\" was cancelled with its input \"" + input +
                                        "\"; submit it again with an input that runs";
    } else {
      n.store_error(source.error());
    }
    if (input != "unnamed") n.require_extra().failed_input = input;
  } catch (...) {
    n.store_error(std::current_exception());
  }
}

void fail_from(node& n, node& source) noexcept {
  const bool cancelled = source.current() == phase::cancelled;
  if (!n.try_claim(cancelled ? phase::dropping : phase::settling)) return;
  take_failure(n, source, cancelled);
  n.add_keeper();
  auto& turn = this_turn;
  n.next = std::exchange(turn.failed, &n);
  if (turn.failing) return;
  turn.failing = true;
  fail_in_turn(turn);
  turn.failing = false;
}

// The same for a node that may be in a queue, whose link is not to be touched. Nothing can stand
// behind it that was issued, so this does not recurse.
void fail_queued(node& n, node& source) noexcept {
  const bool cancelled = source.current() == phase::cancelled;
  if (!n.try_claim(cancelled ? phase::dropping : phase::settling)) return;
  take_failure(n, source, cancelled);
  n.add_keeper();
  finish_dropped(n, cancelled ? phase::cancelled : phase::error);
  n.drop_keeper();
}

}  // namespace

void fail_in_turn(turn_list& of) noexcept {
  while (of.failed != nullptr) {
    node& one = *std::exchange(of.failed, of.failed->next);
    finish_dropped(one, one.stored_error() ? phase::error : phase::cancelled);
    one.drop_keeper();
  }
}

void end_all_in_turn() noexcept {
  for (auto* of = &this_turn; of != nullptr; of = of->outer) {
    fail_in_turn(*of);
    settle_in_turn(*of);
  }
}

namespace {

bool failed(const node& n) noexcept {
  const auto p = n.current();
  return node::is_done(p) && p != phase::value;
}

node* first_failed_input(node& n) {
  struct search {
    node* found = nullptr;
  } first;
  n.visit_inputs(
      [](void* context, node& input) {
        auto& s = *static_cast<search*>(context);
        if (s.found == nullptr && failed(input)) s.found = &input;
      },
      &first);
  return first.found;
}

// An input that had only been issued when it let the node go. What failed it fails a node that has
// not started; one that runs sees to it at its end.
void early_input_ended(edge& self, node& source) noexcept {
  node& n = *static_cast<dependency&>(self).dependent;
  auto* const gate = this_worker != nullptr && this_worker->host == n.host ? nullptr : n.gate;
  if (gate != nullptr) gate->enter();
  if (failed(source)) {
    auto& blockers = n.blockers();
    auto now = blockers.load(std::memory_order_acquire);
    while (
        (now & registering_bit) != 0 &&
        !blockers.compare_exchange_weak(now, now + one_failed_input, std::memory_order_acq_rel)) {
    }
    if ((now & registering_bit) == 0) fail_queued(n, source);
  }
  yield_point();
  if (n.extra()->late_inputs.fetch_sub(1, std::memory_order_acq_rel) == 1) n.host->device_ended(n);
  n.drop_keeper();
  if (gate != nullptr) gate->leave();
}

// Links the edge of an input that has been issued once more, for its end. False when it has ended.
bool link_end(dependency& e, node& source) noexcept {
  node& n = *e.dependent;
  auto& late = n.extra()->late_inputs;
  e.level = edge_level::done;
  e.fire = &early_input_ended;
  late.fetch_add(1, std::memory_order_relaxed);
  n.add_keeper();
  if (source.add_edge(e)) return true;
  late.fetch_sub(1, std::memory_order_relaxed);
  n.drop_keeper();
  return false;
}

bool is_early(const edge& e, const node& source) noexcept {
  return e.level == edge_level::issued && source.early_value;
}

void input_arrived(edge& self, node& source) noexcept {
  auto& e = static_cast<dependency&>(self);
  node& n = *e.dependent;
  if (is_early(e, source) && !source.done()) link_end(e, source);
  const bool bad = failed(source);
  // Once the last input has arrived the task may run and its executor go, but for the gate.
  auto* const gate = this_worker != nullptr && this_worker->host == n.host ? nullptr : n.gate;
  if (gate != nullptr) gate->enter();
  // Acquire and release: whoever takes the count to zero sees all inputs.
  yield_point();
  const auto before = n.blockers().fetch_add(bad ? one_failed_input - 1 : std::uint64_t{0} - 1,
                                             std::memory_order_acq_rel);
  if ((before & (registering_bit | dropped_bit)) == 0) {
    if (bad) {
      fail_from(n, source);
    } else if (before == 1) {
      emit(event_kind::ready, n);
      n.host->make_ready(n, true);
    }
  }
  n.drop_keeper();
  if (gate != nullptr) gate->leave();
}

// The array that a GPU task has given, if a CPU task will look at it.
data_block* wanted_on_host(node& n) noexcept {
  auto* const given = n.array_value();
  bool wanted = false;
  if (given != nullptr) {
    n.visit_edges([&](const edge& e) {
      wanted = e.fire == &input_arrived && static_cast<const dependency&>(e).looks_on_host;
      return wanted;
    });
  }
  return wanted ? given : nullptr;
}

}  // namespace

int early_readers(node& source, const node* but) noexcept {
  const node* first = nullptr;
  int count = 0;
  source.visit_edges([&](const edge& e) {
    const bool early =
        e.fire == &early_input_ended || (e.fire == &input_arrived && e.level == edge_level::issued);
    if (!early) return false;
    const auto* const reader = static_cast<const dependency&>(e).dependent;
    if (reader == but || reader == first) return false;
    first = reader;
    return ++count == 2;
  });
  return count;
}

namespace {

void end_run(node& n, run_result result) {
  if (result != run_result::value) [[unlikely]] {
    if (auto* const x = n.extra()) x->at_device_end.reset();  // others may run it from here on
    if (result == run_result::error) {
      if (const auto* const x = n.extra()) {
        if (x->falls_back && x->on_gpu && first_failed_input(n) == nullptr &&
            n.host->fall_back(n)) {
          return;
        }
        if (n.host->retry(n)) return;
      }
    } else if (n.host->run_again(n)) {
      return;
    }
  }
  finish_run(n, result);
}

// False: the last of them will hand the node to a worker again.
bool inputs_have_ended(node& n) noexcept {
  auto& x = *n.extra();
  if (!x.own_work_ended) {
    x.own_work_ended = true;
    yield_point();
    // Release and acquire: whoever takes the count to zero sees all inputs, and the flag.
    if (x.late_inputs.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
  }
  x.own_work_ended = false;  // it may run again
  x.late_inputs.store(1, std::memory_order_relaxed);
  return true;
}

// Before an error is set that everybody sees at once: false when a timeout has ended the task,
// whose error counts then.
bool claim_end(node& n) noexcept {
  if (!n.extra()->aborting.exchange(true, std::memory_order_relaxed)) return true;
  while (!n.done()) std::this_thread::yield();
  return false;
}

// GPU tasks may be reading an early value: the error lies beside it then, as if aborted.
void set_device_error(node& n, std::exception_ptr error) noexcept {
  auto& x = *n.extra();
  if (n.early_value && x.device_result == run_result::value) {
    x.abort_error = std::move(error);
  } else {
    n.clear_outcome();
    n.store_error(std::move(error));
  }
  x.device_result = run_result::error;
}

// Whatever the host part gave, callable and arguments may be in use until the device has ended.
void run_host_part(node& n) {
  if (end_with_failed_input(n)) {
    n.drop_keeper();
    return;
  }
  auto& x = *n.extra();
  gpu::stream* stream = nullptr;
  device_host* device = nullptr;
  try {
    device = &n.host->device_of(n);
    stream = device->open_stream(n);
    if (stream == nullptr) return;  // the node is not ours any more
  } catch (...) {
    n.store_error(std::current_exception());
    x.device_result = run_result::error;
    // Not before its inputs: it may hold amounts that were theirs.
    n.device_ended = true;
    finish_device_run(n);
    return;
  }
  try {
    x.device_result = run_in_context(n, stream);
  } catch (...) {
    n.store_error(std::make_exception_ptr(broken_pool_error(
        "task \"" + n.name() +
        "\": it ended its own thread; return from the task instead of calling pthread_exit")));
    x.device_result = run_result::error;
    device->close_stream(*stream, n, nullptr);
    throw;
  }
  auto* const wanted = x.device_result == run_result::value ? wanted_on_host(n) : nullptr;
  if (!n.early_value || x.device_result != run_result::value) {
    device->close_stream(*stream, n, wanted);
    return;
  }
  n.add_keeper();
  const bool may_run_ahead = device->close_stream(*stream, n, wanted);
  yield_point();
  if (may_run_ahead) n.raise(edge_level::issued);
  n.drop_keeper();
}

}  // namespace

namespace {

void hand_to_worker(node& n) noexcept {
  yield_point();
  // Once it is in a queue it may end, and its executor go, but for the gate.
  auto* const gate = n.gate;
  if (gate != nullptr) gate->enter();
  n.host->device_ended(n);
  if (gate != nullptr) gate->leave();
}

}  // namespace

void end_device_run(node& n, std::exception_ptr error) noexcept {
  n.extra()->device_error = std::move(error);
  n.device_ended = true;
  hand_to_worker(n);
}

void host_part_may_begin(node& n) noexcept { hand_to_worker(n); }

void begin_late_input(node& n) noexcept {
  n.extra()->late_inputs.fetch_add(1, std::memory_order_relaxed);
}

void end_late_input(node& n) noexcept {
  auto* const gate = n.gate;
  if (gate != nullptr) gate->enter();
  yield_point();
  // As with inputs: who takes it to zero sees all of them. Of the others the node may be gone now.
  if (n.extra()->late_inputs.fetch_sub(1, std::memory_order_acq_rel) == 1) n.host->device_ended(n);
  if (gate != nullptr) gate->leave();
}

void finish_device_run(node& n) {
  if (n.extra()->waits_for_stream) {
    n.extra()->waits_for_stream = n.device_ended = false;
    run_host_part(n);
    return;
  }
  const ending scope(n.host);
  if (!inputs_have_ended(n)) return;
  n.device_ended = false;
  auto& x = *n.extra();
  // Here and not where the device told of it: the value's end is user code.
  bool of_input = false;
  if (auto error = std::exchange(x.device_error, nullptr)) {
    if (x.device_result != run_result::error) {
      if (!n.early_value || claim_end(n)) {
        set_device_error(n, std::move(error));
      } else {
        x.device_result = run_result::error;
      }
    }
  } else if (auto* const bad =
                 x.device_result == run_result::value ? first_failed_input(n) : nullptr) {
    // It had only been issued, and has failed since. That is no failure of the run.
    of_input = true;
    if (claim_end(n)) {
      try {
        const auto& before = bad->extra()->failed_input;
        x.failed_input = before.empty() ? bad->name() : before;
      } catch (const std::bad_alloc&) {
        // Then nobody is named.
      }
      set_device_error(n, bad->error());
    } else {
      x.device_result = run_result::error;
    }
  }
  if (auto* const last = x.at_device_end.get()) {
    if (x.device_result == run_result::value && !n.done()) last->ended();
    last->release();
  }
  if (x.timed && x.device_result == run_result::value) n.host->ran(n, x.device_time);
  if (of_input) {
    finish_run(n, run_result::error);
  } else {
    end_run(n, x.device_result);
  }
}

void execute(node& n) {
  if (n.routed && n.extra()->on_gpu) [[unlikely]] {
    run_host_part(n);
    return;
  }
  run_result result{};
  try {
    result = run_in_context(n);
  } catch (...) {
    // Only a forced unwind (pthread_exit, cancellation) passes run(); it must go on.
    n.store_error(std::make_exception_ptr(
        broken_pool_error("task \"" + n.name() +
                          "\": it ended its own thread; return from the task instead of calling "
                          "pthread_exit")));
    finish_run(n, run_result::error);
    throw;
  }
  end_run(n, result);
}

void finish_dropped(node& n, phase end) noexcept {
  auto* const host = n.host;
  const ending scope(host);
  const auto before = n.blockers().fetch_or(dropped_bit, std::memory_order_acq_rel);
  // While inputs were missing, or once one had failed, no queue had the node, and none will get it:
  // its entry's keeper is ours.
  const bool owns_entry = (before & ~dropped_bit) != 0;
  n.unlink_inputs();
  n.destroy_body();
  if (host != nullptr) {
    if (n.routed) host->release(n);
    if (n.extra() != nullptr || n.watched) host->forget(n);
    if (n.counted) host->no_longer_pending();
  }
  emit(end == phase::cancelled ? event_kind::cancel : event_kind::finish, n, 1);
  if (host != nullptr && !n.has_future && end == phase::error && !n.done()) {
    host->report(n.stored_error(), posted_failed);
  }
  if (!n.publish(end)) end_code(n);  // a timeout came first
  if (owns_entry) n.drop_keeper();
  if (host != nullptr) count_finished(*host);
}

bool end_with_failed_input(node& n) {
  auto* const bad = first_failed_input(n);
  if (bad == nullptr) return false;
  const bool cancelled = bad->current() == phase::cancelled;
  if (n.extra() == nullptr || claim_end(n)) take_failure(n, *bad, cancelled);
  finish_dropped(n, cancelled ? phase::cancelled : phase::error);
  return true;
}

bool cancel(node& n, const char* reason) {
  if (!n.try_claim(phase::dropping)) return false;
  n.add_keeper();  // a callback may drop the last handle
  if (reason != nullptr) {
    try {
      n.require_extra().cancel_reason = reason;
    } catch (const std::bad_alloc&) {
      // The generic text serves.
    }
  }
  finish_dropped(n, phase::cancelled);
  n.drop_keeper();
  return true;
}

void abort(node& n, std::exception_ptr error) {
  bool mine = false;  // of several, the first one's error counts
  // Between two runs of a retry it may go from running to pending and back.
  while (!n.done()) {
    if (n.try_claim(phase::settling)) {
      n.store_error(std::move(error));
      finish_dropped(n, phase::error);
      return;
    }
    auto& x = n.require_extra();
    if (!mine) {
      if (x.aborting.exchange(true, std::memory_order_relaxed)) return;
      x.abort_error = error;
      mine = true;
    }
    n.request_stop();
    const ending scope(n.host);
    if (n.publish(phase::aborted)) {
      if (!n.has_future) n.host->report(std::move(error), posted_failed);
      return;
    }
  }
}

std::exception_ptr cannot_run_again(const node& n) noexcept {
  try {
    return std::make_exception_ptr(invalid_state_error(
        "this_task::reschedule: task \"" + n.name() +
        "\" may have used up its callable or an argument that it takes by value, so it cannot run "
        "again; set .retries, so that every run gets copies, or take them by reference"));
  } catch (...) {
    return std::current_exception();
  }
}

input_registration::input_registration(node& dependent, std::size_t inputs) noexcept
    : dependent_(dependent) {
  dependent_.blockers().store(registering_bit | inputs, std::memory_order_relaxed);
}

void input_registration::add(dependency& e, node& source, bool reads_early) noexcept {
  e.fire = &input_arrived;
  e.kind = edge_kind::dependent;
  e.dependent = &dependent_;
  e.level = dependent_.host->needed_level(dependent_, source, reads_early);
  trace::detail::emit_dependency(dependent_, source);
  if (source.add_edge(e)) return;
  if (is_early(e, source) && !source.done()) link_end(e, source);
  ++done_;
  if (failed(source)) {
    ++failures_;
    if (failed_ == nullptr) failed_ = &source;
  }
}

void input_registration::end() noexcept {
  auto& blockers = dependent_.blockers();
  // The edges' keepers go last: until then the node stays, whatever happens to it.
  auto now = blockers.fetch_add(failures_ * one_failed_input - done_, std::memory_order_acq_rel) +
             failures_ * one_failed_input - done_;
  const auto clear = [&] {
    // Leaves the bit set when an input has failed: then nobody else touches the node.
    while ((now & ~(registering_bit | input_count_mask)) == 0) {
      if (blockers.compare_exchange_weak(now, now & ~registering_bit, std::memory_order_acq_rel)) {
        return true;
      }
    }
    return false;
  };
  node& n = dependent_;
  const auto done = static_cast<std::size_t>(done_);
  const bool watched = n.watched;
  if (watched) n.add_keeper();
  if (clear()) {
    if ((now & input_count_mask) == 0) {
      emit(event_kind::ready, n);
      n.host->make_ready(n, false);
    } else if (watched) {
      n.host->watch(n);
    }
  } else {
    if (failed_ == nullptr) failed_ = first_failed_input(n);
    assert(failed_ != nullptr);
    fail_from(n, *failed_);
  }
  n.drop_keepers(done + (watched ? 1 : 0));
}

namespace {

bool in_host_part() noexcept { return this_context != nullptr && this_context->stream != nullptr; }

}  // namespace

bool try_run_inline(worker& w, node& n) {
  // Amounts and deques of another executor are not this thread's to use. And a GPU task comes to a
  // queue twice: no stale entry of it may be left there.
  if (n.host == nullptr || n.host != w.host || !w.may_nest() || in_host_part()) return false;
  if (n.routed) {
    if (n.extra()->may_use_device || !n.inputs_done() ||
        n.host->claim_routed(n, w.place, true) != task_host::claim_result::claimed) {
      return false;
    }
    n.add_keeper();
  } else if (w.take_if_newest(n)) {
    if (!n.try_claim(phase::running)) {
      n.drop_keeper();
      return false;
    }
  } else {
    if (!n.inputs_done() || !n.try_claim(phase::running)) return false;
    n.add_keeper();  // the queue's entry is stale from now on and drops its own
  }
  execute(n);
  return true;
}

void wait_for(node& n) {
  auto* const w = this_worker;
  if (w == nullptr) {
    // When our submit had to wake a worker, spinning would only keep it off the core.
    const bool park = std::exchange(submit_woke_worker, false);
    if (!park && n.spin_until_done()) return;
    std::optional<blocking_section> section;
    if (holds_tasks()) [[unlikely]] {
      const std::array<node*, 1> awaited{&n};
      section.emplace(awaited, wait_mode::all, trace::wait_reason::task);
    }
    n.block_until_done({});
    return;
  }
  while (!n.done()) {
    if (try_run_inline(*w, n)) continue;
    if (n.current() == phase::running && n.spin_until_done()) return;
    const std::array<node*, 1> awaited{&n};
    const blocking_section section(awaited, wait_mode::all, trace::wait_reason::task);
    n.block_until_done({});
  }
}

bool wait_until(node& n, deadline until) {
  if (until.never()) {
    wait_for(n);
    return true;
  }
  if (n.done()) return true;
  if (until.passed()) return false;
  const blocking_section section(trace::wait_reason::task, &n);
  return n.block_until_done(until);
}

blocking_section::blocking_section(trace::wait_reason why, const node* awaited)
    : worker_(this_worker) {
  if (worker_ == nullptr) return;
  refuse_in_host_part();
  lend_share(awaited, why);
}

blocking_section::blocking_section(std::span<node* const> awaited, wait_mode mode,
                                   trace::wait_reason why)
    : worker_(this_worker) {
  if (worker_ == nullptr) {
    if (holds_tasks()) [[unlikely]]
      entry_ = enter_wait(awaited, mode);
    return;
  }
  refuse_in_host_part();
  entry_ = enter_wait(awaited, mode);
  try {
    lend_share(awaited.size() == 1 ? awaited.front() : nullptr, why);
  } catch (...) {
    leave_wait(static_cast<wait_entry*>(entry_));
    throw;
  }
}

// It holds a stream that others wait for.
void blocking_section::refuse_in_host_part() {
  if (!in_host_part()) return;
  throw invalid_state_error("wait in GPU task \"" + this_context->task->name() +
                            "\": its host part must not block; take what it waits for as an "
                            "argument, or wait in a plain task");
}

// Told before the share goes: a task that starts in the slot comes later.
void blocking_section::lend_share(const node* awaited, trace::wait_reason why) {
  const bool in_task = this_context != nullptr && this_context->task != nullptr;
  if (in_task && trace::on()) [[unlikely]] {
    emit_block(*this_context->task, awaited);
    emit(event_kind::wait, *this_context->task, static_cast<std::uint64_t>(why));
  }
  try {
    // Only who says itself that it blocks may go on to use its core in other ways.
    worker_->begin_block(why != trace::wait_reason::blocking);
  } catch (...) {
    if (in_task) {
      emit(event_kind::unblock, *this_context->task, static_cast<std::uint64_t>(worker_->slot()));
    }
    throw;
  }
}

blocking_section::~blocking_section() {
  if (worker_ != nullptr) worker_->end_block();
  if (entry_ != nullptr) leave_wait(static_cast<wait_entry*>(entry_));
  if (worker_ == nullptr) return;
  if (this_context != nullptr && this_context->task != nullptr) {
    emit(event_kind::unblock, *this_context->task, static_cast<std::uint64_t>(worker_->slot()));
  }
}

}  // namespace fronta::detail
