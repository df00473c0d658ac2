// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/arguments.hpp>
#include <fronta/future.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

/// Waiting for several futures. Inside a task all of these lend the task's cpu share to another
/// worker while they block; a zero time limit only looks.
namespace fronta {

enum class return_when { all_completed, first_completed, first_exception };
inline constexpr auto all_completed = return_when::all_completed;
inline constexpr auto first_completed = return_when::first_completed;
/// As `all_completed`, but returns at the first failure; a cancellation is no failure.
inline constexpr auto first_exception = return_when::first_exception;

/// What a task ended with: a value or an exception (`cancelled_error` for a cancelled one).
template <class T>
class outcome {
 public:
  using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
  template <class... Args>
  explicit outcome(std::in_place_t, Args&&... args)
      : content_(std::in_place_index<0>, std::forward<Args>(args)...) {}
  explicit outcome(std::exception_ptr error) noexcept
      : content_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  /// Throws the exception if there is one.
  const stored& value() const& {
    raise();
    return std::get<0>(content_);
  }
  stored&& value() && {
    raise();
    return std::get<0>(std::move(content_));
  }
  /// Null for a value.
  [[nodiscard]] std::exception_ptr error() const noexcept {
    return has_value() ? nullptr : *std::get_if<1>(&content_);
  }

 private:
  void raise() const {
    if (!has_value()) std::rethrow_exception(std::get<1>(content_));
  }
  std::variant<stored, std::exception_ptr> content_;
};

namespace detail {
template <class T>
concept future_like = std::derived_from<std::remove_cvref_t<T>, any_future>;
template <class R>
concept future_range = std::ranges::input_range<R> && future_like<std::ranges::range_value_t<R>>;
template <class R>
concept futures_of_void =
    future_range<R> && std::same_as<std::ranges::range_value_t<R>, future<void>>;

// What ends a wait for several before all are done.
enum class early_end : unsigned char { none, any, exception, exception_or_cancellation };
constexpr early_end early_end_of(return_when when) noexcept {
  if (when == all_completed) return early_end::none;
  return when == first_completed ? early_end::any : early_end::exception;
}
// For the nodes, all distinct, or until the deadline. Never throws for time.
void wait_many(std::span<node* const> nodes, early_end early, deadline until);
// Order kept, repetitions and empty handles removed (empty ones throw).
std::vector<node*> distinct_nodes(std::span<const any_future* const> futures, const char* verb);

// The queue behind as_completed and completion_queue; shared with the edges in flight.
class completion_list {
 public:
  completion_list();
  ~completion_list();
  completion_list(const completion_list&) = delete;
  completion_list& operator=(const completion_list&) = delete;

  // Thread-safe, all of them. A node is handed out once per add, in order of completion.
  void add(any_future f);
  [[nodiscard]] std::size_t unfinished() const;
  [[nodiscard]] std::size_t size() const;  // unfinished and ready
  [[nodiscard]] bool has_ready() const;
  // Blocks until one is ready; empty when nothing is left or the deadline has passed.
  std::optional<any_future> take(deadline until);
  void clear();

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

// For all, or the first that ends without a value; then that one's exception is thrown.
void wait_for_values(std::span<const any_future* const> futures);

[[noreturn]] void throw_unfinished(std::size_t pending, std::size_t total);
}  // namespace detail

template <class Future>
struct wait_result {
  std::vector<Future> done;
  std::vector<Future> not_done;
};

/// Waits until `when` holds or the limit has passed and returns the split, each distinct future
/// once, in input order. Cancelled futures are done. Never throws for the time limit; throws
/// `deadlock_error` like `future::wait`: where none can end, for `first_completed`, else where one
/// of them cannot.
template <detail::future_range Range>
auto wait(Range&& futures, return_when when = all_completed,
          time_limit limit = time_limit::none()) {
  using future_type = std::ranges::range_value_t<Range>;
  const deadline until(limit);
  std::vector<future_type> held;
  if constexpr (std::ranges::sized_range<Range>) held.reserve(std::ranges::size(futures));
  for (auto&& f : futures) held.push_back(std::forward<decltype(f)>(f));
  std::vector<const any_future*> erased(held.size());
  for (std::size_t i = 0; i < held.size(); ++i) erased[i] = &held[i];
  const auto nodes = detail::distinct_nodes(erased, "wait");
  detail::wait_many(nodes, detail::early_end_of(when), until);
  wait_result<future_type> result;
  std::size_t at = 0;
  for (auto& f : held) {
    // Distinct nodes come in input order, so a repetition is whatever does not match the next one.
    if (at == nodes.size() ||
        detail::future_access::get(static_cast<any_future&>(f)) != nodes[at]) {
      continue;
    }
    ++at;
    (f.done() ? result.done : result.not_done).push_back(std::move(f));
  }
  return result;
}
template <detail::future_range Range>
auto wait(Range&& futures, time_limit limit) {
  return wait(std::forward<Range>(futures), all_completed, limit);
}
/// Futures of different types: waits for all.
template <detail::future_like... Futures>
  requires(sizeof...(Futures) > 0)
wait_result<any_future> wait(const Futures&... futures) {
  return wait(std::array<any_future, sizeof...(Futures)>{futures...});
}

/// A move-only input range over futures in order of completion: see `as_completed`.
template <class Future>
class completed_range {
 public:
  class iterator {
   public:
    using value_type = Future;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;
    iterator() noexcept = default;
    explicit iterator(completed_range& r) noexcept : range_(&r) {}
    /// May be moved out; the range keeps it until the next step.
    Future&& operator*() const { return std::move(range_->current_); }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return i.ended();
    }

