// SPDX-License-Identifier: Apache-2.0
#include "task_table.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

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
    from_.known_until = std::clamp(from_.known_until, -farthest, farthest);
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
  // Seven months. So no difference of times overflows, and no sum of what lies on a lane.
  static constexpr std::int64_t farthest = std::int64_t{1} << 54U;
  static constexpr std::uint8_t plain_bar = 0;
  static constexpr std::uint8_t failed_bar = index::stored_bar::failed;
  static constexpr std::uint8_t cut_bar = index::stored_bar::goes_on;
  static constexpr std::uint8_t lost_bar = index::stored_bar::lost;

  // A run on a thread's stack.
  struct open_run {
    task_number task;
    std::uint32_t lane = none;       // of its bars
    std::uint32_t bar = none;        // `none` where it has none at present
    std::uint32_t suspended = none;  // the bar of its wait
    bool waits = false;
    bool cut = false;  // another thread was seen in the lane before this one was seen to leave
  };
  struct thread_state {
    std::vector<open_run> stack;
    std::uint32_t lane = none;  // that it holds; then it is the lane's holder
    std::map<std::pair<std::uint16_t, std::int16_t>, std::uint32_t> lanes;  // by executor and slot
    std::vector<std::uint32_t> zones;
  };
  struct lane_state {
    std::uint32_t holder = none;      // the thread whose bars may be open in it
    std::vector<std::uint32_t> rows;  // of other lanes than threads': the bar open in each depth
    bool parked = false;
  };
  struct task_state_now {
    std::uint32_t entry = none;        // in its queue
    std::uint32_t thread = none;       // on whose stack it is
    std::int32_t place = -1;           // of its last route
    std::uint32_t device_lane = none;  // where it was last
    std::uint32_t kernels = 0;         // at work now
    std::uint32_t reserved_lane = none;
    std::int32_t reserved_place = -1;
    std::uint32_t reserved_bar = none;
    bool issues = false;
    std::uint32_t issued = none;  // when its work was given to a device that it is still at
    std::uint32_t told = none;    // what a device told of it last
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

  // Who takes a value outside all executors does not know whose it was.
  task_number task_of(const trace::event& e) {
    if (!names_a_task(e)) return no_task;
    if (e.executor != 0) return number_of(e.executor, e.task);
    for (const auto x : executors_) {
      if (const auto t = table_.number_if_known(x, e.task); t != task_table::empty) return t;
    }
    return e.kind == event_kind::consume ? no_task : number_of(0, e.task);
  }

  task_number number_of(std::uint16_t executor, std::uint64_t id) {
    auto& number = table_.number_of(executor, id);
    if (number == task_table::empty) {
      number = static_cast<std::uint32_t>(to_.tasks_.size());
      task t;
      t.id = id;
      t.executor = executor;
      executors_.insert(executor);
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
      e.time = std::clamp(r.time, -farthest, farthest);
      e.argument = r.what.argument;
      e.task = task_of(r.what);
      e.thread = std::min(r.thread, static_cast<std::uint32_t>(threads_.size()));
      e.text =
          r.text < std::min<std::size_t>(to_.texts_.size(), 1U << 24U) ? r.text & 0xFFFFFFU : 0U;
      e.kind = static_cast<std::uint8_t>(r.what.kind);
      e.slot = static_cast<std::int16_t>(std::clamp(r.what.slot, -1, 0x7FFF));
      e.executor = r.what.executor;
      events.push_back(e);
      if (r.what.kind == event_kind::issue && e.task != no_task) now_[e.task].issues = true;
    }
    threads_.emplace_back();  // for threads that the file does not tell of
    from_.events = {};
  }

  // Old traces do not tell whose a device's tasks are; then ids decide.
  void take_spans() {
    if (from_.spans.empty()) return;
    task_table by_id;
    for (task_number t = 0; t < to_.tasks_.size(); ++t) {
      auto& number = by_id.number_of(0, to_.tasks_[t].id);
      if (number == task_table::empty) number = t;
    }
    std::vector<timed_span> all;
    all.reserve(from_.spans.size());
    for (const auto& r : from_.spans) {
      to_.simulated_ = to_.simulated_ || r.what.simulated;
      timed_span s{r.what, no_task, r.thread, all.size()};
      if (const auto& w = s.what; w.task != 0) {
        s.task = w.executor != 0 ? table_.number_if_known(w.executor, w.task)
                                 : by_id.number_if_known(0, w.task);
      }
      if (set_times(s)) all.push_back(s);
    }
    from_.spans = {};
    best_known(all);
    const auto only_executor = executors_.size() == 1 ? *executors_.begin() : std::uint16_t{0};
    std::vector<std::pair<int, event>> added;
    for (const auto& s : all) {
      event e{};
      e.argument = to_.spans_.size();
      e.task = s.task;
      e.thread = std::min(s.thread, static_cast<std::uint32_t>(from_.threads.size()));
      e.slot = -1;
      e.executor = s.what.executor != 0 ? s.what.executor : only_executor;
      if (s.task != no_task) e.executor = to_.tasks_[s.task].executor;
      // At one time: what ends, what takes no time, what begins.
      const bool takes_time = s.begin != s.end;
      e.time = s.begin;
      e.kind = device_began;
      added.emplace_back(takes_time ? 2 : 1, e);
      e.time = s.end;
      e.kind = device_ended;
      added.emplace_back(takes_time ? 0 : 1, e);
      to_.spans_.push_back(s.what);
    }
    std::ranges::sort(added, {}, [](const auto& a) {
      return std::tuple(a.second.time, a.first, a.second.argument, a.second.kind);
    });
    auto& events = to_.events_;
    auto from = events.size();
    events.resize(from + added.size());  // there is room
    // From the back. What the host told comes first at one time.
    for (auto to = events.size(), next = added.size(); next != 0;) {
      const bool told = from != 0 && events[from - 1].time > added[next - 1].second.time;
      events[--to] = told ? events[--from] : added[--next].second;
    }
  }

  struct timed_span {
    trace::device_span what;
    task_number task;
    std::uint32_t thread;
    std::size_t told;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  // From the steady clock's to those of the trace. False for another clock's: virtual time.
  [[nodiscard]] bool set_times(timed_span& of) const {
    auto& s = of.what;
    using limits = std::numeric_limits<std::int64_t>;
    const auto known = to_.events_.empty() ? 0 : to_.events_.back().time;
    const auto last = sum(std::max(from_.known_until, known), second);
    const auto zero = from_.origin_steady;
    for (auto* at : {&s.begin_earliest, &s.begin_latest, &s.end_earliest, &s.end_latest}) {
      if (zero > 0 ? *at < limits::min() + zero : *at > limits::max() + zero) return false;
      *at -= zero;
      if (*at < -second || *at > last) return false;
    }
    s.begin_latest = std::max(s.begin_latest, s.begin_earliest);
    s.end_latest = std::max(s.end_latest, s.end_earliest);
    of.begin = std::midpoint(s.begin_earliest, s.begin_latest);
    of.end = std::max(of.begin, std::midpoint(s.end_earliest, s.end_latest));
    return true;
  }
  static constexpr std::int64_t second = 1'000'000'000;
  static std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
    return a > std::numeric_limits<std::int64_t>::max() - b ? a : a + b;
  }

  // Of each attempt the best that is known: its pieces as the device told them, else the whole as
  // stamped, else as observed. What tells of the same attempt meets in time.
  static void best_known(std::vector<timed_span>& all) {
    const auto rank = [](const timed_span& s) {
      return s.what.what != trace::device_work::task ? 3 : static_cast<int>(s.what.grade);
    };
    std::ranges::sort(all, {},
                      [](const timed_span& x) { return std::tuple(x.task, x.begin, x.told); });
    std::vector<timed_span> kept;
    kept.reserve(all.size());
    for (std::size_t first = 0; first < all.size();) {
      auto last = first;
      auto until = all[first].end;
      auto best = first;
      while (last < all.size() && all[last].task == all[first].task && all[last].begin <= until) {
        until = std::max(until, all[last].end);
        if (rank(all[last]) > rank(all[best])) best = last;
        ++last;
      }
      for (auto i = first; i < last; ++i) {
        if (i == best || rank(all[i]) == 3 || all[i].task == no_task) kept.push_back(all[i]);
      }
      first = last;
    }
    all = std::move(kept);
  }

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
    if (to_.checkpoints_.empty() || to_.checkpoints_.back().changes + apart() <= changes.size())
      to_.checkpoints_.push_back({changes.size(), counts_});
    const auto number = static_cast<std::uint32_t>(changes.size());
    const auto previous = std::exchange(to_.tasks_[t].last_change, number);
    auto& open = now_[t].entry;
    if (previous != none) {
      const auto& before = changes[previous];
      --count(static_cast<std::size_t>(before.state));
      if (index::is_in_queue(before)) {
        --count(task_states + before.where);
        auto& row = to_.queue_rows_[before.where];
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
    open = static_cast<std::uint32_t>(row.entries.size());
    row.entries.push_back(number);
    if (open % block == 0) row.latest_end.push_back(none);
    row.latest_end.back() = none;
    auto& opened = row_open(where);
    if (opened.size() < row.latest_end.size()) opened.push_back(0);
    ++opened.back();
  }
  // However many queues there are, checkpoints take less room than changes.
  [[nodiscard]] std::size_t apart() const noexcept {
    return std::max<std::size_t>(1024, counts_.size());
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

  // What the thread has in its lane ends there. If it waits, its task lent the lane and goes on
  // elsewhere.
  void leave_lane(thread_state& of, std::uint32_t e) {
    if (of.lane == none) return;
    lanes_[of.lane].holder = none;
    auto& bars = to_.lane_rows_[of.lane].bars;
    of.lane = none;
    if (of.stack.empty()) return;
    auto& top = of.stack.back();
    auto until = e;
    // Nothing ran there meanwhile: then it left when it began to wait.
    if (top.suspended != none && top.suspended + std::size_t{1} == bars.size()) {
      until = bars.back().begin;
      bars.pop_back();
      top.suspended = none;
    }
    for (auto& r : of.stack) {
      close_bar(r.lane, std::exchange(r.suspended, none), until);
      close_bar(r.lane, r.bar, until, top.waits ? cut_bar : lost_bar);
      r.cut = !top.waits;
      if (top.waits) r.bar = none;
    }
  }
  // All that is on the thread's stack, in a lane from here on.
  void enter_lane(thread_state& of, std::uint32_t thread, std::uint32_t lane, std::uint32_t e) {
    if (of.lane == lane) return;
    leave_lane(of, e);
    if (const auto holder = lanes_[lane].holder; holder != none) leave_lane(threads_[holder], e);
    lanes_[lane].holder = thread;
    of.lane = lane;
    // A made-up trace may move a deep stack all the time.
    reopened_ += of.stack.size();
    const bool too_many = reopened_ > 4 * to_.events_.size();
    for (std::size_t depth = 0; depth < of.stack.size(); ++depth) {
      auto& r = of.stack[depth];
      if (std::exchange(r.cut, false) && r.bar != none) {
        auto& flags = to_.lane_rows_[r.lane].bars[r.bar].flags;
        flags = static_cast<std::uint8_t>((flags & ~lost_bar) | cut_bar);
      }
      r.lane = lane;
      r.bar = r.suspended = none;
      if (too_many) continue;
      r.bar = open_bar(lane, e, r.task, bar::kind::run, depth, index::stored_bar::came_over);
      if (r.waits) r.suspended = open_bar(lane, e, r.task, bar::kind::suspended, depth);
    }
  }

  // The run of a task has ended, wherever that was told.
  void end_run(task_number t, std::uint32_t e, std::uint8_t flags) {
    if (now_[t].thread == none) return;
    auto& stack = threads_[now_[t].thread].stack;
    while (stack.back().task != t) lose_top(stack, e);  // what lies above has ended unheard
    close_top(stack, e, flags);
  }
  void lose_top(std::vector<open_run>& stack, std::uint32_t e) {
    const auto t = stack.back().task;
    close_top(stack, e, lost_bar);
    if (!ended(t)) keep(t, e, task_state::unknown, nowhere);
  }
  void close_top(std::vector<open_run>& stack, std::uint32_t e, std::uint8_t flags) {
    const auto& r = stack.back();
    if (r.cut && r.bar != none) {  // the end was told after all
      auto& b = to_.lane_rows_[r.lane].bars[r.bar];
      b.flags = static_cast<std::uint8_t>((b.flags & ~lost_bar) | flags);
    } else {
      close_bar(r.lane, r.suspended, e);
      close_bar(r.lane, r.bar, e, flags);
    }
    now_[r.task].thread = none;
    stack.pop_back();
  }

  // ---- Events.

  void read(std::uint32_t number) {
    const auto& e = to_.events_[number];
    if (e.kind == device_began || e.kind == device_ended) {
      read_device(number);
      return;
    }
    switch (e.what()) {
      case event_kind::place:
        places_.insert_or_assign({e.executor, static_cast<std::int32_t>(e.argument)}, e.text);
        return;
      case event_kind::worker_park:
        park(e);
        return;
      case event_kind::worker_unpark:
        unpark(e);
        return;
      case event_kind::lost:
        lost(number);
        return;
      case event_kind::zone_begin:
      case event_kind::zone_end:
      case event_kind::message:
        read_note(e);
        return;
      case event_kind::counter:
        read_counter(e);
        return;
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
        to_.tasks_[t].parent = earlier(e);
        if (last_of(t) == nullptr) set(t, number, task_state::waiting_inputs, nowhere, 0);
        return;
      }
      case event_kind::dependency:
        if (const auto from = earlier(e); from != no_task) to_.edges_.push_back({from, t});
        return;
      case event_kind::ready:
        if (const auto* c = last_of(t); c != nullptr && (c->state == task_state::waiting_inputs ||
                                                         c->state == task_state::retry_wait))
          keep(t, number, task_state::queued, queue_of(queue::kind::router, e.executor, -1, -1));
        return;
      case event_kind::route:
        now_[t].place = trace::route_choice::from(e.argument).place;
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
        start(number);
        return;
      case event_kind::block:
        block_run(number);
        return;
      case event_kind::unblock:
        unblock(number);
        return;
      case event_kind::issue:
        now_[t].issued = number;
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
        now_[t].issued = none;
        end_run(t, number, failed_bar);
        now_[t].device_lane = none;
        if (!ended(t))
          keep(t, number, task_state::queued, queue_of(queue::kind::router, e.executor, -1, -1));
        return;
      case event_kind::retry: {
        now_[t].issued = none;
        end_run(t, number, failed_bar);
        now_[t].device_lane = none;
        if (ended(t)) return;
        set(t, number, task_state::retry_wait, queue_of(queue::kind::backoff, e.executor, -1, -1),
            short_attempt(e.argument));
        return;
      }
      case event_kind::acquire:
        acquire(number);
        return;
      case event_kind::release:
        if (now_[t].reserved_place == trace::tag_amount::from(e.argument).place)
          release(t, number, plain_bar);
        return;
      case event_kind::finish:
      case event_kind::cancel:
        end(number);
        return;
      default:
        return;
    }
  }
  // The task that is the argument, if it was mentioned before the event's own, as it is in any real
  // trace. So nobody can go round in circles.
  task_number earlier(const event& e) noexcept {
    if (e.argument == 0) return no_task;
    const auto t = table_.number_if_known(e.executor, e.argument);
    return t < e.task ? t : no_task;
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
        keep(t, number, task_state::queued,
             queue_of(queue::kind::deque, e.executor, place_of_thread(e), e.slot));
        return;
      case trace::queue::inbox:
        keep(t, number, task_state::queued, queue_of(queue::kind::inbox, e.executor, routed, -1));
        return;
      case trace::queue::priority:
        keep(t, number, task_state::queued,
             queue_of(queue::kind::priority, e.executor, routed, -1));
        return;
      case trace::queue::tags:
        keep(t, number, task_state::waiting_tags, queue_of(queue::kind::tags, e.executor, -1, -1));
        return;
      case trace::queue::backoff:
        keep(t, number, task_state::retry_wait, queue_of(queue::kind::backoff, e.executor, -1, -1));
        return;
      case trace::queue::stream:
        keep(t, number, task_state::waiting_tags,
             queue_of(queue::kind::streams, e.executor, -1, -1));
        return;
    }
  }

  void start(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    if (ended(t)) return;
    end_run(t, number, lost_bar);  // the end of its last run was not heard
    auto& of = threads_[e.thread];
    enter_lane(of, e.thread, lane_of(e, e.slot), number);
    set(t, number, task_state::running, short_of(of.lane), short_attempt(e.argument));
    if (of.stack.size() < most_nested) {
      const auto made = open_bar(of.lane, number, t, bar::kind::run, of.stack.size());
      of.stack.push_back({.task = t, .lane = of.lane, .bar = made});
      now_[t].thread = e.thread;
    }
    to_unparked(of.lane, e.time);
  }

  void block_run(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    auto& of = threads_[e.thread];
    if (ended(t) || of.stack.empty() || of.stack.back().task != t || of.stack.back().waits) return;
    auto& top = of.stack.back();
    top.waits = true;
    if (of.lane != none && top.bar != none)
      top.suspended = open_bar(of.lane, number, t, bar::kind::suspended, of.stack.size() - 1);
    keep(t, number, task_state::suspended, of.lane != none ? short_of(of.lane) : nowhere);
  }

  void unblock(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    auto& of = threads_[e.thread];
    if (ended(t) || of.stack.empty() || of.stack.back().task != t || !of.stack.back().waits) return;
    of.stack.back().waits = false;
    if (auto& top = of.stack.back(); top.suspended != none)
      close_bar(top.lane, std::exchange(top.suspended, none), number);
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
    release(t, number, lost_bar);
    to_.completions_.push_back(static_cast<std::uint32_t>(to_.changes_.size()));
    const auto state = failed ? task_state::failed : task_state::done;
    keep(t, number, cancelled ? task_state::cancelled : state, nowhere);
  }

  // A place that another one hosts for: its own lane shows who has it.
  void acquire(std::uint32_t number) {
    const auto& e = to_.events_[number];
    auto& n = now_[e.task];
    const auto place = trace::tag_amount::from(e.argument).place;
    if (e.text == 0 || place < 0 || n.issues || n.reserved_lane != none) return;
    if (ended(e.task) || place == n.place) return;
    n.reserved_place = place;
    n.reserved_lane = lane_of(lane::kind::reserved, e.executor, place, 0);
    n.reserved_bar = open_in_row(n.reserved_lane, number, e.task, bar::kind::reserved);
  }
  void release(task_number t, std::uint32_t number, std::uint8_t flags) {
    auto& n = now_[t];
    if (n.reserved_lane == none) return;
    close_in_row(n.reserved_lane, n.reserved_bar, number, flags);
    n.reserved_lane = n.reserved_bar = none;
  }

  // Bars that may overlap lie in as many rows as they need, each in the first that is free.
  std::uint32_t open_in_row(std::uint32_t lane, std::uint32_t e, task_number t, bar::kind what) {
    auto& rows = lanes_[lane].rows;
    auto free = std::ranges::find(rows, none);
    if (free == rows.end()) {
      if (rows.size() == most_nested) return open_bar(lane, e, t, what, most_nested);
      free = rows.insert(rows.end(), none);
    }
    const auto depth = static_cast<std::size_t>(free - rows.begin());
    *free = open_bar(lane, e, t, what, depth);
    return *free;
  }
  void close_in_row(std::uint32_t lane, std::uint32_t bar, std::uint32_t e,
                    std::uint8_t flags = plain_bar) {
    close_bar(lane, bar, e, flags);
    auto& rows = lanes_[lane].rows;
    if (const auto at = std::ranges::find(rows, bar); at != rows.end()) *at = none;
  }

  void read_device(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto& s = to_.spans_[e.argument];
    if (e.task != no_task) now_[e.task].told = number;
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
    if (of.stack.empty()) leave_lane(of, none);
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
    while (!of.stack.empty()) lose_top(of.stack, number);
    for (const auto z : of.zones) to_.notes_[z].end = to_.events_[number].time;
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

  // A recording that has ended in order has heard of all.
  void keep_untold() {
    if (to_.ended_) return;
    for (task_number t = 0; t < to_.tasks_.size(); ++t) {
      const auto& n = now_[t];
      if (n.issued == none || ended(t)) continue;
      const auto& issue = to_.events_[n.issued];
      const auto last = n.told == none ? n.issued : std::max(n.issued, n.told);
      to_.untold_.push_back(
          {to_.events_[last].time, static_cast<std::int32_t>(issue.argument >> 32U),
           static_cast<std::int32_t>(issue.argument & 0xFFFF'FFFF), t, issue.executor});
    }
    std::ranges::sort(to_.untold_, {}, &index::untold_work::from);
  }

  void finish() {
    keep_untold();
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
    for (const auto& [at, text] : places_)
      to_.places_.push_back({at.first, at.second, to_.texts_[text]});
    for (auto& l : to_.lanes_) l.name = name_of(l);
    for (auto& q : to_.queues_) q.name = name_of(q);
    for (auto& row : to_.lane_rows_) row.bars.shrink_to_fit();
    for (auto& row : to_.queue_rows_) row.entries.shrink_to_fit();
    to_.changes_.shrink_to_fit();
    to_.tasks_.shrink_to_fit();
    to_.edges_.shrink_to_fit();
    to_.notes_.shrink_to_fit();
    to_.completions_.shrink_to_fit();
  }

  [[nodiscard]] std::string place_name(std::uint16_t executor, std::int32_t place) const {
    const auto found = places_.find({executor, place});
    if (found == places_.end() || to_.texts_[found->second].empty())
      return "place " + std::to_string(place);
    return to_.texts_[found->second];
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
      case queue::kind::streams:
        return "waiting for a stream";
      case queue::kind::backoff:
        return "waiting to retry";
      case queue::kind::stream:
        break;
    }
    return place_name(q.executor, q.place) + " stream " + std::to_string(q.number);
  }

  // As deep as anybody would look, and as a bar's depth goes; made-up traces may go on for ever.
  static constexpr std::size_t most_nested = 255;

  index& to_;
  trace::file_contents& from_;
  task_table table_;
  std::vector<task_state_now> now_;
  std::vector<thread_state> threads_;
  std::vector<lane_state> lanes_;
  std::map<std::uint16_t, std::int32_t> default_place_;
  std::set<std::uint16_t> executors_;                                       // of tasks
  std::map<std::pair<std::uint16_t, std::int32_t>, std::uint32_t> places_;  // names, as texts
  std::map<key, std::uint32_t> lane_numbers_;
  std::map<key, std::uint32_t> queue_numbers_;
  std::map<std::uint32_t, std::size_t> counter_numbers_;
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> open_spans_;
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(task_states);
  std::vector<std::vector<std::uint32_t>> open_in_blocks_;
  std::size_t reopened_ = 0;
};

index::index(trace::file_contents from) { index_builder(*this, from).build(); }

}  // namespace fronta::viz
