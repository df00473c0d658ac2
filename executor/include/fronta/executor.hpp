// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/detail/arguments.hpp>
#include <fronta/detail/submission.hpp>
#include <fronta/future.hpp>
#include <fronta/placement.hpp>
#include <fronta/task_options.hpp>
#include <fronta/trace_recording.hpp>
#include <fronta/wait.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace fronta {

template <class R>
class map_range;

/// Options of an executor; the first argument of its constructor.
struct executor_options {
  /// Amounts that belong to no place, such as {"licence", 1}.
  resources tags = {};
  /// How many tasks submitted from outside may be unfinished; nested ones, dependents and retries
  /// pass. At least 1.
  std::optional<std::ptrdiff_t> max_pending = {};
  /// Of tasks that name none.
  std::optional<time_limit> default_timeout = {};
  /// How long a task waits while no place exists that could ever run it, before it fails with
  /// `no_worker_error`. Only where places may appear later; tasks behind busy places do not count.
  time_limit no_worker_timeout = time_limit::none();
  /// Receives exceptions of `post`; the process-wide hook otherwise. Any thread; must not throw.
  fronta::error_hook error_hook = {};
  /// Of `this_task::rng()`; random when not given.
  std::optional<std::uint64_t> seed = {};
  /// For task timeouts and back-off; the system's.
  std::shared_ptr<fronta::clock> clock = {};
};

struct shutdown_options {
  /// Block until everything submitted has ended.
  bool wait = true;
  /// Cancel what has not started and request the stop of what runs; nested submissions are then
  /// refused.
  bool cancel_futures = false;
};

/// What `shutdown_for` found when it returned.
struct shutdown_report {
  bool drained = false;
  std::size_t unfinished = 0;        ///< tasks
  std::vector<std::string> running;  ///< names of running tasks that have one
  explicit operator bool() const noexcept { return drained; }
};

/// A place as `executor::places` shows it.
struct place_status {
  std::string name;
  resources offers;
  bool hosts_tasks = false;
};

namespace detail {

template <class F, class... Args>
concept submittable = form_of<F, Args...>() != call_form::none;

// Whether a first argument is the options of the call rather than the callable.
template <class T, class Options>
inline constexpr bool is_options = std::is_same_v<std::remove_cvref_t<T>, Options>;

template <class F, class... Args>
struct task_for {
  static constexpr auto form = form_of<F, Args...>();
  static constexpr bool view = form == call_form::viewing || form == call_form::viewing_on_stream ||
                               form == call_form::viewing_both;
  using node_type = task_node<std::decay_t<F>, argument_for_t<Args, view>...>;
  using result = typename node_type::result;
};

template <class Config>
concept backend_config = requires(Config c) {
  { make_backend(std::move(c)) } -> std::convertible_to<std::unique_ptr<backend>>;
};

template <class Result, class F, class... Views>
struct map_submitter;

}  // namespace detail

/// Submits to an executor without owning it: what tasks get from `this_task::executor()` and what
/// can be stored anywhere. Copyable, cheap, thread-safe; every verb throws `shutdown_error` once
/// the executor is shut down or gone.
class executor_ref {
 public:
  executor_ref() noexcept = default;

