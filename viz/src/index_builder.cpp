// SPDX-License-Identifier: Apache-2.0
#include "task_table.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

namespace fronta::viz {

using trace::event_kind;

// Reads the events once, by time, as the executor told them. What each of them may follow is not
// taken for granted: threads' clocks differ by some 100 ns, events may be missing, and a file may
// hold anything.
class index_builder {
  static_assert(no_task == task_table::empty);

 public:
  index_builder(index& made, trace::file_contents& from) : to_(made), from_(from) {}

  void build() {
    to_.host_ = std::move(from_.host);
    to_.origin_unix_ = from_.origin_unix;
    to_.dropped_ = from_.dropped;
    to_.ended_ = from_.ended;
    to_.texts_ = std::move(from_.texts);
    if (to_.texts_.empty()) to_.texts_.emplace_back();
    for (const auto& t : from_.threads) {
      threads_.emplace_back();
      if (t.executor != 0 && t.place >= 0) {
        const auto [at, first] = default_place_.try_emplace(t.executor, t.place);
        if (!first) at->second = std::min(at->second, t.place);
      }
    }
    take_events();
    take_spans();
    to_.begin_ = to_.events_.empty() ? 0 : to_.events_.front().time;
    to_.end_ = to_.events_.empty() ? 0 : to_.events_.back().time;
    to_.end_ = std::max(to_.end_, from_.known_until);
    for (std::uint32_t e = 0; e < to_.events_.size(); ++e) read(e);
    finish();
  }

 private:
  static constexpr std::size_t block = 64;
  static constexpr std::uint8_t plain_bar = 0;
  static constexpr std::uint8_t failed_bar = index::stored_bar::failed;
  static constexpr std::uint8_t lost_bar = index::stored_bar::lost;

  // A run on a thread's stack.
  struct open_run {
    task_number task;
    std::uint32_t bar;        // in the lane, or none after it was cut
    std::uint32_t suspended;  // the bar of its wait, or none
    bool waits;
  };
  struct thread_state {
    std::vector<open_run> stack;
    std::uint32_t lane = none;                                              // where its bars lie
    std::map<std::pair<std::uint16_t, std::int16_t>, std::uint32_t> lanes;  // by executor and slot
    std::vector<std::uint32_t> zones;
    std::uint32_t placed = none;  // its event `thread`
  };
  struct lane_state {
    std::uint32_t holder = none;      // the thread whose bars may be open in it
    std::vector<std::uint32_t> rows;  // of stream lanes: the bar that ended last in each depth
    bool parked = false;
  };
  struct task_state_now {
    std::uint32_t interval = none;     // open in its queue
    std::uint32_t thread = none;       // on whose stack it is
    std::int32_t place = -1;           // of its last route
    std::uint32_t device_lane = none;  // where it was last
    std::uint32_t kernels = 0;         // at work now
    std::uint32_t reserved_lane = none;
    std::uint32_t reserved_bar = none;
    std::uint8_t best_grade = 0;
    bool has_pieces = false;
    bool has_span = false;
    bool issues = false;
  };

  // ---- Events into columns.

  static bool names_a_task(const trace::event& e) noexcept {
    switch (e.kind) {
      case event_kind::thread:
      case event_kind::lost:
      case event_kind::place:
      case event_kind::executor_open:
      case event_kind::executor_close:
      case event_kind::lost_records:
        return false;
      default:
        return e.task != 0;
    }
  }

  task_number number_of(std::uint16_t executor, std::uint64_t id) {
    auto& number = table_.number_of(executor, id);
    if (number == task_table::empty) {
      number = static_cast<std::uint32_t>(to_.tasks_.size());
      task t;
      t.id = id;
      t.executor = executor;
      if (std::ranges::find(executors_, executor) == executors_.end())
        executors_.push_back(executor);
      to_.tasks_.push_back(t);
      now_.emplace_back();
    }
    return number;
  }

