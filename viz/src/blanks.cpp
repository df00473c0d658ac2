// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/index.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Why there is nothing on a lane.
namespace fronta::viz {
namespace {

// A sentence, and a word for where that has no room.
struct reason {
  std::string_view why;
  std::string_view brief;
};
constexpr reason not_known{"not known", "unknown"};
constexpr reason unreserved{"free", "free"};
constexpr reason outside_tasks{"outside tasks", "outside"};
constexpr reason nothing_to_copy{"nothing to copy", "no copy"};
constexpr reason no_copy_told{"no copy told of yet", "not told"};
constexpr reason untold{"enqueued, not told of yet", "not told"};
constexpr reason events_missing{"events missing", "missing"};
constexpr reason executor_closed{"the executor is closed", "closed"};
constexpr reason not_started{"not started yet", "not yet"};
constexpr reason between_tasks{"between tasks", "between"};
// What a worker sleeps for, and what a stream that is not at work does.
constexpr reason nothing_to_do{"nothing to do", "idle"};
constexpr reason tags{"tags", "tags"};
constexpr reason inputs{"inputs", "inputs"};
constexpr reason retries{"a retry", "retry"};
constexpr reason workers{"a worker", "queued"};
constexpr reason nothing_enqueued{"nothing enqueued", "empty"};
constexpr reason enqueued_waits{"what is enqueued waits", "waits"};

}  // namespace

class blank_finder {
 public:
  blank_finder(const index& of, std::uint32_t lane)
      : of_(of), number_(lane), lane_(of.lanes_[lane]), row_(of.lane_rows_[lane]) {
    if (lane_.what != lane::kind::stream) return;
    const auto q = std::ranges::find_if(of.queues_, [&](const queue& x) {
      return x.what == queue::kind::stream && x.executor == lane_.executor &&
             x.place == lane_.place && x.number == lane_.number;
    });
    if (q != of.queues_.end()) queue_ = static_cast<std::uint32_t>(q - of.queues_.begin());
  }

  [[nodiscard]] index::blank at(std::int64_t t) const {
    const auto s = stretch_at(t);
    if (!s.waits) return {t, t, std::string(s.why.why), std::string(s.why.brief)};
    auto waits = words(wait_of(counts_at(t)), s.vacant);
    return {t, t, std::move(waits.why), std::move(waits.brief)};
  }

  std::vector<index::blank> between(std::int64_t from, std::int64_t to, std::int64_t least) {
    least_ = std::max<std::int64_t>(1, least);
    // A picture that is bounded in width is bounded in what it asks.
    auto steps = 64 + static_cast<std::uint64_t>((to - from) / least_);
    while (from < to) {
      const auto s = stretch_at(from);
      auto until = std::min(s.end, to);
      if (steps != 0) {
        --steps;
      } else {
        until = std::min(std::max(until, from + least_), to);
      }
      if (s.waits) {
        add_waits(from, until, s.vacant);
      } else {
        add(from, until, {std::string(s.why.why), std::string(s.why.brief)});
      }
      from = until;
    }
    join_short_ones();
    return std::move(made_);
  }

 private:
  // One reason holds until `end`; `waits`: it is what tasks wait for; `vacant`: no thread is there.
  struct stretch {
    reason why;
    std::int64_t end = forever;
    bool waits = false;
    bool vacant = false;
  };
  struct told {
    std::string why;
    std::string brief;
  };
  // What a worker without work, or a stream, waits for.
  struct wait {
    task_state what = task_state::done;  // `done`: nothing
    std::uint32_t tasks = 0;
    bool several = false;  // not always so many
    bool mostly = false;
  };
  struct counts {
    std::array<std::int64_t, task_states> states{};
    std::int64_t queued = 0;
  };

  [[nodiscard]] stretch stretch_at(std::int64_t t) const {
    if (t > of_.end_) return {not_known};
    auto s = stretch_of_kind(t);
    s.end = std::min(s.end, of_.end_ + 1);
    return s;
  }