  /// Runs `fn(args...)` as a task and returns the future of its result. A future among the
  /// arguments is an edge: the task starts when it is done and receives its value, `const T&` from
  /// an lvalue handle and `T&&` from an rvalue; containers of futures arrive as containers of
  /// values; the task ends without a run when an input fails. Other arguments are copied or moved
  /// into the task, as by `std::thread`; a callable may take them by value or by rvalue or const
  /// reference.
  ///
  /// Does not block. Strong guarantee: when it throws (`shutdown_error`, `queue_full_error`,
  /// `unsatisfiable_error`, `std::invalid_argument`, a copy, `std::bad_alloc`) nothing was
  /// submitted.
  template <class F, class... Args>
    requires(!detail::is_options<F, task_options>)
  auto submit(F&& fn, Args&&... args) const {
    return submit_with<false>("submit", nullptr, std::forward<F>(fn), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto submit(const task_options& options, F&& fn, Args&&... args) const {
    return submit_with<true>("submit", &options, std::forward<F>(fn), std::forward<Args>(args)...);
  }

  /// Empty instead of `queue_full_error`.
  template <class F, class... Args>
    requires(!detail::is_options<F, task_options>)
  auto try_submit(F&& fn, Args&&... args) const {
    return start<false, F, Args...>(nullptr, detail::admission::when_full::refuse, "try_submit",
                                    std::forward<F>(fn), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  auto try_submit(const task_options& options, F&& fn, Args&&... args) const {
    return start<true, F, Args...>(&options, detail::admission::when_full::refuse, "try_submit",
                                   std::forward<F>(fn), std::forward<Args>(args)...);
  }

  /// `submit` without a future; exceptions go to the error hook. The option `key` has no meaning.
  template <class F, class... Args>
    requires(!detail::is_options<F, task_options>)
  void post(F&& fn, Args&&... args) const {
    start_post<F, Args...>(nullptr, std::forward<F>(fn), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  void post(const task_options& options, F&& fn, Args&&... args) const {
    start_post<F, Args...>(&options, std::forward<F>(fn), std::forward<Args>(args)...);
  }

  /// Calls `fn` with one item of each range (up to the shortest), as tasks, and returns a range of
  /// results in order of submission: see `map_range`. All items are submitted by the call unless
  /// `map_options::window` is given. Throws what an input range throws, after cancelling what was
  /// submitted.
  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0 && !detail::is_options<F, map_options>)
  auto map(F fn, Ranges&&... inputs) const {
    return map(map_options{}, std::move(fn), std::forward<Ranges>(inputs)...);
  }
  template <class F, std::ranges::input_range... Ranges>
    requires(sizeof...(Ranges) > 0)
  auto map(map_options options, F fn, Ranges&&... inputs) const;

  /// A ready future of the value, for use as a shared argument. The value is moved in once and
  /// never copied. `place` names where it counts as lying (tasks follow their bytes); the numbers
  /// of an `array` are copied there when that is a device, which blocks. Throws
  /// `unsatisfiable_error` for an unknown place, `device_bad_alloc` where there is no room,
  /// which is not waited for, `device_lost_error`.
  template <class T>
  future<std::decay_t<T>> scatter(T&& value, const std::string& place = {}) const;
  /// A future per element, spread over the places that run tasks by their cpu shares. Throws
  /// `unsatisfiable_error` when there are none.
  template <std::ranges::input_range Range>
  auto scatter_each(Range&& values) const {
    std::vector<future<std::ranges::range_value_t<Range>>> result;
    const auto at = hosting_places();
    std::size_t next = 0;
    for (auto&& v : values) {
      result.push_back(scatter(std::forward<decltype(v)>(v), at[next++ % at.size()]));
    }
    return result;
  }
  /// `fronta::gather`: values in the shape of the futures.
  template <class A>
  auto gather(A&& futures) const {
    return fronta::gather(std::forward<A>(futures));
  }

  [[nodiscard]] std::vector<place_status> places() const;
  /// Why a task of this executor got its places: `explain(f).text()` is one line. Of the last
  /// decision where there were several. Throws `std::invalid_argument` for a future of another
  /// executor or of a promise.
  [[nodiscard]] placement explain(const any_future& f) const;
  /// Itself: so that generic code may ask an executor or a reference alike.
  [[nodiscard]] executor_ref ref() const noexcept { return *this; }
  /// Whether a submission from outside would be admitted now.
  [[nodiscard]] bool open() const noexcept;

  friend bool operator==(executor_ref, executor_ref) noexcept = default;

 protected:
  friend class executor;
  friend executor_ref executor_of(const detail::node&) noexcept;
  template <class Result, class F, class... Views>
  friend struct detail::map_submitter;
  executor_ref(detail::executor_control* control, std::uint64_t generation) noexcept
      : control_(control), generation_(generation) {}

  [[nodiscard]] detail::executor_control& checked(const char* verb) const;
  // Each as often as it has cpu shares, in rounds.
  [[nodiscard]] std::vector<std::string> hosting_places() const;
  [[nodiscard]] std::int16_t place_index(const std::string& name) const;
  void put(std::int16_t place, detail::data_block* numbers) const;

  // `Recipe`: whether the future may be asked to run the task again, and for which options that
  // needs a copy of callable and arguments: much code for each callable.
  template <bool Recipe, class F, class... Args>
  auto submit_with(const char* verb, const task_options* options, F&& fn, Args&&... args) const {
    return std::move(*start<Recipe, F, Args...>(options, detail::admission::when_full::fail, verb,
                                                std::forward<F>(fn), std::forward<Args>(args)...));
  }
  // `options`: null where none are given.
  template <bool Recipe, class F, class... Args>
  auto start(const task_options* options, detail::admission::when_full full, const char* verb,
             F&& fn, Args&&... args) const
      -> std::optional<future<typename detail::task_for<F, Args...>::result>>;
  template <class F, class... Args>
  void start_post(const task_options* options, F&& fn, Args&&... args) const;
  template <bool Recipe, class F, class... Args>
  static void prepare(detail::admission& admitted,
                      typename detail::task_for<F, Args...>::node_type& n,
                      const task_options* options, const char* verb);

  detail::executor_control* control_ = nullptr;
  std::uint64_t generation_ = 0;
};

namespace this_task {
/// The executor of the running task. Throws `invalid_state_error` outside tasks.
[[nodiscard]] executor_ref executor();
}  // namespace this_task

/// Routes tasks to the backends that it owns, by resource tags. Move-only.
/// ```
/// fronta::executor ex{fronta::cpu::threads{.workers = 4}};
/// auto a = ex.submit([] { return 6 * 7; });
/// auto b = ex.submit([](int x) { return x + 1; }, a);
/// ```
/// Thread-safe, but for move, `shutdown` against itself and the destructor. The destructor is
/// `shutdown()`: it blocks until everything submitted has ended. On a worker of the executor
/// itself, or in a callback of its tasks, it does not block: the rest is waited for elsewhere. Only
/// owned executors are finished at the program's end; `quick_exit` and `_exit` skip all of it.
class executor : public executor_ref {
 public:
  template <detail::backend_config... Backends>
    requires(sizeof...(Backends) > 0)
  explicit executor(Backends... backends) : executor(executor_options{}, std::move(backends)...) {}
  /// Throws `std::invalid_argument` for options out of range and places of equal name, and
  /// `std::system_error` when threads cannot be made.
  template <detail::backend_config... Backends>
    requires(sizeof...(Backends) > 0)
  // Some are cheap to copy, and all are taken alike.
  // NOLINTNEXTLINE(performance-unnecessary-value-param)
  explicit executor(executor_options options, Backends... backends) {
    std::vector<std::unique_ptr<backend>> made;
    (made.push_back(make_backend(std::move(backends))), ...);
    open_with(std::move(options), std::move(made));
  }
  executor(executor_options options, std::vector<std::unique_ptr<backend>> backends) {
    open_with(std::move(options), std::move(backends));
  }
  executor(executor&& other) noexcept : executor_ref(std::exchange(other.as_ref(), {})) {}
  executor& operator=(executor&& other) noexcept;
  ~executor();

  /// Refuses further submissions; what was submitted still runs, and so does what it submits. With
  /// `wait` blocks until all of it has ended, callbacks included. May be called again. Throws
  /// `std::system_error` (resource_deadlock_would_occur) when waiting inside an own task or a
  /// callback of one.
  void shutdown(shutdown_options options = {});
  /// The same with a bound on the wait.
  shutdown_report shutdown_for(time_limit limit, shutdown_options options = {});
  /// Lets go: submitted work ends in the background, then the threads. The program must outlive it.
  void detach() &&;
  /// A handle for coroutines and callbacks; the same as `ref()`.
  [[nodiscard]] executor_ref scheduler() const noexcept { return *this; }
  /// Begins a `trace::recording`, which is of the whole process, and tells it of this executor and
  /// its places as they are. Tasks submitted before are in it with what they do from now on.
  [[nodiscard]] fronta::trace::recording trace(
      const std::string& file, const fronta::trace::recording_options& options = {}) const;

 private:
  executor_ref& as_ref() noexcept { return *this; }
  void open_with(executor_options options, std::vector<std::unique_ptr<backend>> backends);
  void close() noexcept;
};

// ---- Bodies of templates.

template <bool Recipe, class F, class... Args>
void executor_ref::prepare(detail::admission& admitted,
                           typename detail::task_for<F, Args...>::node_type& n,
                           const task_options* options, const char* verb) {
  using body = typename detail::task_for<F, Args...>::node_type::body_type;
  admitted.set_up(n);
  if (options != nullptr || admitted.control().always_cold.load(std::memory_order_relaxed) ||
      detail::this_annotation != nullptr || !body::plain) [[unlikely]] {
    constexpr detail::body_traits traits{
        body::can_repeat,  body::can_repeat && body::can_keep,
        body::on_gpu,      body::both,
        body::bound_input, body::both ? &typeid(std::decay_t<F>) : nullptr};
    detail::prepare_cold(n, admitted.control(), options, traits, verb);
    const auto& merged = n.extra()->options;
    if (merged.retries.value_or(0) > 0 || n.extra()->falls_back) n.repeatable();
    if constexpr (Recipe && traits.can_keep) {
      if (merged.keep == keep::recipe) {
        n.extra()->again = body::keep_recipe(
            n.peek(), executor_ref(&admitted.control(), admitted.control().generation.load()),
            merged);
      }
    }
  }
  n.prepare_inputs();
}

template <bool Recipe, class F, class... Args>
auto executor_ref::start(const task_options* options, detail::admission::when_full full,
                         const char* verb, F&& fn, Args&&... args) const
    -> std::optional<future<typename detail::task_for<F, Args...>::result>> {
  static_assert(detail::submittable<F, Args...>,
                "submit: the callable cannot be called with the arguments; a future<T> arrives as "
                "const T& (or T&& from an rvalue), so take T, const T& or T&&, not T&; wrap a "
                "future in as_handle to receive the handle itself");
  using node_type = typename detail::task_for<F, Args...>::node_type;
  detail::admission admitted(checked(verb), generation_, verb, full, node_type::known != 0);
  if (!admitted.admitted()) return std::nullopt;
  if constexpr (node_type::known != 0) detail::require_inputs(verb, args...);
  detail::unsubmitted made(node_type::make(1, std::forward<F>(fn), std::forward<Args>(args)...));
  auto result = detail::future_access::adopt<typename node_type::result>(made.node);
  prepare<Recipe, F, Args...>(admitted, *made.node, options, verb);
  auto* const extra = made.node->extra();
  if (extra != nullptr && !extra->options.key.empty()) {
    if (auto* same = detail::find_or_enter_key(*made.node, admitted.control(),
                                               typeid(typename node_type::result), verb)) {
      admitted.found_other();
      return detail::future_access::adopt(
          static_cast<detail::state<typename node_type::result>*>(same));
    }
  }
  admitted.commit();
  trace::detail::emit_submit(*made.node);
  made.release().connect();
  if (extra != nullptr) detail::connect_cold(*detail::future_access::get(result));
  return result;
}

template <class F, class... Args>
void executor_ref::start_post(const task_options* options, F&& fn, Args&&... args) const {
  static_assert(detail::submittable<F, Args...>,
                "post: the callable cannot be called with the arguments; a future<T> arrives as "
                "const T& (or T&& from an rvalue), so take T, const T& or T&&, not T&");
  using node_type = typename detail::task_for<F, Args...>::node_type;
  detail::admission admitted(checked("post"), generation_, "post",
                             detail::admission::when_full::fail, node_type::known != 0);
  if constexpr (node_type::known != 0) detail::require_inputs("post", args...);
  detail::unsubmitted made(node_type::make(0, std::forward<F>(fn), std::forward<Args>(args)...));
  made.node->has_future = false;
  made.node->early_value = false;  // nobody can take it
  prepare<false, F, Args...>(admitted, *made.node, options, "post");
  admitted.commit();
  trace::detail::emit_submit(*made.node);
  auto* const extra = made.node->extra();
  if (extra == nullptr) {
    made.release().connect();
    return;
  }
  auto& n = made.release();
  n.add_keeper();
  n.connect();
  detail::connect_cold(n);
  n.drop_keeper();
}

template <class T>
future<std::decay_t<T>> executor_ref::scatter(T&& value, const std::string& place) const {
  const auto at = place_index(place);
  if constexpr (detail::is_array<std::decay_t<T>>) put(at, detail::array_access::block(value));
  promise<std::decay_t<T>> made;
  auto result = made.get_future();
  detail::future_access::get(result)->made_at = at;
  made.set_value(std::forward<T>(value));
  return result;
}

}  // namespace fronta

// NOLINTNEXTLINE(misc-header-include-cycle): each is whole on its own
#include <fronta/map.hpp>  // IWYU pragma: export
