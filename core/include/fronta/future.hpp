// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/state.hpp>
#include <fronta/detail/worker.hpp>
#include <fronta/errors.hpp>
#include <fronta/time.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace fronta {

class any_future;
template <class T>
class future;
template <class T>
class promise;

enum class future_status { ready, timeout };

namespace detail {
struct future_access;
// The call in full is `of` and `verb`.
[[noreturn]] void throw_empty(const char* verb, const char* of = "");
[[noreturn]] void throw_timeout(const node& n, const char* verb);
[[noreturn]] void throw_taken(const node& n);
[[noreturn]] void throw_moved_promise(const char* verb);
// Throws the outcome's exception if there is one; fetches a remote value.
void require_value(node& n);

// A done callback, linked into the node that it waits for. It holds a reader, which the call gets:
// nobody moves the value out before.
struct callback_edge : edge {
  virtual ~callback_edge() = default;
  virtual void call(any_future done) = 0;
};
// Links it, or calls it at once when the node is done. Takes ownership.
void add_callback(node& n, std::unique_ptr<callback_edge> callback) noexcept;

// Tells traces that a callback of a task runs, while it lives; keeps the node.
class callback_told {
 public:
  explicit callback_told(node& source) noexcept;
  ~callback_told();
  callback_told(const callback_told&) = delete;
  callback_told& operator=(const callback_told&) = delete;

 private:
  node* source_;
};

template <class Promise>
concept has_scheduler = requires(Promise& p) { p.scheduler(); };
}  // namespace detail

