// SPDX-License-Identifier: Apache-2.0
#include "biography.hpp"

#include "waits.hpp"
#include "work_time.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <ranges>
#include <utility>

namespace fronta::viz {
namespace {

using trace::event_kind;

class biographer {
 public:
  biographer(const index& of, const task_relations& relations, task_number t, std::int64_t at)
      : of_(of), relations_(relations), task_(t), at_(at) {}

  biography tell() {
    for (const auto e : told_until(of_, relations_.inputs_of(task_), at_))
      told_.inputs.push_back(of_.events()[e].other());
    if (const auto bytes = value_bytes_of(of_, relations_, task_, at_); bytes != 0)
      told_.value = bytes;
    read_events();
    read_phases();
    const auto time = work_of(of_, relations_, task_, at_);
    told_.run = time.run();
    told_.wait = time.wait();
    for (const auto e : told_until(of_, relations_.uses_of(task_), at_))
      told_.dependents.push_back(of_.events()[e].task);
    for (const auto t : relations_.submitted_by(task_)) {
      if (of_.state_of(t, at_)) told_.submitted.push_back(t);
    }
    return std::move(told_);
  }

 private:
  [[nodiscard]] std::string place_name(std::int32_t place) const {
    std::string name(of_.place_name(of_.tasks()[task_].executor, place));
    if (name.empty()) {
      name = "place ";
      name += std::to_string(place);
    }
    return name;
  }
  void read_events() {
    auto before = event_kind::submit;  // of what CPU time is told of
    auto its_thread = none;
    std::uint64_t core_since = 0;
    auto at_work = none;  // the thread that has its run
    for (const auto number : relations_.events_of(task_)) {
      const auto& e = of_.events()[number];
      if (e.time > at_) break;
      if (e.kind == device_began || e.kind == device_ended) {
        read_device(e);
        continue;
      }
      switch (e.what()) {
        case event_kind::location:
          told_.location = of_.text(e.text);
          break;
        case event_kind::route: {
          const auto choice = trace::route_choice::from(e.argument);
          biography::route chosen{place_name(choice.place), std::string(in_words(choice.why))};
          if (choice.device >= 0) {
            chosen.place += " with ";
            chosen.place += place_name(choice.device);
          }
          routes_.emplace_back(e.time, chosen);
          told_.chosen = std::move(chosen);
          break;
        }
        case event_kind::acquire: {
          if (e.text == 0) break;
          const auto amount = trace::tag_amount::from(e.argument);
          told_.tags.push_back({std::string(of_.text(e.text)),
                                amount.place < 0 ? std::string() : place_name(amount.place),
                                amount.units, e.time, forever});
          break;
        }
        case event_kind::release:
          read_release(e);
          break;
        case event_kind::wait:
          waits_.emplace_back(number, static_cast<std::uint32_t>(
                                          std::min<std::uint64_t>(e.argument, wait_cause::untold)));
          break;
        case event_kind::consume:
          told_.consumers.push_back({e.other(), e.time});
          break;
        case event_kind::callback:
          read_callback(e);
          break;
        case event_kind::placed:
        case event_kind::moved:
        case event_kind::freed:
          read_array(e);
          break;
        case event_kind::cpu_time:
          if (e.thread != its_thread) break;
          if (starts(before)) {
            core_since = e.argument;
            at_work = e.thread;
          } else if (e.thread == at_work && e.argument >= core_since) {
            told_.on_core =
                told_.on_core.value_or(0) + static_cast<std::int64_t>(e.argument - core_since);
            at_work = none;
          }
          its_thread = none;
          break;
        default:
          break;
      }
      if (starts(e.what()) || stops(e.what())) {
        before = e.what();
        its_thread = e.thread;
      }
    }
  }
  static bool starts(event_kind what) noexcept {
    return what == event_kind::start || what == event_kind::unblock;
  }
  static bool stops(event_kind what) noexcept {
    using enum event_kind;
    return what == block || what == finish || what == retry || what == fall_back || what == issue;
  }