   private:
    [[nodiscard]] bool ended() const noexcept { return range_->ended_; }
    completed_range* range_ = nullptr;
  };

  completed_range(std::unique_ptr<detail::completion_list> list, std::size_t total, deadline until)
      : list_(std::move(list)), total_(total), until_(until) {}
  completed_range(completed_range&&) noexcept = default;
  completed_range& operator=(completed_range&&) noexcept = default;
  iterator begin() {
    if (!begun_) advance();
    begun_ = true;
    return iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void advance() {
    current_ = {};
    ended_ = true;
    if (list_ == nullptr || list_->size() == 0) return;
    auto next = list_->take(until_);
    if (!next) {
      const auto pending = list_->unfinished();
      list_.reset();
      detail::throw_unfinished(pending, total_);
    }
    current_ = detail::future_access::narrow<Future>(std::move(*next));
    ended_ = false;
  }

  std::unique_ptr<detail::completion_list> list_;
  std::size_t total_;
  deadline until_;
  Future current_;  // empty when it was moved out, too
  bool ended_ = true;
  bool begun_ = false;
};

/// The futures in order of completion, each distinct one once, those already done first. Reads its
/// input and fixes the deadline in the call. When the deadline passes with futures unfinished, the
/// step that would wait throws `timeout_error` ("2 (of 4) futures unfinished"); what is done is
/// delivered before.
template <detail::future_range Range>
auto as_completed(Range&& futures, time_limit limit = time_limit::none()) {
  using future_type = std::ranges::range_value_t<Range>;
  const deadline until(limit);
  auto list = std::make_unique<detail::completion_list>();
  std::vector<future_type> held;
  if constexpr (std::ranges::sized_range<Range>) held.reserve(std::ranges::size(futures));
  // NOLINTNEXTLINE(performance-inefficient-vector-operation): reserved where that is possible
  for (auto&& f : futures) held.push_back(std::forward<decltype(f)>(f));
  std::vector<const any_future*> erased(held.size());
  for (std::size_t i = 0; i < held.size(); ++i) erased[i] = &held[i];
  const auto nodes = detail::distinct_nodes(erased, "as_completed");
  for (auto* n : nodes) list->add(detail::future_access::share(*n));
  return completed_range<future_type>(std::move(list), nodes.size(), until);
}

namespace detail {
template <class T>
outcome<T> outcome_of(const future<T>& done) {
  try {
    if constexpr (std::is_void_v<T>) {
      done.result();
      return outcome<T>(std::in_place);
    } else {
      return outcome<T>(std::in_place, done.result());
    }
  } catch (...) {
    return outcome<T>(std::current_exception());
  }
}
}  // namespace detail

/// How to treat futures that failed.
enum class on_error {
  raise,  ///< throw the exception
  keep,   ///< deliver it as an `outcome`
  skip,   ///< leave the future out
};

/// Futures that are handed out as they complete, and to which more can be added at any time, from
/// any thread: once per add. Iterating ends when none is left, and may be begun anew after an
/// `add`.
/// ```
/// fronta::completion_queue<int> queue;
/// queue.add(ex.submit(f));
/// for (auto f : queue) if (f.get() < 10) queue.add(ex.submit(g));
/// ```
template <class T>
class completion_queue {
 public:
  completion_queue() = default;
  template <detail::future_range Range>
  explicit completion_queue(Range&& futures) {
    update(std::forward<Range>(futures));
  }

