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
  /// A pointer for a reference.
  using stored =
      std::conditional_t<std::is_void_v<T>, std::monostate,
                         std::conditional_t<std::is_reference_v<T>,
                                            std::add_pointer_t<std::remove_reference_t<T>>, T>>;
  template <class... Args>
  explicit outcome(std::in_place_t, Args&&... args)
      : content_(std::in_place_index<0>, as_stored(std::forward<Args>(args))...) {}
  explicit outcome(std::exception_ptr error) noexcept
      : content_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  /// Throws the exception if there is one. `const T&` or `T&&`; `U&` for `outcome<U&>`,
  /// `std::monostate` for void.
  std::conditional_t<std::is_reference_v<T>, T, const stored&> value() const& {
    raise();
    if constexpr (std::is_reference_v<T>) {
      return *std::get<0>(content_);
    } else {
      return std::get<0>(content_);
    }
  }
  std::conditional_t<std::is_reference_v<T>, T, stored&&> value() && {
    raise();
    if constexpr (std::is_reference_v<T>) {
      return *std::get<0>(content_);
    } else {
      return std::get<0>(std::move(content_));
    }
  }
  /// Null for a value.
  [[nodiscard]] std::exception_ptr error() const noexcept {
    return has_value() ? nullptr : *std::get_if<1>(&content_);
  }

 private:
  template <class Arg>
  static decltype(auto) as_stored(Arg&& arg) {
    if constexpr (std::is_reference_v<T>) {
      return std::addressof(arg);
    } else {
      return std::forward<Arg>(arg);
    }
  }
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
/// With `on_error::skip` waits for all and leaves the failed ones out, which without values is all
/// that it does; with `keep` returns outcomes.
template <on_error Errors, class T>
auto gather(const std::vector<future<T>>& futures) {
  if constexpr (Errors == on_error::raise) {
    return gather(futures);
  } else if constexpr (Errors == on_error::skip && std::is_void_v<T>) {
    wait(futures);
  } else {
    for (const auto& f : futures) {
      if (!f.valid()) detail::throw_empty("gather");
    }
    wait(futures);
    std::vector<std::conditional_t<Errors == on_error::keep, outcome<T>, std::remove_cvref_t<T>>>
        results;
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

// The state behind a joint future: told of every member's end by an edge that holds no reader, so
// that values can be moved out. Settles the future when one of them decides; a chain of joint
// futures does not recurse. Freed when all members have ended.
class joint {
 public:
  joint(const joint&) = delete;
  joint& operator=(const joint&) = delete;
  // Once, with as many as there are to be; takes the joint over. A member exists at least until its
  // edge is linked.
  void watch(std::span<node* const> members) noexcept;

 protected:
  explicit joint(std::size_t count) : members_(count), users_(count + 1) {}
  virtual ~joint() = default;
  // A member has ended, in whatever thread that was. True for the one that decides.
  [[nodiscard]] virtual bool decides(node& member, std::size_t index) noexcept = 0;
  // Gives the joint future its outcome. Once, when a member has decided or there are none.
  virtual void settle() noexcept = 0;

 private:
  friend void settle_in_turn(turn_list& of) noexcept;
  struct member_edge : edge {
    joint* owner = nullptr;
  };
  void ended(const member_edge& m, node& source) noexcept;
  void settle_in_its_turn() noexcept;
  void drop() noexcept;

  std::vector<member_edge> members_;
  // Each member until it has ended, or the future is settled by it; and `watch`.
  std::atomic<std::size_t> users_;
  joint* next_ = nullptr;  // in the list of those to settle
};

// The first failure decides, or the last success.
template <class Result, class Futures, class Take>
class joint_of_all final : public joint {
 public:
  joint_of_all(Futures futures, std::size_t count, Take take)
      : joint(count), futures_(std::move(futures)), left_(count), take_(take) {}
  [[nodiscard]] future<Result> get_future() { return result_.get_future(); }

 private:
  bool decides(node& member, std::size_t) noexcept override {
    const bool failed = member.current() != phase::value;
    node* none = nullptr;
    // Relaxed: ordered by the count for who comes last, and by the settling for who fails.
    const bool first_failure =
        failed && failed_.compare_exchange_strong(none, &member, std::memory_order_relaxed);
    // Release and acquire: who comes last moves values out, and nobody reads them any more.
    const bool last = left_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    return failed ? first_failure : last && failed_.load(std::memory_order_relaxed) == nullptr;
  }
  void settle() noexcept override {
    try {
      const node* const failed = failed_.load(std::memory_order_relaxed);
      failed != nullptr ? fail(*failed) : succeed();
    } catch (...) {
      // The joint future was cancelled: nobody wants the outcome. Or moving the values into it
      // threw, and that is its outcome.
    }
  }
  void fail(const node& member) {
    std::exception_ptr error;
    try {
      error = member.error();
    } catch (...) {
      error = std::current_exception();
    }
    result_.set_exception(std::move(error));
  }
  void succeed() {
    if constexpr (std::is_void_v<Result>) {
      result_.set_value();
    } else {
      std::optional<Result> values;
      try {
        values.emplace(take_(futures_));
      } catch (...) {
        // A copy threw, or a move-only value has another handle.
        result_.set_exception(std::current_exception());
        return;
      }
      result_.set_value(std::move(*values));
    }
  }

  Futures futures_;  // keep the one that failed, too
  std::atomic<std::size_t> left_;
  std::atomic<node*> failed_{nullptr};
  [[no_unique_address]] Take take_;
  promise<Result> result_;
};

// The values of `futures`, whose nodes `members` are, as `take` makes them a Result.
template <class Result, class Futures, class Take>
future<Result> join(Futures futures, std::span<node* const> members, Take take) {
  auto all = std::make_unique<joint_of_all<Result, Futures, Take>>(std::move(futures),
                                                                   members.size(), take);
  auto result = all->get_future();
  all.release()->watch(members);
  return result;
}

// What a tuple holds of a member's value.
template <class T>
using tuple_value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
template <class T>
tuple_value<T> take_for_tuple(future<T>& f) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return future_access::take_input(f);
  }
}

