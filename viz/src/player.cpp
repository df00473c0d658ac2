// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>

#include <fronta/viz/theme.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace fronta::viz {
namespace {

using namespace player_limits;

// Two moments at least, so that there is an axis to draw.
std::int64_t end_of_axis(const index& of) { return std::max(of.end(), of.begin() + 1); }

// Of 1, 2 and 5 times a power of ten the one nearest by ratio: people can reckon with it.
double round_pace(double nanoseconds) {
  const auto decade = std::pow(10.0, std::floor(std::log10(nanoseconds)));
  const auto ratio = nanoseconds / decade;
  constexpr std::array steps{1.0, 2.0, 5.0, 10.0};
  const auto nearest = *std::ranges::min_element(
      steps, {}, [&](double step) { return std::abs(std::log(step / ratio)); });
  return nearest * decade;
}

double usual_dilation(const index& of) {
  constexpr double seconds = 10;
  const auto length = static_cast<double>(end_of_axis(of) - of.begin());
  return std::clamp(round_pace(length / seconds), least_dilation, most_dilation);
}

// Finite, or else nothing.
double finite(double value, double otherwise) { return std::isfinite(value) ? value : otherwise; }

std::int64_t nanoseconds(double value) {
  constexpr double most = 9e18;
  return static_cast<std::int64_t>(std::llround(std::clamp(value, -most, most)));
}

class reducer {
 public:
  reducer(const index& of, player_state s) : of_(of), s_(s) { keep_within(); }

  [[nodiscard]] player_state state() const { return s_; }

  void operator()(const commands::tick& c) {
    if (s_.stepped) {
      s_.stepped->seconds += std::max(0.0, finite(c.seconds, 0));
      if (s_.stepped->over()) s_.stepped.reset();
    }
    if (!s_.playing) return;
    const auto played = s_.ahead + std::max(0.0, finite(c.seconds, 0)) * s_.dilation;
    const auto left = static_cast<double>(of_.end() - s_.at);
    if (played >= left) {
      s_.playing = false;
      s_.follows = s_.live;
      go_to(of_.end());
      return;
    }
    const auto whole = std::floor(played);
    s_.at += static_cast<std::int64_t>(whole);
    s_.ahead = played - whole;
    follow();
  }

  void operator()(const commands::step& c) {
    s_.playing = s_.follows = false;
    const auto from = s_.at;
    const auto steps = std::abs(std::int64_t{c.events});
    for (std::int64_t i = 0; i < steps; ++i) {
      const auto before = s_.at;
      go_to(c.events > 0 ? next_told() : previous_told());
      if (s_.at == before) break;
    }
    if (steps == 1 && s_.at != from && !s_.reduced_motion) s_.stepped = glide{.from = from};
  }

  void operator()(const commands::to_begin&) {
    s_.playing = s_.follows = false;
    go_to(of_.begin());
  }
  void operator()(const commands::to_end&) {
    s_.playing = false;
    s_.follows = s_.live;
    go_to(of_.end());
  }
  void operator()(const commands::scrub& c) {
    s_.follows = false;
    go_to(c.to);
  }
  void operator()(const commands::replay&) {
    s_.follows = false;
    go_to(of_.begin());
    s_.playing = true;
  }
  void operator()(const commands::play&) {
    if (s_.follows) {
      s_.follows = false;  // it stays where it is, and the recording goes on
    } else if (s_.live && !s_.playing && s_.at >= of_.end()) {
      s_.follows = true;
    } else {
      if (!s_.playing && s_.at >= of_.end()) go_to(of_.begin());
      s_.playing = !s_.playing;
    }
  }

  void operator()(const commands::follow&) {
    if (!s_.live) return;
    if (s_.follows) {
      s_.follows = false;
    } else {
      (*this)(commands::to_end{});
    }
  }
  void operator()(const commands::grown&) {
    if (!s_.follows) return;
    s_.at = of_.end();
    s_.ahead = 0;
    follow();
  }
  void operator()(const commands::ended&) {
    if (!s_.live) return;
    const bool followed = s_.follows;
    s_.live = s_.follows = false;
    if (followed) {
      // All of it, where it has got to.
      s_.at = of_.end();
      s_.from = of_.begin();
      s_.to = end_of_axis(of_);
      s_.dilation = usual_dilation(of_);
    }
    keep_within();
  }

