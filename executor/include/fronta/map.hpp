// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/annotate.hpp>
#include <fronta/executor.hpp>  // NOLINT(misc-header-include-cycle): each is whole on its own
#include <fronta/this_task.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace fronta {
namespace detail {

[[noreturn]] void throw_bad_map_option(const char* option, std::ptrdiff_t value);
[[noreturn]] void throw_map_key(const std::string& key);
[[noreturn]] void throw_map_retries();
[[noreturn]] void throw_map_timeout(std::size_t index);
// The path below which a map's items lie.
std::uint64_t next_map_path(executor_control& c) noexcept;
// None came below it.
void give_map_path_back(executor_control& c, std::uint64_t path) noexcept;
// Whether the running task has ended for others, by its timeout.
bool task_was_given_up() noexcept;
// Sleeps in an item of a chunk that is tried again; the cpu share is lent meanwhile.
// Lends the cpu share meanwhile. False when the retry is not wanted any more.
bool pause_before_retry(const task_options& options, int retry, const std::stop_token& task,
                        const std::stop_token& range);
std::exception_ptr cancelled_item();
// Whether options allow a further attempt after `error`.
bool wants_retry(const task_options& options, int attempt, const std::exception_ptr& error);

// While an item runs it is the task, for rng() and for what it submits.
class item_scope {
 public:
  item_scope(std::uint64_t path, int attempt) noexcept : saved_(*this_context) {
    this_context->path = path;
    this_context->children = 0;
    this_context->attempt = attempt;
  }
  ~item_scope() {
    saved_.outer = this_context->outer;
    *this_context = saved_;
  }
  item_scope(const item_scope&) = delete;
  item_scope& operator=(const item_scope&) = delete;

 private:
  run_context saved_;
};

// The function of a map: a small one travels by value, a large one is shared, and one that can only
// be called when it is not const is copied into each task.
template <class F, class... Items>
class map_function {
 public:
  static constexpr bool constant = std::is_invocable_v<const F&, Items...>;
  static constexpr bool shared = constant && !(std::is_trivially_copyable_v<F> && sizeof(F) <= 32);
  explicit map_function(F fn) : fn_(wrap(std::move(fn))) {}
  decltype(auto) operator()(Items&&... items) {
    if constexpr (shared) {
      return std::invoke(*fn_, std::move(items)...);
    } else {
      return std::invoke(fn_, std::move(items)...);
    }
  }

 private:
  static auto wrap(F&& fn) {
    if constexpr (shared) {
      return std::make_shared<const F>(std::move(fn));
    } else {
      return std::move(fn);
    }
  }
  std::conditional_t<shared, std::shared_ptr<const F>, F> fn_;
};

// The items of a chunk. std::vector claims to be copyable whatever it holds; this one tells the
// truth, so that move-only items make a move-only task.
template <class Items>
struct map_batch : std::vector<Items> {
  map_batch() = default;
  map_batch(const map_batch&)
    requires copyable_v<Items>
  = default;
  map_batch(map_batch&&) noexcept = default;
};

// What the items of a chunk have given, shared by its task and the range: so an item that has ended
// is not lost when the task does not end, or not in time.
template <class R>
class chunk_results {
 public:
  explicit chunk_results(std::size_t size) : size_(size) { all_.reserve(size); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  // By the task alone, in order; at most `size` of them. Elements never move.
  void add(outcome<R>&& one) {
    all_.push_back(std::move(one));
    // Release: whoever reads the count may read so many.
    ended_.store(all_.size(), std::memory_order_release);
  }
  // By the range alone.
  [[nodiscard]] std::size_t ended() const noexcept {
    return ended_.load(std::memory_order_acquire);
  }
  // Of an item that has ended. Not through the vector, whose size is the task's to look at.
  [[nodiscard]] outcome<R>& operator[](std::size_t i) noexcept { return *(all_.data() + i); }

 private:
  const std::size_t size_;
  std::vector<outcome<R>> all_;
  std::atomic<std::size_t> ended_{0};
};

// A chunk that the range has not read to its end.
template <class R>
struct map_chunk {
  future<void> task;
  std::shared_ptr<chunk_results<R>> results;
  std::size_t next = 0;   // the item at the range's position
  std::size_t ended = 0;  // of them is known that they have ended; no more once the task has
  std::exception_ptr missing = {};  // why the others never will: the task ended before them
  bool over = false;                // the task has ended
};

// What a map_range shares with nobody: items in flight and how to submit more.
template <class R>
struct map_state {
  virtual ~map_state() = default;
  // Submits the next items, at most `room`; how many, 0 when the input is at its end.
  virtual std::size_t submit_next(std::size_t room) = 0;