  // Those of one thread nest.
  void read_callback(const event& e) {
    if (e.argument == 0) {
      ++told_.callbacks;
      callbacks_.push_back(e);
      return;
    }
    const auto begun =
        std::ranges::find(callbacks_.rbegin(), callbacks_.rend(), e.thread, &event::thread);
    if (begun == callbacks_.rend()) return;
    told_.callbacks_lasted += e.time - begun->time;
    callbacks_.erase(std::next(begun).base());
  }

  void read_release(const event& e) {
    const auto amount = trace::tag_amount::from(e.argument);
    const auto place = amount.place < 0 ? std::string() : place_name(amount.place);
    for (auto& held : told_.tags) {
      if (held.end == forever && held.name == of_.text(e.text) && held.place == place) {
        held.end = e.time;
        return;
      }
    }
  }

  void read_array(const event& e) {
    const auto held = trace::place_bytes::from(e.argument);
    const auto place = place_name(held.place);
    auto found = std::ranges::find_if(told_.arrays, [&](const biography::data& d) {
      return d.what == e.what() && d.place == place;
    });
    if (found == told_.arrays.end()) found = told_.arrays.insert(found, {e.what(), place, 0, 0});
    found->bytes += held.bytes;
    ++found->arrays;
  }

  void read_device(const event& e) {
    const auto number = static_cast<std::uint32_t>(e.argument);
    const auto& s = of_.spans()[number];
    if (e.kind == device_began) {
      biography::piece p;
      p.span = number;
      p.lane = place_name(s.place);
      if (s.stream >= 0) {
        p.lane += " stream ";
        p.lane += std::to_string(s.stream);
      }
      p.begin_error = (s.begin_latest - s.begin_earliest) / 2;
      p.begin = e.time + p.begin_error;
      told_.pieces.push_back(std::move(p));
      return;
    }
    const auto open = std::ranges::find(told_.pieces, number, &biography::piece::span);
    if (open == told_.pieces.end()) return;
    open->end_error = (s.end_latest - s.end_earliest) / 2;
    open->end = std::max(open->begin, e.time - open->end_error);
    const bool copies = s.what != trace::device_work::task &&
                        s.what != trace::device_work::kernel && s.what != trace::device_work::fill;
    if (copies) told_.copied += s.bytes;
  }

  void read_phases() {
    std::vector<std::uint32_t> changes;
    for (auto c = of_.tasks()[task_].last_change; c != none; c = of_.changes()[c].previous) {
      if (of_.time_of(of_.changes()[c]) <= at_) changes.push_back(c);
    }
    std::ranges::reverse(changes);
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto& c = of_.changes()[changes[i]];
      biography::phase p;
      p.change = changes[i];
      p.begin = of_.time_of(c);
      p.goes_on = i + 1 == changes.size() && !is_final(c.state);
      p.end = i + 1 < changes.size() ? of_.time_of(of_.changes()[changes[i + 1]]) : at_;
      if (is_final(c.state)) p.end = p.begin;
      const auto after = i + 1 < changes.size() ? of_.changes()[changes[i + 1]] : c;
      const auto* const next = i + 1 < changes.size() ? &after : nullptr;
      // Queues that it only went through.
      const bool waits = c.state == task_state::waiting_inputs || c.state == task_state::queued ||
                         c.state == task_state::waiting_tags || c.state == task_state::retry_wait;
      if (waits && !p.goes_on && p.begin == p.end) continue;
      p.failed = fails(c, next);
      p.why = reason(c, next, p);
      told_.phases.push_back(std::move(p));
    }
  }

  [[nodiscard]] bool fails(const change& c, const change* next) const {
    if (next == nullptr || (c.state != task_state::running && c.state != task_state::suspended))
      return false;
    const auto what = of_.events()[next->event].what();
    return next->state == task_state::failed || what == event_kind::retry ||
           what == event_kind::fall_back;
  }

  // The trace may tell of a wait only behind what made it one.
  [[nodiscard]] std::uint32_t told_wait(const change& c, const change* next) const {
    for (const auto& [number, why] : waits_) {
      if (number > c.event && (next == nullptr || number < next->event)) return why;
    }
    return wait_cause::untold;
  }

