// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/errors.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fronta::test {

/// A device without hardware: it keeps what is launched in one queue and runs it strictly in that
/// order, like a stream; by hand (`step`), or on a thread of its own. Its places come and go, and
/// its values may lie "elsewhere" until they are fetched.
/// ```
/// fake_device device{{.places = {{"fake:0", {{"lane", 1}}}}}};
/// fronta::executor ex{device.config()};
/// auto f = ex.submit([] { return 1; });
/// device.step();
/// ```
/// Declare it before the executor. Whoever steps by hand steps everything before the executor goes.
class fake_device {
 public:
  enum class issues { at_launch, by_hand };
  struct options {
    std::vector<place_info> places = {};
    bool elastic = false;
    bool hosts_plain_tasks = true;
    bool own_thread = false;
    /// What an edge between two tasks of the device needs.
    edge_level edge_within = edge_level::done;
    /// When a launched task counts as issued; its run implies it.
    issues issued = issues::at_launch;
    /// Values are reported as remote.
    bool remote = false;
  };

 private:
  struct entry {
    explicit entry(launched_task t, std::size_t p) : task(std::move(t)), id(task.id()), place(p) {}
    launched_task task;
    std::uint64_t id;
    std::size_t place;
    bool issued = false;  // guarded by state::mutex
    std::latch launched{1};
  };

  struct state {
    explicit state(options o) : given(std::move(o)) {}
    const options given;
    backend_host* host = nullptr;
    std::mutex mutex;
    std::condition_variable changed;
    // Guarded by mutex.
    std::deque<std::shared_ptr<entry>> queue;
    std::vector<std::string> order;  // names of tasks in order of launch
    std::vector<std::uint64_t> fetched;
    std::exception_ptr lost;
    std::size_t places = 0;
    std::size_t running = 0;
    bool stopping = false;
    bool cancelling = false;
    std::thread thread;

    // Outside the lock: reporting launches successors, here too.
    void report(entry& e) {
      {
        const std::lock_guard lock(mutex);
        if (std::exchange(e.issued, true)) return;
      }
      e.task.report_issued();
    }

    bool step() {
      std::shared_ptr<entry> first;
      {
        const std::lock_guard lock(mutex);
        if (queue.empty()) return false;
        first = std::move(queue.front());
        queue.pop_front();
        ++running;
      }
      first->launched.wait();
      report(*first);
      std::move(first->task).run();
      const std::lock_guard lock(mutex);
      --running;
      return true;
    }