/// A handle on the outcome of a task or promise, without the type of its value. Handles are cheap
/// and shared: copies name the same outcome, and equality compares identity. Dropping the last
/// handle neither blocks nor cancels; the task still runs.
///
/// Thread-safety: different handles, also on one outcome, may be used from different threads; one
/// handle object is like any value. Every verb but `valid` and comparison throws
/// `invalid_state_error` on an empty handle. Futures may outlive their executor.
class any_future {
 public:
  any_future() noexcept = default;
  any_future(const any_future& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) node_->add_reader();
  }
  any_future(any_future&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  any_future& operator=(any_future other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~any_future() {
    if (node_ != nullptr) node_->drop_reader();
  }

  [[nodiscard]] bool valid() const noexcept { return node_ != nullptr; }
  /// Returned, failed or cancelled.
  [[nodiscard]] bool done() const { return checked("done").done(); }
  /// True only while the callable executes.
  [[nodiscard]] bool running() const {
    return checked("running").current() == detail::phase::running;
  }
  [[nodiscard]] bool cancelled() const {
    return checked("cancelled").current() == detail::phase::cancelled;
  }

  /// Cancels a pending task: true, also when it is cancelled already. A running or finished task is
  /// left alone: false (ask a running one by `request_stop`). The callbacks run in this thread.
  bool cancel() const;
  /// Asks a running or pending task to end early, through `this_task::stop_token()`. True if this
  /// call was the first to ask. Runs stop callbacks in this thread.
  bool request_stop() const { return checked("request_stop").request_stop(); }

  /// Blocks until done. Inside a task it may run this very task in the calling thread, or hand the
  /// cpu share to another worker meanwhile; it never runs any other task. Throws `deadlock_error`
  /// when the wait could never end, `std::system_error` when no substitute worker can be made.
  void wait() const { detail::wait_for(checked("wait")); }
  /// A zero or negative limit only looks.
  future_status wait_for(time_limit limit) const {
    return detail::wait_until(checked("wait_for"), deadline(limit)) ? future_status::ready
                                                                    : future_status::timeout;
  }
  template <class Duration>
  future_status wait_until(std::chrono::time_point<std::chrono::steady_clock, Duration> at) const {
    return detail::wait_until(checked("wait_until"), deadline::at(at)) ? future_status::ready
                                                                       : future_status::timeout;
  }

  /// Waits; the exception the task failed with, or null for success. Throws `timeout_error`, and
  /// `cancelled_error` when cancelled. All callers share one exception object: treat it as const.
  [[nodiscard]] std::exception_ptr exception(time_limit limit = time_limit::none()) const;

  /// The task's name, "unnamed" without one.
  [[nodiscard]] std::string name() const { return checked("name").name(); }
  /// The task by whose failure or cancellation this one ended, empty if none did.
  [[nodiscard]] std::string failed_input() const;

  /// Calls `fn(any_future)` once when done, in order of addition: in the thread that finishes or
  /// cancels the task, on one that the executor has for that where a timeout ends it, or here and
  /// now when it is done already. What `fn` throws goes to the error hook. The value can be had
  /// before callbacks have run, but not moved out: until then each counts as a handle. `shutdown`
  /// waits for them. `fn` may block; that delays the task's other callbacks and its dependents, and
  /// what its thread is to do next, but no timeout or back-off. A wait in `fn` for such a dependent
  /// throws `deadlock_error`.
  template <class Fn>
    requires std::invocable<Fn&, any_future>
  void add_done_callback(Fn fn) const;
  /// The same, with `fn` posted to an executor.
  template <class Executor, class Fn>
    requires requires(Executor& ex, void (*job)()) { ex.post(job); } &&
             std::invocable<Fn&, any_future>
  void add_done_callback(Executor& ex, Fn fn) const;

  friend bool operator==(const any_future& a, const any_future& b) noexcept = default;

 protected:
  friend struct detail::future_access;
  explicit any_future(detail::node* adopted) noexcept : node_(adopted) {}
  [[nodiscard]] detail::node& checked(const char* verb) const {
    if (node_ == nullptr) detail::throw_empty(verb, "future::");
    return *node_;
  }

  detail::node* node_ = nullptr;  // holds one reader
};

/// A handle on the outcome of a task or promise: see `any_future`. The value is immutable once
/// ready.
/// ```
/// fronta::future<int> f = ex.submit([] { return 6 * 7; });
/// int copy = f.get();                    // copies
/// const int& there = f.result(100ms);    // lives while a handle does
/// ```
template <class T>
class future : public any_future {
 public:
  using value_type = T;
  /// What `result` returns: `const T&`, `U&` for `future<U&>`, or void.
  using result_type =
      std::conditional_t<std::is_void_v<T>, void,
                         std::conditional_t<std::is_reference_v<T>, T,
                                            std::add_lvalue_reference_t<std::add_const_t<T>>>>;

  future() noexcept = default;

  /// Waits as `wait` does, then returns the value or throws: the task's exception, `timeout_error`,
  /// `cancelled_error`, `invalid_state_error` when the value was moved out. A ready value is
  /// returned whatever the limit.
  result_type result(time_limit limit = time_limit::none()) const {
    return value_of(ready("result", limit));
  }

  /// `result`, copied.
  T get(time_limit limit = time_limit::none()) const&
    requires(!std::is_object_v<T> || detail::copyable_v<T>)
  {
    return result(limit);
  }
  /// Moves the value out when this is the last handle, no dependent is registered and all done
  /// callbacks have run, else copies; for a move-only T it then throws `invalid_state_error` and
  /// leaves the handle as it was.
  T get(time_limit limit = time_limit::none()) &&;

  template <class Fn>
    requires std::invocable<Fn&, future<T>>
  void add_done_callback(Fn fn) const {
    any_future::add_done_callback(
        [fn = std::move(fn)](any_future f) mutable { fn(from(std::move(f))); });
  }
  template <class Executor, class Fn>
    requires requires(Executor& ex, void (*job)()) { ex.post(job); } &&
             std::invocable<Fn&, future<T>>
  void add_done_callback(Executor& ex, Fn fn) const {
    any_future::add_done_callback(
        ex, [fn = std::move(fn)](any_future f) mutable { fn(from(std::move(f))); });
  }

  /// `ex.submit(fn, *this)`: `fn` runs on `ex` with the value when it is there.
  template <class Executor, class Fn>
  auto then(Executor& ex, Fn&& fn) const {
    static_cast<void>(checked("then"));
    return ex.submit(std::forward<Fn>(fn), *this);
  }

  /// Submits the task anew, and before it those of its inputs that failed; a new future. Needs
  /// `.keep = keep::recipe` at submit, else throws `invalid_state_error`.
  [[nodiscard]] future retry() const;

  /// Awaiters: resume in the thread that finishes the task, or as a task of `scheduler` (anything
  /// with `post`). A plain `co_await f` needs a coroutine whose promise has a `scheduler()`.
  /// Submit in one statement and await in the next: g++ 12 miscompiles captures inside a co_await.
  [[nodiscard]] auto resume_inline() const;
  template <class Scheduler>
  [[nodiscard]] auto resume_on(Scheduler& scheduler) const;
  [[nodiscard]] auto operator co_await() const;

 private:
  friend struct detail::future_access;
  using state = detail::state<T>;
  explicit future(state* adopted) noexcept : any_future(adopted) {}
  static future from(any_future f) noexcept;
  // Waits; throws where there is no value. `ready` tells traces that somebody took the outcome.
  [[nodiscard]] state& ready(const char* verb, time_limit limit) const;
  [[nodiscard]] state& awaited(const char* verb, time_limit limit) const;
  static state& readable(state& s);
  static result_type value_of(const state& s);
  T take(state& s) &&;
};

namespace detail {

struct future_access {
  static node* get(const any_future& f) noexcept { return f.node_; }
  template <class T>
  static state<T>* get(const future<T>& f) noexcept {
    return static_cast<state<T>*>(f.node_);
  }
  // The caller's reader passes to the handle.
  template <class T>
  static future<T> adopt(state<T>* s) noexcept {
    return future<T>(s);
  }
  static any_future adopt_erased(node* n) noexcept { return any_future(n); }
  static any_future share(node& n) noexcept {
    n.add_reader();
    return any_future(&n);
  }
  template <class T>
  static future<T> share(state<T>& s) noexcept {
    s.add_reader();
    return future<T>(&s);
  }
  // From an erased handle whose type is known.
  template <class Future>
  static Future narrow(any_future&& f) noexcept {
    if constexpr (std::is_same_v<Future, any_future>) {
      return std::move(f);
    } else {
      return Future::from(std::move(f));
    }
  }
  static node* release(any_future&& f) noexcept { return std::exchange(f.node_, nullptr); }
  // `result` and `get` of a task's input, which traces know as that.
  template <class T>
  static typename future<T>::result_type input(const future<T>& f) {
    return future<T>::value_of(future<T>::readable(f.awaited("result", time_limit::none())));
  }
  template <class T>
  static T take_input(future<T>& f) {
    if constexpr (std::is_object_v<T>) {
      auto& done = future<T>::readable(f.awaited("get", time_limit::none()));
      return std::move(f).take(done);
    } else {
      return input(f);
    }
  }
};

// What `future::retry` calls; made by the executor for a task with keep::recipe.
template <class T>
class typed_recipe : public recipe {
 public:
  virtual future<T> run_again() = 0;
};

}  // namespace detail

template <class T>
future<T> future<T>::from(any_future f) noexcept {
  return future(static_cast<state*>(detail::future_access::release(std::move(f))));
}

template <class T>
detail::state<T>& future<T>::ready(const char* verb, time_limit limit) const {
  auto& s = awaited(verb, limit);
  if (!s.taken()) trace::detail::emit_consume(s);
  return readable(s);
}

template <class T>
detail::state<T>& future<T>::awaited(const char* verb, time_limit limit) const {
  auto& s = static_cast<state&>(checked(verb));
  if (!s.done() && !detail::wait_until(s, deadline(limit))) detail::throw_timeout(s, verb);
  return s;
}

template <class T>
typename future<T>::result_type future<T>::value_of(const state& s) {
  if constexpr (std::is_reference_v<T>) {
    return static_cast<T>(*s.value());
  } else if constexpr (!std::is_void_v<T>) {
    return s.value();
  }
}

template <class T>
detail::state<T>& future<T>::readable(state& s) {
  if (s.current() != detail::phase::value || s.remote.load(std::memory_order_acquire)) {
    detail::require_value(s);
  }
  if (s.taken()) detail::throw_taken(s);
  return s;
}

template <class T>
T future<T>::get(time_limit limit) && {
  if constexpr (!std::is_object_v<T>) {
    return result(limit);
  } else {
    return std::move(*this).take(ready("get", limit));
  }
}

template <class T>
T future<T>::take(state& s) && {
  if (s.sole_reader()) {
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
      const future last = std::move(*this);
      s.mark_taken();
      return T(std::move(s.value()));
    } else if constexpr (std::is_move_constructible_v<T>) {
      T value(std::move(s.value()));  // if this throws, the handle stays as it was
      s.mark_taken();
      const future last = std::move(*this);
      return value;
    }
  }
  if constexpr (detail::copyable_v<T>) {
    return T(std::as_const(s.value()));
  } else {
    throw invalid_state_error("future::get: the value of task \"" + s.name() +
                              "\" cannot be moved out while another handle or a dependent exists "
                              "or a done callback has yet to run, and cannot be copied; use "
                              "result(), or drop the others first");
  }
}

