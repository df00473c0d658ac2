// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/critical_path.hpp>

#include "summaries.hpp"
#include "task_relations.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <tuple>
#include <utility>

namespace fronta::viz {
namespace {

using trace::event_kind;

constexpr std::array<std::string_view, path_times> time_names{
    "running",          "on a GPU",      "copying",          "waiting within a run",
    "waiting for tags", "queued",        "waiting to retry", "being submitted",
    "handing over",     "outside tasks", "not known"};

// Goes back in the order of events: each step leads to an earlier one, or, at a submission, to a
// smaller task at the same one. So it ends, whatever the trace holds.
class walk {
 public:
  walk(const index& of, std::int64_t until)
      : of_(of), related_(task_relations_of(of)), seen_(of.tasks().size(), unread) {
    found_.begin = found_.end = of.begin();
    choose_last(until);
    if (found_.last == no_task) return;
    last_ = at_.before;
    collect();
    follow();
    finish();
  }

  critical_path take() { return std::move(found_); }

 private:
  static constexpr std::uint32_t unread = none - 1;

  // Where the path is: the task, as it was before the event.
  struct place {
    task_number task = no_task;
    std::uint32_t before = 0;
  };

  // ---- What is looked up later.

  void choose_last(std::int64_t until) {
    const auto ends = of_.completions().first(of_.completed_at(until));
    const auto last = std::ranges::find_if(ends | std::views::reverse, [&](std::uint32_t c) {
      return of_.changes()[c].state != task_state::cancelled;
    });
    if (ends.empty()) return;
    const auto c = last != std::ranges::end(ends | std::views::reverse) ? *last : ends.back();
    at_ = {of_.task_of(c), of_.changes()[c].event};
    found_.last = at_.task;
    found_.end = time(at_.before);
  }

  // What each thread had taken when it submitted a task.
  void collect() {
    const auto events = of_.events();
    std::vector<std::optional<place>> taken;  // by thread: what it took that ended last
    for (std::uint32_t e = 0; e < last_; ++e) {
      const auto& one = events[e];
      if (one.task == no_task || !one.names_none()) continue;
      if (one.what() == event_kind::consume) {
        if (taken.size() <= one.thread) taken.resize(one.thread + std::size_t{1});
        const auto end = end_of(one.task);
        auto& best = taken[one.thread];
        if (end < e && (!best || end > best->before)) best = {one.task, end};
      } else if (one.what() == event_kind::submit && one.thread < taken.size() &&
                 taken[one.thread]) {
        taken_before_.emplace_back(one.task, *taken[one.thread]);
      }
    }
    std::ranges::sort(taken_before_, {}, [](const std::pair<task_number, place>& one) {
      return std::pair(one.first, one.second.before);
    });
  }

  // A task's events behind one of them, up to where the path began.
  [[nodiscard]] std::span<const std::uint32_t> events_after(std::uint32_t event) const {
    return between(related_.events_of(at_.task), event, last_);
  }
  static std::span<const std::uint32_t> between(std::span<const std::uint32_t> events,
                                                std::uint32_t after, std::uint32_t before) {
    return {std::ranges::upper_bound(events, after), std::ranges::lower_bound(events, before)};
  }
  // Of those, what comes before it stands in the same queue again.
  [[nodiscard]] std::span<const std::uint32_t> events_of_stand(std::uint32_t enqueued) const {
    const auto all = events_after(enqueued);
    const auto& queue = of_.events()[enqueued];
    const auto again = std::ranges::find_if(all, [&](std::uint32_t e) {
      const auto& one = of_.events()[e];
      return one.what() == event_kind::enqueue && one.argument == queue.argument;
    });
    return {all.begin(), again};
  }
  // The first of a kind; `none` if there is none.
  [[nodiscard]] std::uint32_t first_of(event_kind kind,
                                       std::span<const std::uint32_t> events) const {
    const auto found = std::ranges::find_if(
        events, [&](std::uint32_t e) { return of_.events()[e].what() == kind; });
    return found == events.end() ? none : *found;
  }

  [[nodiscard]] std::int64_t time(std::uint32_t event) const { return of_.events()[event].time; }
  [[nodiscard]] change at(std::uint32_t c) const { return of_.changes()[c]; }

