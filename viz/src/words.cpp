// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/words.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
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

std::string ordinal(std::uint64_t n) {
  constexpr std::array<std::string_view, 4> endings{"th", "st", "nd", "rd"};
  const auto tens = n % 100;
  const auto ones = n % 10;
  auto text = std::to_string(n);
  text += tens - ones == 10 || ones > 3 ? endings[0] : endings[ones];
  return text;
}

// Where the change that the event made has led.
const change* change_by(const index& of, std::uint32_t event) {
  for (auto c = of.tasks()[of.events()[event].task].last_change; c != none;
       c = of.changes()[c].previous) {
    if (of.changes()[c].event == event) return &of.changes()[c];
  }
  return nullptr;
}

std::string lane_name(const index& of, const change* c) {
  return c != nullptr && c->where < of.lanes().size() ? of.lanes()[c->where].name
                                                      : std::string("a thread");
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
  text += fixed(value, decimals);
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

std::string narrate(const index& of, std::uint32_t event) {
  const auto& e = of.events()[event];
  using trace::event_kind;
  if (e.kind == device_began || e.kind == device_ended) {
    if (e.task == no_task) return "";
    const auto& s = of.spans()[e.argument];
    std::string_view what = "a copy";
    if (s.what == trace::device_work::task) what = "the work";
    if (s.what == trace::device_work::kernel) what = "a kernel";
    if (s.what == trace::device_work::fill) what = "a fill";
    // Its whole time is from the earliest begin to the latest end: then it has ended. What is known
    // to the microsecond is known for a sentence.
    constexpr std::int64_t precise = 1'000;
    std::string_view happens =
        s.end_latest - s.end_earliest > precise ? " has ended on " : " ends on ";
    if (e.kind == device_began) {
      happens = s.begin_latest - s.begin_earliest > precise ? " may have begun on " : " begins on ";
    }
    return std::string(what) + " of " + named(of, e.task) + std::string(happens) +
           std::string(of.place_name(e.executor, s.place)) +
           (s.stream >= 0 ? " stream " + std::to_string(s.stream) : "");
  }
  switch (e.what()) {
    case event_kind::message:
      return std::string(of.text(e.text));
    case event_kind::lost:
      return grouped(e.argument) + " events of a thread are missing here";
    case event_kind::worker_start:
      return "worker " + std::to_string(e.argument) + " of " +
             std::string(of.place_name(e.executor, 0)) + " starts";
    default:
      break;
  }
  if (e.task == no_task) return "";
  const auto who = named(of, e.task);
  const auto* c = change_by(of, event);
  const auto in_queue = [&] {
    return c != nullptr && c->where < of.queues().size() ? of.queues()[c->where].name
                                                         : std::string("a queue");
  };
  switch (e.what()) {
    case event_kind::submit:
      return who + (of.tasks()[e.task].parent != no_task
                        ? " is submitted by " + called(of.tasks()[e.task].parent)
                        : " is submitted");
    case event_kind::ready:
      return c == nullptr ? "" : "all inputs of " + who + " are there";
    case event_kind::enqueue:
      if (c == nullptr) return "";
      if (c->state == task_state::waiting_tags) return who + " waits for its tags";
      if (c->state == task_state::retry_wait) return who + " waits to be tried again";
      return who + " is queued: " + in_queue();
    case event_kind::steal:
      return c == nullptr ? "" : who + " is stolen by " + in_queue();
    case event_kind::start:
      if (c == nullptr) return "";
      return who + " runs on " + lane_name(of, c) +
             (c->attempt == 0 ? ""
                              : ", for the " + ordinal(std::uint64_t{c->attempt} + 1) + " time");
    case event_kind::block:
      return c == nullptr ? "" : who + " waits and lends its slot";
    case event_kind::unblock:
      return c == nullptr ? "" : who + " goes on, on " + lane_name(of, c);
    case event_kind::issue:
      return "the work of " + who + " is enqueued on its stream";
    case event_kind::finish:
      return c == nullptr ? "" : who + (c->state == task_state::failed ? " fails" : " is done");
    case event_kind::cancel:
      return c == nullptr ? "" : who + " is cancelled";
    case event_kind::retry:
      return who + " fails and will be tried again";
    case event_kind::fall_back:
      return who + " falls back to the CPU";
    default:
      return "";
  }
}

std::string narrate(const index& of) {
  std::string text;
  for (std::uint32_t e = 0; e < of.events().size(); ++e) {
    const auto sentence = narrate(of, e);
    if (sentence.empty()) continue;
    text += moment(of.events()[e].time - of.begin(), 1'000);
    text += "  ";
    text += sentence;
    text += '\n';
  }
  return text;
}

}  // namespace fronta::viz
