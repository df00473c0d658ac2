// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string_view>

namespace fronta::viz {
namespace {

struct unit {
  double nanoseconds;
  std::string_view name;
};
constexpr std::array<unit, 4> units{{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}};

unit unit_of(double nanoseconds) noexcept {
  for (const auto& u : units) {
    // What rounds to 1 000 of the smaller one is said in the larger.
    if (nanoseconds >= 0.9995 * u.nanoseconds) return u;
  }
  return units.back();
}

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  const auto length = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string named(const index& of, task_number t) {
  auto text = called(t);
  if (of.tasks()[t].text != 0) {
    text += " \"";
    text += of.name_of(t);
    text += '"';
  }
  return text;
}

// Where the change that the event made has led. What one event changes of other tasks, which are
// lost then, comes before.
std::optional<change> change_by(const index& of, std::uint32_t event) {
  const auto changes = of.changes();
  const auto after = std::ranges::upper_bound(changes, event, {}, &change::event);
  if (after == changes.begin()) return std::nullopt;
  const auto last = *std::prev(after);
  return last.event == event && last.state != task_state::unknown ? std::optional(last)
                                                                  : std::nullopt;
}

// The place is that of the thread's slots, where it has any.
std::string worker_starts(const index& of, const event& e) {
  std::string text = "worker ";
  text += std::to_string(e.argument);
  if (const auto place = of.place_name(e.executor, of.place_of_thread(e.thread)); !place.empty()) {
    text += " of ";
    text += place;
  }
  return text += " starts";
}

std::string lane_name(const index& of, const std::optional<change>& c) {
  return c && c->where < of.lanes().size() ? of.lanes()[c->where].name : std::string("a thread");
}

// Only moments that are known: what was observed may have begun at any time, and was seen to have
// ended. The clock of a device is known to some part of a microsecond; the event is at the outer
// end of that.
std::string narrate_device(const index& of, const event& e) {
  if (e.task == no_task) return "";
  const auto& s = of.spans()[e.argument];
  const bool begins = e.kind == device_began;
  const bool observed = s.grade == trace::time_grade::observed;
  if (begins && observed) return "";
  std::string text = "a copy";
  if (s.what == trace::device_work::task) text = "the work";
  if (s.what == trace::device_work::kernel) text = "a kernel";
  if (s.what == trace::device_work::fill) text = "a fill";
  text += " of ";
  text += named(of, e.task);
  if (observed) {
    text += " is seen to have ended on ";
  } else {
    text += begins ? " begins on " : " ends on ";
  }
  text += of.place_name(e.executor, s.place);
  if (s.stream >= 0) {
    text += " stream ";
    text += std::to_string(s.stream);
  }
  const auto error = begins ? s.begin_latest - s.begin_earliest : s.end_latest - s.end_earliest;
  if (!observed && error >= 1'000) {
    text += begins ? ", within " : ", within the last ";
    text += duration(error);
  }
  return text;
}

}  // namespace

std::string duration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0 s";
  const auto size = std::abs(static_cast<double>(nanoseconds));
  const auto u = unit_of(size);
  const auto value = size / u.nanoseconds;
  int decimals = value >= 9.995 ? 1 : 2;
  if (u.nanoseconds == 1 || value >= 99.95) decimals = 0;
  std::string text = nanoseconds < 0 ? "-" : "";
  text += value < 9'999.5 ? fixed(value, decimals)
                          : grouped(static_cast<std::uint64_t>(std::llround(value)));
  text += ' ';
  text += u.name;
  return text;
}

std::string moment(std::int64_t nanoseconds, std::int64_t step) {
  return moment(nanoseconds, step, std::abs(nanoseconds));
}

std::string moment(std::int64_t nanoseconds, std::int64_t step, std::int64_t most) {
  const auto u = unit_of(static_cast<double>(std::max(most, step)));
  // As many as the step has behind the point.
  const auto of_unit = static_cast<double>(step) / u.nanoseconds;
  const auto decimals =
      of_unit < 0.999 ? static_cast<int>(std::ceil(-std::log10(of_unit) - 1e-9)) : 0;
  return fixed(static_cast<double>(nanoseconds) / u.nanoseconds, decimals) + ' ' +
         std::string(u.name);
}

std::string ordinal(std::uint64_t n) {
  constexpr std::array<std::string_view, 4> endings{"th", "st", "nd", "rd"};
  const auto tens = n % 100;
  const auto ones = n % 10;
  auto text = std::to_string(n);
  text += tens - ones == 10 || ones > 3 ? endings[0] : endings[ones];
  return text;
}

std::string grouped(std::uint64_t number) {
  const auto digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ' ';
    text += digits[i];
  }
  return text;
}

