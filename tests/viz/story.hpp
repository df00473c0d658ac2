// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::test {

/// A trace told event by event:
/// ```
/// story s;
/// s.main().at(10).submit(1, "resize").enqueue(1, trace::queue::inbox);
/// s.worker(0).at(20).start(1).at(50).finish(1);
/// const viz::index index(s.told());
/// ```
/// `at` sets the clock that all threads share; events do not move it.
class story {
 public:
  /// One thread's events.
  class teller {
   public:
    teller& at(std::int64_t time) {
      of_->now_ = time;
      return *this;
    }
    teller& in_slot(std::int32_t slot) {
      slot_ = slot;
      return *this;
    }

    teller& submit(std::uint64_t task, std::string_view name = {}, std::uint64_t by = 0) {
      return tell(trace::event_kind::submit, task, by, name);
    }
    teller& dependency(std::uint64_t task, std::uint64_t input) {
      return tell(trace::event_kind::dependency, task, input);
    }
    teller& ready(std::uint64_t task) { return tell(trace::event_kind::ready, task); }
    teller& enqueue(std::uint64_t task, trace::queue where) {
      return tell(trace::event_kind::enqueue, task, static_cast<std::uint64_t>(where));
    }
    teller& steal(std::uint64_t task, std::uint64_t from) {
      return tell(trace::event_kind::steal, task, from);
    }
    teller& start(std::uint64_t task, std::uint64_t attempt = 0) {
      return tell(trace::event_kind::start, task, attempt);
    }
    teller& block(std::uint64_t task, std::uint64_t awaits = 0) {
      return tell(trace::event_kind::block, task, awaits);
    }
    teller& unblock(std::uint64_t task) {
      return tell(trace::event_kind::unblock, task, static_cast<std::uint64_t>(slot_));
    }
    teller& finish(std::uint64_t task, std::uint64_t bytes = 0) {
      return tell(trace::event_kind::finish, task, trace::outcome_told{false, bytes}.argument());
    }
    teller& fail(std::uint64_t task) { return tell(trace::event_kind::finish, task, 1); }
    teller& cancel(std::uint64_t task) { return tell(trace::event_kind::cancel, task); }
    teller& retry(std::uint64_t task, std::uint64_t attempt) {
      return tell(trace::event_kind::retry, task, attempt);
    }
    teller& route(std::uint64_t task, std::uint64_t place) {
      return tell(trace::event_kind::route, task, place);
    }
    teller& acquire(std::uint64_t task) { return tell(trace::event_kind::acquire, task); }
    teller& acquire(std::uint64_t task, std::string_view tag, std::uint32_t place,
                    std::uint32_t units) {
      return tell(trace::event_kind::acquire, task, std::uint64_t{place} << 32U | units, tag);
    }
    teller& release(std::uint64_t task) { return tell(trace::event_kind::release, task); }
    teller& release(std::uint64_t task, std::string_view tag, std::uint32_t place,
                    std::uint32_t units) {
      return tell(trace::event_kind::release, task, std::uint64_t{place} << 32U | units, tag);
    }
    teller& issue(std::uint64_t task, std::uint32_t place, std::uint32_t stream) {
      return tell(trace::event_kind::issue, task, std::uint64_t{place} << 32U | stream);
    }
    teller& fall_back(std::uint64_t task, std::uint64_t place) {
      return tell(trace::event_kind::fall_back, task, place);
    }
    teller& place(std::uint64_t number, std::string_view name) {
      return tell(trace::event_kind::place, 0, number, name);
    }
    teller& park() { return tell(trace::event_kind::worker_park, 0); }
    teller& unpark() { return tell(trace::event_kind::worker_unpark, 0); }
    teller& worker_start() { return tell(trace::event_kind::worker_start, 0); }
    teller& worker_exit() { return tell(trace::event_kind::worker_exit, 0); }
    teller& cpu_time(std::uint64_t task, std::uint64_t nanoseconds) {
      return tell(trace::event_kind::cpu_time, task, nanoseconds);
    }
    teller& elsewhere(std::uint64_t task, std::uint64_t executor) {
      return tell(trace::event_kind::elsewhere, task, executor);
    }
    teller& lose(std::uint64_t events) { return tell(trace::event_kind::lost, 0, events); }
    teller& zone(std::string_view name, std::uint64_t task = 0) {
      return tell(trace::event_kind::zone_begin, task, 0, name);
    }
    teller& zone_end(std::uint64_t task = 0) { return tell(trace::event_kind::zone_end, task); }
    teller& message(std::string_view text) { return tell(trace::event_kind::message, 0, 0, text); }
    teller& counter(std::string_view name, double value) {
      return tell(trace::event_kind::counter, 0, std::bit_cast<std::uint64_t>(value), name);
    }