template <class Fn>
  requires std::invocable<Fn&, any_future>
void any_future::add_done_callback(Fn fn) const {
  struct callback final : detail::callback_edge {
    explicit callback(Fn&& f) : fn(std::move(f)) {}
    callback(const callback&) = delete;
    callback& operator=(const callback&) = delete;
    ~callback() noexcept override { detail::destroy_quietly(fn); }
    void call(any_future done) override { fn(std::move(done)); }
    union {
      Fn fn;
    };
  };
  detail::add_callback(checked("add_done_callback"), std::make_unique<callback>(std::move(fn)));
}

template <class Executor, class Fn>
  requires requires(Executor& ex, void (*job)()) { ex.post(job); } &&
           std::invocable<Fn&, any_future>
void any_future::add_done_callback(Executor& ex, Fn fn) const {
  // Copied by value: an executor_ref is safe to keep; a reference to an executor may dangle.
  auto to = [&] {
    if constexpr (requires { ex.ref(); }) {
      return ex.ref();
    } else {
      return ex;
    }
  }();
  add_done_callback([to, fn = std::move(fn)](any_future f) mutable {
    to.post([fn = std::move(fn), f = std::move(f)]() mutable { fn(std::move(f)); });
  });
}

template <class T>
future<T> future<T>::retry() const {
  auto& n = checked("retry");
  auto* const x = n.extra();
  if (x == nullptr || x->again == nullptr) {
    throw invalid_state_error("future::retry: task \"" + n.name() +
                              "\" kept no recipe; submit it with .keep = keep::recipe");
  }
  return static_cast<detail::typed_recipe<T>&>(*x->again).run_again();
}

