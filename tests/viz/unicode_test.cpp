// SPDX-License-Identifier: Apache-2.0
#include "unicode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace fronta::viz::detail {
namespace {

std::vector<char32_t> characters(std::string_view utf8) {
  std::vector<char32_t> all;
  while (!utf8.empty()) all.push_back(take_character(utf8));
  return all;
}

TEST(Unicode, TakesCharactersOfEachLength) {
  EXPECT_THAT(characters("aě▶😀"), testing::ElementsAre(U'a', U'ě', U'▶', U'😀'));
}

TEST(Unicode, TakesEachBrokenByteAlone) {
  const char32_t r = replacement_character;
  EXPECT_THAT(characters("\x80"), testing::ElementsAre(r));                // no lead
  EXPECT_THAT(characters("\xC4"), testing::ElementsAre(r));                // cut off
  EXPECT_THAT(characters("\xC4x"), testing::ElementsAre(r, U'x'));         // not continued
  EXPECT_THAT(characters("\xC0\xAF"), testing::ElementsAre(r, r));         // too long for "/"
  EXPECT_THAT(characters("\xED\xA0\x80"), testing::ElementsAre(r, r, r));  // half of a pair
  EXPECT_THAT(characters("\xF4\x90\x80\x80"), testing::ElementsAre(r, r, r, r));  // too large
  EXPECT_THAT(characters("\xFF"), testing::ElementsAre(r));
}

TEST(Unicode, AppendsWhatItTook) {
  const std::string text = "aě▶😀";
  std::string again;
  for (const auto c : characters(text)) append_utf8(again, c);
  EXPECT_EQ(again, text);
}

TEST(Unicode, PrintableTextHasNoControlCharacters) {
  using namespace std::string_literals;
  EXPECT_EQ(printable("ů\ta\n\x01\x7F\0\xFF"s), "ů\ta\n\uFFFD\uFFFD\uFFFD\uFFFD");
}

}  // namespace
}  // namespace fronta::viz::detail