  [[nodiscard]] stretch stretch_of_kind(std::int64_t t) const {
    switch (lane_.what) {
      case lane::kind::reserved:
        return {unreserved};
      case lane::kind::thread:
        return {outside_tasks};
      case lane::kind::copies:
        // Devices tell when they are done.
        if (of_.ended_) return {nothing_to_copy};
        if (const auto next = of_.first_bar_after(number_, t); next != of_.bars_of(number_))
          return {nothing_to_copy, of_.bar_at(number_, next).end};
        return {no_copy_told};
      case lane::kind::stream:
        if (of_.untold_at(number_, t)) return {untold};
        return {{}, untold_before(t), true};
      case lane::kind::slot:
        break;
    }
    // The first of these that holds; the next one that begins ends it.
    auto end = forever;
    if (const auto until = inside(row_.missing, t, end)) return {events_missing, *until};
    if (const auto until = inside(row_.ended, t, end)) {
      // While the executor is open another thread may take the slot.
      if (t >= row_.closed) return {executor_closed, std::min(*until, end)};
      return {{}, std::min({*until, end, row_.closed}), true, true};
    }
    if (t < row_.first_sign) return {not_started, std::min(end, row_.first_sign)};
    if (const auto until = inside(row_.parked, t, end)) return {{}, std::min(*until, end), true};
    if (const auto until = inside(row_.lent, t, end))
      return {{}, std::min(*until, end), true, true};
    return {between_tasks, end};
  }
  // Until when, if `t` is in one of them; `next`: when the next one begins, if that is sooner.
  static std::optional<std::int64_t> inside(const index::stretches& all, std::int64_t t,
                                            std::int64_t& next) {
    const auto after = std::ranges::upper_bound(all, t, {}, [](const auto& p) { return p.first; });
    if (after != all.end()) next = std::min(next, after->first);
    // Stretches of several threads may overlap a little; the last to begin says enough.
    if (after == all.begin() || std::prev(after)->second <= t) return std::nullopt;
    return std::prev(after)->second;
  }

  // Until when it is sure that there is nothing that the device has not told of; see untold_at.
  [[nodiscard]] std::int64_t untold_before(std::int64_t t) const {
    auto end = of_.next_untold(number_, t);
    if (of_.untold_.empty()) return end;
    const auto next = of_.first_bar_from(number_, t);
    if (next != of_.bars_of(number_)) return std::min(end, of_.bar_at(number_, next).begin + 1);
    if (next != 0) {
      if (const auto before = of_.bar_at(number_, next - 1).end; before > t)
        end = std::min(end, before);
    }
    return end;
  }

  [[nodiscard]] counts counts_at(std::int64_t t) const {
    counts c;
    if (lane_.what == lane::kind::stream) {
      if (queue_ != none) c.queued = of_.length_at(queue_, t);
      return c;
    }
    const auto states = of_.counts_at(t, lane_.executor);
    std::ranges::copy(states, c.states.begin());
    return c;
  }
  void apply(const change& c, counts& to, std::int64_t by) const {
    if (lane_.what == lane::kind::stream) {
      if (index::is_in_queue(c) && c.where == queue_) to.queued += by;
    } else if (of_.executor_of(c) == lane_.executor) {
      to.states[static_cast<std::size_t>(c.state)] += by;
    }
  }
  [[nodiscard]] wait wait_of(const counts& c) const {
    if (lane_.what == lane::kind::stream) {
      return c.queued > 0 ? wait{task_state::queued, static_cast<std::uint32_t>(c.queued)} : wait{};
    }
    for (const auto s : {task_state::waiting_tags, task_state::waiting_inputs,
                         task_state::retry_wait, task_state::queued}) {
      if (const auto n = c.states[static_cast<std::size_t>(s)]; n > 0)
        return {s, static_cast<std::uint32_t>(n)};
    }
    return {};
  }