  std::deque<future<R>> singles;    // chunk_size 1
  std::deque<map_chunk<R>> chunks;  // else
  std::optional<outcome<R>> current;
  std::size_t in_flight = 0;  // items submitted and not read
  std::size_t read = 0;
  std::optional<std::size_t> window;
  std::size_t step = 1;  // items that are submitted at once
  deadline until;
  std::exception_ptr refused;  // why nothing more could be submitted
  bool input_ended = false;
  bool returned = false;       // from the call of map
  std::stop_source abandoned;  // stopped when nobody wants what has not started

  // Up to the window.
  void refill() {
    while (!input_ended && !refused && (!window || in_flight + step <= *window)) {
      const auto n = submit_next(window ? *window - in_flight : static_cast<std::size_t>(-1));
      if (n == 0) input_ended = true;
      in_flight += n;
    }
  }
  void cancel_all() noexcept {
    abandoned.request_stop();
    // From the back: workers come from the front and would go on behind what is cancelled already.
    for (auto& f : std::views::reverse(singles)) f.cancel();
    for (auto& c : std::views::reverse(chunks)) c.task.cancel();
    singles.clear();
    chunks.clear();
    current.reset();
    in_flight = 0;
    refused = nullptr;
    input_ended = true;
  }
};

}  // namespace detail

/// The results of `executor::map`, in order of submission: a move-only input range. Dereferencing
/// blocks for the item and throws its exception; iterating may go on after that. Dropping a range
/// that was never begun lets all items run; dropping one that was begun cancels what has not
/// started. When the time limit passes, the item waited for and those behind it are cancelled,
/// `timeout_error` is thrown and the range is at its end. Outlives the executor.
template <class R>
class map_range {
 public:
  using value_type = R;

  class iterator {
   public:
    using value_type = R;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;
    iterator() noexcept = default;
    explicit iterator(map_range& r) noexcept : range_(&r) {}
    /// The value may be moved out.
    std::add_rvalue_reference_t<R> operator*() const {
      if constexpr (std::is_void_v<R>) {
        range_->item();
      } else {
        return std::move(range_->item()).value();
      }
    }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.ended(); }

   private:
    [[nodiscard]] bool ended() const { return range_->at_end(); }
    map_range* range_ = nullptr;
  };

  /// Past failures, as outcomes. Owns the range.
  class outcome_range {
   public:
    class iterator {
     public:
      using value_type = outcome<R>;
      using difference_type = std::ptrdiff_t;
      using iterator_concept = std::input_iterator_tag;
      iterator() noexcept = default;
      explicit iterator(map_range& r) noexcept : range_(&r) {}
      /// May be moved out.
      outcome<R>&& operator*() const { return std::move(range_->settled()); }
      iterator& operator++() {
        range_->advance();
        return *this;
      }
      void operator++(int) { ++*this; }
      friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.ended(); }

     private:
      [[nodiscard]] bool ended() const { return range_->at_end(); }
      map_range* range_ = nullptr;
    };
    explicit outcome_range(map_range r) noexcept : range_(std::move(r)) {}
    iterator begin() {
      range_.begun_ = true;
      return iterator(range_);
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

   private:
    map_range range_;
  };

  map_range(map_range&&) noexcept = default;
  map_range& operator=(map_range&& other) noexcept {
    map_range dropped(std::move(other));
    std::swap(state_, dropped.state_);
    std::swap(begun_, dropped.begun_);
    return *this;
  }
  ~map_range() {
    if (state_ != nullptr && begun_) abandon();
  }