    teller& tell(trace::event_kind kind, std::uint64_t task, std::uint64_t argument = 0,
                 std::string_view text = {}) {
      auto& events = of_->contents_.events;
      const auto after =
          std::ranges::upper_bound(events, of_->now_, {}, &trace::recorded_event::time);
      events.insert(
          after, {of_->now_, thread_, of_->text(text), {kind, executor_, slot_, task, argument}});
      return *this;
    }

   private:
    friend story;
    teller(story& of, std::uint32_t thread, std::uint16_t executor, std::int32_t slot)
        : of_(&of), thread_(thread), executor_(executor), slot_(slot) {}

    story* of_;
    std::uint32_t thread_;
    std::uint16_t executor_;
    std::int32_t slot_;
  };

  story() {
    contents_.host = "there";
    contents_.ended = true;
    main().place(0, "cpu").place(1, "gpu:0");
  }

  /// The thread that is no worker.
  teller main() { return {*this, thread("main", 0, -1), 1, -1}; }
  /// A worker of the place "cpu" of an executor; its slot has the same number at first.
  teller worker(std::int32_t number, std::uint16_t executor = 1) {
    auto name = "worker " + std::to_string(number);
    if (executor != 1) name += " of " + std::to_string(executor);
    return {*this, thread(name, executor, 0), executor, number};
  }
  /// The thread that is no worker, as it speaks of another executor.
  teller main_to(std::uint16_t executor) { return {*this, thread("main", 0, -1), executor, -1}; }

  /// Times are those of the story.
  story& span(std::uint64_t task, std::int32_t stream, std::int64_t begin, std::int64_t end,
              trace::device_work what = trace::device_work::task,
              trace::time_grade grade = trace::time_grade::stamped, std::int64_t error = 0) {
    contents_.spans.push_back(
        {now_,
         0,
         {task, 1, stream, what, grade, true, origin + begin - error, origin + begin + error,
          origin + end - error, origin + end + error, 64}});
    return *this;
  }

  /// What the host alone saw: the work began when it was enqueued or later, had not ended at
  /// `not_ended`, and had at `ended`.
  story& observed(std::uint64_t task, std::int32_t stream, std::int64_t enqueued,
                  std::int64_t not_ended, std::int64_t ended) {
    contents_.spans.push_back(
        {now_,
         0,
         {task, 1, stream, trace::device_work::task, trace::time_grade::observed, true,
          origin + enqueued, origin + ended, origin + not_ended, origin + ended, 0}});
    return *this;
  }

  [[nodiscard]] trace::file_contents told() const {
    auto result = contents_;
    result.origin_steady = origin;
    if (!result.events.empty()) result.known_until = result.events.back().time;
    return result;
  }

 private:
  static constexpr std::int64_t origin = 1'000'000'000'000;

  std::uint32_t thread(const std::string& name, std::uint16_t executor, std::int32_t place) {
    auto& all = contents_.threads;
    const auto at = std::ranges::find(all, name, &trace::recorded_thread::name);
    const auto number = static_cast<std::uint32_t>(at - all.begin());
    if (at == all.end()) all.push_back({100U + number, name, executor, place});
    return number;
  }
  std::uint32_t text(std::string_view of) {
    auto& all = contents_.texts;
    const auto at = std::ranges::find(all, of);
    const auto number = static_cast<std::uint32_t>(at - all.begin());
    if (at == all.end()) all.emplace_back(of);
    return number;
  }