  void add(future<T> f) { list_.add(std::move(f)); }
  template <detail::future_range Range>
  void update(Range&& futures) {
    for (auto&& f : futures) add(std::forward<decltype(f)>(f));
  }
  /// Added and not yet handed out.
  [[nodiscard]] std::size_t count() const { return list_.size(); }
  [[nodiscard]] bool is_empty() const { return count() == 0; }
  [[nodiscard]] bool has_ready() const { return list_.has_ready(); }
  /// Forgets all, finished ones too; the tasks go on.
  void clear() { list_.clear(); }

  /// Blocks for the next one; empty when none is left or the limit has passed.
  std::optional<future<T>> next(time_limit limit = time_limit::none()) {
    auto f = list_.take(deadline(limit));
    if (!f) return std::nullopt;
    return detail::future_access::narrow<future<T>>(std::move(*f));
  }
  enum class block { no, yes };
  /// All that are ready; with `block::yes` at least one unless none is left.
  std::vector<future<T>> next_batch(block b = block::yes) {
    std::vector<future<T>> batch;
    if (b == block::yes) {
      if (auto first = next()) batch.push_back(std::move(*first));
    }
    while (auto f = next(time_limit(std::chrono::seconds(0)))) batch.push_back(std::move(*f));
    return batch;
  }
  /// The next one with its outcome. With `on_error::raise` a failure is thrown, with `keep` it is
  /// the outcome, with `skip` it is passed over.
  std::optional<std::pair<future<T>, outcome<T>>> next_with_result(
      on_error errors = on_error::raise) {
    while (auto f = next()) {
      auto result = detail::outcome_of(*f);
      if (!result && errors == on_error::raise) std::rethrow_exception(result.error());
      if (!result && errors == on_error::skip) continue;
      return std::pair(std::move(*f), std::move(result));
    }
    return std::nullopt;
  }

  class iterator {
   public:
    using value_type = future<T>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;
    iterator() noexcept = default;
    explicit iterator(completion_queue& q) : queue_(&q) { ++*this; }
    /// May be moved out.
    future<T>&& operator*() const { return std::move(current_); }
    iterator& operator++() {
      current_ = {};
      auto next = queue_->next();
      ended_ = !next;
      if (next) current_ = std::move(*next);
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.ended_; }

   private:
    completion_queue* queue_ = nullptr;
    mutable future<T> current_;
    bool ended_ = true;
  };
  iterator begin() { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  detail::completion_list list_;
};

/// Waits for all and returns the values in the same shape: a vector of futures gives a vector of
/// values, and so for array, tuple, pair, optional and map, nested to any depth. Throws at the
/// first failure or cancellation without waiting for the others, which run on; `deadlock_error`
/// where one of them cannot end.
template <class A>
  requires(!detail::futures_of_void<A> && resolve<std::remove_cvref_t<A>>::has_futures)
auto gather(A&& futures) {
  using container = std::remove_cvref_t<A>;
  std::vector<const any_future*> erased;
  resolve<container>::each(futures, [&](const any_future& f) { erased.push_back(&f); });
  detail::wait_for_values(erased);
  container own(std::forward<A>(futures));
  return resolve<container>::take(own);
}
/// Futures without values: for its exceptions.
template <detail::futures_of_void R>
void gather(R&& futures) {
  std::vector<const any_future*> erased;
  for (const any_future& f : futures) erased.push_back(&f);
  detail::wait_for_values(erased);
}
/// With `on_error::skip` waits for all and leaves the failed ones out; with `keep` returns
/// outcomes.
template <on_error Errors, class T>
auto gather(const std::vector<future<T>>& futures) {
  if constexpr (Errors == on_error::raise) {
    return gather(futures);
  } else {
    for (const auto& f : futures) {
      if (!f.valid()) detail::throw_empty("gather");
    }
    wait(futures);
    std::vector<std::conditional_t<Errors == on_error::keep, outcome<T>, T>> results;
    for (const auto& f : futures) {
      auto result = detail::outcome_of(f);
      if constexpr (Errors == on_error::keep) {
        results.push_back(std::move(result));
      } else if (result) {
        results.push_back(std::move(result).value());
      }
    }
    return results;
  }
}

namespace detail {

// Counts the members down; the first failure, or the last success, decides.
template <class Futures, class Result>
struct joint {
  explicit joint(Futures f, std::size_t n) : futures(std::move(f)), left(n) {}
  Futures futures;
  std::atomic<std::size_t> left;
  std::atomic<bool> decided{false};
  promise<Result> result;

