// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/trace_follower.hpp>
#include <fronta/viz/merge.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/words.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using phase = trace::follower::phase;
using std::chrono::milliseconds;

std::string name_of_file(const std::string& file) {
  return std::filesystem::path(file).filename().string();
}

trace::follower attached_to(const std::string& what) {
  std::uint32_t process = 0;
  const auto* const end = what.data() + what.size();
  const auto [at, error] = std::from_chars(what.data(), end, process);
  if (error == std::errc() && at == end) return trace::follower::of_process(process);
  struct stat found{};
  if (::stat(what.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) {
    return trace::follower::of_socket(what);
  }
  trace::follower f(what);
  f.poll();
  if (f.state() == phase::goes_on) return f;
  std::array<char, 64> own{};
  ::gethostname(own.data(), own.size() - 1);
  const bool elsewhere =
      f.state() != phase::ended && !std::string_view(own.data()).starts_with(f.host());
  throw std::runtime_error(elsewhere
                               ? "it is of another machine, \"" + f.host() + "\"; attach there"
                               : std::string("it is not being recorded; show it without --attach"));
}

std::string utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  const auto last = byte(0x80U | (c & 0x3FU));
  if (c < 0x800) return {byte(0xC0U | (c >> 6U)), last};
  const auto third = byte(0x80U | ((c >> 6U) & 0x3FU));
  if (c < 0x10000) return {byte(0xE0U | (c >> 12U)), third, last};
  return {byte(0xF0U | ((c >> 18U) & 0x07U)), byte(0x80U | ((c >> 12U) & 0x3FU)), third, last};
}

// Of what a frame took: drawing a live trace takes a quarter of a core at most.
constexpr int rest = 3;

// Less than 0 stands for ever.
double shorter(double a, double b) { return a < 0 ? b : std::min(a, b); }

// `at`: by the host's steady clock; 0 for never.
std::optional<milliseconds> since(std::int64_t at, std::chrono::steady_clock::time_point now) {
  if (at == 0) return std::nullopt;
  const std::chrono::steady_clock::time_point then{std::chrono::nanoseconds(at)};
  return std::chrono::duration_cast<milliseconds>(now - then);
}

}  // namespace

stage::stage(const window::options& o, const appearance& first)
    : window_(o, *this),
      sources_({.folder = first.source, .host = {}}),
      keys_(first.keys),
      controls_(!o.full_screen),
      filled_(window_.is_full_screen()) {
  state_.what = first.what;
  state_.theme = first.theme;
  state_.text_size = first.text_size;
  state_.layout = first.layout;
  state_.clock = first.clock;
}

stage::~stage() = default;

stage::read_trace stage::read(trace::follower f, const view_needs& shown) {
  f.poll();
  read_trace r;
  r.file = f.file();
  trace::file_contents contents;
  if (f.state() == phase::goes_on) {
    contents = f.contents();
    r.goes_on = std::move(f);
  } else {
    contents = std::move(f).contents();
  }
  r.damage = contents.damage;
  r.of = std::make_shared<const index>(std::move(contents));
  prepare(*r.of, shown, r.goes_on ? phase::goes_on : phase::ended);
  return r;
}

void stage::read_beside(std::string shown_as, std::function<trace::follower()> open_it) {
  if (reading_.valid()) finish_opening();
  say("Reading " + shown_as + " …");
  reading_ = std::async(
      std::launch::async,
      [name = std::move(shown_as), make = std::move(open_it), shown = needs()]() -> read_trace {
        read_trace r;
        try {
          r = read(make(), shown);
        } catch (const std::exception& error) {
          r.failure = name + " cannot be shown: " + std::string(without_caller(error.what()));
        }
        // It may be seen too early: before this thread has handed over what it
        // returns. So `run` also looks by itself.
        window::wake();
        return r;
      });
}

void stage::open(std::string trace) {
  auto name = "\"" + trace + "\"";
  read_beside(std::move(name), [file = std::move(trace)] { return trace::follower(file); });
}

void stage::attach(std::string to) {
  auto name = "\"" + to + "\"";
  read_beside(std::move(name), [what = std::move(to)] { return attached_to(what); });
}

