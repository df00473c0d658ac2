// SPDX-License-Identifier: Apache-2.0
#include <src/short_words.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using fronta::viz::short_words;

std::string cut(const short_words& all, std::string_view word, std::size_t least = 3) {
  const auto kept = all.kept(word, least);
  return std::string(word.substr(0, kept)) + (kept < word.size() ? "." : "");
}

TEST(ShortWords, HaveAFewLettersAndADotThatStandsForMoreThanItself) {
  const short_words none;
  EXPECT_EQ(cut(none, "divisor"), "div.");
  EXPECT_EQ(cut(none, "mask"), "mask");
  EXPECT_EQ(cut(none, "mask", 2), "ma.");
  EXPECT_EQ(cut(none, "by", 2), "by");
  EXPECT_EQ(cut(none, "číslování"), "čís.");
}

TEST(ShortWords, DifferWhereTheWordsDo) {
  constexpr std::array<std::string_view, 2> names{"divisor 3, divide by 5", "ker 1, kernel"};
  const short_words all(names);
  EXPECT_EQ(cut(all, "divisor"), "divis.");
  EXPECT_EQ(cut(all, "divide"), "divide");
  EXPECT_EQ(cut(all, "kernel"), "kern.");
  EXPECT_EQ(cut(all, "ker"), "ker");
  EXPECT_EQ(cut(all, "divisibility"), "divisi.") << "nobody's, and yet like none of them";
}

TEST(ShortWords, AreNeverTakenForEachOther) {
  std::mt19937 random(1);
  const std::vector<std::string> letters{"a", "b", "ž", "ź"};
  for (int round = 0; round < 200; ++round) {
    std::set<std::string> words;
    while (words.size() < 30) {
      std::string word;
      const auto length = 1 + random() % 9;
      for (std::size_t i = 0; i < length; ++i) word += letters[random() % letters.size()];
      words.insert(word);
    }
    const std::vector<std::string_view> names(words.begin(), words.end());
    const short_words all(names);
    std::set<std::string> seen;
    const std::size_t least = 1 + static_cast<std::size_t>(round) % 4;
    for (const auto& word : words) EXPECT_TRUE(seen.insert(cut(all, word, least)).second) << word;
  }
}

}  // namespace
