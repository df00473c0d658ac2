// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/merge.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace fronta::viz {
namespace {

using trace::event_kind;
using trace::file_contents;

// Damaged files may say anything of their clocks.
std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max() / 2;
  return std::clamp(a, -most, most) + std::clamp(b, -most, most);
}

struct stretch {
  std::int64_t begin;
  std::int64_t end;
};

// By the steady clock.
stretch time_of(const file_contents& f) {
  auto end = f.known_until;
  if (!f.events.empty()) end = std::max(end, f.events.back().time);
  return {f.origin_steady, sum(f.origin_steady, end)};
}

// Where some of time from the first begin to the last end is no trace's: on its side with fewer
// traces the one that was given last.
std::optional<std::size_t> beside_a_gap(std::span<const file_contents> all) {
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t n) { return std::pair(time_of(all[n]).begin, n); });
  auto until = time_of(all[order.front()]).end;
  for (std::size_t n = 0; n < order.size(); ++n) {
    const auto t = time_of(all[order[n]]);
    if (t.begin > until) {
      auto fewer = std::span(order);
      if (2 * n < order.size()) fewer = fewer.first(n);
      if (2 * n > order.size()) fewer = fewer.subspan(n);
      return std::ranges::max(fewer);
    }
    until = std::max(until, t.end);
  }
  return std::nullopt;
}

// A process makes one recording at a time.
bool is_same_recording(const file_contents& a, const file_contents& b) {
  return a.process == b.process && a.origin_steady == b.origin_steady &&
         a.origin_unix == b.origin_unix;
}

// In front of names: its number, and where two have the same, which of them it is.
std::string label_of(std::span<const file_contents> all, std::size_t n) {
  auto label = std::to_string(all[n].process);
  const auto same = [&](const file_contents& f) { return f.process == all[n].process; };
  if (std::ranges::count_if(all, same) == 1) return label;
  return label.append(1, '.').append(std::to_string(std::ranges::count_if(all.first(n + 1), same)));
}

std::string labelled(const std::string& label, std::string_view name) {
  auto text = label;
  return text.append(1, ' ').append(name);
}

// What becomes of the numbers of one file.
class renumbering {
 public:
  renumbering(const file_contents& of, std::uint32_t& last_executor)
      : of_(of), last_(last_executor) {}

  std::uint16_t executor(std::uint16_t number) {
    if (number == 0) return 0;
    return known(number);
  }

  // Of a task. Older files do not always say whose it is; nothing where that cannot be found out.
  std::optional<std::uint16_t> executor_of(std::uint16_t number, std::uint64_t task) {
    if (number != 0 || task == 0) return executor(number);
    if (!looked_) look();
    const auto found = submitted_.find(task);
    if (found == submitted_.end()) return known(0);  // of none that was told of
    if (found->second == 0) return std::nullopt;
    return known(found->second);
  }

 private:
  std::uint16_t known(std::uint16_t number) {
    const auto [at, made] = executors_.try_emplace(number, std::uint16_t{0});
    if (made) {
      if (last_ == std::numeric_limits<std::uint16_t>::max()) {
        throw std::invalid_argument(
            "viz::merge: there are more than 65 535 executors; merge fewer traces");
      }
      at->second = static_cast<std::uint16_t>(++last_);
    }
    return at->second;
  }
  void look() {
    looked_ = true;
    for (const auto& e : of_.events) {
      if (e.what.kind != event_kind::submit || e.what.executor == 0) continue;
      const auto [at, made] = submitted_.try_emplace(e.what.task, e.what.executor);
      if (!made && at->second != e.what.executor) at->second = 0;  // it may be either's
    }
  }

  const file_contents& of_;
  std::uint32_t& last_;
  std::map<std::uint16_t, std::uint16_t> executors_;
  std::unordered_map<std::uint64_t, std::uint16_t> submitted_;
  bool looked_ = false;
};

// What has a time, the earlier one first; of equal ones that of the earlier file.
template <class T>
void merge_into(std::vector<T>& to, std::vector<T> more) {
  std::vector<T> both;
  both.reserve(to.size() + more.size());
  std::ranges::merge(to, more, std::back_inserter(both), {}, &T::time, &T::time);
  to = std::move(both);
}

class merger {
 public:
  explicit merger(std::span<const file_contents> all) : all_(all) {
    const auto first = std::ranges::min_element(all, {}, &file_contents::origin_steady);
    auto& m = made_;
    m.host = first->host;
    m.process = first->process;
    m.origin_steady = first->origin_steady;
    m.origin_unix = first->origin_unix;
    m.ended = std::ranges::all_of(all, &file_contents::ended);
    m.tsc = std::ranges::any_of(all, &file_contents::tsc);
  }