void stage::compare_with(const std::string& trace) {
  other_ = std::make_shared<const index>(trace::read_file(trace));
  other_file_ = trace;
  show_soon();
}

bool stage::show_together(const std::string& trace, const std::string& other) {
  std::vector<trace::file_contents> both;
  std::string why;
  try {
    for (const auto* const file : {&trace, &other}) {
      trace::follower f(*file);
      f.poll();
      if (f.state() == phase::goes_on) why = "one of them is still being recorded";
      both.push_back(std::move(f).contents());
    }
  } catch (const std::exception&) {
    return false;  // who opens it says why
  }
  if (why.empty()) why = why_apart(both);
  if (!why.empty()) {
    apart_ = name_of_file(trace) + " and " + name_of_file(other) +
             " cannot be one picture: " + why + "; 5 compares them.";
    return false;
  }
  auto made = merge(std::move(both));
  const auto damage = made.all.damage;
  show(std::make_shared<const index>(std::move(made.all)), trace + " + " + name_of_file(other));
  together_ = std::move(made.said);
  if (!damage.empty()) say(damage);
  return true;
}

void stage::finish_opening() {
  if (!reading_.valid()) return;
  reading_.wait();
  take_what_was_read();
}

void stage::take_what_was_read() {
  if (!reading_.valid() ||
      reading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    return;
  }
  auto r = reading_.get();
  const auto apart = std::exchange(apart_, {});
  if (r.of == nullptr) {
    failure_ = r.failure;
    say(r.failure);
    return;
  }
  if (r.goes_on) {
    show_live(std::move(r.of), std::move(r.file), *std::move(r.goes_on));
  } else {
    show(std::move(r.of), std::move(r.file));
  }
  auto said = r.damage.empty() ? std::string() : name_of_file(file_) + ": " + r.damage;
  if (!said.empty() && !apart.empty()) said += ". ";
  said += apart;
  if (!said.empty()) say(std::move(said));
}

void stage::show(std::shared_ptr<const index> of, std::string trace) {
  auto seen = opened(*of);
  replace(std::move(of), std::move(trace), std::move(seen));
}

void stage::show_live(std::shared_ptr<const index> of, std::string trace, trace::follower f) {
  auto seen = opened_live(*of);
  replace(std::move(of), std::move(trace), std::move(seen));
  live_.emplace(std::move(f), [] { window::wake(); }, needs());
}

void stage::take_news() {
  if (!live_) return;
  if (auto n = live_->take()) {
    // News without a model is of the one before.
    if (n->of == nullptr && kept_back_) n->of = std::move(kept_back_->of);
    kept_back_ = std::move(n);
  }
  if (!kept_back_) return;
  // A picture that stands still does so though the recording goes on.
  const bool still = !state_.follows && !state_.playing;
  if (still && kept_back_->state == phase::goes_on) return;
  bring_in(*std::exchange(kept_back_, std::nullopt));
}

void stage::bring_in(live_news n) {
  if (n.of != nullptr) {
    if (of_ != nullptr) state_ = carried_over(*of_, *n.of, std::move(state_));
    of_ = std::move(n.of);
    met_.reset();
    read_sources();
  }
  if (n.state == phase::goes_on) {
    state_ = reduce(*of_, state_, commands::grown{});
  } else {
    state_ = reduce(*of_, state_, commands::ended{});
    note_.clear();
    if (!n.damage.empty()) say(name_of_file(file_) + ": " + n.damage);
    if (n.state == phase::anew) {
      say(name_of_file(file_) + " is being recorded anew; open it again to see that.");
      live_.reset();
    }
  }
  show_soon();
}

void stage::miss(std::optional<milliseconds> silence, std::optional<milliseconds> behind) {
  constexpr milliseconds worth_telling{500};
  std::string note;
  const auto no_news_for = [](milliseconds m) {
    return std::string("no news for ").append(duration(m.count() / 100 * 100'000'000));
  };
  if (state_.live && silence && *silence >= worth_telling) {
    note = no_news_for(*silence);
  } else if (state_.live && behind && *behind >= worth_telling) {
    note = no_news_for(*behind).append(": a thread is in the middle of telling something");
  }
  if (note == note_) return;
  note_ = std::move(note);
  show_soon();
}