std::string date(std::int64_t unix_nanoseconds) {
  const std::chrono::sys_time<std::chrono::nanoseconds> at{
      std::chrono::nanoseconds(unix_nanoseconds)};
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(at)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

std::string called(task_number t) { return "task " + std::to_string(std::uint64_t{t} + 1); }

std::string workers_on_cores(const index& of) {
  if (of.workers() == 0 || of.cores() == 0) return "";
  auto text = grouped(of.workers());
  text += of.workers() == 1 ? " worker on " : " workers on ";
  text += grouped(of.cores());
  return text += of.cores() == 1 ? " core" : " cores";
}

std::string narrate(const index& of, std::uint32_t event) {
  const auto& e = of.events()[event];
  using trace::event_kind;
  if (e.kind == device_began || e.kind == device_ended) return narrate_device(of, e);
  switch (e.what()) {
    case event_kind::message:
      return std::string(of.text(e.text));
    case event_kind::lost:
      return grouped(e.argument) + " events of a thread are missing here";
    case event_kind::lost_records: {
      auto text = grouped(e.argument & 0xFFFF'FFFF);
      text += " records of ";
      text += of.place_name(e.executor, static_cast<std::int32_t>(e.argument >> 32U));
      return text += " are missing";
    }
    case event_kind::worker_start:
      return worker_starts(of, e);
    default:
      break;
  }
  if (e.task == no_task) return "";
  const auto who = named(of, e.task);
  const auto c = change_by(of, event);
  const auto in_queue = [&] {
    return c && c->where < of.queues().size() ? of.queues()[c->where].name : std::string("a queue");
  };
  switch (e.what()) {
    case event_kind::submit:
      return who + (of.tasks()[e.task].parent != no_task
                        ? " is submitted by " + called(of.tasks()[e.task].parent)
                        : " is submitted");
    case event_kind::ready:
      return !c ? "" : "all inputs of " + who + " are there";
    case event_kind::enqueue:
      if (!c) return "";
      if (c->state == task_state::waiting_tags) return who + " waits for its tags";
      if (c->state == task_state::retry_wait) return who + " waits to be tried again";
      return who + " is queued: " + in_queue();
    case event_kind::steal:
      return !c ? "" : who + " is stolen by " + in_queue();
    case event_kind::start:
      if (!c) return "";
      return who + " runs on " + lane_name(of, c) +
             (c->attempt == 0 ? ""
                              : ", for the " + ordinal(std::uint64_t{c->attempt} + 1) + " time");
    case event_kind::block:
      return !c ? "" : who + " waits and lends its slot";
    case event_kind::unblock:
      return !c ? "" : who + " goes on, on " + lane_name(of, c);
    case event_kind::issue:
      return "the work of " + who + " is enqueued on its stream";
    case event_kind::finish:
      return !c ? "" : who + (c->state == task_state::failed ? " fails" : " is done");
    case event_kind::cancel:
      return !c ? "" : who + " is cancelled";
    case event_kind::retry:
      return who + " fails and will be tried again";
    case event_kind::fall_back:
      return who + " falls back to the CPU";
    case event_kind::callback:
      return "a callback of " + who + (e.argument == 0 ? " begins" : " has ended");
    default:
      return "";
  }
}

std::vector<std::string> badge_of(const index& of, source shown) {
  std::vector<std::string> parts;
  switch (shown) {
    case source::live:
      parts.emplace_back("LIVE");
      break;
    case source::simulated:
      parts.emplace_back("SIMULATED");
      return parts;
    case source::recorded:
      parts.push_back(of.given_clock() ? "SIMULATED time" : "RECORDED " + date(of.origin_unix()));
      break;
  }
  if (of.given_clock() && shown != source::recorded) parts.emplace_back("SIMULATED time");
  if (of.simulated()) parts.emplace_back("GPUs SIMULATED");
  if (of.paced()) parts.emplace_back("PACED");
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& one : parts) {
    if (!text.empty()) text += " · ";
    text += one;
  }
  return text;
}

std::string badge(const index& of, source shown) {
  auto parts = badge_of(of, shown);
  // No machine has times that were given to it.
  if (shown != source::simulated && !of.given_clock() && !of.host().empty())
    parts.front().append(" on ").append(of.host());
  return joined(parts);
}

std::vector<std::string> warnings_of(const index& of, source shown) {
  std::vector<std::string> warnings;
  const auto missing = [&](std::uint64_t n, std::string_view what) {
    if (n != 0)
      warnings.push_back(grouped(n) + ' ' + std::string(what) + (n == 1 ? "" : "s") + " MISSING");
  };
  missing(of.dropped(), "event");
  missing(of.dropped_records(), "device record");
  if (!of.ended() && shown == source::recorded) warnings.emplace_back("the recording was CUT OFF");
  return warnings;
}

std::string narrate(const index& of, const view& what) {
  std::string text;
  const auto line = [&](std::string_view words) {
    if (!words.empty()) text.append(words).append("\n");
  };
  line(what.title);
  line(badge(of, what.shown));
  for (const auto& warning : warnings_of(of, what.shown)) line(warning);
  line(what.note);
  const bool part = what.to > what.from;
  const auto from = part ? what.from : of.begin();
  const auto to = std::min({part ? what.to : of.end(), what.at, of.end()});
  const auto at = [&](std::int64_t t) { return moment(t - of.begin(), 1'000); };
  if (from > of.begin() || to < of.end()) {
    line("from " + at(from) + " to " + at(std::max(from, to)) + " of " + at(of.end()));
  }
  for (std::uint32_t e = 0; e < of.events().size(); ++e) {
    const auto time = of.events()[e].time;
    if (time < from || time > to) continue;
    const auto sentence = narrate(of, e);
    if (!sentence.empty()) line(at(time) + "  " + sentence);
  }
  return text;
}

std::string_view without_caller(std::string_view said) noexcept {
  const auto colon = said.find(": ");
  if (colon == std::string_view::npos) return said;
  const auto caller = said.substr(0, colon);
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
  };
  if (caller.find("::") == std::string_view::npos || !std::ranges::all_of(caller, in_name))
    return said;
  return said.substr(colon + 2);
}

}  // namespace fronta::viz
