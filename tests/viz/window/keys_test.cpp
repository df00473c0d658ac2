// SPDX-License-Identifier: Apache-2.0
#include "keys.hpp"
#include "unicode.hpp"

#include <fronta/viz/font.hpp>

#include <gtest/gtest.h>

#include <variant>

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
  for (const auto& b : key_bindings()) {
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

}  // namespace
}  // namespace fronta::viz
