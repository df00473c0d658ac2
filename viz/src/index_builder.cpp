// SPDX-License-Identifier: Apache-2.0
#include "change_writer.hpp"
#include "device_spans.hpp"
#include "event_columns.hpp"
#include "index_rows.hpp"
#include "lane_register.hpp"
#include "lane_sums.hpp"
#include "stack_reader.hpp"
#include "summaries.hpp"
#include "task_table.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace fronta::viz {

using trace::event_kind;

// Reads the events once, by time, as the executor told them. What each of them may follow is not
// taken for granted: threads' clocks differ by some 100 ns, events may be missing, and a file may
// hold anything.
class index_builder {
 public:
  index_builder(index& made, trace::file_contents& from)
      : to_(made),
        from_(from),
        columns_(made, written_, from, from.threads.size() + 1),
        lanes_(made, from),
        changes_(made, written_),
        stacks_(made, lanes_, changes_, from.threads.size() + 1) {}

  void build() {
    from_.known_until =
        std::clamp(from_.known_until, -event_columns::farthest, event_columns::farthest);
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
    columns_.take_all();
    now_.resize(written_.tasks.size());
    to_.begin_ = to_.events_.empty() ? 0 : to_.events_.front().time;
    to_.end_ = to_.events_.empty() ? 0 : to_.events_.back().time;
    to_.end_ = std::max(to_.end_, from_.known_until);
    for (std::uint32_t e = 0; e < to_.events_.size(); ++e) read(e);
    finish();
  }

 private:
  static constexpr std::size_t most_rows = stack_reader::most_nested;

  // An executor that nobody told of was always there.
  struct life {
    std::int64_t begin = std::numeric_limits<std::int64_t>::min();
    std::int64_t end = forever;
  };
  struct task_state_now {
    std::int32_t place = -1;           // of its last route
    std::uint32_t device_lane = none;  // where a kernel was last
    std::uint32_t copy_lane = none;
    std::uint32_t kernels = 0;  // at work now
    std::uint32_t copies = 0;
    std::uint32_t reserved_lane = none;
    std::int32_t reserved_place = -1;
    std::uint32_t reserved_bar = none;
    std::uint32_t issued = none;  // when its work was given to a device that it is still at
    std::uint32_t told = none;    // what a device told of it last
  };

  // ---- Events.

