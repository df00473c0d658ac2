// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/manual.hpp>

#include <fronta/detail/worker.hpp>
#include <fronta/trace.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace fronta::cpu {

using detail::node;

class manual_tasks::body final : public detail::worker {
 public:
  // ---- As the calling thread's worker.
  bool take_if_newest(node& n) noexcept override {
    const std::lock_guard lock(mutex_);
    if (queue_.empty() || queue_.back() != &n) return false;
    queue_.pop_back();
    return true;
  }
  void push(node& n, bool next) noexcept override { add(n, next); }
  void begin_block(bool) override {
    throw std::system_error(
        std::make_error_code(std::errc::resource_unavailable_try_again),
        "manual: a task waits for what is not ready, and no other thread runs tasks here; make it "
        "an input of the task, or use cpu::threads");
  }
  void end_block() noexcept override {}
  [[nodiscard]] bool may_nest() const noexcept override { return nesting < most_nested; }
  [[nodiscard]] std::int32_t slot() const noexcept override { return 0; }

  // ---- As a place.
  void attach(backend_host& h) {
    keep_runners_out();
    submitted.store(0, std::memory_order_relaxed);  // an executor before may have counted here
    finished.store(0, std::memory_order_relaxed);
    attached_ = &h;
    host = &h.tasks();
    host->worker_joined(*this);
    used_by_.store(use::free, std::memory_order_release);
  }
  // Not while somebody runs a task: the last one may have ended, but not yet its `run_one`.
  void detach() noexcept {
    keep_runners_out();
    std::deque<node*> stale;  // of tasks that have ended without a run
    {
      const std::lock_guard lock(mutex_);
      stale.swap(queue_);
      cancelling_ = false;
    }
    for (auto* const n : stale) n->drop_keeper();
    if (host != nullptr) host->worker_left(*this);
    host = nullptr;
    attached_ = nullptr;
    used_by_.store(use::free, std::memory_order_release);
  }
  // `first`: others wait for what it holds.
  void add(node& n, bool first) noexcept {
    const auto in = n.priority == 0 ? trace::queue::inbox : trace::queue::priority;
    trace::detail::emit(trace::event_kind::enqueue, n, static_cast<std::uint64_t>(in));
    try {
      const std::lock_guard lock(mutex_);
      const auto at = first ? std::ranges::find_if(
                                  queue_, [&](const node* q) { return q->priority <= n.priority; })
                            : std::ranges::find_if(
                                  queue_, [&](const node* q) { return q->priority < n.priority; });
      queue_.insert(at, &n);
    } catch (const std::bad_alloc&) {
      if (n.device_ended) {
        detail::finish_device_run(n);  // better in this thread than never
        return;
      }
      detail::abort(n, std::current_exception());
      n.drop_keeper();
    }
  }
  void cancel_pending() noexcept {
    std::deque<node*> gone;
    {
      const std::lock_guard lock(mutex_);
      cancelling_ = true;
      gone.swap(queue_);
    }
    for (auto* const n : gone) drop(*n);
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

  bool run_one() {
    const turn mine(*this);
    if (!mine.taken() || host == nullptr) return false;
    node* n = nullptr;
    bool cancelling = false;
    {
      const std::lock_guard lock(mutex_);
      cancelling = cancelling_;
      if (!queue_.empty()) {
        n = queue_.front();
        queue_.pop_front();
      }
    }
    if (n == nullptr) {
      host->worker_idle();
      return false;
    }
    place = attached_->place_number(0);
    if (cancelling) {
      drop(*n);
    } else {
      run(*n);
    }
    host->worker_idle();  // it may have been the last one that somebody waits for
    return true;
  }

 private:
  static constexpr unsigned most_nested = 1'000;

  void keep_runners_out() noexcept {
    auto found = use::free;
    while (!used_by_.compare_exchange_weak(found, use::changing, std::memory_order_acquire)) {
      found = use::free;
      std::this_thread::yield();
    }
  }

  // The calling thread is the worker; unless an executor is just coming or leaving.
  class turn {
   public:
    explicit turn(body& b) : of_(b), before_(detail::this_worker) {
      auto found = use::free;
      taken_ = b.used_by_.compare_exchange_strong(found, use::running, std::memory_order_acquire);
      if (!taken_) {
        if (found == use::changing) return;
        throw std::logic_error(
            "manual_tasks::run_one: called inside a task, or by two threads at once; let one loop "
            "outside of tasks call it");
      }
      detail::this_worker = &b;
    }
    ~turn() {
      if (!taken_) return;
      detail::this_worker = before_;
      of_.used_by_.store(use::free, std::memory_order_release);
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    [[nodiscard]] bool taken() const noexcept { return taken_; }

   private:
    body& of_;
    detail::worker* before_;
    bool taken_ = false;
  };

  void run(node& n) const {
    if (n.device_ended) {
      detail::finish_device_run(n);
      return;
    }
    if (n.routed) {
      switch (n.host->claim_routed(n, place, false)) {
        case detail::task_host::claim_result::claimed:
          detail::execute(n);
          break;
        case detail::task_host::claim_result::parked:
          break;
        case detail::task_host::claim_result::gone:
          n.drop_keeper();
          break;
      }
    } else if (n.inputs_done() && n.try_claim(detail::phase::running)) {
      detail::execute(n);
    } else {
      n.drop_keeper();  // cancelled, run by a waiter, or waiting for a retry
    }
  }
  static void drop(node& n) noexcept {
    if (n.device_ended) {
      detail::finish_device_run(n);  // it ran already
      return;
    }
    detail::cancel(n, detail::cancelled_by_shutdown);
    n.drop_keeper();
  }

  enum class use : std::uint8_t { free, running, changing };
  std::atomic<use> used_by_{use::free};
  backend_host* attached_ = nullptr;  // as `host`, of who made it not free
  mutable std::mutex mutex_;
  // Guarded by mutex_. By priority, then by age; each with its entry's keeper.
  std::deque<node*> queue_;
  bool cancelling_ = false;

 public:
  std::atomic<bool> used{false};
};

namespace {

template <class Body>
class manual_backend final : public backend {
 public:
  explicit manual_backend(std::shared_ptr<Body> b) : body_(std::move(b)) {}
  ~manual_backend() override { body_->used.store(false); }
  manual_backend(const manual_backend&) = delete;
  manual_backend& operator=(const manual_backend&) = delete;

  std::vector<place_info> start(backend_host& host) override {
    body_->attach(host);
    return {{"cpu", {{"cpu", 1}}}};
  }
  void stop() noexcept override { body_->detach(); }
  [[nodiscard]] bool hosts_plain_tasks() const noexcept override { return true; }
  [[nodiscard]] bool reserves_at_start() const noexcept override { return true; }
  void launch(launched_task task, std::size_t, launch_as how) noexcept override {
    body_->add(std::move(task).release(), how == launch_as::first);
  }
  void cancel_pending() noexcept override { body_->cancel_pending(); }
  [[nodiscard]] std::size_t load() const noexcept override { return body_->size(); }

 private:
  std::shared_ptr<Body> body_;
};

}  // namespace

manual_tasks::manual_tasks() : body_(std::make_shared<body>()) {}
manual_tasks::~manual_tasks() = default;
bool manual_tasks::run_one() { return body_->run_one(); }
std::size_t manual_tasks::size() const { return body_->size(); }

// NOLINTNEXTLINE(performance-unnecessary-value-param): all of these take their options by value
std::unique_ptr<backend> make_backend(manual config) {
  if (config.tasks == nullptr) {
    throw std::invalid_argument("cpu::manual: there are no tasks; give it a manual_tasks");
  }
  auto& b = config.tasks->body_;
  if (b->used.exchange(true)) {
    throw std::invalid_argument(
        "cpu::manual: another executor uses these tasks; give each executor its own manual_tasks");
  }
  return std::make_unique<manual_backend<manual_tasks::body>>(b);
}

}  // namespace fronta::cpu
