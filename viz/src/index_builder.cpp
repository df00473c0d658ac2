// SPDX-License-Identifier: Apache-2.0
#include "change_writer.hpp"
#include "device_spans.hpp"
#include "lane_register.hpp"
#include "stack_reader.hpp"
#include "task_table.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <map>
#include <optional>
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
  index_builder(index& made, trace::file_contents& from)
      : to_(made),
        from_(from),
        threads_(from.threads.size() + 1),  // the last for those that the file does not tell of
        lanes_(made, from),
        changes_(made),
        stacks_(made, lanes_, changes_, threads_) {}

  void build() {
    from_.known_until = std::clamp(from_.known_until, -farthest, farthest);
    to_.host_ = std::move(from_.host);
    to_.origin_unix_ = from_.origin_unix;
    to_.dropped_ = from_.dropped;
    to_.cores_ = from_.cores;
    to_.ended_ = from_.ended;
    to_.given_clock_ = from_.given_clock;
    to_.texts_ = std::move(from_.texts);
    if (to_.texts_.empty()) to_.texts_.emplace_back();
    for (const auto& t : from_.threads)
      to_.places_of_threads_.push_back(t.executor != 0 ? t.place : -1);
    take_events();
    take_spans();
    find_elsewhere();
    to_.begin_ = to_.events_.empty() ? 0 : to_.events_.front().time;
    to_.end_ = to_.events_.empty() ? 0 : to_.events_.back().time;
    to_.end_ = std::max(to_.end_, from_.known_until);
    for (std::uint32_t e = 0; e < to_.events_.size(); ++e) read(e);
    finish();
  }

 private:
  // Seven months. So no difference of times overflows, and no sum of what lies on a lane.
  static constexpr std::int64_t farthest = std::int64_t{1} << 54U;
  static constexpr std::size_t most_rows = stack_reader::most_nested;

  struct task_state_now {
    std::int32_t place = -1;           // of its last route
    std::uint32_t device_lane = none;  // where it was last
    std::uint32_t kernels = 0;         // at work now
    std::uint32_t reserved_lane = none;
    std::int32_t reserved_place = -1;
    std::uint32_t reserved_bar = none;
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
      case event_kind::workers:
        return false;
      default:
        return e.task != 0;
    }
  }

  // Older traces do not tell whose value it was that somebody outside all executors took.
  task_number task_of(const trace::event& e) {
    if (!names_a_task(e)) return no_task;
    if (e.executor != 0) return number_of(e.executor, e.task);
    std::optional<task_number> found;
    for (const auto x : executors_) {
      const auto t = table_.number_if_known(x, e.task);
      if (t == task_table::empty) continue;
      if (found && e.kind == event_kind::consume) return no_task;  // it may be either
      if (!found) found = t;
    }
    if (found) return *found;
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
      e.thread = std::min(r.thread, static_cast<std::uint32_t>(threads_ - 1));
      e.text =
          r.text < std::min<std::size_t>(to_.texts_.size(), 1U << 24U) ? r.text & 0xFFFFFFU : 0U;
      e.kind = static_cast<std::uint8_t>(r.what.kind);
      e.slot = static_cast<std::int16_t>(std::clamp(r.what.slot, -1, 0x7FFF));
      e.executor = r.what.executor;
      events.push_back(e);
      if (r.what.kind == event_kind::issue && e.task != no_task) now_[e.task].issues = true;
      several_meet_ = several_meet_ || r.what.kind == event_kind::elsewhere;
    }
    to_.executors_.assign(executors_.begin(), executors_.end());
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
    const auto known = to_.events_.empty() ? 0 : to_.events_.back().time;
    const auto last = std::max(from_.known_until, known);
    std::vector<timed_span> all;
    all.reserve(from_.spans.size());
    for (const auto& r : from_.spans) {
      to_.simulated_ = to_.simulated_ || r.what.simulated;
      timed_span s{r.what, no_task, r.thread, all.size()};
      if (const auto& w = s.what; w.task != 0) {
        s.task = w.executor != 0 ? table_.number_if_known(w.executor, w.task)
                                 : by_id.number_if_known(0, w.task);
      }
      if (to_trace_times(s.what, from_.origin_steady, last)) all.push_back(s);
    }
    from_.spans = {};
    merge(best_known(std::move(all)));
  }

  // A device's work begins when it may have begun, and ends when it must have ended.
  void merge(const std::vector<timed_span>& spans) {
    const auto only_executor = executors_.size() == 1 ? *executors_.begin() : std::uint16_t{0};
    std::vector<std::pair<int, event>> added;
    added.reserve(2 * spans.size());
    for (const auto& s : spans) {
      event e{};
      e.argument = to_.spans_.size();
      e.task = s.task;
      e.thread = std::min(s.thread, static_cast<std::uint32_t>(threads_ - 1));
      e.slot = -1;
      e.executor = s.what.executor != 0 ? s.what.executor : only_executor;
      if (s.task != no_task) e.executor = to_.tasks_[s.task].executor;
      // At one time: what ends, what takes no time, what begins.
      const bool takes_time = s.what.begin_earliest != s.what.end_latest;
      e.time = s.what.begin_earliest;
      e.kind = device_began;
      added.emplace_back(takes_time ? 2 : 1, e);
      e.time = s.what.end_latest;
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

  // Which events speak of a task of another executor.
  void find_elsewhere() {
    if (!several_meet_) return;
    std::vector<std::uint32_t> before(threads_, none);
    for (std::uint32_t e = 0; e < to_.events_.size(); ++e) {
      const auto& one = to_.events_[e];
      if (one.kind == device_began || one.kind == device_ended) continue;
      if (one.what() == event_kind::elsewhere) {
        if (before[one.thread] != none && to_.events_[before[one.thread]].task == one.task)
          elsewhere_.emplace(before[one.thread], static_cast<std::uint16_t>(one.argument));
      } else {
        before[one.thread] = e;
      }
    }
  }

  // ---- Events.

  void read(std::uint32_t number) {
    const auto& e = to_.events_[number];
    if (e.kind == device_began || e.kind == device_ended) {
      read_device(number);
      return;
    }
    stacks_.see(number);
    switch (e.what()) {
      case event_kind::place:
        lanes_.name_place(e.executor, static_cast<std::int32_t>(e.argument), e.text);
        return;
      case event_kind::workers: {
        auto& told = told_workers_[{e.executor, static_cast<std::int32_t>(e.argument >> 32U)}];
        told = std::max(told, static_cast<std::uint32_t>(e.argument & 0xFFFF'FFFF));
        return;
      }
      case event_kind::worker_start:
        stacks_.worker_started(e);
        return;
      case event_kind::worker_exit:
        stacks_.worker_ended(e);
        return;
      case event_kind::worker_park:
        stacks_.park(e);
        return;
      case event_kind::worker_unpark:
        stacks_.unpark(e);
        return;
      case event_kind::lost:
        stacks_.lose(number);
        return;
      case event_kind::lost_records:
        to_.dropped_records_ += e.argument & 0xFFFF'FFFF;
        return;
      case event_kind::zone_begin:
      case event_kind::zone_end:
      case event_kind::message:
        stacks_.read_note(e);
        return;
      case event_kind::counter:
        read_counter(e);
        return;
      case event_kind::cpu_time:
        stacks_.read_cpu_time(e);
        return;
      default:
        if (e.task != no_task) read_task(number);
    }
  }

  void read_task(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    switch (e.what()) {
      case event_kind::submit:
        to_.tasks_[t].text = e.text;
        to_.tasks_[t].parent = submitter(number);
        if (changes_.last_of(t) == nullptr)
          changes_.set(t, number, task_state::waiting_inputs, nowhere, 0);
        return;
      case event_kind::dependency:
        if (const auto from = earlier(number); from != no_task) to_.edges_.push_back({from, t});
        return;
      case event_kind::ready:
        if (const auto* c = changes_.last_of(t);
            c != nullptr &&
            (c->state == task_state::waiting_inputs || c->state == task_state::retry_wait))
          wait_for_router(number);
        return;
      case event_kind::route:
        now_[t].place = trace::route_choice::from(e.argument).place;
        return;
      case event_kind::enqueue:
        if (!changes_.at_work(t) && !changes_.ended(t)) enqueue(number);
        return;
      case event_kind::steal:
        if (!changes_.at_work(t) && !changes_.ended(t)) {
          to_.steals_.push_back(number);
          changes_.keep(
              t, number, task_state::queued,
              lanes_.queue_of(queue::kind::deque, e.executor, lanes_.place_of_thread(e), e.slot));
        }
        return;
      case event_kind::start:
        stacks_.start(number);
        return;
      case event_kind::block:
        stacks_.block(number);
        return;
      case event_kind::unblock:
        stacks_.unblock(number);
        return;
      case event_kind::issue:
        issue(number);
        return;
      case event_kind::fall_back:
        stacks_.end_run(t, number, stack_reader::failed_bar);
        now_[t].device_lane = none;
        if (!changes_.ended(t)) wait_for_router(number);
        return;
      case event_kind::retry: {
        stacks_.end_run(t, number, stack_reader::failed_bar);
        now_[t].device_lane = none;
        if (changes_.ended(t)) return;
        const auto attempt = static_cast<std::uint8_t>(std::min<std::uint64_t>(e.argument, 255));
        changes_.set(t, number, task_state::retry_wait,
                     lanes_.queue_of(queue::kind::backoff, e.executor, -1, -1), attempt);
        return;
      }
      case event_kind::acquire:
        acquire(number);
        return;
      case event_kind::release:
        if (now_[t].reserved_place == trace::tag_amount::from(e.argument).place)
          release(t, number, stack_reader::plain_bar);
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
  [[nodiscard]] task_number earlier(std::uint32_t number) noexcept {
    const auto& e = to_.events_[number];
    if (e.argument == 0) return no_task;
    const auto other = elsewhere_.find(number);
    const auto t =
        table_.number_if_known(other == elsewhere_.end() ? e.executor : other->second, e.argument);
    return t < e.task ? t : no_task;
  }
  // In older traces, which do not tell of other executors: who runs there is it.
  [[nodiscard]] task_number submitter(std::uint32_t number) noexcept {
    const auto& e = to_.events_[number];
    if (const auto running = stacks_.running_at(e);
        running < e.task && to_.tasks_[running].id == e.argument) {
      return running;
    }
    return earlier(number);
  }

  void wait_for_router(std::uint32_t number) {
    const auto& e = to_.events_[number];
    changes_.keep(e.task, number, task_state::queued,
                  lanes_.queue_of(queue::kind::router, e.executor, -1, -1));
  }

  void enqueue(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    const auto routed = now_[t].place >= 0 ? now_[t].place : lanes_.default_place(e.executor);
    const auto keep = [&](task_state state, queue::kind what, std::int32_t place,
                          std::int32_t slot) {
      changes_.keep(t, number, state, lanes_.queue_of(what, e.executor, place, slot));
    };
    switch (static_cast<trace::queue>(e.argument)) {
      case trace::queue::deque:
        keep(task_state::queued, queue::kind::deque, lanes_.place_of_thread(e), e.slot);
        return;
      case trace::queue::inbox:
        keep(task_state::queued, queue::kind::inbox, routed, -1);
        return;
      case trace::queue::priority:
        keep(task_state::queued, queue::kind::priority, routed, -1);
        return;
      case trace::queue::tags:
        keep(task_state::waiting_tags, queue::kind::tags, -1, -1);
        return;
      case trace::queue::backoff:
        keep(task_state::retry_wait, queue::kind::backoff, -1, -1);
        return;
      case trace::queue::stream:
        keep(task_state::waiting_tags, queue::kind::streams, -1, -1);
        return;
    }
  }

  void issue(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    stacks_.end_run(t, number, stack_reader::plain_bar);
    if (changes_.ended(t)) return;
    if (now_[t].device_lane != none) {  // it may have begun before all was enqueued
      changes_.keep(t, number, task_state::running, stack_reader::short_of(now_[t].device_lane));
      return;
    }
    changes_.keep(t, number, task_state::queued,
                  lanes_.queue_of(queue::kind::stream, e.executor,
                                  static_cast<std::int32_t>(e.argument >> 32U),
                                  static_cast<std::int32_t>(e.argument & 0xFFFF'FFFF)));
  }

  void end(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    if (changes_.ended(t)) return;
    const bool cancelled = e.what() == event_kind::cancel;
    const bool failed = !cancelled && e.argument != 0;
    stacks_.end_run(t, number, failed ? stack_reader::failed_bar : stack_reader::plain_bar);
    release(t, number, stack_reader::lost_bar);
    to_.completions_.push_back(static_cast<std::uint32_t>(to_.changes_.size()));
    const auto state = failed ? task_state::failed : task_state::done;
    changes_.keep(t, number, cancelled ? task_state::cancelled : state, nowhere);
  }

  // ---- What is reserved: a place that another one hosts for; its own lane shows who has it.

  void acquire(std::uint32_t number) {
    const auto& e = to_.events_[number];
    auto& n = now_[e.task];
    const auto place = trace::tag_amount::from(e.argument).place;
    if (e.text == 0 || place < 0 || n.issues || n.reserved_lane != none) return;
    if (changes_.ended(e.task) || place == n.place) return;
    n.reserved_place = place;
    n.reserved_lane = lanes_.lane_of(lane::kind::reserved, e.executor, place, 0);
    auto& rows = rows_[n.reserved_lane];  // in each the bar that is open
    auto free = std::ranges::find(rows, none);
    if (free == rows.end() && rows.size() != most_rows) free = rows.insert(rows.end(), none);
    n.reserved_bar = stacks_.open_bar(n.reserved_lane, number, e.task, bar::kind::reserved,
                                      static_cast<std::size_t>(free - rows.begin()));
    if (free != rows.end()) *free = n.reserved_bar;
  }
  void release(task_number t, std::uint32_t number, std::uint8_t flags) {
    auto& n = now_[t];
    if (n.reserved_lane == none) return;
    stacks_.close_bar(n.reserved_lane, n.reserved_bar, number, flags);
    auto& rows = rows_[n.reserved_lane];
    if (const auto at = std::ranges::find(rows, n.reserved_bar); at != rows.end()) *at = none;
    n.reserved_lane = n.reserved_bar = none;
  }

  // ---- Devices.

  void read_device(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto& s = to_.spans_[e.argument];
    const bool copies =
        s.what == trace::device_work::to_device || s.what == trace::device_work::to_host ||
        s.what == trace::device_work::on_device || s.what == trace::device_work::between;
    if (e.kind == device_ended) {
      if (e.task != no_task && !copies && now_[e.task].kernels != 0) --now_[e.task].kernels;
      const auto open = open_spans_.find(e.argument);
      if (open == open_spans_.end()) return;
      stacks_.close_bar(open->second.first, open->second.second, number);
      open_spans_.erase(open);
      return;
    }
    const auto lane = copies || s.stream < 0
                          ? lanes_.lane_of(lane::kind::copies, e.executor, s.place,
                                           s.what == trace::device_work::to_host ? 1 : 0)
                          : lanes_.lane_of(lane::kind::stream, e.executor, s.place, s.stream);
    const auto row = sure_rows_.try_emplace(lane, most_rows).first->second.place(s);
    const auto bar =
        stacks_.open_bar(lane, number, e.task, copies ? bar::kind::copy : bar::kind::device, row);
    open_spans_[e.argument] = {lane, bar};
    if (e.task == no_task || changes_.ended(e.task)) return;
    auto& n = now_[e.task];
    n.device_lane = lane;
    if (!copies) ++n.kernels;
    if (stacks_.runs(e.task) || (copies && n.kernels != 0)) return;  // it is at work beside
    changes_.keep(e.task, number, copies ? task_state::copying : task_state::running,
                  stack_reader::short_of(lane));
  }

  void read_counter(const event& e) {
    const auto [at, made] = counter_numbers_.try_emplace(e.text, to_.counters_.size());
    if (made) to_.counters_.push_back({to_.texts_[e.text], {}});
    to_.counters_[at->second].values.emplace_back(e.time, std::bit_cast<double>(e.argument));
  }

  // ---- At the end.

  void finish() {
    stacks_.finish();
    for (std::uint32_t l = 0; l < to_.lanes_.size(); ++l) sum_up(l);
    lanes_.name_all();
    count_workers();
    for (auto& row : to_.queue_rows_) row.entries.shrink_to_fit();
    to_.changes_.shrink_to_fit();
    to_.tasks_.shrink_to_fit();
    to_.edges_.shrink_to_fit();
    to_.notes_.shrink_to_fit();
    to_.completions_.shrink_to_fit();
  }

  void sum_up(std::uint32_t lane) {
    auto& row = to_.lane_rows_[lane];
    const bool in_rows = is_in_rows(to_.lanes_[lane].what);
    if (!in_rows) find_own_times(row);
    for (std::size_t i = 0; i < row.bars.size(); ++i) {
      const auto& b = row.bars[i];
      const auto part = to_.part_of(row, i, forever);
      row.rows = std::max<std::size_t>(row.rows, b.depth + std::size_t{1});
      row.levels.add(part, part.end == forever ? forever : part.end - part.begin, in_rows);
      note_look(b);
    }
    row.levels.finish();
    row.bars.shrink_to_fit();
  }

  void note_look(const index::stored_bar& b) {
    auto& there = to_.present_;
    const auto set = [&](task_state s) { there[static_cast<std::size_t>(s)] = true; };
    if (b.what == bar::kind::copy) set(task_state::copying);
    if (b.what == bar::kind::run) set(task_state::running);
    if (b.what == bar::kind::suspended) set(task_state::suspended);
    if (b.what == bar::kind::device) to_.device_work_ = true;
    if ((b.flags & index::stored_bar::lost) != 0) set(task_state::unknown);
  }

  // Of bars with others in them: how long nothing lay within and the task did not wait.
  void find_own_times(index::lane_row& row) const {
    struct open_bar {
      std::uint32_t nth;
      std::int64_t end;
      std::int64_t own;
      std::uint8_t depth;
      bool waits;
    };
    std::vector<open_bar> open;
    const auto close = [&] {
      const auto& b = open.back();
      if ((row.bars[b.nth].flags & index::stored_bar::hosts) != 0)
        row.own.emplace_back(b.nth, std::max<std::int64_t>(0, b.own));
      open.pop_back();
    };
    for (std::uint32_t nth = 0; nth < row.bars.size(); ++nth) {
      const auto& b = row.bars[nth];
      const bool waits = b.what == bar::kind::suspended;
      const auto begin = to_.events_[b.begin].time;
      const auto end = b.end == none ? 2 * farthest : to_.events_[b.end].time;
      const auto over = [&](const open_bar& o) {
        return o.end <= begin || o.depth > b.depth || (o.depth == b.depth && (!waits || o.waits));
      };
      while (!open.empty() && over(open.back())) close();
      if (!open.empty() && !open.back().waits) {
        row.bars[open.back().nth].flags |= index::stored_bar::hosts;
        open.back().own -= end - begin;
      }
      open.push_back({nth, end, end - begin, b.depth, waits});
    }
    while (!open.empty()) close();
    std::ranges::sort(row.own);
  }

  // Told by the executor, else those that were seen.
  void count_workers() {
    std::set<std::pair<std::uint16_t, std::int32_t>> told;
    for (const auto& [place, workers] : told_workers_) {
      told.insert(place);
      to_.workers_ += workers;
    }
    for (const auto& l : to_.lanes_) {
      if (l.what == lane::kind::slot && !told.contains({l.executor, l.place})) ++to_.workers_;
    }
  }

  index& to_;
  trace::file_contents& from_;
  std::size_t threads_;
  task_table table_;
  lane_register lanes_;
  change_writer changes_;
  stack_reader stacks_;
  std::vector<task_state_now> now_;
  std::set<std::uint16_t> executors_;  // of tasks
  bool several_meet_ = false;
  std::map<std::uint32_t, std::uint16_t> elsewhere_;  // by event: the executor of its argument
  std::map<std::pair<std::uint16_t, std::int32_t>, std::uint32_t> told_workers_;
  std::map<std::uint32_t, std::size_t> counter_numbers_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> rows_;  // by reserved lane
  std::map<std::uint32_t, sure_rows> sure_rows_;              // by a device's lane
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> open_spans_;
};

index::index(trace::file_contents from) { index_builder(*this, from).build(); }

}  // namespace fronta::viz