  trace::file_contents contents_;
  std::int64_t now_ = 0;
};

// ---- What an index says, in words.

inline viz::task_number number_of(const viz::index& index, std::uint64_t task) {
  return index.find(1, task).value_or(viz::no_task);
}

struct edge {
  viz::task_number from;
  viz::task_number to;
  auto operator<=>(const edge&) const = default;
};
/// Which tasks are inputs of which, as they were told.
inline std::vector<edge> edges_of(const viz::index& index) {
  std::vector<edge> found;
  for (const auto& e : index.events()) {
    if (e.what() == trace::event_kind::dependency && e.other() != viz::no_task)
      found.push_back({e.other(), e.task});
  }
  return found;
}

/// `none` if there is no such lane.
inline std::uint32_t lane_named(const viz::index& index, std::string_view name) {
  const auto at = std::ranges::find(index.lanes(), name, &viz::lane::name);
  return at == index.lanes().end() ? viz::none
                                   : static_cast<std::uint32_t>(at - index.lanes().begin());
}
inline std::uint32_t queue_named(const viz::index& index, std::string_view name) {
  const auto at = std::ranges::find(index.queues(), name, &viz::queue::name);
  return at == index.queues().end() ? viz::none
                                    : static_cast<std::uint32_t>(at - index.queues().begin());
}

inline std::string in_words(const viz::index& index, const viz::bar& b) {
  constexpr std::string_view kinds[] = {"run", "suspended", "device", "copy", "reserved"};
  std::string words(2U * b.depth, ' ');
  words += b.task == viz::no_task ? "-" : std::to_string(index.tasks()[b.task].id);
  words += ' ' + std::string(kinds[static_cast<std::size_t>(b.what)]) + ' ';
  words += std::to_string(b.begin) + '-';
  if (b.end != viz::forever) words += std::to_string(b.end);
  if (!b.has_sure_part() && b.begin != b.end) {
    words += " nothing sure";
  } else if (b.sure_begin != b.begin || b.sure_end != b.end) {
    words += " sure " + std::to_string(b.sure_begin) + '-' + std::to_string(b.sure_end);
  }
  if (b.attempt != 0) words += " attempt " + std::to_string(b.attempt);
  if (b.came_over) words += " came over";
  if (b.goes_on) words += " goes on";
  if (b.failed) words += " failed";
  if (b.lost) words += " lost";
  return words;
}

/// The bars of a lane, indented by depth: "1 run 20-50", "  2 run 30-40".
inline std::vector<std::string> bars_on(const viz::index& index, std::string_view lane) {
  std::vector<std::string> words;
  const auto number = lane_named(index, lane);
  if (number == viz::none) return words;
  for (std::size_t i = 0; i < index.bars_of(number); ++i)
    words.push_back(in_words(index, index.bar_at(number, i)));
  return words;
}

/// What a task was doing when: "10 queued in cpu inbox", "20 running on cpu 0".
inline std::vector<std::string> life_of(const viz::index& index, std::uint64_t task) {
  std::vector<std::string> words;
  const auto number = number_of(index, task);
  if (number == viz::no_task) return words;
  for (auto c = index.tasks()[number].last_change; c != viz::none;
       c = index.changes()[c].previous) {
    const auto& change = index.changes()[c];
    auto line = std::to_string(index.time_of(change)) + ' ' + std::string(name_of(change.state));
    if (change.where != viz::nowhere) {
      const bool waits = change.state == viz::task_state::queued ||
                         change.state == viz::task_state::waiting_tags ||
                         change.state == viz::task_state::retry_wait;
      line += waits ? " in " + index.queues()[change.where].name
                    : " on " + index.lanes()[change.where].name;
    }
    words.push_back(std::move(line));
  }
  std::ranges::reverse(words);
  return words;
}

}  // namespace fronta::test