  iterator begin() {
    begun_ = true;
    return iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
  [[nodiscard]] outcome_range outcomes() && { return outcome_range(std::move(*this)); }

 private:
  friend class executor_ref;
  using state = detail::map_state<R>;

  explicit map_range(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}

  bool at_end() {
    return state_ == nullptr || (state_->in_flight == 0 && !state_->current && !state_->refused);
  }
  void abandon() noexcept { state_->cancel_all(); }

  bool wait_for(const any_future& f) {
    return f.wait_for(state_->until.never()
                          ? time_limit::none()
                          : time_limit(state_->until.when() - std::chrono::steady_clock::now())) ==
           future_status::ready;
  }
  [[noreturn]] void time_out() {
    const auto index = state_->read;
    abandon();
    detail::throw_map_timeout(index);
  }

  // The outcome at the position, waiting for it.
  outcome<R>& settled() {
    auto& s = *state_;
    if (s.current) return *s.current;
    if (s.in_flight == 0 && s.refused) {
      std::rethrow_exception(std::exchange(s.refused, nullptr));
    }
    if (!s.singles.empty()) {
      if (!wait_for(s.singles.front())) time_out();
      s.current.emplace(take(s.singles.front()));
      s.singles.pop_front();
    } else {
      auto& c = s.chunks.front();
      s.current.emplace(ended(c) ? std::move((*c.results)[c.next]) : outcome<R>(c.missing));
      pass_item();
    }
    return *s.current;
  }
  // Whether the item at the position has an outcome of its own; waits until that is known.
  bool ended(detail::map_chunk<R>& c) {
    if (c.next < c.ended) return true;
    if (c.over) return false;
    c.ended = c.results->ended();
    if (c.next < c.ended) return true;
    c.over = wait_for(c.task);
    // Read when the task is over: what an item gives that goes on after that is too late.
    c.ended = c.results->ended();
    if (!c.over && c.next >= c.ended) time_out();
    if (c.over) {
      try {
        c.task.get();
      } catch (...) {
        c.missing = std::current_exception();
      }
    }
    return c.next < c.ended;
  }
  void pass_item() {
    auto& c = state_->chunks.front();
    if (++c.next == c.results->size()) state_->chunks.pop_front();
  }
  outcome<R>& item() {
    auto& one = settled();
    if (!one) std::rethrow_exception(one.error());
    return one;
  }
  static outcome<R> take(future<R>& f) {
    try {
      if constexpr (std::is_void_v<R>) {
        f.result();
        return outcome<R>(std::in_place);
      } else {
        return outcome<R>(std::in_place, std::move(f).get());
      }
    } catch (...) {
      return outcome<R>(std::current_exception());
    }
  }

  void advance() {
    auto& s = *state_;
    if (s.in_flight == 0) {
      s.current.reset();
      // Not looked at: why the rest is missing must be said all the same.
      if (s.refused) std::rethrow_exception(std::exchange(s.refused, nullptr));
      return;
    }
    if (!s.current) {
      // Not looked at: its value is not wanted.
      if (!s.singles.empty()) {
        s.singles.pop_front();
      } else {
        pass_item();
      }
    }
    s.current.reset();
    --s.in_flight;
    ++s.read;
    if (s.window) s.refill();
  }

  std::unique_ptr<state> state_;
  bool begun_ = false;
};

namespace detail {

// Reads the inputs and submits an item, or a chunk of them, at a time.
template <class Result, class F, class... Views>
struct map_submitter final : map_state<Result> {
  using result = Result;
  using items = std::tuple<std::ranges::range_value_t<Views>...>;
  using function = map_function<F, std::ranges::range_value_t<Views>...>;

  map_submitter(executor_ref to, map_options given, F&& f, std::uint64_t below, Views... views)
      : ex(to),
        options(std::move(given)),
        call(std::move(f)),
        map_path(below),
        inputs(std::move(views)...),
        plain(!has_task_options(options.task)) {
    if (options.chunk_size == 1) return;
    chunk_options.retries = 0;
    item_options = std::make_shared<const task_options>(options.task);
  }
  static bool has_task_options(const task_options& o) {
    return !o.name.empty() || o.needs.given() || o.retries || o.retry_if || o.backoff ||
           o.priority || o.timeout || o.stop.stop_possible() || !o.key.empty() ||
           !o.place_on.empty() || !o.prefer.empty() || o.keep != keep::nothing || o.select ||
           o.fallback;
  }