/// Sets the outcome of a future by hand. Move-only. One thread at a time, except that the future
/// may be used from anywhere. Destroying it without an outcome cancels the future.
template <class T>
class promise {
 public:
  promise() : node_(detail::promise_node<T>::make()) {}
  promise(promise&& other) noexcept
      : node_(std::exchange(other.node_, nullptr)), handed_out_(other.handed_out_) {}
  promise& operator=(promise&& other) noexcept {
    promise taken(std::move(other));
    std::swap(node_, taken.node_);
    std::swap(handed_out_, taken.handed_out_);
    return *this;
  }
  ~promise() {
    if (node_ == nullptr) return;
    detail::cancel(*node_, "promise: it was destroyed without an outcome; set one first");
    if (!handed_out_) node_->drop_reader();
    node_->drop_keeper();
  }

  /// Once; then throws `invalid_state_error`. Copies of the future come from the future.
  [[nodiscard]] future<T> get_future() {
    if (node_ == nullptr) detail::throw_moved_promise("get_future");
    if (std::exchange(handed_out_, true)) {
      throw invalid_state_error(
          "promise::get_future: the future was handed out already; copy that one");
    }
    return detail::future_access::adopt<T>(node_);
  }

  /// Constructs the value from the arguments, then runs callbacks in this thread. Throws
  /// `invalid_state_error` when an outcome is set or the future was cancelled; when the
  /// construction throws, that exception becomes the outcome and leaves the call too.
  template <class... Args>
    requires(std::is_void_v<T> ? sizeof...(Args) == 0 : std::is_constructible_v<T, Args...>)
  void set_value(Args&&... args) {
    auto& n = claim("set_value");
    try {
      if constexpr (std::is_void_v<T>) {
        n.emplace_from([] {});
      } else if constexpr (std::is_reference_v<T>) {
        n.emplace_from([&]() -> T { return (std::forward<Args>(args), ...); });
      } else {
        n.emplace_from([&]() -> T { return T(std::forward<Args>(args)...); });
      }
    } catch (...) {
      n.store_error(std::current_exception());
      publish(n, detail::phase::error);
      throw;
    }
    publish(n, detail::phase::value);
  }
  void set_exception(std::exception_ptr error) {
    if (!error) {
      throw std::invalid_argument("promise::set_exception: the pointer is null; give an exception");
    }
    auto& n = claim("set_exception");
    n.store_error(std::move(error));
    publish(n, detail::phase::error);
  }

 private:
  // A callback may destroy this promise.
  static void publish(detail::state<T>& n, detail::phase end) noexcept {
    n.add_keeper();
    n.publish(end);
    n.drop_keeper();
  }
  detail::state<T>& claim(const char* verb) {
    if (node_ == nullptr) detail::throw_moved_promise(verb);
    if (!node_->try_claim(detail::phase::settling)) {
      throw invalid_state_error(std::string("promise::") + verb +
                                ": the future has an outcome or was cancelled; set it once");
    }
    return *node_;
  }