  void take_events() {
    auto& events = to_.events_;
    events.reserve(from_.events.size() + 2 * from_.spans.size());
    for (const auto& r : from_.events) {
      event e{};
      e.time = r.time;
      e.argument = r.what.argument;
      e.task = names_a_task(r.what) ? number_of(r.what.executor, r.what.task) : no_task;
      e.thread = std::min(r.thread, static_cast<std::uint32_t>(threads_.size()));
      e.text = r.text < to_.texts_.size() ? r.text & 0xFFFFFFU : 0U;
      e.kind = static_cast<std::uint8_t>(r.what.kind);
      e.slot = static_cast<std::int16_t>(std::clamp(r.what.slot, -1, 0x7FFF));
      e.executor = r.what.executor;
      events.push_back(e);
      if (r.what.kind == event_kind::issue && e.task != no_task) now_[e.task].issues = true;
    }
    threads_.emplace_back();  // for threads that the file does not tell of
    from_.events = {};
  }

  [[nodiscard]] std::uint16_t only_executor() const noexcept {
    return executors_.size() == 1 ? executors_.front() : std::uint16_t{0};
  }
  task_number task_of(const trace::device_span& s) {
    if (s.task == 0) return no_task;
    for (const auto x : executors_) {
      if (const auto found = table_.number_if_known(x, s.task); found != task_table::empty)
        return found;
    }
    return no_task;
  }