void stage::replace(std::shared_ptr<const index> of, std::string trace, player_state seen) {
  const auto before = state_;
  live_.reset();
  kept_back_.reset();
  note_.clear();
  together_.clear();
  of_ = std::move(of);
  file_ = std::move(trace);
  failure_.clear();
  message_.clear();
  met_.reset();
  state_ = std::move(seen);
  // How it is looked at stays.
  state_.what = before.what;
  state_.theme = before.theme;
  state_.text_size = before.text_size;
  state_.clock = before.clock;
  state_.beats = before.beats;
  state_.lanes.order = before.lanes.order;
  state_.color = before.color;
  state_.reduced_motion = before.reduced_motion;
  state_.layout = before.layout;
  state_.blank = before.blank;
  // Another recording has other doubts of them, and they may have changed meanwhile. While one goes
  // on they stay as they were.
  sources_.forget();
  sources_of_.reset();
  read_sources();
  window_.set_title(name_of_file(file_) + " - Fronta");
  show_soon();
}

void stage::apply(const command& c) {
  // Who moves on moves in what is known now.
  if (kept_back_) bring_in(*std::exchange(kept_back_, std::nullopt));
  auto next = state_;
  if (of_ != nullptr) {
    next = reduce(*of_, state_, c);
  } else {
    static const index nothing{trace::file_contents{}};
    next = reduce(nothing, state_, c);
  }
  if (next == state_) return;
  state_ = next;
  read_sources();
  show_soon();
}

// Only who looks at code pays for it.
void stage::read_sources() {
  if (of_ == nullptr || state_.layout == stage_layout::plain || of_ == sources_of_) return;
  sources_of_ = of_;
  sources_.read(*of_);
}

void stage::pass(double seconds) {
  if (state_.playing || state_.stepped) apply(commands::tick{seconds});
}

scene stage::picture() const {
  const auto size = window_.size();
  const task_search* found = nullptr;
  if (of_ != nullptr && state_.searching) {
    found = &found_.find(of_, state_.wanted);
  } else {
    found_.forget();
  }
  return viz::draw({.width = size.width,
                    .height = size.height,
                    .title = name_of_file(file_),
                    .message = message_,
                    .note = note(),
                    .met = met_,
                    .controls = controls_,
                    .other = other_.get(),
                    .other_title = name_of_file(other_file_),
                    .sources = &sources_,
                    .found = found,
                    .keys = keys_},
                   of_.get(), state_, window_.fonts());
}

// A monitor that is unplugged leaves a window: with its bar, as any other. What fills a screen is
// for a room.
void stage::look_after_screen() {
  const bool filled = window_.is_full_screen();
  if (filled != awake_.has_value()) filled ? static_cast<void>(awake_.emplace()) : awake_.reset();
  if (filled_ && !filled) {
    controls_ = true;
    window_.restore();
    say("The monitor is gone: F11 fills the one that the window is on.");
  }
  filled_ = filled;
}

bool stage::draw() {
  look_after_screen();
  take_what_was_read();
  if (live_) live_->show(needs());
  if (news_may_come_) take_news();
  if (frames_due_ == 0 || window_.is_hidden()) return false;
  shown_ = picture();
  window_.show(shown_);
  --frames_due_;
  return true;
}