  file_contents run() {
    for (std::size_t n = 0; n < all_.size(); ++n) take(all_[n], label_of(all_, n));
    return std::move(made_);
  }

 private:
  void take(const file_contents& f, const std::string& label) {
    auto& m = made_;
    const auto later = sum(f.origin_steady, -m.origin_steady);
    m.cores = std::max(m.cores, f.cores);
    m.known_until = std::max(m.known_until, sum(f.known_until, later));
    m.dropped += f.dropped;
    m.skipped += f.skipped;
    m.from_rings += f.from_rings;
    if (!f.damage.empty()) {
      if (!m.damage.empty()) m.damage.append("; ");
      m.damage.append(labelled(label, f.damage));
    }
    renumbering numbers(f, last_executor_);
    const auto threads_before = static_cast<std::uint32_t>(m.threads.size());
    for (const auto& t : f.threads) {
      m.threads.push_back({t.system_number, labelled(label, t.name), numbers.executor(t.executor),
                           t.executor != 0 ? t.place : -1});
    }
    // The first text of all is the empty one.
    const auto texts_before = static_cast<std::uint32_t>(m.texts.size() - 1);
    if (!f.texts.empty()) m.texts.insert(m.texts.end(), f.texts.begin() + 1, f.texts.end());
    std::vector<trace::recorded_event> events;
    events.reserve(f.events.size());
    for (auto e : f.events) {
      const bool of_task = e.what.kind != event_kind::thread;
      const auto executor = numbers.executor_of(e.what.executor, of_task ? e.what.task : 0);
      if (!executor) continue;
      if (e.what.kind == event_kind::place) {
        m.texts.push_back(labelled(label, f.texts[e.text]));
        e.text = static_cast<std::uint32_t>(m.texts.size() - 1);
      } else if (e.text != 0) {
        e.text += texts_before;
      }
      if (e.what.kind == event_kind::elsewhere) {
        const auto other = static_cast<std::uint16_t>(e.what.argument);
        e.what.argument = numbers.executor(other);
      }
      e.time = sum(e.time, later);
      e.thread += threads_before;
      e.what.executor = *executor;
      events.push_back(e);
    }
    merge_into(m.events, std::move(events));
    std::vector<trace::recorded_span> spans;
    spans.reserve(f.spans.size());
    for (auto s : f.spans) {
      s.time = sum(s.time, later);
      s.thread += threads_before;
      const auto executor = numbers.executor_of(s.what.executor, s.what.task);
      if (!executor) s.what.task = 0;
      s.what.executor = executor.value_or(0);
      spans.push_back(s);
    }
    merge_into(m.spans, std::move(spans));
  }

  std::span<const file_contents> all_;
  file_contents made_;
  std::uint32_t last_executor_ = 0;
};

}  // namespace

apart find_apart(std::span<const file_contents> all) {
  if (all.empty()) return {.why = "there is none"};
  // When the machine was started, as far as the calendar's clock went evenly since then.
  const auto started = [](const file_contents& f) { return sum(f.origin_unix, -f.origin_steady); };
  constexpr std::int64_t ten_seconds = 10'000'000'000;
  const auto earliest = std::ranges::min(all | std::views::transform(started));
  for (std::size_t n = 0; n < all.size(); ++n) {
    const auto& f = all[n];
    if (f.given_clock) return {"one of them has a clock of its own, which no other knows", n};
    if (f.host != all.front().host) {
      std::string why = "they are of two machines, \"";
      why.append(all.front().host).append("\" and \"").append(f.host);
      return {why.append("\", whose clocks nobody has compared"), n};
    }
    if (sum(started(f), -earliest) > ten_seconds)
      return {"the machine was started anew in between, or its clock was set", n};
    if (std::ranges::any_of(all.first(n), [&](const auto& o) { return is_same_recording(f, o); }))
      return {"one recording is given twice", n};
  }
  if (const auto n = beside_a_gap(all)) return {"they were not recorded at the same time", *n};
  return {};
}

std::string why_apart(std::span<const file_contents> all) { return find_apart(all).why; }

merged_trace merge(std::vector<file_contents> all) {
  if (const auto why = why_apart(all); !why.empty()) {
    std::string what = "viz::merge: ";
    throw std::invalid_argument(what.append(why).append("; show them one by one"));
  }
  merged_trace made;
  made.all = merger(all).run();
  made.said = std::to_string(all.size());
  // The steady clock is the machine's; a counter is compared with it now and then.
  made.said.append(made.all.tsc ? " processes on one clock, ± 0.1 µs" : " processes on one clock");
  return made;
}

}  // namespace fronta::viz