  // The event with which a task ended; `none` if it is not told.
  [[nodiscard]] std::uint32_t end_of(task_number t) const {
    const auto c = of_.tasks()[t].last_change;
    return c == none || !is_final(at(c).state) ? none : at(c).event;
  }

  // The last change before an event. The path never asks for a later one again, so all of it takes
  // as many steps as there are changes.
  std::uint32_t change_before(const place& p) {
    auto& c = seen_[p.task];
    if (c == unread) c = of_.tasks()[p.task].last_change;
    while (c != none && at(c).event >= p.before) c = at(c).previous;
    return c;
  }

  // ---- The path, the last step first.

  void add(path_time what, std::int64_t from, std::uint32_t lane = none, std::uint32_t text = 0) {
    if (from >= now_) return;
    found_.steps.push_back({from, now_, at_.task, what, path_link::same_task, lane, text});
    now_ = from;
  }
  void go_on(std::uint32_t c) { at_.before = at(c).event; }
  // The path comes from elsewhere; what is between belongs to the task that it comes to.
  void jump(const place& to, std::int64_t when, path_link by, std::uint32_t text = 0) {
    add(path_time::handing_over, std::min(when, now_));
    if (!found_.steps.empty()) {
      found_.steps.back().by = by;
      if (by == path_link::tag) found_.steps.back().text = text;
    }
    at_ = to;
  }
  // The task stood from `since` until now behind others. Of waits at the same time one counts.
  void stood(path_link behind, std::uint32_t text, std::int64_t since, std::int64_t until) {
    auto one = std::ranges::find_if(queues_, [&](const auto& q) {
      return q.said.behind == behind && of_.text(q.said.text) == of_.text(text);
    });
    if (one == queues_.end()) one = queues_.insert(one, {{behind, text, 0}, forever});
    const auto to = std::min(until, one->counted);
    if (since < to) one->said.time += to - since;
    one->counted = std::min(one->counted, since);
  }

  void follow() {
    now_ = time(at_.before);
    auto later = none;  // the change of the same task that the path has just left
    for (;;) {
      const auto here = at_;
      const auto c = change_before(at_);
      if (c == none) {
        if (!submitted()) return;
      } else {
        through(c, later);
      }
      later = at_.task == here.task ? c : none;
    }
  }

  void through(std::uint32_t c, std::uint32_t later) {
    const auto& now = at(c);
    const auto begin = of_.time_of(now);
    switch (now.state) {
      case task_state::running:
      case task_state::copying:
        worked(c);
        return;
      case task_state::suspended:
        if (!waited(c, later)) {
          add(path_time::suspended, begin, now.where == nowhere ? none : std::uint32_t{now.where});
          go_on(c);
        }
        return;
      case task_state::queued:
        if (!queued(c, later)) own(c, path_time::queued);
        return;
      case task_state::waiting_tags:
        if (!waited_for_tags(c)) own(c, path_time::tags, tag_missing(c));
        return;
      case task_state::waiting_inputs:
        if (!waited_for_inputs(c)) own(c, path_time::submitting);
        return;
      case task_state::retry_wait:
        own(c, path_time::retrying);
        return;
      case task_state::done:
      case task_state::failed:
      case task_state::cancelled:
        own(c, path_time::handing_over);
        return;
      case task_state::unknown:
        own(c, path_time::unknown);
        return;
    }
  }
  void own(std::uint32_t c, path_time what, std::uint32_t text = 0) {
    add(what, of_.time_of(at(c)), none, text);
    go_on(c);
  }

  void worked(std::uint32_t c) {
    const auto& now = at(c);
    const auto begin = of_.time_of(now);
    const auto lane = now.where == nowhere ? none : std::uint32_t{now.where};
    auto what = path_time::running;
    if (lane != none && of_.lanes()[lane].what == lane::kind::stream) what = path_time::on_device;
    if (now.state == task_state::copying) what = path_time::copying;
    if (lane != none && what != path_time::running) {
      // The host hears of its end later.
      if (const auto ended = device_end(lane, at_.task); ended) {
        add(path_time::handing_over, std::max(begin, *ended));
      }
    }
    add(what, begin, lane);
    go_on(c);
  }

  // When the task's last work on a stream ended, before now.
  [[nodiscard]] std::optional<std::int64_t> device_end(std::uint32_t lane, task_number t) const {
    constexpr int most = 256;
    auto nth = of_.first_bar_from(lane, now_);
    for (int i = 0; i < most && nth != 0; ++i) {
      const auto b = of_.bar_at(lane, --nth);
      if (b.task == t) return b.end <= now_ ? std::optional(b.end) : std::nullopt;
    }
    return std::nullopt;
  }