    void run() {
      for (;;) {
        {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return stopping || !queue.empty(); });
          if (queue.empty()) return;
        }
        step();
      }
    }

    // What is queued at a place, or everywhere.
    std::deque<std::shared_ptr<entry>> take(std::size_t place, bool everywhere) {
      std::deque<std::shared_ptr<entry>> taken;
      const std::lock_guard lock(mutex);
      std::deque<std::shared_ptr<entry>> left;
      for (auto& e : queue) (everywhere || e->place == place ? taken : left).push_back(e);
      queue.swap(left);
      return taken;
    }
  };

  class fake_backend final : public backend {
   public:
    explicit fake_backend(std::shared_ptr<state> s) : state_(std::move(s)) {}

    std::vector<place_info> start(backend_host& host) override {
      state_->host = &host;
      state_->places = state_->given.places.size();
      if (state_->given.own_thread) {
        state_->thread = std::thread([s = state_.get()] { s->run(); });
      }
      return state_->given.places;
    }
    void stop() noexcept override {
      {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
      }
      state_->changed.notify_all();
      if (state_->thread.joinable()) state_->thread.join();
      state_->host = nullptr;
    }
    [[nodiscard]] bool hosts_plain_tasks() const noexcept override {
      return state_->given.hosts_plain_tasks;
    }
    [[nodiscard]] bool elastic() const noexcept override { return state_->given.elastic; }
    [[nodiscard]] edge_level edge_within() const noexcept override {
      return state_->given.edge_within;
    }
    void launch(launched_task task, std::size_t place, launch_as) noexcept override {
      auto e = std::make_shared<entry>(std::move(task), place);
      bool cancelling = false;
      {
        const std::lock_guard lock(state_->mutex);
        cancelling = state_->cancelling;
        if (!cancelling) {
          state_->order.push_back(e->task.name());
          state_->queue.push_back(e);
        }
      }
      if (cancelling) {
        cancel_entry(*e);
        return;
      }
      if (state_->given.remote) e->task.report_remote();
      e->task.report_key();
      if (state_->given.issued == issues::at_launch) state_->report(*e);
      e->launched.count_down();
      state_->changed.notify_all();
    }
    bool revoke(std::uint64_t id, bool) noexcept override {
      std::shared_ptr<entry> revoked;  // goes outside the lock
      const std::lock_guard lock(state_->mutex);
      for (auto at = state_->queue.begin(); at != state_->queue.end(); ++at) {
        if ((*at)->id != id) continue;
        revoked = std::move(*at);
        state_->queue.erase(at);
        return true;
      }
      return false;
    }
    void cancel_pending() noexcept override {
      {
        const std::lock_guard lock(state_->mutex);
        state_->cancelling = true;
      }
      for (auto& e : state_->take(0, true)) {
        e->launched.wait();
        cancel_entry(*e);
      }
    }
    void fetch(std::uint64_t id) override {
      const std::lock_guard lock(state_->mutex);
      if (state_->lost) std::rethrow_exception(state_->lost);
      state_->fetched.push_back(id);
    }
    [[nodiscard]] std::size_t load() const noexcept override {
      const std::lock_guard lock(state_->mutex);
      return state_->queue.size() + state_->running;
    }

   private:
    static void cancel_entry(entry& e) noexcept {
      auto& n = std::move(e.task).release();
      detail::cancel(n, "fake_device: cancelled with what was pending");
      n.drop_keeper();
    }
    std::shared_ptr<state> state_;
  };

 public:
  explicit fake_device(options o) : state_(std::make_shared<state>(std::move(o))) {}

  struct backend_config {
    std::shared_ptr<state> of;
    std::unique_ptr<backend> make() { return std::make_unique<fake_backend>(std::move(of)); }
    friend std::unique_ptr<backend> make_backend(backend_config c) { return c.make(); }
  };
  /// What the executor's constructor takes; once.
  [[nodiscard]] backend_config config() const { return {state_}; }

  /// Runs the oldest queued task in the calling thread; false when there is none.
  bool step() { return state_->step(); }
  void step_all() {
    while (step()) {
    }
  }
  /// Reports the oldest task as issued that is not; false when there is none.
  bool issue() {
    std::shared_ptr<entry> next;
    {
      const std::lock_guard lock(state_->mutex);
      for (auto& e : state_->queue) {
        if (!e->issued) {
          next = e;
          break;
        }
      }
    }
    if (next == nullptr) return false;
    next->launched.wait();
    state_->report(*next);
    return true;
  }
  /// As an executor would: takes a queued task back. Its future must be ended by other means.
  bool revoke(std::size_t index_in_queue) {
    std::uint64_t id = 0;
    {
      const std::lock_guard lock(state_->mutex);
      id = state_->queue.at(index_in_queue)->id;
    }
    fake_backend asked(state_);
    return asked.revoke(id, false);
  }

  [[nodiscard]] std::size_t queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size();
  }
  /// Names of the launched tasks, in that order.
  [[nodiscard]] std::vector<std::string> launches() const {
    const std::lock_guard lock(state_->mutex);
    return state_->order;
  }
  [[nodiscard]] std::size_t fetches() const {
    const std::lock_guard lock(state_->mutex);
    return state_->fetched.size();
  }
  /// From now on remote values cannot be had.
  void lose_values(std::exception_ptr error) {
    const std::lock_guard lock(state_->mutex);
    state_->lost = std::move(error);
  }

  /// The new place's index.
  std::size_t add_place(std::string name, resources offers = {}) {
    {
      const std::lock_guard lock(state_->mutex);
      ++state_->places;
    }
    return state_->host->place_added({std::move(name), std::move(offers)});
  }
  void change_place(std::size_t index, resources offers) {
    state_->host->place_changed(index, std::move(offers));
  }
  /// What is queued there fails with `error`.
  void remove_place(std::size_t index, const std::exception_ptr& error) {
    state_->host->place_removed(index);
    for (auto& e : state_->take(index, false)) {
      e->launched.wait();
      std::move(e->task).fail(error);
    }
  }

 private:
  std::shared_ptr<state> state_;
};

}  // namespace fronta::test