  [[nodiscard]] reason reason_of(const wait& w) const {
    if (lane_.what == lane::kind::stream) return w.tasks == 0 ? nothing_enqueued : enqueued_waits;
    if (w.tasks == 0) return nothing_to_do;
    if (w.what == task_state::waiting_tags) return tags;
    if (w.what == task_state::waiting_inputs) return inputs;
    return w.what == task_state::queued ? workers : retries;
  }
  [[nodiscard]] told words(const wait& w, bool vacant) const {
    const auto r = reason_of(w);
    told of{{}, w.mostly ? "mostly " : ""};
    of.brief += r.brief;
    if (lane_.what == lane::kind::stream) {
      of.why = w.mostly ? "mostly " : "";
    } else {
      of.why = vacant ? "free" : "sleeps";
      of.why += w.mostly ? ", mostly: " : ": ";
      if (w.tasks != 0) {
        if (w.several) of.why += "up to ";
        of.why += std::to_string(w.tasks);
        of.why += w.tasks == 1 ? " task waits for " : " tasks wait for ";
      }
    }
    of.why += r.why;
    return of;
  }

  // Change by change where they are few; else a look here and there.
  void add_waits(std::int64_t from, std::int64_t until, bool vacant) {
    const auto first = of_.changes_until(from);
    const auto last = of_.changes_until(until - 1);
    auto now = counts_at(from);
    auto w = wait_of(now);
    auto begin = from;
    const auto next = [&](std::int64_t t, const wait& what) {
      if (what.what == w.what) {
        w.several = w.several || what.tasks != w.tasks;
        w.tasks = std::max(w.tasks, what.tasks);
        return;
      }
      if (t > begin) add(begin, t, words(w, vacant));
      begin = t;
      const bool mostly = w.mostly;
      w = what;
      w.mostly = mostly;
    };
    if (last - first <= most_changes_) {
      most_changes_ -= last - first;
      for (auto c = first; c < last; ++c) {
        const auto& one = of_.changes_[c];
        if (one.previous != none) apply(of_.changes_[one.previous], now, -1);
        apply(one, now, 1);
        // What happens at one moment happens at once.
        const auto t = of_.time_of(one);
        if (c + 1 == last || of_.time_of(of_.changes_[c + 1]) != t) next(t, wait_of(now));
      }
    } else {
      w.mostly = true;
      const auto looks = std::clamp<std::int64_t>((until - from) / least_, 1, most_looks);
      for (std::int64_t i = 1; i < looks; ++i) {
        const auto t = from + (until - from) / looks * i;
        next(t, wait_of(counts_at(t)));
      }
    }
    add(begin, until, words(w, vacant));
  }

  void add(std::int64_t begin, std::int64_t end, told of) {
    if (begin >= end) return;
    if (!made_.empty() && made_.back().why == of.why) {
      made_.back().end = end;
    } else {
      made_.push_back({begin, end, std::move(of.why), std::move(of.brief)});
    }
  }

  void join_short_ones() {
    std::vector<index::blank> joined;
    for (auto& b : made_) {
      auto* last = joined.empty() ? nullptr : &joined.back();
      if (last != nullptr && (b.end - b.begin < least_ || last->why == b.why)) {
        last->end = b.end;
      } else if (last != nullptr && last->end - last->begin < least_) {
        b.begin = last->begin;
        *last = std::move(b);
      } else {
        joined.push_back(std::move(b));
      }
    }
    made_ = std::move(joined);
  }

  static constexpr std::int64_t most_looks = 16;

  const index& of_;
  std::uint32_t number_;
  const lane& lane_;
  const index::lane_row& row_;
  std::uint32_t queue_ = none;
  std::int64_t least_ = 1;
  std::size_t most_changes_ = 8'192;  // that are looked at one by one
  std::vector<index::blank> made_;
};

std::string index::why_blank(std::uint32_t lane, std::int64_t t) const {
  return blank_at(lane, t).why;
}

index::blank index::blank_at(std::uint32_t lane, std::int64_t t) const {
  return blank_finder(*this, lane).at(t);
}

std::vector<index::blank> index::blanks(std::uint32_t lane, std::int64_t from, std::int64_t to,
                                        std::int64_t least) const {
  return blank_finder(*this, lane).between(from, to, least);
}

}  // namespace fronta::viz
