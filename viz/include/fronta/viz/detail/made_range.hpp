// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <iterator>
#include <ranges>

namespace fronta::viz::detail {

/// What a list makes of each place when it is asked, to be walked through as if it were all there.
/// A view: it lives as long as the list.
template <class List>
class made_range {
 public:
  using value_type = typename List::value_type;

  class iterator {
    struct arrow {
      typename List::value_type value;
      const typename List::value_type* operator->() const noexcept { return &value; }
    };

   public:
    using value_type = made_range::value_type;
    using difference_type = std::ptrdiff_t;
    using reference = value_type;
    using pointer = arrow;
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::random_access_iterator_tag;

    iterator() = default;
    iterator(const List& of, std::size_t at) : of_(&of), at_(at) {}

    value_type operator*() const { return (*of_)[at_]; }
    arrow operator->() const { return {**this}; }
    value_type operator[](difference_type n) const { return *(*this + n); }
    iterator& operator+=(difference_type n) {
      at_ += static_cast<std::size_t>(n);  // also if it is less than 0
      return *this;
    }
    iterator& operator-=(difference_type n) { return *this += -n; }
    iterator& operator++() { return *this += 1; }
    iterator& operator--() { return *this -= 1; }
    iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    iterator operator--(int) {
      auto before = *this;
      --*this;
      return before;
    }
    friend iterator operator+(iterator i, difference_type n) { return i += n; }
    friend iterator operator+(difference_type n, iterator i) { return i += n; }
    friend iterator operator-(iterator i, difference_type n) { return i -= n; }
    friend difference_type operator-(const iterator& a, const iterator& b) {
      return static_cast<difference_type>(a.at_) - static_cast<difference_type>(b.at_);
    }
    friend bool operator==(const iterator& a, const iterator& b) { return a.at_ == b.at_; }
    friend auto operator<=>(const iterator& a, const iterator& b) { return a.at_ <=> b.at_; }

   private:
    const List* of_ = nullptr;
    std::size_t at_ = 0;
  };
  using const_iterator = iterator;

  explicit made_range(const List& of) : made_range(of, of.size()) {}
  made_range(const List& of, std::size_t size) : of_(&of), size_(size) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] value_type operator[](std::size_t n) const noexcept { return (*of_)[n]; }
  [[nodiscard]] value_type front() const noexcept { return (*of_)[0]; }
  [[nodiscard]] value_type back() const noexcept { return (*of_)[size_ - 1]; }
  [[nodiscard]] made_range first(std::size_t n) const noexcept { return {*of_, n}; }
  [[nodiscard]] iterator begin() const noexcept { return {*of_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {*of_, size_}; }

 private:
  const List* of_;
  std::size_t size_;
};

}  // namespace fronta::viz::detail

template <class List>
inline constexpr bool std::ranges::enable_borrowed_range<fronta::viz::detail::made_range<List>> =
    true;
