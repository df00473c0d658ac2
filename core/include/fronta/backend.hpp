// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/worker.hpp>
#include <fronta/resources.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// What the executor and the things that run its tasks know of each other. A backend's
/// configuration is a plain struct; the executor turns it into a backend by the ADL hook
/// `std::unique_ptr<fronta::backend> make_backend(Config)`, so that anybody can write one.
namespace fronta {

namespace detail {
class data_block;
}

/// How far a predecessor must have come before a dependent may be launched here.
/// `key`: launched (its value is fetched by name). `issued`: enqueued on the device (the backend
/// orders the two itself). `done`: finished, as the host sees it.
using edge_level = detail::edge_level;

/// One place of a backend: a name (`cpu`, `gpu:1`) and the amounts that it offers.
struct place_info {
  std::string name;
  resources offers;
};

/// A task in a backend's hands, erased. Move-only; the backend keeps it until the task has ended or
/// was handed back. States: waiting → ready → launched → issued → done.
class launched_task {
 public:
  explicit launched_task(detail::node& adopted) noexcept : node_(&adopted) {}
  launched_task(launched_task&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  launched_task& operator=(launched_task&& other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~launched_task() {
    if (node_ != nullptr) node_->drop_keeper();
  }

  /// For pools that claim tasks themselves: the node with its keeper.
  [[nodiscard]] detail::node& release() && noexcept { return *std::exchange(node_, nullptr); }
  [[nodiscard]] std::uint64_t id() const noexcept { return node_->path; }
  [[nodiscard]] std::string name() const { return node_->name(); }
  [[nodiscard]] std::int32_t priority() const noexcept { return node_->priority; }
  /// False once it was cancelled: drop it.
  [[nodiscard]] bool wanted() const noexcept { return node_->current() == detail::phase::pending; }
  /// Its successors with `key` or `issued` edges may go. Before `run`; from any thread.
  void report_key() noexcept { node_->raise(edge_level::key); }
  void report_issued() noexcept { node_->raise(edge_level::issued); }
  /// The value will lie elsewhere: `backend::fetch` is called before it is first read.
  void report_remote() noexcept { node_->remote.store(true, std::memory_order_release); }
  /// Claims the task and runs it here to its end, retries apart. False when it was cancelled.
  bool run() &&;
  /// Ends the task with an error that is not its own (its place was lost). Its code is over.
  void fail(std::exception_ptr error) &&;

 private:
  detail::node* node_;  // holds the entry's keeper
};

/// What the executor tells a backend of itself.
class backend_host {
 public:
  /// Places come and go while the executor lives; `index` counts from 0 in order of appearance,
  /// those returned by `start` first. Tasks waiting for tags are looked at again.
  virtual std::size_t place_added(place_info place) = 0;
  virtual void place_changed(std::size_t index, resources offers) = 0;
  /// Nothing is launched there any more; what runs there ends by itself or through `fail`.
  virtual void place_removed(std::size_t index) = 0;
  /// The executor's own number for one of this backend's places, as traces show it.
  [[nodiscard]] virtual std::int32_t place_number(std::size_t index) const = 0;
  virtual detail::task_host& tasks() noexcept = 0;
  /// A worker may refuse work for good (a failed initializer): the backend is broken, pending tasks
  /// fail with `error`, submit throws it.
  virtual void backend_broken(std::exception_ptr error) noexcept = 0;

 protected:
  ~backend_host() = default;
};

/// Runs tasks. All functions but `start` and `stop` are called from any thread, concurrently, and
/// must not block.
class backend {
 public:
  virtual ~backend() = default;

  /// Called once, before any launch; the places that exist at first.
  virtual std::vector<place_info> start(backend_host& host) = 0;
  /// Called once, when no task is left: ends and joins all threads.
  virtual void stop() noexcept = 0;

  /// Whether plain tasks can run on its places; false for places that only lend tags.
  [[nodiscard]] virtual bool hosts_plain_tasks() const noexcept = 0;
  /// Whether its places may appear later: then a task that fits nowhere now waits.
  [[nodiscard]] virtual bool elastic() const noexcept { return false; }
  /// The cpu shares that a place has, for "cpu" amounts; tags of a pool of CPU workers.
  /// Amounts of tasks launched here are reserved by the pool when a worker picks the task; of other
  /// backends by the executor before the launch.
  [[nodiscard]] virtual bool reserves_at_start() const noexcept { return false; }
  /// The level that an edge needs when both tasks are to run here.
  [[nodiscard]] virtual edge_level edge_within() const noexcept { return edge_level::done; }

  /// `next`: the calling worker is about to be free and may take it at once. `first`: the task
  /// holds scarce amounts, so nothing should go before it.
  enum class launch_as { normal, next, first };
  virtual void launch(launched_task task, std::size_t place, launch_as how) noexcept = 0;
  /// Tries to take a launched task back that has not started; by force also one that has. True when
  /// it will not run (any more). Where tasks are only claimed at their start, cancelling a pending
  /// one needs no help.
  virtual bool revoke(std::uint64_t /*id*/, bool /*by_force*/) noexcept { return false; }
  /// A cancelling shutdown: cancel what is queued, and what is launched from now on.
  virtual void cancel_pending() noexcept {}
  /// Puts an array's numbers at a place, for tasks to come. Blocks. Throws when there is no room.
  virtual void put(std::size_t /*place*/, detail::data_block& /*numbers*/) {}
  /// Brings a value here that was reported remote. Throws when it is lost.
  virtual void fetch(std::uint64_t /*id*/) {}
  /// How many tasks are queued and running, to choose between places.
  [[nodiscard]] virtual std::size_t load() const noexcept { return 0; }
  [[nodiscard]] virtual std::size_t load_at(std::size_t /*place*/) const noexcept { return load(); }
  /// Of a backend whose places are devices: GPU tasks go there, their host parts to a pool. Null
  /// for others.
  [[nodiscard]] virtual detail::device_host* devices() noexcept { return nullptr; }
};

/// A place without workers: it only lends its tags to plain tasks, which run on a pool. "cpu" is no
/// such tag.
struct bare_place {
  std::string name;
  resources offers;
};
std::unique_ptr<backend> make_backend(bare_place config);

}  // namespace fronta