void stage::run(const until& u) {
  using clock = std::chrono::steady_clock;
  using in_seconds = std::chrono::duration<double>;
  constexpr double frame = 1.0 / 60;
  // A machine that slept, or a debugger, is no reason to skip what it hid.
  constexpr double longest = 0.25;
  const auto began = clock::now();
  auto before = began;
  auto news_from = began;
  auto shown = u.shown;
  while (!window_.is_to_close()) {
    const auto now = clock::now();
    pass(std::min(in_seconds(now - before).count(), longest));
    before = now;
    news_may_come_ = now >= news_from;
    if (live_ && state_.live) miss(since(live_->heard_at(), now), since(live_->known_at(), now));
    const bool drew = draw();
    if (of_ == nullptr && !failure_.empty()) return;
    if (drew && shown) std::exchange(shown, nullptr)();
    if (u.recording_ends && of_ != nullptr && !state_.live &&
        (frames_due_ == 0 || window_.is_hidden())) {
      return;
    }

    const auto after = clock::now();
    const auto left = u.seconds ? *u.seconds - in_seconds(after - began).count() : -1;
    if (u.seconds && left <= 0) return;
    // Waiting for the screen may have taken the frame's time, or none of it.
    const auto spent = after - now;
    if (drew && state_.live) news_from = after + rest * spent;
    const bool more = (state_.playing || state_.stepped || frames_due_ > 0) && !window_.is_hidden();
    const auto pause = more ? std::max(0.0, frame - in_seconds(spent).count()) : -1;
    if (pause < 0) {
      // Nobody wakes us because news may come now, nor because there is none.
      double most = left;
      if (reading_.valid()) most = shorter(most, 0.1);
      if (live_ && state_.live) {
        const auto held = in_seconds(news_from - after).count();
        most = shorter(most, held > 0 ? held : 0.25);
      }
      window_.wait(most);
      before = clock::now();  // what was waited is not played
    } else {
      window_.wait(u.seconds ? std::min(pause, left) : pause);
    }
  }
}

void stage::pressed(const key_press& k, bool again) {
  if (state_.searching && take_typed(k)) return;
  const auto* binding = find_binding(k, keys_);
  if (binding == nullptr || (again && !binding->repeats)) return;
  // What was said has been read.
  if (!message_.empty() && !reading_.valid()) say({});
  const auto* const action = std::get_if<window_action>(&binding->does);
  if (run_again_ == wish::asked && (action == nullptr || *action != window_action::run_again)) {
    run_again_ = wish::offered;
  }
  if (const auto* c = std::get_if<command>(&binding->does)) {
    apply(*c);
  } else {
    act(std::get<window_action>(binding->does));
  }
}

// While somebody types what he looks for, characters are no keys.
bool stage::take_typed(const key_press& k) {
  if (k.control) return false;
  if (k.named == key::backspace) {
    apply(commands::erase{});
  } else if (k.named == key::space) {
    apply(commands::type{" "});
  } else if (k.named == key::unnamed && k.character >= U' ') {
    apply(commands::type{utf8(k.character)});
  } else {
    return false;
  }
  return true;
}

void stage::act(window_action a) {
  const auto toggle = [&] {
    window_.toggle_full_screen();
    filled_ = window_.is_full_screen();
    controls_ = !filled_;  // a room sees the picture alone
  };
  switch (a) {
    case window_action::full_screen:
      toggle();
      break;
    case window_action::present:
      apply(commands::to_begin{});
      if (!window_.is_full_screen()) toggle();
      break;
    case window_action::retire:
      if (state_.help || state_.blank || !window_.is_full_screen()) {
        apply(commands::dismiss{});
      } else {
        toggle();
      }
      break;
    case window_action::next_monitor:
      window_.to_next_monitor();
      break;
    case window_action::controls:
      controls_ = !controls_;
      break;
    case window_action::snapshot:
      save_snapshot();
      break;
    case window_action::run_again:
      ask_to_run_again();
      break;
    case window_action::quit:
      window_.close();
      break;
  }
  show_soon();
}

void stage::ask_to_run_again() {
  if (run_again_ == wish::impossible) {
    say("This is a recording: R plays it again, and the shell runs its program again.");
  } else if (live_) {
    say("The run goes on: it can be run again when it has ended.");
  } else if (run_again_ == wish::offered) {
    run_again_ = wish::asked;
    say("Ctrl R once more runs the program again: with the same inputs, and it may go otherwise.");
  } else {
    run_again_ = wish::wanted;
    window_.close();
  }
}

std::optional<std::vector<std::string>> stage::run_again() const {
  if (run_again_ != wish::wanted) return std::nullopt;
  // What it is compared with may be none of the next run's.
  const auto what = state_.what == preset::compare ? preset::timeline : state_.what;
  std::vector<std::string> words{"--preset", std::string(name_of(what)),
                                 "--theme",  std::string(all_themes()[state_.theme].name),
                                 "--clock",  std::string(name_of(state_.clock)),
                                 "--layout", std::string(name_of(state_.layout))};
  if (window_.is_full_screen()) words.emplace_back("--full-screen");
  if (keys_ == key_profile::clicker) words.emplace_back("--clicker");
  return words;
}