  void read(std::uint32_t number) {
    const auto& e = to_.events_[number];
    if (e.kind == device_began || e.kind == device_ended) {
      read_device(number);
      return;
    }
    stacks_.see(number);
    if (names_another(e.what())) name_other(number);
    switch (e.what()) {
      case event_kind::place:
        lives_.try_emplace(e.executor, life{e.time});
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
      case event_kind::executor_close:
        lives_[e.executor].end = e.time;
        stacks_.executor_closed(e);
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
        stacks_.read_note(number);
        return;
      case event_kind::counter:
        read_counter(e);
        return;
      case event_kind::paced:
        to_.paced_ = true;
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
        written_.tasks[t].text = e.text;
        written_.tasks[t].parent = e.other();
        if (changes_.last_of(t) == nullptr)
          changes_.set(t, number, task_state::waiting_inputs, nowhere, 0);
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
          written_.steals.push_back(number);
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
        now_[t].issued = number;
        issue(number);
        return;
      case event_kind::fall_back:
        now_[t].issued = none;
        stacks_.end_run(t, number, stack_reader::failed_bar);
        now_[t].device_lane = none;
        if (!changes_.ended(t)) wait_for_router(number);
        return;
      case event_kind::retry: {
        now_[t].issued = none;
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

  // From here on the argument is what the model calls the task.
  void name_other(std::uint32_t number) {
    auto& e = to_.events_[number];
    if (e.argument == 0 || e.task == no_task) {
      e.argument = event::nobody;
      return;
    }
    auto other = columns_.other_of(number);
    const bool submits = e.what() == event_kind::submit;
    // In older traces, which do not tell of other executors: who runs there is it.
    if (const auto running = submits ? stacks_.running_at(e) : no_task;
        running < e.task && written_.tasks[running].id == e.argument) {
      other = running;
    }
    const bool comes_before = submits || e.what() == event_kind::dependency;
    e.argument = other == e.task || (comes_before && other > e.task) ? no_task : other;
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
    const auto& n = now_[t];
    // It may have begun before all was enqueued.
    if (n.device_lane != none) {
      changes_.keep(t, number, task_state::running, stack_reader::short_of(n.device_lane));
    } else if (n.copies != 0) {
      changes_.keep(t, number, task_state::copying, stack_reader::short_of(n.copy_lane));
    } else {
      wait_in_stream(t, number);
    }
  }

  // Behind what its stream does first.
  void wait_in_stream(task_number t, std::uint32_t number) {
    const auto& issue = to_.events_[now_[t].issued];
    changes_.keep(t, number, task_state::queued,
                  lanes_.queue_of(queue::kind::stream, issue.executor,
                                  static_cast<std::int32_t>(issue.argument >> 32U),
                                  static_cast<std::int32_t>(issue.argument & 0xFFFF'FFFF)));
  }

  void end(std::uint32_t number) {
    const auto& e = to_.events_[number];
    const auto t = e.task;
    if (changes_.ended(t)) return;
    const bool cancelled = e.what() == event_kind::cancel;
    const bool failed = !cancelled && trace::outcome_told::from(e.argument).error;
    stacks_.end_run(t, number, failed ? stack_reader::failed_bar : stack_reader::plain_bar);
    release(t, number, stack_reader::lost_bar);
    written_.completions.push_back(static_cast<std::uint32_t>(written_.changes.size()));
    const auto state = failed ? task_state::failed : task_state::done;
    changes_.keep(t, number, cancelled ? task_state::cancelled : state, nowhere);
  }

  // ---- What is reserved: a place that another one hosts for; its own lane shows who has it.

  void acquire(std::uint32_t number) {
    const auto& e = to_.events_[number];
    auto& n = now_[e.task];
    const auto place = trace::tag_amount::from(e.argument).place;
    if (e.text == 0 || place < 0 || columns_.issues(e.task) || n.reserved_lane != none) return;
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
    if (e.task != no_task) now_[e.task].told = number;
    const bool copies =
        s.what == trace::device_work::to_device || s.what == trace::device_work::to_host ||
        s.what == trace::device_work::on_device || s.what == trace::device_work::between;
    if (e.kind == device_ended) {
      if (e.task != no_task) {
        auto& n = now_[e.task];
        auto& of_kind = copies ? n.copies : n.kernels;
        if (of_kind != 0) --of_kind;
        // What is copied to the device waits for the kernel; what comes from there, for the host.
        if (copies && n.copies == 0 && n.device_lane == none && n.issued != none &&
            s.what != trace::device_work::to_host && !stacks_.runs(e.task) &&
            !changes_.ended(e.task)) {
          wait_in_stream(e.task, number);
        }
      }
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
    if (copies) {
      ++n.copies;
      n.copy_lane = lane;
    } else {
      ++n.kernels;
      n.device_lane = lane;
    }
    if (stacks_.runs(e.task) || (copies && n.kernels != 0)) return;  // it is at work beside
    // What was only observed may have begun before its task did, but it had not.
    if (n.issued == none && !changes_.at_work(e.task)) return;
    changes_.keep(e.task, number, copies ? task_state::copying : task_state::running,
                  stack_reader::short_of(lane));
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
    for (task_number t = 0; t < written_.tasks.size(); ++t) {
      const auto& n = now_[t];
      if (n.issued == none || changes_.ended(t)) continue;
      const auto& issue = to_.events_[n.issued];
      const auto last = n.told == none ? n.issued : std::max(n.issued, n.told);
      to_.untold_.add({issue.executor, static_cast<std::int32_t>(issue.argument >> 32U),
                       static_cast<std::int32_t>(issue.argument & 0xFFFF'FFFF)},
                      to_.events_[last].time, t);
    }
    to_.untold_.sort();
  }

  void finish() {
    keep_untold();
    stacks_.finish();
    for (std::uint32_t l = 0; l < to_.lanes_.size(); ++l) lane_sums(to_).sum_up(l);
    lanes_.name_all();
    count_workers();
    pack();
  }

  void pack() {
    to_.tasks_ = detail::task_list(written_.tasks);
    to_.changes_ = detail::change_list(written_.changes);
    to_.completions_ = detail::rising_numbers(written_.completions);
    to_.steals_ = detail::rising_numbers(written_.steals);
    for (std::size_t q = 0; q < written_.entries.size(); ++q)
      to_.queue_rows_[q].entries = detail::rising_numbers(written_.entries[q]);
    to_.notes_.shrink_to_fit();
    for (auto& row : to_.lane_rows_) {
      row.parked.shrink_to_fit();
      row.lent.shrink_to_fit();
      row.own.shrink_to_fit();
    }
  }

  // Told by the executor, else those that were seen. Of executors that came one after the other the
  // most at once.
  void count_workers() {
    std::map<std::uint16_t, std::uint32_t> of_executor;
    for (const auto& [place, workers] : told_workers_) of_executor[place.first] += workers;
    for (const auto& l : to_.lanes_) {
      if (l.what == lane::kind::slot && !told_workers_.contains({l.executor, l.place}))
        ++of_executor[l.executor];
    }
    std::map<std::int64_t, std::int64_t> steps;
    for (const auto& [executor, workers] : of_executor) {
      const auto lived = lives_[executor];
      steps[lived.begin] += workers;
      steps[std::max(lived.begin, lived.end)] -= workers;
    }
    for (std::size_t l = 0; l < to_.lanes_.size(); ++l)
      to_.lane_rows_[l].opened = lives_[to_.lanes_[l].executor].begin;
    std::int64_t now = 0;
    for (const auto& [time, step] : steps) {
      now += step;
      to_.workers_ = std::max(to_.workers_, static_cast<std::uint32_t>(now));
    }
  }

  index& to_;
  index_rows written_;
  trace::file_contents& from_;
  event_columns columns_;
  lane_register lanes_;
  change_writer changes_;
  stack_reader stacks_;
  std::vector<task_state_now> now_;
  std::map<std::pair<std::uint16_t, std::int32_t>, std::uint32_t> told_workers_;
  std::map<std::uint16_t, life> lives_;  // of executors
  std::map<std::uint32_t, std::size_t> counter_numbers_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> rows_;  // by reserved lane
  std::map<std::uint32_t, sure_rows> sure_rows_;              // by a device's lane
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> open_spans_;
};

index::index(trace::file_contents from) : summaries_(std::make_shared<summaries>()) {
  index_builder(*this, from).build();
}

}  // namespace fronta::viz
