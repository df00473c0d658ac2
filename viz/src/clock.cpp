// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/clock.hpp>

#include "summaries.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>

namespace fronta::viz {
namespace {

constexpr std::array<std::string_view, clock_kinds> names{"linear", "steps", "warped"};

// A shortened stretch takes this part of the whole axis, or more where little happens.
constexpr std::size_t most_cuts = 24;
constexpr double worth = 0.9;  // as long as this part of the whole at most

// Whether `narrate` has a sentence for each event, without making it: there are millions.
class told_events {
 public:
  explicit told_events(const index& of) : of_(of), changes_(of.events().size()) {
    const auto changes = of.changes();
    for (std::size_t c = 0; c < changes.size(); ++c) {
      const bool last = c + 1 == changes.size() || changes[c + 1].event != changes[c].event;
      if (last) changes_[changes[c].event] = changes[c].state != task_state::unknown;
    }
  }

  [[nodiscard]] bool is_told(std::uint32_t event) const {
    using trace::event_kind;
    const auto& e = of_.events()[event];
    if (e.task == no_task || e.kind == device_began || e.kind == device_ended)
      return !narrate(of_, event).empty();
    switch (e.what()) {
      case event_kind::submit:
      case event_kind::issue:
      case event_kind::retry:
      case event_kind::fall_back:
        return true;
      case event_kind::ready:
      case event_kind::enqueue:
      case event_kind::steal:
      case event_kind::start:
      case event_kind::block:
      case event_kind::unblock:
      case event_kind::finish:
      case event_kind::cancel:
        return changes_[event];
      default:
        return !narrate(of_, event).empty();
    }
  }