  void member_done(any_future f) {
    auto error = future_access::get(f)->error();
    // Dropped before it is counted: whoever comes last moves values out of their last handles.
    f = {};
    const bool last = left.fetch_sub(1, std::memory_order_acq_rel) == 1;
    if (error) {
      if (!decided.exchange(true)) settle([&] { result.set_exception(std::move(error)); });
    } else if (last && !decided.exchange(true)) {
      settle([&] { succeed(); });
    }
  }
  void succeed() {
    if constexpr (std::is_void_v<Result>) {
      result.set_value();
    } else {
      std::optional<Result> values;
      try {
        values.emplace(resolve<Futures>::take(futures));
      } catch (...) {
        // A copy threw, or a move-only value has another handle.
        result.set_exception(std::current_exception());
        return;
      }
      result.set_value(std::move(*values));
    }
  }
  template <class Settle>
  void settle(Settle&& how) {
    try {
      how();
    } catch (const invalid_state_error&) {
      // The joint future was cancelled: nobody wants the outcome.
    }
  }
};

template <class Result, class Futures, class Each>
future<Result> join(Futures futures, std::size_t count, Each&& each) {
  auto all = std::make_shared<joint<Futures, Result>>(std::move(futures), count);
  auto result = all->result.get_future();
  if (count == 0) all->settle([&] { all->succeed(); });
  each(all->futures, [](const any_future& f) {
    if (!f.valid()) throw_empty("when_all");
  });
  each(all->futures, [&](const any_future& f) {
    f.add_done_callback([all](any_future done) { all->member_done(std::move(done)); });
  });
  return result;
}

}  // namespace detail

/// A future of all values, in argument order; it fails at once when a member does (the others run
/// on). A vector of `future<void>` gives a `future<void>`.
template <class T>
auto when_all(std::vector<future<T>> futures) {
  using result = std::conditional_t<std::is_void_v<T>, void, std::vector<std::remove_cvref_t<T>>>;
  const auto count = futures.size();
  return detail::join<result>(std::move(futures), count, [](const auto& all, auto&& visit) {
    for (const auto& f : all) visit(f);
  });
}
template <class... Ts>
  requires(sizeof...(Ts) > 0)
future<std::tuple<Ts...>> when_all(future<Ts>... futures) {
  return detail::join<std::tuple<Ts...>>(std::tuple<future<Ts>...>(std::move(futures)...),
                                         sizeof...(Ts), [](const auto& all, auto&& visit) {
                                           std::apply([&](const auto&... f) { (visit(f), ...); },
                                                      all);
                                         });
}

/// A future of the index of the first member that is done, however it ended. Throws
/// `std::invalid_argument` for no members.
template <detail::future_range Range>
future<std::size_t> when_any(Range&& futures) {
  struct race {
    std::atomic<bool> won{false};
    promise<std::size_t> first;
  };
  auto shared = std::make_shared<race>();
  auto result = shared->first.get_future();
  std::size_t index = 0;
  for (const auto& f : futures) {
    if (!f.valid()) detail::throw_empty("when_any");
    static_cast<const any_future&>(f).add_done_callback([shared, index](const any_future&) {
      if (shared->won.exchange(true)) return;
      try {
        shared->first.set_value(index);
      } catch (const invalid_state_error&) {
        // Cancelled meanwhile.
      }
    });
    ++index;
  }
  if (index == 0) {
    throw std::invalid_argument("when_any: there are no futures; give at least one");
  }
  return result;
}

}  // namespace fronta