// Without the controls, which are of the window and not of the trace.
void stage::save_snapshot() {
  if (of_ == nullptr) {
    say("There is no picture to save: open a trace first.");
    return;
  }
  const auto size = window_.size();
  auto v = view_of(state_);
  v.title = name_of_file(file_);
  compare(v, *of_, other_.get(), name_of_file(other_file_));
  v.sources = &sources_;
  if (auto n = note(); !n.empty()) v.note = std::move(n);
  const std::array pages{viz::draw(*of_, v, std::max(640.0F, size.width),
                                   std::max(400.0F, size.height), window_.fonts(),
                                   all_themes()[state_.theme])};
  std::string stem;
  for (int n = 1;; ++n) {  // none is overwritten
    stem = file_ + "-" + std::to_string(n);
    std::error_code ignored;
    if (!std::filesystem::exists(stem + ".png", ignored) &&
        !std::filesystem::exists(stem + ".svg", ignored) &&
        !std::filesystem::exists(stem + ".pdf", ignored)) {
      break;
    }
  }
  try {
    write_png(pages[0], stem + ".png");
    write_svg(pages[0], stem + ".svg");
    write_pdf(pages, stem + ".pdf");
    say("Saved " + stem + ".png, .svg and .pdf");
  } catch (const std::exception& error) {
    say(std::string("The picture was not saved: ").append(without_caller(error.what())));
  }
}

view_needs stage::needs() const {
  return {.what = state_.what,
          .layout = state_.layout,
          .color = state_.color,
          .clock = state_.clock,
          .selects = state_.selected != no_task};
}

// Instead of what the player has to say, which is said with it.
std::string stage::note() const {
  if (together_.empty()) return note_;
  const auto own = view_of(state_).note;
  return own.empty() ? together_ : together_ + ", " + own;
}

void stage::show_soon() { frames_due_ = std::max(frames_due_, 1); }

void stage::say(std::string what) {
  message_ = std::move(what);
  show_soon();
}

void stage::meet(std::optional<point> at) {
  const auto* h = at ? shown_.at(*at) : nullptr;
  const bool same = h == nullptr ? !met_ : met_ && *met_ == *h;
  if (same) return;
  met_ = h == nullptr ? std::nullopt : std::optional(*h);
  show_soon();
}

void stage::pointed(std::optional<point> at) {
  if (scrubbing_ && at && of_ != nullptr) {
    for (const auto& h : shown_.hits) {
      if (h.id == scrub_bar) apply(commands::scrub{moment_at(*of_, state_, h.at, at->x)});
    }
    return;
  }
  meet(at);
}

void stage::button(point at, bool down) {
  scrubbing_ = false;
  if (!down) return;
  if (!message_.empty() && !reading_.valid()) say({});
  const auto* h = shown_.at(at);
  if (state_.help || (h != nullptr && h->id == help_button)) {
    apply(commands::help{});
  } else if (h == nullptr) {
    apply(commands::select{no_task});
  } else if (h->id == play_button) {
    apply(commands::play{});
  } else if (h->id == scrub_bar) {
    scrubbing_ = true;
    met_.reset();
    apply(commands::scrub{moment_at(*of_, state_, h->at, at.x)});
  } else if (h->id.what == item_id::kind::task) {
    apply(commands::select{h->id.number});
  } else if (h->id.which == item_id::part::name && h->id.what == item_id::kind::lane) {
    apply(commands::fold_lane{h->id.number});
  } else if (h->id.which == item_id::part::name && h->id.what == item_id::kind::place) {
    apply(commands::fold_place{h->id.number});
  }
}

void stage::wheel(double right, double up) {
  if (up != 0) apply(commands::zoom{std::pow(1.15, up)});
  if (right != 0) apply(commands::pan{right * 0.05});
}

void stage::dropped(std::string file) { open(std::move(file)); }

}  // namespace fronta::viz
