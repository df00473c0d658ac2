// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include "output.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string_view>

namespace fronta::demos {
namespace {

using namespace std::chrono_literals;

constexpr auto between_frames = 100ms;
constexpr auto between_lines = 2s;

constexpr std::size_t longest_bar = 30;
constexpr std::size_t shortest_bar = 5;
// "23/62 tasks, 2 running, 5 failures, 5 retries, ~12 s left", and the ends of the bar.
constexpr std::size_t words_columns = 62;

std::string bar(double part, std::size_t cells) {
  const bool utf8 = terminal::speaks_utf8();
  const std::string_view full = utf8 ? "█" : "#";
  const std::string_view empty = utf8 ? "░" : "-";
  const auto done = static_cast<std::size_t>(std::lround(part * static_cast<double>(cells)));
  std::string text;
  for (std::size_t i = 0; i < cells; ++i) text += i < done ? full : empty;
  return text;
}

// A terminal may be closed meanwhile: that is no reason to end.
void to_terminal(const std::string& text) noexcept {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

progress::progress(options given) : options_(std::move(given)) {
  if (!terminal::interactive(stderr) && options_.style == style::hidden_unless_terminal) return;
  shower_ = std::jthread([this](const std::stop_token& stop) { show(stop); });
}

progress::~progress() { close(); }

void progress::close() {
  if (!shower_.joinable()) return;
  shower_.request_stop();
  shower_.join();
}

void progress::finished(double work) noexcept {
  done_.fetch_add(1, std::memory_order_relaxed);
  work_done_.fetch_add(work, std::memory_order_relaxed);
}

progress::numbers progress::now() const noexcept {
  return {options_.tasks, done_, running_, failures_, retries_};
}

double progress::seconds() const noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void progress::show(const std::stop_token& stop) {
  const bool redraws = terminal::interactive(stderr);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  auto next = begin_ + (redraws ? 0ms : between_lines);
  for (;;) {
    never.wait_until(lock, stop, next, [] { return false; });
    const bool last = stop.stop_requested();
    if (redraws) {
      draw_bar(last);
    } else {
      print_line();
    }
    if (last) return;
    next = std::chrono::steady_clock::now() + (redraws ? between_frames : between_lines);
  }
}

void progress::draw_bar(bool last) {
  const auto n = now();
  const auto text = counts() + (last ? fmt::format(", {}", seconds_text(seconds())) : time_left());
  const auto columns = terminal::width(stderr);
  // The bar's length must not depend on the words, or it would jump as they change; on a narrow
  // terminal there are words only.
  const auto beside_bar = words_columns + options_.bar_label.size();
  const auto cells =
      columns > beside_bar ? std::min(columns - beside_bar, longest_bar) : std::size_t{0};
  const double part =
      n.tasks == 0 ? 1.0 : static_cast<double>(n.done) / static_cast<double>(n.tasks);
  std::string line = options_.bar_label;
  std::size_t used = line.size();
  if (cells >= shortest_bar) {
    line += fmt::format("[{}]  ", bar(part, cells));
    used += cells + 4;
  }
  line += text.substr(0, columns > used + 1 ? columns - used - 1 : 0);
  to_terminal(fmt::format("\r{}\x1b[K{}", line, last ? "\n" : ""));
}

void progress::print_line() {
  to_terminal(fmt::format("{}: {}{}\n", options_.label, counts(), time_left()));
}

std::string progress::counts() const {
  const auto n = now();
  auto text = fmt::format("{}/{} tasks", n.done, n.tasks);
  if (n.running > 0) text += fmt::format(", {} running", n.running);
  if (n.failures > 0) text += fmt::format(", {}", counted(n.failures, "failure"));
  if (n.retries > 0) text += fmt::format(", {}", counted(n.retries, "retry", "retries"));
  return text;
}

std::string progress::time_left() const {
  const auto n = now();
  const double part = work_done_ / options_.work;
  const double passed = seconds();
  // Before a twentieth is done, or a second has passed, it would be a guess.
  // Nor where the demo does not say how much there is to do.
  if (n.done >= n.tasks || !(part >= 0.05) || passed < 1) return "";
  return fmt::format(", ~{:.0f} s left", std::ceil(passed * (1 - part) / part));
}

}  // namespace fronta::demos
