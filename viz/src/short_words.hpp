// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {

/// How the words of names are shortened: each in one way, so that it looks the same wherever it is
/// cut, and so that no two look alike. A word is letters and what no ASCII character is.
class short_words {
 public:
  short_words() = default;
  /// Those of the trace's tasks, lanes and queues.
  explicit short_words(const index& of);

  explicit short_words(std::span<const std::string_view> names);

  /// How many bytes of a word stay, with a dot for the rest: all of them where that would save
  /// nothing, else so many letters at least, and as many as tell it from every word of the names.
  [[nodiscard]] std::size_t kept(std::string_view word, std::size_t least) const noexcept;

 private:
  void add(std::string_view name);
  void sort();

  std::vector<std::string> words_;  // in their order, each once
};

/// The same of all words of the trace. Made when it is first asked for; lives as long as `of`.
/// Thread-safe.
[[nodiscard]] const short_words& words_of(const index& of);

[[nodiscard]] bool is_in_word(char c) noexcept;

}  // namespace fronta::viz