  detail::state<T>* node_;  // holds a keeper, and a reader until the future is handed out
  bool handed_out_ = false;
};

namespace detail {

// The awaiter's edge lies in the coroutine frame: nothing is allocated. Destroying a suspended
// coroutine takes the edge back; as with every awaiter, whoever destroys it must know that it is
// not being resumed at that moment.
template <class T, class Resume>
class future_awaiter : private edge {
 public:
  future_awaiter(future<T> f, Resume resume) : future_(std::move(f)), resume_(std::move(resume)) {}
  future_awaiter(const future_awaiter&) = delete;
  future_awaiter& operator=(const future_awaiter&) = delete;
  ~future_awaiter() {
    if (registered_)
      future_access::get(static_cast<const any_future&>(future_))->remove_edge(*this);
  }
  [[nodiscard]] bool await_ready() const { return future_.done(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> h) {
    handle_ = h;
    if constexpr (has_scheduler<Promise>) {
      resume_.use(h.promise());
    } else {
      static_assert(!Resume::needs_scheduler,
                    "co_await on a future in a coroutine without a scheduler: write "
                    "co_await f.resume_on(scheduler) or co_await f.resume_inline()");
    }
    this->kind = edge_kind::callback;
    this->fire = [](edge& self, node&) noexcept {
      const callback_scope scope;
      auto& me = static_cast<future_awaiter&>(self);
      me.registered_ = false;
      auto resume = me.resume_;  // the frame may go with the resumption
      resume(me.handle_);
    };
    registered_ = true;
    if (future_access::get(static_cast<const any_future&>(future_))->add_edge(*this)) return true;
    registered_ = false;
    return false;
  }
  typename future<T>::result_type await_resume() const { return future_.result(); }

 private:
  future<T> future_;
  Resume resume_;
  std::coroutine_handle<> handle_;
  bool registered_ = false;
};

struct inline_resume {
  static constexpr bool needs_scheduler = false;
  void use(auto&) noexcept {}
  void operator()(std::coroutine_handle<> h) const noexcept { h.resume(); }
};

template <class Scheduler>
struct scheduled_resume {
  static constexpr bool needs_scheduler = false;
  Scheduler scheduler;
  void use(auto&) noexcept {}
  void operator()(std::coroutine_handle<> h) noexcept {
    try {
      scheduler.post([h] { h.resume(); });
    } catch (...) {
      report_current(
          "co_await: the scheduler refused the resumption; keep it open until the "
          "coroutine has ended");
    }
  }
};

// Filled in by await_suspend, when the coroutine's promise is known.
struct own_scheduler_resume {
  static constexpr bool needs_scheduler = true;
  std::function<void(std::coroutine_handle<>)> post;
  template <class Promise>
  void use(Promise& p) {
    post = [scheduler = p.scheduler()](std::coroutine_handle<> h) mutable {
      scheduled_resume<decltype(scheduler)>{scheduler}(h);
    };
  }
  void operator()(std::coroutine_handle<> h) const { post(h); }
};

}  // namespace detail

template <class T>
auto future<T>::resume_inline() const {
  static_cast<void>(checked("resume_inline"));
  return detail::future_awaiter<T, detail::inline_resume>(*this, {});
}

template <class T>
template <class Scheduler>
auto future<T>::resume_on(Scheduler& scheduler) const {
  static_cast<void>(checked("resume_on"));
  if constexpr (requires { scheduler.ref(); }) {
    using ref = decltype(scheduler.ref());
    return detail::future_awaiter<T, detail::scheduled_resume<ref>>(*this, {scheduler.ref()});
  } else {
    return detail::future_awaiter<T, detail::scheduled_resume<Scheduler>>(*this, {scheduler});
  }
}

template <class T>
auto future<T>::operator co_await() const {
  static_cast<void>(checked("co_await"));
  return detail::future_awaiter<T, detail::own_scheduler_resume>(*this, {});
}

/// Passes the handle itself to the callable, not its value, and makes no edge.
template <class T>
struct handle {
  future<T> value;
};
template <class T>
[[nodiscard]] handle<T> as_handle(future<T> f) {
  return {std::move(f)};
}

}  // namespace fronta