  // ---- What a wait in a run was for.

  bool waited(std::uint32_t c, std::uint32_t later) {
    const auto block = at(c).event;
    if (const auto& e = of_.events()[block];
        e.what() == event_kind::block && e.other() != no_task) {
      return came_from(e.other(), block, path_link::awaited);
    }
    if (later == none || of_.events()[at(later).event].what() != event_kind::unblock) return false;
    const auto reason = wait_reason_at(block);
    if (!reason) return false;
    // Of several: what it took until its next wait.
    const auto goes_on = at(later).event;
    const auto until = std::min(last_, first_of(event_kind::wait, events_after(goes_on)));
    std::optional<place> cause;
    for (const auto e : between(related_.taken_by(at_.task), goes_on, until)) {
      const auto w = of_.events()[e].task;
      const auto end = end_of(w);
      if (end <= block || end >= at_.before) continue;
      if (!cause || end > cause->before) cause = place{w, end};
      if (*reason == trace::wait_reason::completion) break;  // the next is the first that it takes
    }
    return cause && came_from(cause->task, block, path_link::awaited);
  }

  // `all`, `any` or `completion`, as told beside the event.
  [[nodiscard]] std::optional<trace::wait_reason> wait_reason_at(std::uint32_t block) const {
    // What comes behind the wait is looked at by later ones: else it were looked at for each.
    const auto told =
        first_of(event_kind::wait, between(related_.events_of(at_.task), block, at_.before + 1));
    if (told == none) return std::nullopt;
    const auto why = static_cast<trace::wait_reason>(of_.events()[told].argument);
    using enum trace::wait_reason;
    if (why == all || why == any || why == completion) return why;
    return std::nullopt;
  }

  // From the end of another task, if that lies between the event and here.
  bool came_from(task_number t, std::uint32_t after, path_link by) {
    const auto end = end_of(t);
    if (end <= after || end >= at_.before) return false;
    jump({t, end}, time(end), by);
    return true;
  }

  // ---- What it was queued behind.

  bool queued(std::uint32_t c, std::uint32_t later) {
    if (later == none || at(later).state != task_state::running || at(later).where == nowhere)
      return false;
    const auto lane = std::uint32_t{at(later).where};
    if (of_.lanes()[lane].what == lane::kind::stream) return behind_stream(c, lane);
    // Since it came into the first of the queues that it went through.
    auto first = c;
    while (at(first).previous != none && at(at(first).previous).state == task_state::queued)
      first = at(first).previous;
    const auto since = of_.time_of(at(first));
    const auto left = left_before(lane);
    if (left && left->when > since && !slept(lane, left->when)) {
      stood(path_link::worker, 0, since, now_);
      jump({left->task, position(left->when)}, left->when, path_link::worker);
      return true;
    }
    add(path_time::queued, since);
    go_on(first);
    return true;
  }

  // All that happened up to a moment, but not what happens here.
  [[nodiscard]] std::uint32_t position(std::int64_t t) const {
    const auto last = of_.last_event(t);
    return std::min(last == none ? 0 : last + 1, at_.before - 1);
  }

  struct left_lane {
    task_number task;
    std::int64_t when;
  };