  std::optional<items> read_next() {
    if (!at) {
      at.emplace(
          std::apply([](auto&... v) { return std::tuple(std::ranges::begin(v)...); }, inputs));
    } else {
      // Moved on only now: an input is not asked for more than is submitted.
      std::apply([](auto&... i) { (++i, ...); }, *at);
    }
    return [&]<std::size_t... I>(std::index_sequence<I...>) -> std::optional<items> {
      if (((std::get<I>(*at) == std::ranges::end(std::get<I>(inputs))) || ...)) {
        this->input_ended = true;  // also behind a chunk that is not full: never read past the end
        return std::nullopt;
      }
      return items(*std::get<I>(*at)...);
    }(std::index_sequence_for<Views...>());
  }

  // Nobody has an item's future, so nobody can ask for its recipe.
  template <class Body>
  auto submit(const task_options& o, Body&& body) {
    return ex.submit_with<false>("map", plain ? nullptr : &o, std::forward<Body>(body));
  }

  // What the input throws leaves the call that reads it, and the input is over: nobody can say
  // where it stands. Behind items that were read for one chunk it comes after them.
  std::size_t submit_next(std::size_t room) override {
    if (options.chunk_size == 1) {
      auto one = read_or_end();
      return one ? unless_refused([&] { return submit_item(std::move(*one)); }) : 0;
    }
    const auto most = std::min(room, static_cast<std::size_t>(options.chunk_size));
    map_batch<items> batch;
    std::exception_ptr thrown;
    while (batch.size() < most) {
      try {
        auto one = read_or_end();
        if (!one) break;
        batch.push_back(std::move(*one));
      } catch (...) {
        if (batch.empty() || !this->returned) throw;
        thrown = std::current_exception();
        break;
      }
    }
    if (batch.empty()) return 0;
    const auto got = unless_refused([&] { return submit_batch(std::move(batch)); });
    if (thrown && !this->refused) this->refused = thrown;
    return got;
  }
  std::optional<items> read_or_end() {
    try {
      return read_next();
    } catch (...) {
      this->input_ended = true;
      throw;
    }
  }
  std::size_t submit_item(items one) {
    auto body = [call = call, path = child_path(map_path, 0, index),
                 item = std::move(one)]() mutable -> result {
      const item_scope scope(path, this_context->attempt);
      // Copied only where the task may run again.
      return run_one(call, item);
    };
    ++index;
    this->singles.push_back(submit(options.task, std::move(body)));
    return 1;
  }
  std::size_t submit_batch(map_batch<items> chosen) {
    const auto got = chosen.size();
    auto results = std::make_shared<chunk_results<result>>(got);
    auto body = [call = call, map_path = map_path, first = index, batch = std::move(chosen),
                 abandoned = this->abandoned.get_token(), task = item_options, results]() mutable {
      static_cast<void>(this_task::stop_token());  // so that a cancelling shutdown asks it
      const auto& self = *this_context->task;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        auto one = self.stop_requested() || abandoned.stop_requested()
                       ? outcome<result>(cancelled_item())
                       : run_item(call, batch[i], child_path(map_path, 0, first + i), *task, self,
                                  abandoned);
        if (task_was_given_up()) return;  // the item was late, and those behind it are
        results->add(std::move(one));
      }
    };
    index += got;
    this->chunks.push_back({submit(chunk_options, std::move(body)), std::move(results)});
    return got;
  }
  // An item that could not be submitted may be gone, so none comes behind it: what was submitted is
  // delivered first, then the error is thrown.
  template <class Submit>
  std::size_t unless_refused(Submit submit_some) {
    try {
      return submit_some();
    } catch (const shutdown_error&) {
      if (this->in_flight == 0 && this->read == 0) throw;
      this->refused = std::current_exception();
    } catch (...) {
      if (!this->returned) throw;
      this->refused = std::current_exception();
    }
    return 0;
  }

