// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/executor.hpp>

#include "router.hpp"
#include "timers.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace fronta::detail {

/// Living tasks by key. Outlives the executor through the tasks that are in it.
struct key_table {
  std::mutex mutex;
  std::condition_variable connected;
  struct entry {
    node* task = nullptr;
    const std::type_info* type = nullptr;
    // The thread that still registers it with its inputs: until then nobody else may touch it.
    std::thread::id connecting;
  };
  std::unordered_map<std::string, entry>
      tasks;  // guarded by mutex; entries leave before their node
};

/// What an executor is, behind its handle: backends, router, timers and the life of tasks.
class executor_core final : public task_host {
 public:
  executor_core(executor_control& control, executor_options options);
  ~executor_core();

  // Starts the backends. Throws; then `stop` ends those that were started.
  void start(std::vector<std::unique_ptr<backend>> backends);
  // Tells a trace of this executor and its places so far.
  void tell_open();
  // Ends all threads; nothing may be left to do.
  void stop() noexcept;

  // `verb`: the call that an error is to name.
  void prepare_cold(node& n, const task_options* given, body_traits traits, const char* verb);
  void connect_cold(node& n) noexcept;
  node* find_or_enter_key(node& n, const std::type_info& type, const char* verb);
  // Cancels what has not started and requests the stop of what runs.
  void cancel_everything() noexcept;
  [[nodiscard]] std::vector<std::string> running_names();
  [[nodiscard]] std::exception_ptr broken() const noexcept;
  [[nodiscard]] placement explain(const node& n) const;
  [[nodiscard]] router& routes() noexcept { return router_; }
  [[nodiscard]] executor_control& control() const noexcept { return control_; }

  // ---- task_host
  void make_ready(node& n, bool next) noexcept override;
  claim_result claim_routed(node& n, std::int32_t place, bool inline_waiter) noexcept override;
  void release(node& n) noexcept override;
  bool retry(node& n) noexcept override;
  // Blocks the calling thread for that long by the executor's clock, or until one is stopped.
  void pause(time_limit limit, const std::stop_token& a, const std::stop_token& b);
  bool fall_back(node& n) noexcept override;
  void ran(node& n, std::chrono::nanoseconds took) noexcept override;
  void fetched(const void* memory, std::size_t bytes,
               std::chrono::nanoseconds took) noexcept override;
  [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept override {
    return timers_.now();
  }
  bool run_again(node& n) noexcept override;
  device_host& device_of(node& n) override;
  void device_ended(node& n) noexcept override;
  void started(node& n) noexcept override;
  void forget(node& n) noexcept override;
  void no_longer_pending() noexcept override;
  void count_finished() noexcept override;
  void report(std::exception_ptr error, const char* context) noexcept override;
  edge_level needed_level(node& n, const node& source, bool reads_early) noexcept override;
  void watch(node& n) noexcept override;
  void fetch(node& n) override;
  bool could_start(node& n, std::span<node* const> stuck, std::string& tag) override;
  [[nodiscard]] std::string place_of(const node& n) const override;
  [[nodiscard]] std::uint64_t seed() const noexcept override { return seed_; }
  void worker_joined(worker& w) override;
  void worker_left(worker& w) noexcept override;
  void worker_idle() noexcept override;

 private:
  // One backend with the numbers of its places.
  class attached final : public backend_host {
   public:
    attached(executor_core& core, std::unique_ptr<backend> b) : core_(core), owned(std::move(b)) {}
    std::size_t place_added(place_info place) override;
    void place_changed(std::size_t index, resources offers) override;
    void place_removed(std::size_t index) override;
    [[nodiscard]] std::int32_t place_number(std::size_t index) const override;
    task_host& tasks() noexcept override { return core_; }
    void backend_broken(std::exception_ptr error) noexcept override;

   private:
    executor_core& core_;

   public:
    std::unique_ptr<backend> owned;
    std::vector<std::int32_t> places;  // guarded by core_.places_mutex_
    std::int32_t first_place = 0;
    bool running = false;
  };

  void launch(const std::vector<router::target>& targets) noexcept;
  void places_changed();
  void watch_for_place(node& n);
  static void no_place_came(node& n);
  bool requeue(node& n) noexcept;
  bool make_pending(node& n) noexcept;
  void note_inputs(node& n);
  static input_data data_of(node& n);
  void time_links();

  executor_control& control_;
  const executor_options options_;
  const std::uint64_t seed_;
  timers timers_;
  router router_;
  std::vector<std::unique_ptr<attached>> backends_;  // constant after start
  std::mutex places_mutex_;
  // The one pool for tasks that need nothing but a cpu share; else they are routed too.
  backend* pool_ = nullptr;
  std::size_t pool_place_ = 0;
  std::int32_t pool_number_ = -1;
  int device_backends_ = 0;
  bool orders_edges_ = false;   // some backend needs less than `done`
  std::once_flag links_timed_;  // when the first task came that wants to know
  std::shared_ptr<key_table> keys_ = std::make_shared<key_table>();
  std::atomic<bool> cancelling_{false};
  std::atomic<bool> tags_unserved_{false};  // a release had no memory to start the next

  mutable std::mutex tasks_mutex_;
  // Guarded by tasks_mutex_. Running tasks with cold data; pending ones with inputs from elsewhere,
  // each with a keeper.
  std::unordered_set<node*> running_;
  std::unordered_set<node*> watched_;
  std::exception_ptr broken_;
};

}  // namespace fronta::detail
