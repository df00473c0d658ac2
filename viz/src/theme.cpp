// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/theme.hpp>

#include <algorithm>
#include <cmath>

namespace fronta::viz {
namespace {

constexpr color black{0, 0, 0};
constexpr color white{255, 255, 255};
constexpr color light_grey{0xDD, 0xDD, 0xDD};
constexpr color dark_grey{0x66, 0x66, 0x66};
constexpr color blue{0x00, 0x72, 0xB2};
constexpr color sky_blue{0x56, 0xB4, 0xE9};
constexpr color green{0x00, 0x9E, 0x73};
constexpr color yellow{0xF0, 0xE4, 0x42};
constexpr color vermillion{0xD5, 0x5E, 0x00};
constexpr color purple{0xCC, 0x79, 0xA7};

constexpr std::array<state_look, looks> states{{
    {light_grey, black, "⋯", "waits for inputs", dash::dotted},
    {yellow, black, "◇", "waits for tags", dash::solid, true},
    {light_grey, black, "•", "queued"},
    {dark_grey, white, "↻", "waits to retry"},
    {purple, black, "↕", "copying"},
    {blue, white, "▶", "running"},
    {yellow, black, "‖", "suspended", dash::solid, true},
    {green, black, "✓", "done"},
    {vermillion, black, "✗", "failed"},
    {dark_grey, white, "–", "cancelled", dash::dashed},
    {light_grey, black, "?", "unknown", dash::dashed, true},
    {sky_blue, black, "▦", "on a GPU"},
}};

constexpr std::array<theme, 2> themes{{
    {"light",
     white,
     {0xF4, 0xF4, 0xF4},
     {0x11, 0x11, 0x11},
     {0x33, 0x33, 0x33},
     {0xC8, 0xC8, 0xC8},
     {0xB0, 0x00, 0x20},
     states},
    {"dark",
     {0x11, 0x11, 0x11},
     {0x1E, 0x1E, 0x1E},
     {0xF2, 0xF2, 0xF2},
     {0xB4, 0xB4, 0xB4},
     {0x44, 0x44, 0x44},
     {0xFF, 0x6B, 0x6B},
     states},
}};

double linear(std::uint8_t channel) noexcept {
  const auto c = channel / 255.0;
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

double luminance(color c) noexcept {
  return 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
}

}  // namespace

std::span<const theme> all_themes() noexcept { return themes; }
const theme& light_theme() noexcept { return themes[0]; }
const theme& dark_theme() noexcept { return themes[1]; }

const theme* find_theme(std::string_view name) noexcept {
  const auto found = std::ranges::find(themes, name, &theme::name);
  return found == themes.end() ? nullptr : &*found;
}

look look_of(const index& of, const change& c) noexcept {
  if (c.state == task_state::running && c.where < of.lanes().size() &&
      of.lanes()[c.where].what == lane::kind::stream) {
    return look::on_device;
  }
  return static_cast<look>(c.state);
}

double contrast(color a, color b) noexcept {
  const auto x = luminance(a);
  const auto y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

}  // namespace fronta::viz