  [[nodiscard]] std::string lane_of(const change& c) const {
    return c.where < of_.lanes().size() ? of_.lanes()[c.where].name : std::string("a thread");
  }

  [[nodiscard]] std::string reason(const change& c, const change* next,
                                   const biography::phase& p) const {
    std::string words;
    const auto attempt = [&] {
      if (c.attempt == 0 && !p.failed) return;
      words += ", attempt ";
      words += c.attempt == 255 ? "255 or later" : std::to_string(c.attempt + 1);
      if (p.failed) words += " fails";
    };
    switch (c.state) {
      case task_state::waiting_inputs: {
        std::vector<task_number> missing;
        for (const auto input : told_.inputs) {
          const auto then = of_.state_of(input, p.begin);
          if (!then || !is_final(then->state)) missing.push_back(input);
        }
        if (missing.empty())
          return told_.inputs.empty() ? "it has no inputs" : "its inputs were there before it";
        words = "for ";
        words += listed(missing, 3);
        return words;
      }
      case task_state::running:
        words = "on ";
        words += lane_of(c);
        attempt();
        return words;
      case task_state::copying:
        words = lane_of(c);
        attempt();
        return words;
      case task_state::suspended: {
        const auto& e = of_.events()[c.event];
        const auto why = told_wait(c, next);
        if (e.what() == event_kind::block && e.other() != no_task) {
          words = "for the end of ";
          words += called(e.other());
        } else {
          words = wait_in_words(why);
        }
        attempt();
        return words;
      }
      case task_state::retry_wait:
        words = "until attempt ";
        words += c.attempt == 255 ? "255 or later" : std::to_string(c.attempt + 1);
        return words;
      case task_state::queued:
      case task_state::waiting_tags: {
        const auto why = cause_of(of_, c);
        if (!why) return words;
        const bool deque =
            c.where < of_.queues().size() && of_.queues()[c.where].what == queue::kind::deque;
        words = deque ? "in the deque of " : in_words(of_, *why);
        if (deque) words += of_.queues()[c.where].name;
        if (of_.events()[c.event].what() == event_kind::steal) words += ", stolen";
        // The choice that led here.
        const auto chosen = std::ranges::find_if(std::views::reverse(routes_),
                                                 [&](const auto& r) { return r.first <= p.end; });
        const auto in =
            c.where < of_.queues().size() ? of_.queues()[c.where].what : queue::kind::router;
        const bool at_its_place = in != queue::kind::router && in != queue::kind::stream;
        if (c.state == task_state::queued && at_its_place &&
            chosen != std::views::reverse(routes_).end() && !chosen->second.why.empty()) {
          words += ": ";
          words += chosen->second.why;
        }
        return words;
      }
      case task_state::unknown:
        return "the trace does not say";
      case task_state::done:
      case task_state::failed:
      case task_state::cancelled:
        break;
    }
    return words;
  }

  const index& of_;
  const task_relations& relations_;
  task_number task_;
  std::int64_t at_;
  biography told_;
  std::vector<std::pair<std::int64_t, biography::route>> routes_;
  std::vector<event> callbacks_;  // that have not ended
  std::vector<std::pair<std::uint32_t, std::uint32_t>> waits_;
};

}  // namespace

biography biography_of(const index& of, const task_relations& relations, task_number t,
                       std::int64_t at) {
  return biographer(of, relations, t, at).tell();
}

std::uint64_t value_bytes_of(const index& of, const task_relations& relations, task_number t,
                             std::int64_t at) {
  for (const auto number : relations.events_of(t) | std::views::reverse) {
    const auto& e = of.events()[number];
    if (e.what() == event_kind::finish && e.time <= at)
      return trace::outcome_told::from(e.argument).bytes;
  }
  return 0;
}

std::string listed(const std::vector<task_number>& tasks, std::size_t most) {
  std::string words;
  const auto shown = std::min(most, tasks.size());
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) words += i + 1 == tasks.size() ? " and " : ", ";
    words += called(tasks[i]);
  }
  if (shown < tasks.size()) {
    words += " and ";
    words += grouped(tasks.size() - shown);
    words += " more";
  }
  return words;
}

}  // namespace fronta::viz