 private:
  const index& of_;
  std::vector<bool> changes_;  // the event's own, to a known state
};

std::vector<std::int64_t> told_moments(const index& of) {
  const told_events told(of);
  std::vector<std::int64_t> moments{of.begin()};
  for (std::uint32_t e = 0; e < of.events().size(); ++e) {
    const auto t = of.events()[e].time;
    if (t > moments.back() && t < of.end() && told.is_told(e)) moments.push_back(t);
  }
  if (of.end() > moments.back()) moments.push_back(of.end());
  return moments;
}

std::int64_t rounded(double value) noexcept {
  constexpr double most = 4e18;
  return static_cast<std::int64_t>(std::llround(std::clamp(value, -most, most)));
}

double between(std::int64_t from, std::int64_t to) noexcept {
  return static_cast<double>(to) - static_cast<double>(from);
}

}  // namespace

std::string_view name_of(clock_kind c) noexcept { return names[static_cast<std::size_t>(c)]; }

std::optional<clock_kind> find_clock(std::string_view name) noexcept {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<clock_kind>(found - names.begin());
}

clock_map::clock_map(const index& of, clock_kind what)
    : kind_(what), begin_(of.begin()), end_(of.end()) {
  if (what == clock_kind::linear) return;
  auto moments = told_moments(of);
  if (what == clock_kind::steps) {
    moments_ = std::move(moments);
    moments_.shrink_to_fit();
  } else {
    find_cuts(moments);
  }
}

// The longest stretches are cut to one length, which is a fixed part of what is left then: so no
// stretch is drawn longer than one that lasted longer, and there are never more than `most_cuts`.
void clock_map::find_cuts(std::span<const std::int64_t> moments) {
  const auto stretches = moments.size() - 1;
  const auto parts = std::min(most_cuts, stretches / 2);
  if (parts < 2) return;
  // Of the longest, the shortest first.
  std::vector<std::pair<std::int64_t, std::size_t>> longest;
  for (std::size_t i = 0; i < stretches; ++i) {
    const std::pair one(moments[i + 1] - moments[i], i);
    if (longest.size() < parts) {
      longest.push_back(one);
      std::ranges::push_heap(longest, std::greater());
    } else if (one > longest.front()) {
      std::ranges::pop_heap(longest, std::greater());
      longest.back() = one;
      std::ranges::push_heap(longest, std::greater());
    }
  }
  std::ranges::sort(longest, std::greater());
  // With the k longest cut, each is 1 / parts of all: (the others + k cuts) / parts.
  auto others = between(begin_, end_);
  std::size_t many = 0;
  auto length = others / static_cast<double>(parts);
  while (many + 1 < parts && static_cast<double>(longest[many].first) > length) {
    others -= static_cast<double>(longest[many].first);
    ++many;
    length = others / static_cast<double>(parts - many);
  }
  // What saves next to nothing is not worth a scale that changes.
  const auto left = others + static_cast<double>(many) * length;
  if (many == 0 || !(length > 0) || left > worth * between(begin_, end_)) return;
  cut_to_ = length;
  longest.resize(many);
  std::ranges::sort(longest, {}, &std::pair<std::int64_t, std::size_t>::second);
  double saved = 0;
  for (const auto& [lasts, i] : longest) {
    cuts_.push_back({moments[i], moments[i + 1], between(begin_, moments[i]) - saved});
    saved += static_cast<double>(lasts) - length;
  }
}

const clock_map::cut* clock_map::cut_at(std::int64_t t) const noexcept {
  const auto after = std::ranges::upper_bound(cuts_, t, {}, &cut::begin);
  return after == cuts_.begin() ? nullptr : &*std::prev(after);
}

double clock_map::place(std::int64_t t) const noexcept {
  if (moments_.size() > 1) {
    const auto steps = moments_.size() - 1;
    // Before and after the trace: as much as a step lasts there on average.
    const auto usual = between(begin_, end_) / static_cast<double>(steps);
    if (t <= begin_) return between(begin_, t) / usual;
    if (t >= end_) return static_cast<double>(steps) + between(end_, t) / usual;
    const auto after = std::ranges::upper_bound(moments_, t);
    const auto before = *std::prev(after);
    return static_cast<double>(after - moments_.begin() - 1) +
           between(before, t) / between(before, *after);
  }
  const auto* c = cut_at(t);
  if (c == nullptr) return between(begin_, t);
  if (t < c->end) return c->place + cut_to_ * (between(c->begin, t) / between(c->begin, c->end));
  return c->place + cut_to_ + between(c->end, t);
}

std::int64_t clock_map::time(double place) const noexcept {
  if (moments_.size() > 1) {
    const auto steps = static_cast<double>(moments_.size() - 1);
    const auto usual = between(begin_, end_) / steps;
    if (!(place > 0)) return begin_ + rounded(place * usual);
    if (place >= steps) return end_ + rounded((place - steps) * usual);
    const auto whole = std::floor(place);
    const auto nth = static_cast<std::size_t>(whole);
    return moments_[nth] + rounded((place - whole) * between(moments_[nth], moments_[nth + 1]));
  }
  const auto after = std::ranges::upper_bound(cuts_, place, {}, &cut::place);
  if (after == cuts_.begin()) return begin_ + rounded(place);
  const auto& c = *std::prev(after);
  const auto within = place - c.place;
  if (within < cut_to_) return c.begin + rounded(within / cut_to_ * between(c.begin, c.end));
  return c.end + rounded(within - cut_to_);
}

double clock_map::pace(std::int64_t t) const noexcept {
  if (moments_.size() > 1) {
    if (t < begin_ || t >= end_)
      return between(begin_, end_) / static_cast<double>(moments_.size() - 1);
    const auto after = std::ranges::upper_bound(moments_, t);
    return between(*std::prev(after), *after);
  }
  const auto* c = cut_at(t);
  return c == nullptr || t >= c->end ? 1 : between(c->begin, c->end) / cut_to_;
}

const clock_map& summaries::clock_of(const index& of, clock_kind what) {
  return make(clocks_[static_cast<std::size_t>(what)],
              [&] { return std::make_shared<const clock_map>(of, what); });
}

const clock_map& clock_of(const index& of, clock_kind what) {
  return of.whole().clock_of(of, what);
}

}  // namespace fronta::viz
