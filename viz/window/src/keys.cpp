// SPDX-License-Identifier: Apache-2.0
#include "keys.hpp"

#include <algorithm>
#include <vector>

namespace fronta::viz {
namespace {

constexpr key_press named(key k) { return {.named = k}; }
constexpr key_press shifted(key k) { return {.named = k, .shift = true}; }
constexpr key_press letter(char32_t c) { return {.character = c}; }
constexpr key_press control(char32_t c) { return {.character = c, .control = true}; }

std::vector<key_binding> make_bindings() {
  constexpr bool again = true;
  constexpr double zoom = 1.25;
  constexpr double pan = 0.1;
  return {
      {named(key::space), commands::play{}, "Space", "play or pause"},
      {named(key::right), commands::step{1}, "→  PageDown", "one event forwards", again},
      {named(key::page_down), commands::step{1}, "", "", again},
      {named(key::left), commands::step{-1}, "←  PageUp", "one event back", again},
      {named(key::page_up), commands::step{-1}, "", "", again},
      {shifted(key::right), commands::step{10}, "Shift →", "ten events forwards", again},
      {shifted(key::left), commands::step{-10}, "Shift ←", "ten events back", again},
      {named(key::home), commands::to_begin{}, "Home", "to the beginning"},
      {named(key::end), commands::to_end{}, "End", "to the end"},
      {letter('f'), commands::follow{}, "F", "follow what is live, or stay"},
      {letter('r'), commands::replay{}, "R  F5", "replay from the beginning"},
      {named(key::f5), commands::replay{}, "", ""},
      {letter('x'), commands::next_clock{}, "X", "clock: linear, steps, warped"},
      {named(key::up), commands::pace{2}, "↑", "twice as fast", again},
      {named(key::down), commands::pace{0.5}, "↓", "half as fast", again},
      {letter('w'), commands::zoom{zoom}, "W  +", "show less time, larger", again},
      {letter('+'), commands::zoom{zoom}, "", "", again},
      {letter('='), commands::zoom{zoom}, "", "", again},
      {letter('s'), commands::zoom{1 / zoom}, "S  -", "show more time, smaller", again},
      {letter('-'), commands::zoom{1 / zoom}, "", "", again},
      {letter('a'), commands::pan{-pan}, "A", "show earlier time", again},
      {letter('d'), commands::pan{pan}, "D", "show later time", again},
      {letter('1'), commands::show{preset::stage}, "1", "stage: for a room"},
      {letter('2'), commands::show{preset::timeline}, "2", "timeline: all lanes"},
      {letter('3'), commands::show{preset::completion}, "3", "completion: who ends when"},
      {letter('4'), commands::show{preset::graph}, "4", "graph: tasks and their inputs"},
      {letter('5'), commands::show{preset::compare}, "5", "compare: two runs on one clock"},
      {letter('6'), commands::show{preset::statistics}, "6", "statistics: how many, how long"},
      {letter('7'), commands::show{preset::inspector}, "7", "inspector: the selected task"},
      {letter('8'), commands::show{preset::plots}, "8", "plots: values over time"},
      {letter('9'), commands::show{preset::progress}, "9", "progress: how far each name is"},
      {letter('l'), commands::next_layout{}, "L", "stage: code to read, a strip, none"},
      {named(key::tab), commands::select_by{1}, "Tab", "select the next task", again},
      {shifted(key::tab), commands::select_by{-1}, "Shift Tab", "select the task before", again},
      {letter('/'), commands::search{}, "/", "look for a task: number or name"},
      {letter('n'), commands::find{1}, "N  Enter", "the next task that was found", again},
      {named(key::enter), commands::find{1}, "", "", again},
      {letter('e'), commands::find{-1}, "E", "the one found before it", again},
      {shifted(key::enter), commands::find{-1}, "", "", again},
      {letter('j'), commands::mark_lane{1}, "J", "mark the lane below", again},
      {letter('k'), commands::mark_lane{-1}, "K", "mark the lane above", again},
      {letter('z'), commands::fold_lane{}, "Z", "fold the marked lane, and back"},
      {letter('g'), commands::fold_place{}, "G", "fold all lanes of its place"},
      {letter('p'), commands::pin_lane{}, "P", "pin it to the top, and back"},
      {letter('o'), commands::next_order{}, "O", "lanes by place, name, work, time"},
      {letter('y'), commands::next_color{}, "Y", "timeline's colours: state, kind"},
      {letter('t'), commands::next_theme{}, "T", "light or dark"},
      {control('+'), commands::resize_text{1}, "Ctrl +", "larger text", again},
      {control('='), commands::resize_text{1}, "", "", again},
      {control('-'), commands::resize_text{-1}, "Ctrl -", "smaller text", again},
      {letter('c'), commands::reduce_motion{}, "C", "calm: less motion, or more"},
      {letter('b'), commands::blank{}, "B  .", "black screen, and back"},
      {letter('.'), commands::blank{}, "", ""},
      {control('r'), window_action::run_again, "Ctrl R twice", "run the program again"},
      {control('s'), window_action::snapshot, "Ctrl S", "save as PNG, SVG and PDF"},
      {named(key::f11), window_action::full_screen, "F11", "full screen, and back"},
      {letter('m'), window_action::next_monitor, "M", "to the next monitor"},
      {letter('h'), window_action::controls, "H", "hide the bar below, or show it"},
      {letter('?'), commands::help{}, "?  F1", "this help, and back"},
      {named(key::f1), commands::help{}, "", ""},
      {named(key::escape), commands::dismiss{}, "Esc", "end help, blank, selection"},
      {control('q'), window_action::quit, "Ctrl Q", "quit"},
  };
}

// What a remote control sends, and what a speaker may need in spite of it: all else does nothing,
// so that no book on the keyboard changes the picture.
std::vector<key_binding> make_clicker_bindings() {
  constexpr bool again = true;
  return {
      {named(key::page_down), commands::step{1}, "PageDown  →  ↓", "one event forwards", again},
      {named(key::right), commands::step{1}, "", "", again},
      {named(key::down), commands::step{1}, "", "", again},
      {named(key::page_up), commands::step{-1}, "PageUp  ←  ↑", "one event back", again},
      {named(key::left), commands::step{-1}, "", "", again},
      {named(key::up), commands::step{-1}, "", "", again},
      {named(key::space), commands::play{}, "Space", "play or pause"},
      {letter('b'), commands::blank{}, "B  .", "black screen, and back"},
      {letter('.'), commands::blank{}, "", ""},
      {named(key::f5), window_action::present, "F5", "fill the screen, from the beginning"},
      {named(key::escape), window_action::retire, "Esc", "back to a window"},
      {named(key::f11), window_action::full_screen, "F11", "full screen, and back"},
      {letter('m'), window_action::next_monitor, "M", "to the next monitor"},
      {letter('?'), commands::help{}, "?  F1", "this help, and back"},
      {named(key::f1), commands::help{}, "", ""},
      {control('q'), window_action::quit, "Ctrl Q", "quit"},
  };
}

}  // namespace

std::span<const key_binding> key_bindings(key_profile of) {
  static const auto all = make_bindings();
  static const auto clicker = make_clicker_bindings();
  return of == key_profile::clicker ? clicker : all;
}

const key_binding* find_binding(const key_press& pressed, key_profile of) {
  const auto all = key_bindings(of);
  const auto found = std::ranges::find(all, pressed, &key_binding::press);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace fronta::viz