  static result run_one(function& call, items& item) {
    return std::apply(
        [&](auto&... i) -> result {
          if constexpr ((copyable_v<std::ranges::range_value_t<Views>> && ...)) {
            if (may_repeat()) return call(std::ranges::range_value_t<Views>(i)...);
          }
          if constexpr (call_uses_up_item()) {
            try {
              return call(std::move(i)...);
            } catch (const reschedule_request&) {
              std::rethrow_exception(cannot_run_again(*this_context->task));
            }
          } else {
            return call(std::move(i)...);
          }
        },
        item);
  }
  static constexpr bool call_uses_up_item() {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (call_uses_up<F, I, std::ranges::range_value_t<Views>>() || ...);
    }(std::index_sequence_for<Views...>());
  }
  static bool may_repeat() noexcept {
    const auto* x = this_context->task->extra();
    return x != nullptr && x->options.retries.value_or(0) > 0;
  }
  static outcome<result> run_item(function& call, items& item, std::uint64_t path,
                                  const task_options& task, const node& self,
                                  const std::stop_token& abandoned) {
    for (int attempt = 0;; ++attempt) {
      try {
        const item_scope scope(path, attempt);
        return std::apply(
            [&](auto&... i) {
              const auto invoke = [&]() -> result {
                if constexpr ((copyable_v<std::ranges::range_value_t<Views>> && ...)) {
                  return call(std::ranges::range_value_t<Views>(i)...);
                } else {
                  return call(std::move(i)...);
                }
              };
              if constexpr (std::is_void_v<result>) {
                invoke();
                return outcome<result>(std::in_place);
              } else {
                return outcome<result>(std::in_place, invoke());
              }
            },
            item);
      } catch (const reschedule_request&) {
        if (self.stop_requested() || abandoned.stop_requested()) {
          return outcome<result>(cancelled_item());
        }
        if constexpr (!(copyable_v<std::ranges::range_value_t<Views>> && ...) &&
                      call_uses_up_item()) {
          return outcome<result>(cannot_run_again(*this_context->task));
        }
        --attempt;  // no failure; the item has no other place to go
        std::this_thread::yield();
        continue;
      } catch (...) {
        const auto error = std::current_exception();
        if (!error) throw;  // no C++ exception: pthread_exit or a cancelled thread
        if (!wants_retry(task, attempt, error) ||
            !pause_before_retry(task, attempt + 1, this_task::stop_token(), abandoned)) {
          return outcome<result>(error);
        }
      }
    }
  }

  executor_ref ex;
  map_options options;
  function call;
  std::uint64_t map_path;
  std::tuple<Views...> inputs;
  std::optional<std::tuple<std::ranges::iterator_t<Views>...>> at;
  std::size_t index = 0;
  // Retries are per item, inside the chunk; the task itself does not fail. The items' options are
  // shared by all chunks: a copy in each would be most of its memory.
  task_options chunk_options = options.task;
  std::shared_ptr<const task_options> item_options;
  bool plain;
};

}  // namespace detail

template <class F, std::ranges::input_range... Ranges>
  requires(sizeof...(Ranges) > 0)
auto executor_ref::map(map_options options, F fn, Ranges&&... inputs) const {
  using function = detail::map_function<F, std::ranges::range_value_t<Ranges>...>;
  using result =
      std::decay_t<std::invoke_result_t<std::conditional_t<function::constant, const F&, F&>,
                                        std::ranges::range_value_t<Ranges>...>>;
  using range = map_range<result>;

  // Once, for all items: also those that a window submits when the scope has ended.
  if (const auto* outer = current_annotation()) detail::merge_options(options.task, *outer);
  if (options.chunk_size < 1) detail::throw_bad_map_option("chunk_size", options.chunk_size);
  if (!options.task.key.empty()) detail::throw_map_key(options.task.key);
  if (options.window.value_or(1) < 1) detail::throw_bad_map_option("window", *options.window);

  if constexpr (!(detail::copyable_v<std::ranges::range_value_t<Ranges>> && ...)) {
    if (options.task.retries.value_or(0) > 0) detail::throw_map_retries();
  }

  using submitter = detail::map_submitter<result, F, std::views::all_t<Ranges>...>;
  auto& control = checked("map");
  // An empty map on a closed executor is refused too.
  static_cast<void>(detail::guest(control, generation_, "map"));
  auto s = std::make_unique<submitter>(*this, std::move(options), std::move(fn),
                                       detail::next_map_path(control),
                                       std::views::all(std::forward<Ranges>(inputs))...);
  if (s->options.window) {
    s->window = static_cast<std::size_t>(*s->options.window);
    s->step = std::min(*s->window, static_cast<std::size_t>(s->options.chunk_size));
  }
  s->until = deadline(s->options.timeout);
  try {
    s->refill();
  } catch (...) {
    if (s->in_flight == 0) detail::give_map_path_back(control, s->map_path);
    s->cancel_all();
    throw;
  }
  s->returned = true;
  return range(std::unique_ptr<detail::map_state<result>>(std::move(s)));
}

}  // namespace fronta
