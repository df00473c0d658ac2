// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <fronta/trace_file.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <utility>

namespace fronta::viz {
namespace {

std::string name_of_file(const std::string& file) {
  return std::filesystem::path(file).filename().string();
}

}  // namespace

stage::stage(const window::options& o, const appearance& first)
    : window_(o, *this), controls_(!o.full_screen) {
  state_.what = first.what;
  state_.theme = first.theme;
  state_.text_size = first.text_size;
}

stage::~stage() = default;

void stage::open(std::string trace) {
  if (reading_.valid()) finish_opening();
  say("Reading " + name_of_file(trace) + " …");
  reading_ = std::async(std::launch::async, [file = std::move(trace)] {
    read_trace r{.of = {}, .file = file, .failure = {}, .damage = {}};
    try {
      auto contents = trace::read_file(file);
      r.damage = contents.damage;
      r.of = std::make_shared<const index>(std::move(contents));
    } catch (const std::exception& error) {
      r.failure = "\"" + file + "\" cannot be shown: " + error.what();
    }
    window::wake();
    return r;
  });
}

void stage::compare_with(const std::string& trace) {
  other_ = std::make_shared<const index>(trace::read_file(trace));
  other_file_ = trace;
  show_soon();
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
  if (r.of == nullptr) {
    failure_ = r.failure;
    say(r.failure);
    return;
  }
  show(std::move(r.of), std::move(r.file));
  if (!r.damage.empty()) say(name_of_file(file_) + ": " + r.damage);
}

void stage::show(std::shared_ptr<const index> of, std::string trace) {
  const auto before = state_;
  of_ = std::move(of);
  file_ = std::move(trace);
  failure_.clear();
  message_.clear();
  met_.reset();
  state_ = opened(*of_);
  // How it is looked at stays.
  state_.what = before.what;
  state_.theme = before.theme;
  state_.text_size = before.text_size;
  state_.reduced_motion = before.reduced_motion;
  state_.blank = before.blank;
  window_.set_title(name_of_file(file_) + " - Fronta");
  show_soon();
}

void stage::apply(const command& c) {
  auto next = state_;
  if (of_ != nullptr) {
    next = reduce(*of_, state_, c);
  } else {
    static const index nothing{trace::file_contents{}};
    next = reduce(nothing, state_, c);
  }
  if (next == state_) return;
  state_ = next;
  show_soon();
}

void stage::pass(double seconds) {
  if (state_.playing) apply(commands::tick{seconds});
}

scene stage::picture() const {
  const auto size = window_.size();
  return viz::draw({.width = size.width,
                    .height = size.height,
                    .title = name_of_file(file_),
                    .message = message_,
                    .met = met_,
                    .controls = controls_,
                    .other = other_.get(),
                    .other_title = name_of_file(other_file_)},
                   of_.get(), state_, window_.fonts());
}

bool stage::draw() {
  take_what_was_read();
  if (frames_due_ == 0 || window_.is_hidden()) return false;
  shown_ = picture();
  window_.show(shown_);
  --frames_due_;
  return true;
}

void stage::run(std::optional<double> seconds) {
  using clock = std::chrono::steady_clock;
  using in_seconds = std::chrono::duration<double>;
  constexpr double frame = 1.0 / 60;
  // A machine that slept, or a debugger, is no reason to skip what it hid.
  constexpr double longest = 0.25;
  const auto began = clock::now();
  auto before = began;
  while (!window_.is_to_close()) {
    const auto now = clock::now();
    pass(std::min(in_seconds(now - before).count(), longest));
    before = now;
    draw();
    if (of_ == nullptr && !failure_.empty()) return;

    const auto left = seconds ? *seconds - in_seconds(clock::now() - began).count() : -1;
    if (seconds && left <= 0) return;
    // Waiting for the screen may have taken the frame's time, or none of it.
    const auto spent = in_seconds(clock::now() - now).count();
    const bool more = (state_.playing || frames_due_ > 0) && !window_.is_hidden();
    const auto pause = more ? std::max(0.0, frame - spent) : -1;
    if (pause < 0) {
      window_.wait(left);
      before = clock::now();  // what was waited is not played
    } else {
      window_.wait(seconds ? std::min(pause, left) : pause);
    }
  }
}

void stage::pressed(const key_press& k, bool again) {
  const auto* binding = find_binding(k);
  if (binding == nullptr || (again && !binding->repeats)) return;
  // What was said has been read.
  if (!message_.empty() && !reading_.valid()) say({});
  if (const auto* c = std::get_if<command>(&binding->does)) {
    apply(*c);
  } else {
    act(std::get<window_action>(binding->does));
  }
}

void stage::act(window_action a) {
  switch (a) {
    case window_action::full_screen:
      window_.toggle_full_screen();
      controls_ = !window_.is_full_screen();  // a room sees the picture alone
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
    case window_action::quit:
      window_.close();
      break;
  }
  show_soon();
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
    say(std::string("The picture was not saved: ") + error.what());
  }
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
      if (h.id == scrub_bar) apply(commands::scrub{moment_at(*of_, h.at, at->x)});
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
    apply(commands::scrub{moment_at(*of_, h->at, at.x)});
  } else if (h->id.what == item_id::kind::task) {
    apply(commands::select{h->id.number});
  }
}

void stage::wheel(double right, double up) {
  if (up != 0) apply(commands::zoom{std::pow(1.15, up)});
  if (right != 0) apply(commands::pan{right * 0.05});
}

void stage::dropped(std::string file) { open(std::move(file)); }

}  // namespace fronta::viz