  void operator()(const commands::pace& c) {
    const auto by = finite(c.by, 1);
    if (by > 0) s_.dilation = std::clamp(s_.dilation * by, least_dilation, most_dilation);
  }

  void operator()(const commands::zoom& c) {
    const auto by = finite(c.by, 1);
    if (by <= 0) return;
    const auto whole = longest();
    const auto span = s_.to - s_.from;
    const auto wanted =
        std::clamp(nanoseconds(static_cast<double>(span) / by), std::min(least_span, whole), whole);
    // The playhead stays where it is on the screen.
    const auto before = static_cast<double>(s_.at - s_.from) / static_cast<double>(span);
    show_from(s_.at - nanoseconds(before * static_cast<double>(wanted)), wanted);
    keep_playhead_in_sight();
  }

  void operator()(const commands::pan& c) {
    const auto span = s_.to - s_.from;
    const auto by = std::clamp(finite(c.by, 0), -1e6, 1e6);
    // Held within what there is before it is added: no sum leaves the numbers.
    const auto by_time = std::clamp(nanoseconds(by * static_cast<double>(span)),
                                    of_.begin() - s_.from, last_begin(span) - s_.from);
    show_from(s_.from + by_time, span);
    if (s_.at < s_.from || s_.at > s_.to) {
      s_.follows = false;
      s_.at = std::clamp(s_.at, s_.from, s_.to);
      s_.ahead = 0;
    }
  }

  void operator()(const commands::show& c) { s_.what = c.what; }
  void operator()(const commands::select& c) {
    s_.selected = c.task < of_.tasks().size() ? c.task : no_task;
  }
  void operator()(const commands::select_by& c) {
    const auto tasks = static_cast<std::int64_t>(of_.tasks().size());
    if (tasks == 0) return;
    auto before = static_cast<std::int64_t>(s_.selected);
    if (s_.selected == no_task) before = c.tasks > 0 ? -1 : tasks;
    s_.selected =
        static_cast<task_number>(std::clamp(before + c.tasks, std::int64_t{0}, tasks - 1));
  }
  void operator()(const commands::resize_text& c) {
    const auto steps =
        std::clamp(c.steps, smallest_text - largest_text, largest_text - smallest_text);
    s_.text_size = std::clamp(s_.text_size + steps, smallest_text, largest_text);
  }
  void operator()(const commands::next_theme&) { s_.theme = (s_.theme + 1) % all_themes().size(); }
  void operator()(const commands::next_layout&) {
    // Who asks for code from elsewhere sees some.
    const bool elsewhere = std::exchange(s_.what, preset::stage) != preset::stage;
    if (elsewhere && s_.layout != stage_layout::plain) return;
    s_.layout = static_cast<stage_layout>((static_cast<int>(s_.layout) + 1) % 3);
  }
  void operator()(const commands::reduce_motion&) { s_.reduced_motion = !s_.reduced_motion; }
  void operator()(const commands::blank&) { s_.blank = !s_.blank; }
  void operator()(const commands::help&) { s_.help = !s_.help; }
  void operator()(const commands::dismiss&) {
    s_.help = false;
    s_.blank = false;
    s_.selected = no_task;
  }

 private:
  // Whatever the state was made for.
  void keep_within() {
    const auto whole = longest();
    s_.at = std::clamp(s_.at, of_.begin(), of_.end());
    s_.follows = s_.follows && s_.live && !s_.playing;
    if (!(s_.ahead >= 0 && s_.ahead < 1)) s_.ahead = 0;
    s_.from = std::clamp(s_.from, of_.begin(), end_of_axis(of_));
    s_.to = std::clamp(s_.to, s_.from, s_.live ? s_.from + whole : end_of_axis(of_));
    if (s_.to - s_.from < std::min(least_span, whole)) {
      s_.from = of_.begin();
      s_.to = s_.from + whole;
    }
    s_.dilation =
        std::clamp(finite(s_.dilation, usual_dilation(of_)), least_dilation, most_dilation);
    if (s_.selected >= of_.tasks().size()) s_.selected = no_task;
    s_.theme = std::min(s_.theme, all_themes().size() - 1);
    s_.text_size = std::clamp(s_.text_size, smallest_text, largest_text);
    keep_playhead_in_sight();
  }