  // Of each task the best that is known: its pieces as the device told them, else the whole as
  // stamped, else as observed.
  void take_spans() {
    std::vector<task_number> tasks;
    tasks.reserve(from_.spans.size());
    for (const auto& r : from_.spans) {
      const auto& s = r.what;
      to_.simulated_ = to_.simulated_ || s.simulated;
      const auto t = task_of(s);
      tasks.push_back(t);
      if (t == no_task) continue;
      auto& n = now_[t];
      n.has_pieces = n.has_pieces || s.what != trace::device_work::task;
      if (s.what == trace::device_work::task)
        n.best_grade = std::max(n.best_grade, static_cast<std::uint8_t>(s.grade));
    }
    std::vector<event> added;
    for (std::size_t i = 0; i < from_.spans.size(); ++i) {
      auto s = from_.spans[i].what;
      const auto t = tasks[i];
      if (t != no_task && s.what == trace::device_work::task &&
          (now_[t].has_pieces || now_[t].has_span ||
           static_cast<std::uint8_t>(s.grade) != now_[t].best_grade)) {
        continue;
      }
      for (auto* at : {&s.begin_earliest, &s.begin_latest, &s.end_earliest, &s.end_latest})
        *at = from_.origin_steady > 0 && *at < 0 ? 0 : *at - from_.origin_steady;
      s.begin_latest = std::max(s.begin_latest, s.begin_earliest);
      s.end_latest = std::max(s.end_latest, s.end_earliest);
      const auto begin = middle(s.begin_earliest, s.begin_latest);
      const auto end = std::max(begin, middle(s.end_earliest, s.end_latest));
      // In virtual time it is another clock's.
      const auto far = from_.known_until + 1'000'000'000;
      if (begin < -1'000'000'000 || end > far) continue;
      if (t != no_task && s.what == trace::device_work::task) now_[t].has_span = true;
      event e{};
      e.argument = to_.spans_.size();
      e.task = t;
      e.thread = std::min(from_.spans[i].thread, static_cast<std::uint32_t>(from_.threads.size()));
      e.slot = -1;
      e.executor = t != no_task ? to_.tasks_[t].executor : only_executor();
      e.time = begin;
      e.kind = device_began;
      added.push_back(e);
      e.time = end;
      e.kind = device_ended;
      added.push_back(e);
      to_.spans_.push_back(s);
    }
    from_.spans = {};
    if (added.empty()) return;
    std::ranges::sort(added, {},
                      [](const event& e) { return std::tuple(e.time, e.argument, e.kind); });
    std::vector<event> all;
    all.reserve(to_.events_.size() + added.size());
    std::ranges::merge(to_.events_, added, std::back_inserter(all), {}, &event::time, &event::time);
    to_.events_ = std::move(all);
  }
  static std::int64_t middle(std::int64_t a, std::int64_t b) noexcept { return a + (b - a) / 2; }

  // ---- Lanes and queues.

  using key = std::tuple<std::uint8_t, std::uint16_t, std::int32_t, std::int32_t>;

  std::uint32_t lane_of(lane::kind what, std::uint16_t executor, std::int32_t place,
                        std::int32_t number) {
    const auto [at, made] =
        lane_numbers_.try_emplace(key{static_cast<std::uint8_t>(what), executor, place, number},
                                  static_cast<std::uint32_t>(to_.lanes_.size()));
    if (made) {
      to_.lanes_.push_back({what, executor, place, number, {}});
      to_.lane_rows_.emplace_back();
      lanes_.emplace_back();
    }
    return at->second;
  }

  std::uint16_t queue_of(queue::kind what, std::uint16_t executor, std::int32_t place,
                         std::int32_t number) {
    const auto [at, made] =
        queue_numbers_.try_emplace(key{static_cast<std::uint8_t>(what), executor, place, number},
                                   static_cast<std::uint32_t>(to_.queues_.size()));
    if (made) {
      to_.queues_.push_back({what, executor, place, number, {}});
      to_.queue_rows_.emplace_back();
    }
    return at->second < nowhere ? static_cast<std::uint16_t>(at->second) : nowhere;
  }

  [[nodiscard]] std::int32_t place_of_thread(const event& e) const {
    if (e.thread < from_.threads.size()) {
      const auto& t = from_.threads[e.thread];
      if (t.executor == e.executor && t.place >= 0) return t.place;
    }
    return default_place(e.executor);
  }
  [[nodiscard]] std::int32_t default_place(std::uint16_t executor) const {
    const auto found = default_place_.find(executor);
    return found != default_place_.end() ? found->second : 0;
  }

  std::uint32_t lane_of(const event& e, std::int16_t slot) {
    auto& lanes = threads_[e.thread].lanes;
    const auto [at, made] = lanes.try_emplace({e.executor, slot}, none);
    if (made) {
      at->second = slot >= 0
                       ? lane_of(lane::kind::slot, e.executor, place_of_thread(e), slot)
                       : lane_of(lane::kind::thread, 0, -1, static_cast<std::int32_t>(e.thread));
    }
    return at->second;
  }

  // ---- What a task is doing.

  [[nodiscard]] const change* last_of(task_number t) const {
    const auto c = to_.tasks_[t].last_change;
    return c == none ? nullptr : &to_.changes_[c];
  }
  [[nodiscard]] bool ended(task_number t) const {
    const auto* c = last_of(t);
    return c != nullptr && is_final(c->state);
  }
  [[nodiscard]] bool at_work(task_number t) const {
    const auto* c = last_of(t);
    return c != nullptr && (c->state == task_state::running || c->state == task_state::suspended ||
                            c->state == task_state::copying);
  }

  void set(task_number t, std::uint32_t e, task_state state, std::uint16_t where,
           std::uint8_t attempt) {
    auto& changes = to_.changes_;
    if (changes.size() % index::changes_a_checkpoint == 0) to_.checkpoints_.push_back(counts_);
    const auto number = static_cast<std::uint32_t>(changes.size());
    const auto previous = std::exchange(to_.tasks_[t].last_change, number);
    auto& open = now_[t].interval;
    if (previous != none) {
      const auto& before = changes[previous];
      --count(static_cast<std::size_t>(before.state));
      if (index::is_in_queue(before)) {
        --count(task_states + before.where);
        auto& row = to_.queue_rows_[before.where];
        row.intervals[open].end = number;
        // `none` while one is open; this is the latest end.
        if (--row_open(before.where)[open / block] == 0) row.latest_end[open / block] = number;
        open = none;
      }
    }
    changes.push_back({e, previous, where, state, attempt});
    ++count(static_cast<std::size_t>(state));
    if (!index::is_in_queue(changes.back())) return;
    ++count(task_states + where);
    auto& row = to_.queue_rows_[where];
    open = static_cast<std::uint32_t>(row.intervals.size());
    row.intervals.push_back({number, none});
    if (open % block == 0) row.latest_end.push_back(none);
    row.latest_end.back() = none;
    auto& opened = row_open(where);
    if (opened.size() < row.latest_end.size()) opened.push_back(0);
    ++opened.back();
  }
  std::uint32_t& count(std::size_t nth) {
    if (counts_.size() <= nth) counts_.resize(nth + 1);
    return counts_[nth];
  }
  std::vector<std::uint32_t>& row_open(std::uint16_t queue) {
    if (open_in_blocks_.size() <= queue) open_in_blocks_.resize(queue + std::size_t{1});
    return open_in_blocks_[queue];
  }

  void keep(task_number t, std::uint32_t e, task_state state, std::uint16_t where) {
    const auto* c = last_of(t);
    set(t, e, state, where, c != nullptr ? c->attempt : std::uint8_t{0});
  }
  static std::uint16_t short_of(std::uint32_t lane) noexcept {
    return lane < nowhere ? static_cast<std::uint16_t>(lane) : nowhere;
  }

  // ---- Bars.

  std::uint32_t open_bar(std::uint32_t lane, std::uint32_t e, task_number t, bar::kind what,
                         std::size_t depth, std::uint8_t flags = 0) {
    auto& bars = to_.lane_rows_[lane].bars;
    const auto* c = t != no_task ? last_of(t) : nullptr;
    bars.push_back({e, none, t, what, static_cast<std::uint8_t>(std::min<std::size_t>(depth, 255)),
                    c != nullptr ? c->attempt : std::uint8_t{0}, flags});
    return static_cast<std::uint32_t>(bars.size() - 1);
  }
  void close_bar(std::uint32_t lane, std::uint32_t bar, std::uint32_t e, std::uint8_t flags = 0) {
    if (bar == none) return;
    auto& b = to_.lane_rows_[lane].bars[bar];
    b.end = e;
    b.flags |= flags;
  }

  // Another thread takes the lane: what its holder has there goes on elsewhere, since it began to
  // wait.
  void take_lane(std::uint32_t lane, std::uint32_t thread, std::uint32_t e) {
    const auto holder = std::exchange(lanes_[lane].holder, thread);
    if (holder == none || holder == thread) return;
    leave_lane(threads_[holder], e);
  }
  void leave_lane(thread_state& of, std::uint32_t e) {
    if (of.lane == none) return;
    auto& bars = to_.lane_rows_[of.lane].bars;
    auto until = e;
    if (!of.stack.empty()) {
      auto& top = of.stack.back();
      // Nothing ran there meanwhile: then it left when it began to wait.
      if (top.suspended != none && top.suspended + 1 == bars.size()) {
        until = bars.back().begin;
        bars.pop_back();
        top.suspended = none;
      }
    }
    for (auto& r : of.stack) {
      close_bar(of.lane, std::exchange(r.suspended, none), until);
      close_bar(of.lane, std::exchange(r.bar, none), until, index::stored_bar::goes_on);
    }
    of.lane = none;
  }
  // All that is on the thread's stack, in a lane from here on.
  void enter_lane(thread_state& of, std::uint32_t thread, std::uint32_t lane, std::uint32_t e) {
    if (of.lane == lane) return;
    if (of.lane != none) {
      if (lanes_[of.lane].holder == thread) lanes_[of.lane].holder = none;
      leave_lane(of, e);
    }
    take_lane(lane, thread, e);
    of.lane = lane;
    for (std::size_t depth = 0; depth < of.stack.size(); ++depth) {
      auto& r = of.stack[depth];
      r.bar = open_bar(lane, e, r.task, bar::kind::run, depth, index::stored_bar::came_over);
      if (r.waits) r.suspended = open_bar(lane, e, r.task, bar::kind::suspended, depth);
    }
  }

  // The run of a task has ended, wherever that was told.
  void end_run(task_number t, std::uint32_t e, std::uint8_t flags) {
    const auto thread = std::exchange(now_[t].thread, none);
    if (thread == none) return;
    auto& of = threads_[thread];
    const auto at = std::ranges::find(of.stack, t, &open_run::task);
    if (at == of.stack.end()) return;
    // What lies above has ended unheard.
    while (of.stack.back().task != t) {
      const auto lost = of.stack.back();
      close(of, lost, e, lost_bar);
      now_[lost.task].thread = none;
      if (!ended(lost.task)) keep(lost.task, e, task_state::unknown, nowhere);
      of.stack.pop_back();
    }
    close(of, of.stack.back(), e, flags);
    of.stack.pop_back();
  }
  void close(const thread_state& of, const open_run& r, std::uint32_t e, std::uint8_t flags) {
    if (of.lane == none) return;
    close_bar(of.lane, r.suspended, e);
    close_bar(of.lane, r.bar, e, flags);
  }

  // ---- Events.

  void read(std::uint32_t number) {
    const auto& e = to_.events_[number];
    if (e.kind == device_began || e.kind == device_ended) return read_device(number);
    switch (e.what()) {
      case event_kind::place:
        to_.places_.push_back(
            {e.executor, static_cast<std::int32_t>(e.argument), to_.texts_[e.text]});
        return;
      case event_kind::worker_park:
        return park(e);
      case event_kind::worker_unpark:
        return unpark(e);
      case event_kind::lost:
        return lost(number);
      case event_kind::zone_begin:
      case event_kind::zone_end:
      case event_kind::message:
        return read_note(e);
      case event_kind::counter:
        return read_counter(e);
      default:
        if (e.task != no_task) read_task(number);
    }
  }

  void read_task(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    switch (e.what()) {
      case event_kind::submit: {
        to_.tasks_[t].text = e.text;
        if (e.argument != 0) {
          to_.tasks_[t].parent = table_.number_if_known(e.executor, e.argument);
        }
        if (last_of(t) == nullptr) set(t, number, task_state::waiting_inputs, nowhere, 0);
        return;
      }
      case event_kind::dependency:
        if (e.argument != 0) {
          const auto from = table_.number_if_known(e.executor, e.argument);
          if (from != task_table::empty && from != t) to_.edges_.push_back({from, t});
        }
        return;
      case event_kind::ready:
        if (const auto* c = last_of(t); c != nullptr && c->state == task_state::waiting_inputs)
          keep(t, number, task_state::queued, queue_of(queue::kind::router, e.executor, -1, -1));
        return;
      case event_kind::route:
        now_[t].place = static_cast<std::int32_t>(e.argument & 0xFFFF'FFFF);
        return;
      case event_kind::enqueue:
        if (!at_work(t) && !ended(t)) enqueue(number);
        return;
      case event_kind::steal:
        if (!at_work(t) && !ended(t)) {
          keep(t, number, task_state::queued,
               queue_of(queue::kind::deque, e.executor, place_of_thread(e), e.slot));
        }
        return;
      case event_kind::start:
        return start(number);
      case event_kind::block:
        return block_run(number);
      case event_kind::unblock:
        return unblock(number);
      case event_kind::issue:
        end_run(t, number, 0);
        if (ended(t)) return;
        if (now_[t].device_lane != none) {  // it began before all was enqueued
          keep(t, number, task_state::running, short_of(now_[t].device_lane));
        } else {
          keep(t, number, task_state::queued,
               queue_of(queue::kind::stream, e.executor,
                        static_cast<std::int32_t>(e.argument >> 32U),
                        static_cast<std::int32_t>(e.argument & 0xFFFF'FFFF)));
        }
        return;
      case event_kind::fall_back:
        end_run(t, number, failed_bar);
        if (!ended(t))
          keep(t, number, task_state::queued, queue_of(queue::kind::router, e.executor, -1, -1));
        return;
      case event_kind::retry: {
        end_run(t, number, failed_bar);
        if (ended(t)) return;
        set(t, number, task_state::retry_wait, queue_of(queue::kind::backoff, e.executor, -1, -1),
            short_attempt(e.argument));
        return;
      }
      case event_kind::acquire:
        return acquire(number);
      case event_kind::release:
        return release(t, number);
      case event_kind::finish:
      case event_kind::cancel:
        return end(number);
      default:
        return;
    }
  }
  static std::uint8_t short_attempt(std::uint64_t attempt) noexcept {
    return static_cast<std::uint8_t>(std::min<std::uint64_t>(attempt, 255));
  }

  void enqueue(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    const auto routed = now_[t].place >= 0 ? now_[t].place : default_place(e.executor);
    switch (static_cast<trace::queue>(e.argument)) {
      case trace::queue::deque:
        return keep(t, number, task_state::queued,
                    queue_of(queue::kind::deque, e.executor, place_of_thread(e), e.slot));
      case trace::queue::inbox:
        return keep(t, number, task_state::queued,
                    queue_of(queue::kind::inbox, e.executor, routed, -1));
      case trace::queue::priority:
        return keep(t, number, task_state::queued,
                    queue_of(queue::kind::priority, e.executor, routed, -1));
      case trace::queue::tags:
        return keep(t, number, task_state::waiting_tags,
                    queue_of(queue::kind::tags, e.executor, -1, -1));
      case trace::queue::backoff:
        return keep(t, number, task_state::retry_wait,
                    queue_of(queue::kind::backoff, e.executor, -1, -1));
    }
  }

  void start(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    if (ended(t)) return;
    end_run(t, number, lost_bar);  // the end of its last run was not heard
    auto& of = threads_[e.thread];
    if (of.stack.size() >= most_nested) return;
    enter_lane(of, e.thread, lane_of(e, e.slot), number);
    set(t, number, task_state::running, short_of(of.lane), short_attempt(e.argument));
    of.stack.push_back(
        {t, open_bar(of.lane, number, t, bar::kind::run, of.stack.size()), none, false});
    now_[t].thread = e.thread;
    to_unparked(of.lane, e.time);
  }

  void block_run(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    auto& of = threads_[e.thread];
    if (ended(t) || of.stack.empty() || of.stack.back().task != t || of.stack.back().waits) return;
    auto& top = of.stack.back();
    top.waits = true;
    if (of.lane != none)
      top.suspended = open_bar(of.lane, number, t, bar::kind::suspended, of.stack.size() - 1);
    keep(t, number, task_state::suspended, of.lane != none ? short_of(of.lane) : nowhere);
  }

  void unblock(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    auto& of = threads_[e.thread];
    if (ended(t) || of.stack.empty() || of.stack.back().task != t || !of.stack.back().waits) return;
    of.stack.back().waits = false;
    if (of.lane != none) close_bar(of.lane, std::exchange(of.stack.back().suspended, none), number);
    enter_lane(of, e.thread, lane_of(e, e.slot), number);
    to_unparked(of.lane, e.time);
    keep(t, number, task_state::running, short_of(of.lane));
  }

  void end(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    if (ended(t)) return;
    const bool cancelled = e.what() == event_kind::cancel;
    const bool failed = !cancelled && e.argument != 0;
    end_run(t, number, failed ? failed_bar : plain_bar);
    to_.completions_.push_back(static_cast<std::uint32_t>(to_.changes_.size()));
    const auto state = failed ? task_state::failed : task_state::done;
    keep(t, number, cancelled ? task_state::cancelled : state, nowhere);
  }

  // A place that another one hosts for: its own lane shows who has it.
  void acquire(std::uint32_t number) {
    const auto& e = to_.events_[number];
    auto& n = now_[e.task];
    const auto place = static_cast<std::uint32_t>(e.argument >> 32U);
    if (e.text == 0 || place == 0xFFFF'FFFF || n.issues || n.reserved_lane != none) return;
    if (static_cast<std::int32_t>(place) == n.place) return;
    n.reserved_lane =
        lane_of(lane::kind::reserved, e.executor, static_cast<std::int32_t>(place), 0);
    n.reserved_bar = open_in_row(n.reserved_lane, number, e.task, bar::kind::reserved);
  }
  void release(task_number t, std::uint32_t number) {
    auto& n = now_[t];
    if (n.reserved_lane == none) return;
    close_in_row(n.reserved_lane, n.reserved_bar, number);
    n.reserved_lane = n.reserved_bar = none;
  }

  // Bars that may overlap lie in as many rows as they need, each in the first that is free.
  std::uint32_t open_in_row(std::uint32_t lane, std::uint32_t e, task_number t, bar::kind what) {
    auto& rows = lanes_[lane].rows;
    auto free = std::ranges::find(rows, none);
    if (free == rows.end()) free = rows.insert(rows.end(), none);
    const auto depth = static_cast<std::size_t>(free - rows.begin());
    *free = open_bar(lane, e, t, what, depth);
    return *free;
  }
  void close_in_row(std::uint32_t lane, std::uint32_t bar, std::uint32_t e) {
    close_bar(lane, bar, e);
    auto& rows = lanes_[lane].rows;
    if (const auto at = std::ranges::find(rows, bar); at != rows.end()) *at = none;
  }

  void read_device(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto& s = to_.spans_[e.argument];
    const bool copies =
        s.what == trace::device_work::to_device || s.what == trace::device_work::to_host ||
        s.what == trace::device_work::on_device || s.what == trace::device_work::between;
    if (e.kind == device_began) {
      const auto lane = copies || s.stream < 0
                            ? lane_of(lane::kind::copies, e.executor, s.place,
                                      s.what == trace::device_work::to_host ? 1 : 0)
                            : lane_of(lane::kind::stream, e.executor, s.place, s.stream);
      const auto bar =
          open_in_row(lane, number, e.task, copies ? bar::kind::copy : bar::kind::device);
      open_spans_[e.argument] = {lane, bar};
      if (e.task == no_task || ended(e.task)) return;
      auto& n = now_[e.task];
      n.device_lane = lane;
      if (!copies) ++n.kernels;
      if (n.thread != none || (copies && n.kernels != 0)) return;  // it is at work beside
      keep(e.task, number, copies ? task_state::copying : task_state::running, short_of(lane));
      return;
    }
    if (e.task != no_task && !copies && now_[e.task].kernels != 0) --now_[e.task].kernels;
    const auto open = open_spans_.find(e.argument);
    if (open == open_spans_.end()) return;
    close_in_row(open->second.first, open->second.second, number);
    open_spans_.erase(open);
  }

  // ---- Workers.

  void park(const event& e) {
    auto& of = threads_[e.thread];
    if (e.slot < 0) return;
    const auto lane = lane_of(e, e.slot);
    if (lanes_[lane].holder == e.thread && of.stack.empty()) lanes_[lane].holder = none;
    if (std::exchange(lanes_[lane].parked, true)) return;
    to_.lane_rows_[lane].parked.emplace_back(e.time, forever);
  }
  void unpark(const event& e) {
    if (e.slot >= 0) to_unparked(lane_of(e, e.slot), e.time);
  }
  void to_unparked(std::uint32_t lane, std::int64_t t) {
    if (std::exchange(lanes_[lane].parked, false)) to_.lane_rows_[lane].parked.back().second = t;
  }

  // Events of a thread are missing: what it was running may have ended.
  void lost(std::uint32_t number) {
    auto& of = threads_[to_.events_[number].thread];
    while (!of.stack.empty()) {
      const auto r = of.stack.back();
      close(of, r, number, lost_bar);
      now_[r.task].thread = none;
      if (!ended(r.task)) keep(r.task, number, task_state::unknown, nowhere);
      of.stack.pop_back();
    }
    of.zones.clear();
  }

  // ---- The program's own.

  void read_note(const event& e) {
    auto& of = threads_[e.thread];
    if (e.what() == event_kind::zone_end) {
      if (of.zones.empty()) return;
      to_.notes_[of.zones.back()].end = e.time;
      of.zones.pop_back();
      return;
    }
    const bool zone = e.what() == event_kind::zone_begin;
    note n;
    n.begin = e.time;
    n.end = zone ? forever : e.time;
    n.text = e.text;
    n.lane = lane_of(e, e.slot);
    n.depth = static_cast<std::uint8_t>(std::min<std::size_t>(of.zones.size(), 255));
    n.task = e.task;
    if (zone) of.zones.push_back(static_cast<std::uint32_t>(to_.notes_.size()));
    to_.notes_.push_back(n);
  }

  void read_counter(const event& e) {
    const auto [at, made] = counter_numbers_.try_emplace(e.text, to_.counters_.size());
    if (made) to_.counters_.push_back({to_.texts_[e.text], {}});
    to_.counters_[at->second].values.emplace_back(e.time, std::bit_cast<double>(e.argument));
  }

  // ---- At the end.

  void finish() {
    for (auto& row : to_.lane_rows_) {
      for (std::size_t i = 0; i < row.bars.size(); ++i) {
        if (i % block == 0) {
          row.blocks.push_back({std::numeric_limits<std::int64_t>::min(), 0, 0, false});
        }
        const auto& stored = row.bars[i];
        auto& of = row.blocks.back();
        row.rows = std::max<std::size_t>(row.rows, stored.depth + std::size_t{1});
        of.failed = of.failed || (stored.flags & failed_bar) != 0;
        if (stored.end == none) {
          of.latest_end = of.longest = forever;
          continue;
        }
        const auto end = to_.events_[stored.end].time;
        const auto length = end - to_.events_[stored.begin].time;
        of.latest_end = std::max(of.latest_end, end);
        of.longest = std::max(of.longest, length);
        if (stored.what == bar::kind::suspended) {
          of.busy -= length;
        } else if (stored.depth == 0) {
          of.busy += length;
        }
      }
    }
    if (to_.changes_.size() % index::changes_a_checkpoint == 0) to_.checkpoints_.push_back(counts_);
    for (auto& l : to_.lanes_) l.name = name_of(l);
    for (auto& q : to_.queues_) q.name = name_of(q);
    to_.changes_.shrink_to_fit();
    to_.tasks_.shrink_to_fit();
  }

  [[nodiscard]] std::string place_name(std::uint16_t executor, std::int32_t place) const {
    const auto name = to_.place_name(executor, place);
    return name.empty() ? "place " + std::to_string(place) : std::string(name);
  }
  [[nodiscard]] std::string name_of(const lane& l) const {
    switch (l.what) {
      case lane::kind::slot:
        return place_name(l.executor, l.place) + ' ' + std::to_string(l.number);
      case lane::kind::stream:
        return place_name(l.executor, l.place) + " stream " + std::to_string(l.number);
      case lane::kind::copies:
        return place_name(l.executor, l.place) + (l.number == 0 ? " copies in" : " copies out");
      case lane::kind::reserved:
        return place_name(l.executor, l.place);
      case lane::kind::thread:
        break;
    }
    const auto number = static_cast<std::size_t>(l.number);
    if (number < from_.threads.size() && !from_.threads[number].name.empty())
      return from_.threads[number].name;
    return "thread " + std::to_string(number);
  }
  [[nodiscard]] std::string name_of(const queue& q) const {
    switch (q.what) {
      case queue::kind::router:
        return "next";
      case queue::kind::deque:
        return place_name(q.executor, q.place) + ' ' + std::to_string(q.number);
      case queue::kind::inbox:
        return place_name(q.executor, q.place) + " inbox";
      case queue::kind::priority:
        return place_name(q.executor, q.place) + " by priority";
      case queue::kind::tags:
        return "waiting for tags";
      case queue::kind::backoff:
        return "waiting to retry";
      case queue::kind::stream:
        break;
    }
    return place_name(q.executor, q.place) + " stream " + std::to_string(q.number);
  }

  // As deep as anybody would look; made-up traces may go on for ever.
  static constexpr std::size_t most_nested = 1'000;

  index& to_;
  trace::file_contents& from_;
  task_table table_;
  std::vector<task_state_now> now_;
  std::vector<thread_state> threads_;
  std::vector<lane_state> lanes_;
  std::map<std::uint16_t, std::int32_t> default_place_;
  std::vector<std::uint16_t> executors_;
  std::map<key, std::uint32_t> lane_numbers_;
  std::map<key, std::uint32_t> queue_numbers_;
  std::map<std::uint32_t, std::size_t> counter_numbers_;
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> open_spans_;
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(task_states);
  std::vector<std::vector<std::uint32_t>> open_in_blocks_;
};

index::index(trace::file_contents from) { index_builder(*this, from).build(); }

}  // namespace fronta::viz