// A future of the index of the first that is done; at least one.
future<std::size_t> join_any(std::span<node* const> members);
// Of a handle that must not be empty.
node* member_node(const any_future& f, const char* verb);

}  // namespace detail

/// A future of all values, in argument order; it fails at once when a member does (the others run
/// on). Values are moved where `get` of an rvalue would. A vector of `future<void>` gives a
/// `future<void>`. Throws `invalid_state_error` for an empty handle.
template <class T>
auto when_all(std::vector<future<T>> futures) {
  using result = std::conditional_t<std::is_void_v<T>, void, std::vector<std::remove_cvref_t<T>>>;
  std::vector<detail::node*> members;
  members.reserve(futures.size());
  for (const auto& f : futures) members.push_back(detail::member_node(f, "when_all"));
  return detail::join<result>(std::move(futures), members, [](auto& all) {
    return resolve<std::remove_reference_t<decltype(all)>>::take(all);
  });
}
/// The same as a tuple, with references as they are and `std::monostate` for void.
template <class... Ts>
  requires(sizeof...(Ts) > 0)
auto when_all(future<Ts>... futures) {
  using result = std::tuple<detail::tuple_value<Ts>...>;
  const std::array members{detail::member_node(futures, "when_all")...};
  return detail::join<result>(std::tuple(std::move(futures)...), members, [](auto& all) {
    return std::apply([](auto&... f) { return result{detail::take_for_tuple(f)...}; }, all);
  });
}

/// A future of the index of the first member that is done, however it ended. Throws
/// `std::invalid_argument` for no members, `invalid_state_error` for an empty handle.
template <detail::future_range Range>
future<std::size_t> when_any(Range&& futures) {
  std::vector<any_future> held;  // the range may make them on the way
  std::vector<detail::node*> members;
  for (const auto& f : futures) {
    members.push_back(detail::member_node(f, "when_any"));
    held.push_back(f);
  }
  if (members.empty()) {
    throw std::invalid_argument("when_any: there are no futures; give at least one");
  }
  return detail::join_any(members);
}

}  // namespace fronta