  // What the axis may show at once.
  [[nodiscard]] std::int64_t longest() const {
    const auto whole = end_of_axis(of_) - of_.begin();
    return s_.live ? std::max(whole, live_span) : whole;
  }
  // A live trace has its newest moment in sight, and time to come.
  [[nodiscard]] std::int64_t last_begin(std::int64_t span) const {
    return s_.live ? of_.end() : end_of_axis(of_) - span;
  }

  void show_from(std::int64_t from, std::int64_t span) {
    s_.from = std::clamp(from, of_.begin(), last_begin(span));
    s_.to = s_.from + span;
  }

  void go_to(std::int64_t t) {
    s_.at = std::clamp(t, of_.begin(), of_.end());
    s_.ahead = 0;
    keep_playhead_in_sight();
  }

  // A jump out of what is shown puts the playhead in its middle.
  void keep_playhead_in_sight() {
    if (s_.at >= s_.from && s_.at <= s_.to) return;
    const auto span = s_.to - s_.from;
    show_from(s_.at - span / 2, span);
  }

  // While it plays the axis turns pages: one that slides along cannot be read.
  void follow() {
    if (s_.at <= s_.to) return;
    const auto span = s_.to - s_.from;
    show_from(s_.at - span / 20, span);
    keep_playhead_in_sight();
  }

  [[nodiscard]] bool told(std::size_t event) const {
    return !narrate(of_, static_cast<std::uint32_t>(event)).empty();
  }

  [[nodiscard]] std::int64_t next_told() const {
    const auto events = of_.events();
    const auto last = of_.last_event(s_.at);
    for (std::size_t e = last == none ? 0 : last + 1; e < events.size(); ++e) {
      if (events[e].time > s_.at && told(e)) return events[e].time;
    }
    return of_.end();
  }

  [[nodiscard]] std::int64_t previous_told() const {
    const auto events = of_.events();
    const auto last = of_.last_event(s_.at);
    for (std::size_t e = last == none ? 0 : last + 1; e-- > 0;) {
      if (events[e].time < s_.at && told(e)) return events[e].time;
    }
    return of_.begin();
  }

  const index& of_;
  player_state s_;
};

}  // namespace

player_state opened(const index& of) {
  player_state s;
  s.at = of.begin();
  s.from = of.begin();
  s.to = end_of_axis(of);
  s.dilation = usual_dilation(of);
  return s;
}

player_state opened_live(const index& of) {
  auto s = opened(of);
  s.live = s.follows = true;
  s.at = of.end();
  s.dilation = 1e9;
  s.from = std::max(of.begin(), of.end() - live_span / 10 * 9);
  s.to = s.from + live_span;
  return s;
}

player_state reduce(const index& of, player_state s, const command& c) {
  // Whatever else the user does ends it.
  if (!std::holds_alternative<commands::tick>(c)) s.stepped.reset();
  reducer r(of, s);
  std::visit(r, c);
  return r.state();
}

float text_scale(int steps) noexcept { return std::pow(1.1F, static_cast<float>(steps)); }

std::optional<glide> glide_of(const player_state& s) noexcept {
  if (s.reduced_motion) return std::nullopt;
  if (s.playing) return glide{.plays = true};
  return s.stepped;
}

view view_of(const player_state& s) {
  view v;
  v.what = s.what;
  v.at = s.at;
  v.from = s.from;
  v.to = s.to;
  v.selected = s.selected;
  v.layout = s.layout;
  v.dilation = s.follows ? 0 : s.dilation;
  v.shown = s.live ? source::live : source::recorded;
  if (s.live && !s.follows) v.note = s.playing ? "behind" : "paused";
  v.text_size = text_scale(s.text_size);
  return v;
}

}  // namespace fronta::viz
