// SPDX-License-Identifier: Apache-2.0
#include "keys.hpp"
#include "unicode.hpp"

#include <fronta/viz/font.hpp>

#include <gtest/gtest.h>

#include <variant>
#include <vector>

namespace fronta::viz {
namespace {

TEST(Keys, NoKeyDoesTwoThings) {
  const auto all = key_bindings();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      EXPECT_FALSE(all[i].press == all[j].press) << all[i].says << " and " << all[j].says;
    }
  }
}

TEST(Keys, EveryCommandThatHelpShowsSaysWhatItDoes) {
  for (const auto& b : key_bindings()) EXPECT_EQ(b.shown.empty(), b.says.empty()) << b.says;
}

// So that a second key for something needs no line of its own.
TEST(Keys, AKeyThatHelpDoesNotShowDoesWhatTheOneBeforeDoes) {
  const auto all = key_bindings();
  ASSERT_FALSE(all.front().shown.empty());
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (!all[i].shown.empty()) continue;
    EXPECT_EQ(all[i].does.index(), all[i - 1].does.index()) << i;
    const auto* mine = std::get_if<command>(&all[i].does);
    const auto* before = std::get_if<command>(&all[i - 1].does);
    ASSERT_TRUE(mine != nullptr && before != nullptr);
    EXPECT_EQ(mine->index(), before->index()) << i;
  }
}

TEST(Keys, TheFontHasWhatHelpShows) {
  const font f;
  std::vector<key_binding> all(key_bindings().begin(), key_bindings().end());
  const auto clicker = key_bindings(key_profile::clicker);
  all.insert(all.end(), clicker.begin(), clicker.end());
  for (const auto& b : all) {
    for (auto rest = b.shown; !rest.empty();) {
      EXPECT_TRUE(f.has(typeface::bold, detail::take_character(rest))) << b.shown;
    }
    for (auto rest = b.says; !rest.empty();) {
      EXPECT_TRUE(f.has(typeface::sans, detail::take_character(rest))) << b.says;
    }
  }
}

TEST(Keys, EscapeDoesNotQuitButControlQDoes) {
  const auto* escape = find_binding({.named = key::escape});
  ASSERT_NE(escape, nullptr);
  const auto* does = std::get_if<command>(&escape->does);
  ASSERT_NE(does, nullptr);
  EXPECT_TRUE(std::holds_alternative<commands::dismiss>(*does));
  const auto* quit = find_binding({.character = U'q', .control = true});
  ASSERT_NE(quit, nullptr);
  EXPECT_EQ(std::get<window_action>(quit->does), window_action::quit);
  EXPECT_EQ(find_binding({.character = U'q'}), nullptr);
}

TEST(Keys, AClickerPlaysThroughTheEvents) {
  const auto steps = [](key k) {
    const auto* b = find_binding({.named = k});
    return b == nullptr ? 0 : std::get<commands::step>(std::get<command>(b->does)).events;
  };
  EXPECT_EQ(steps(key::page_down), 1);
  EXPECT_EQ(steps(key::page_up), -1);
  EXPECT_EQ(steps(key::right), 1);
  EXPECT_EQ(steps(key::left), -1);
}

TEST(Keys, WithAClickerOnlyASpeakersKeysDoAnything) {
  const auto of = [](const key_press& k) { return find_binding(k, key_profile::clicker); };
  for (const auto k : {key::page_down, key::right, key::down, key::page_up, key::left, key::up}) {
    const auto* b = of({.named = k});
    ASSERT_NE(b, nullptr);
    EXPECT_TRUE(std::holds_alternative<commands::step>(std::get<command>(b->does)));
  }
  for (const char32_t c : {U'b', U'.'}) {
    const auto* b = of({.character = c});
    ASSERT_NE(b, nullptr);
    EXPECT_TRUE(std::holds_alternative<commands::blank>(std::get<command>(b->does)));
  }
  EXPECT_EQ(std::get<window_action>(of({.named = key::f5})->does), window_action::present);
  EXPECT_EQ(std::get<window_action>(of({.named = key::escape})->does), window_action::retire);
  EXPECT_EQ(std::get<window_action>(of({.character = U'q', .control = true})->does),
            window_action::quit);
  for (const char32_t c : {U'2', U'w', U'z', U'/', U't'}) EXPECT_EQ(of({.character = c}), nullptr);
}

}  // namespace
}  // namespace fronta::viz