  // Who left the lane's worker last before the task's run there, or within which wait it began.
  [[nodiscard]] std::optional<left_lane> left_before(std::uint32_t lane) const {
    auto nth = of_.first_bar_from(lane, now_);
    const auto bars = of_.bars_of(lane);
    for (; nth < bars; ++nth) {
      const auto b = of_.bar_at(lane, nth);
      if (b.begin != now_) return std::nullopt;
      if (b.task == at_.task && b.what == bar::kind::run) break;
    }
    if (nth == bars) return std::nullopt;
    const auto depth = of_.bar_at(lane, nth).depth;
    while (nth != 0) {
      const auto b = of_.bar_at(lane, --nth);
      if (b.what == bar::kind::run && b.depth == depth) {
        if (b.lost || b.end > now_) return std::nullopt;
        return left_lane{b.task, b.end};
      }
      if (b.depth < depth) {
        if (b.what != bar::kind::suspended || b.end < now_) return std::nullopt;
        return left_lane{b.task, b.begin};
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] bool slept(std::uint32_t lane, std::int64_t from) const {
    const auto parked = of_.parked(lane);
    const auto at =
        std::ranges::lower_bound(parked, from, {}, [](const auto& p) { return p.first; });
    return at != parked.end() && at->first < now_;
  }

  bool behind_stream(std::uint32_t c, std::uint32_t lane) {
    const auto since = of_.time_of(at(c));
    constexpr int most = 256;
    std::optional<left_lane> before;
    auto nth = of_.first_bar_from(lane, now_);
    for (int i = 0; i < most && nth != 0; ++i) {
      const auto b = of_.bar_at(lane, --nth);
      if (b.task == no_task || b.task == at_.task || b.end > now_) continue;
      if (!before || b.end > before->when) before = {b.task, b.end};
    }
    if (!before || before->when <= since) return false;
    stood(path_link::stream, 0, since, now_);
    jump({before->task, position(before->when)}, before->when, path_link::stream);
    return true;
  }

  // ---- Tags and inputs.

  [[nodiscard]] std::uint32_t tag_missing(std::uint32_t c) const {
    const auto& e = of_.events()[at(c).event];
    return e.kind == static_cast<std::uint8_t>(event_kind::enqueue) ? e.text : 0;
  }

  bool waited_for_tags(std::uint32_t c) {
    const auto began = at(c).event;
    if (at(c).where != nowhere && of_.queues()[at(c).where].what == queue::kind::streams)
      return waited_for_stream(began);
    const auto missing = of_.text(tag_missing(c));
    // What it got then.
    std::vector<std::uint32_t> wanted;
    for (const auto e : events_of_stand(began)) {
      const auto& one = of_.events()[e];
      if (one.what() == event_kind::start) break;
      if (one.what() == event_kind::acquire && (missing.empty() || of_.text(one.text) == missing))
        wanted.push_back(e);
    }
    for (auto e = at_.before; e-- > began + 1;) {
      const auto& one = of_.events()[e];
      if (one.kind != static_cast<std::uint8_t>(event_kind::release) || one.task == no_task ||
          one.task == at_.task) {
        continue;
      }
      const auto name = of_.text(one.text);
      const bool it = wanted.empty() ? !missing.empty() && name == missing
                                     : std::ranges::any_of(wanted, [&](std::uint32_t a) {
                                         const auto& got = of_.events()[a];
                                         return of_.text(got.text) == name &&
                                                trace::tag_amount::from(got.argument).place ==
                                                    trace::tag_amount::from(one.argument).place;
                                       });
      if (!it) continue;
      stood(path_link::tag, one.text, time(began), now_);
      jump({one.task, e}, time(e), path_link::tag, one.text);
      return true;
    }
    return false;
  }

  bool waited_for_stream(std::uint32_t began) {
    const auto mine = first_of(event_kind::issue, events_of_stand(began));
    if (mine == none) return false;
    const auto& e = of_.events()[mine];
    const auto place_number = static_cast<std::int32_t>(e.argument >> 32U);
    const auto stream = static_cast<std::int32_t>(e.argument & 0xFFFF'FFFF);
    const auto lane = std::ranges::find_if(of_.lanes(), [&](const viz::lane& l) {
      return l.what == lane::kind::stream && l.executor == e.executor && l.place == place_number &&
             l.number == stream;
    });
    if (lane == of_.lanes().end()) return false;
    const auto number = static_cast<std::uint32_t>(lane - of_.lanes().begin());
    constexpr int most = 256;
    auto nth = of_.first_bar_from(number, now_);
    for (int i = 0; i < most && nth != 0; ++i) {
      const auto b = of_.bar_at(number, --nth);
      if (b.task == no_task || b.task == at_.task) continue;
      const auto since = time(began);
      const auto until = now_;
      if (!came_from(b.task, began, path_link::stream)) return false;
      stood(path_link::stream, 0, since, until);
      return true;
    }
    return false;
  }

  bool waited_for_inputs(std::uint32_t c) {
    std::optional<place> last;
    for (const auto e : related_.inputs_of(at_.task)) {
      const auto input = of_.events()[e].other();
      const auto end = end_of(input);
      if (end < at_.before && (!last || end > last->before)) last = place{input, end};
    }
    return last && came_from(last->task, at(c).event, path_link::input);
  }

  // ---- Before its first change. Whether the path goes on from there.

  bool submitted() {
    const auto t = at_.task;
    const auto& e = of_.events()[at_.before];
    const bool told = e.kind == static_cast<std::uint8_t>(event_kind::submit) && e.task == t;
    if (const auto parent = of_.tasks()[t].parent; told && parent != no_task) {
      if (const place by{parent, at_.before}; change_before(by) != none) {
        jump(by, now_, path_link::submitter);
        return true;
      }
    }
    const auto rest = [&](path_time what, std::int64_t from) {
      if (from >= now_) return;
      found_.steps.push_back({from, now_, no_task, what, path_link::first, none, 0});
      now_ = from;
    };
    if (told && e.names_none()) {
      const auto taken =
          std::ranges::lower_bound(taken_before_, t, {}, &std::pair<task_number, place>::first);
      if (taken != taken_before_.end() && taken->first == t && taken->second.before < at_.before) {
        rest(path_time::outside, time(taken->second.before));
        if (!found_.steps.empty()) found_.steps.back().by = path_link::taken;
        at_ = taken->second;
        return true;
      }
    }
    rest(told && e.names_none() ? path_time::outside : path_time::unknown, found_.begin);
    return false;
  }

  // ---- At the end.

  void finish() {
    std::ranges::reverse(found_.steps);
    if (!found_.steps.empty()) found_.steps.front().by = path_link::first;
    for (const auto& s : found_.steps) {
      found_.spent[static_cast<std::size_t>(s.what)] += s.end - s.begin;
      if (s.task != no_task) found_.tasks.push_back(s.task);
    }
    found_.tasks.push_back(found_.last);
    std::ranges::sort(found_.tasks);
    const auto same = std::ranges::unique(found_.tasks);
    found_.tasks.erase(same.begin(), same.end());
    for (const auto& q : queues_) {
      if (q.said.time > 0) found_.stood.push_back(q.said);
    }
    std::ranges::sort(found_.stood, {}, [&](const critical_path::queue& q) {
      return std::tuple(-q.time, q.behind, of_.text(q.text));
    });
  }

  struct counted_queue {
    critical_path::queue said;
    std::int64_t counted;  // waits from here on are in it
  };

  const index& of_;
  const task_relations& related_;
  critical_path found_;
  place at_;
  std::uint32_t last_ = 0;  // the event at which the path ends
  std::int64_t now_ = 0;
  std::vector<std::uint32_t> seen_;  // of each task the change last asked for
  std::vector<std::pair<task_number, place>> taken_before_;
  std::vector<counted_queue> queues_;
};

}  // namespace

std::string_view name_of(path_time t) noexcept { return time_names[static_cast<std::size_t>(t)]; }

critical_path find_critical_path(const index& of, std::int64_t until) {
  return walk(of, until).take();
}

const critical_path& summaries::path_of(const index& of) {
  return make(path_, [&] { return std::make_shared<const critical_path>(find_critical_path(of)); });
}

const critical_path& critical_path_of(const index& of) { return of.whole().path_of(of); }

std::string in_words(const index& of, const critical_path& path) {
  if (path.last == no_task) return "critical path: no task has ended";
  const auto whole = path.end - path.begin;
  std::string text = "critical path: ";
  text += grouped(path.tasks.size());
  text += path.tasks.size() == 1 ? " task in " : " tasks in ";
  text += duration(whole);
  const auto percent = [&](std::int64_t part) {
    return std::llround(100 * static_cast<double>(part) / static_cast<double>(whole));
  };
  std::array<std::size_t, path_times> order{};
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(-path.spent[i], i); });
  std::string_view before = ": ";
  const auto say = [&](std::int64_t part, std::string_view what) {
    constexpr int least = 2;
    if (whole == 0 || percent(part) < least) return;
    text += before;
    text += std::to_string(percent(part));
    text += " % ";
    text += what;
    before = ", ";
  };
  for (const auto i : order) say(path.spent[i], time_names[i]);
  before = "; ";
  for (const auto& q : path.stood) {
    std::string behind = "behind a ";
    if (q.behind == path_link::tag) {
      behind += of.text(q.text);
      behind += " tag";
    } else {
      behind += q.behind == path_link::stream ? "stream" : "worker";
    }
    say(q.time, behind);
  }
  return text;
}

}  // namespace fronta::viz
