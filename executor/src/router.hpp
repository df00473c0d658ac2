// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/executor.hpp>
#include <fronta/placement.hpp>
#include <fronta/trace.hpp>

#include "cost_model.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fronta::detail {

/// Keepers to be dropped once a lock is released, since that may end in user code: declare it
/// before the lock.
struct late_keepers {
  std::vector<node*> nodes;
  late_keepers() = default;
  late_keepers(late_keepers&&) = default;
  late_keepers& operator=(late_keepers&&) = delete;
  ~late_keepers() {
    for (auto* n : nodes) n->drop_keeper();
  }
};

/// Decides where routed tasks go and accounts for tags. A reservation is one hosting place, for a
/// task with device tags also that device's place, and executor-wide tags: taken together under one
/// lock or not at all. Thread-safe.
///
/// A device's amounts are accounted in stream order: a GPU task may have those of an issued input,
/// behind which its own work goes there. The two share them from then on (`succession`), so it does
/// not matter which of them gives them back first. Executor-wide tags and those of a CPU place are
/// not passed on so: they may stand for something that host parts use, and these do not wait.
///
/// Tasks that must wait stand in one queue per set of needs, so none waits behind a task whose tags
/// it does not share. A task that was passed over `patience` times claims the place it waits for:
/// younger ones that want the same tags there go behind it.
class router {
 public:
  static constexpr std::uint32_t patience = 16;

  explicit router(const resources& executor_wide);

  struct target {
    backend* to;
    std::size_t local_place;
    std::int32_t number;
    node* task;
  };

  /// Places may appear later: what fits nowhere now may wait.
  void expect_places() noexcept { elastic_ = true; }
  /// The place's number. Throws std::invalid_argument for a name that is taken.
  std::int32_t add_place(const place_info& info, backend& owner, std::size_t local_place);
  void change_place(std::int32_t index, const resources& offers);
  void remove_place(std::int32_t index);

  /// Throws unsatisfiable_error when no place can ever run it.
  void check(const node& n, const char* verb) const;
  /// Throws std::invalid_argument when no place has, or may get, the name that it prefers.
  void check_preferred(const node& n, const char* verb) const;
  /// Of a new task with two bodies: whether its tags and `place_on` leave a device alone for it.
  [[nodiscard]] bool on_device_alone(node& n) const;
  /// Whether tasks that need one cpu share alone may bypass the router: one hosting pool.
  [[nodiscard]] std::optional<target> only_pool() const;

  /// Of a ready task: how many bytes of its inputs lie where, to which devices they are bound (-1:
  /// none; two are enough to know that it cannot run), and which draw it in spite of other work
  /// there: types may hide device memory, and who goes behind an input waits for it anyway.
  struct input_places {
    std::vector<std::pair<std::int32_t, std::size_t>> bytes;
    std::int32_t bound = -1;
    std::int32_t also_bound = -1;
    std::vector<std::int32_t> draw;
  };
  /// Throws unsatisfiable_error when no one device will do for all inputs.
  void note_inputs(node& n, input_places inputs);
  /// Has its CPU body run next, wherever that may: tags that devices alone offer, and a device
  /// named by `place_on`, count no more.
  void fall_back(node& n, std::string failure);
  /// Whether every device that it could go to is lost.
  [[nodiscard]] bool all_lost(const node& n) const;
  /// Where its data is, of a task that chooses its body or is timed.
  void note_data(node& n, input_data data);

  /// For the cost model: a timed task that holds its places gave its value; bytes were copied
  /// between the host and a place, or to the host from a memory.
  void ran(const node& n, std::chrono::nanoseconds took);
  void moved(std::int32_t at, bool to_host, std::size_t bytes, std::chrono::nanoseconds took);
  void fetched(const void* memory, std::size_t bytes, std::chrono::nanoseconds took);
  /// Why a task is, or was, where it is.
  [[nodiscard]] placement explain(const node& n, std::int32_t default_place) const;

  /// A ready task: where to launch it now, or nothing when it waits (its keeper went along).
  std::optional<target> route(node& n);
  /// A pool's worker picked it: reserves and claims.
  task_host::claim_result claim(node& n, std::int32_t at, bool inline_waiter);
  /// Gives back what it holds; the waiting tasks that may go now, holding their reservations.
  std::vector<target> release(node& n);
  /// Waiting tasks that may go after places or offers changed.
  std::vector<target> look_again();
  /// Whether some place could run it if nothing else ran.
  [[nodiscard]] bool has_place(const node& n) const;
  /// Waiting tasks, with a keeper added to each.
  [[nodiscard]] late_keepers waiting() const;
  /// Why no place will do: tags and place, or nothing when there are no places.
  [[nodiscard]] std::string restrictions(const node& n) const;
  /// All waiting tasks; they keep their keepers.
  std::vector<node*> take_waiting();

  [[nodiscard]] bool could_start(const node& n, std::span<node* const> stuck,
                                 std::string& missing) const;
  [[nodiscard]] std::string place_of(const node& n, std::int32_t default_place) const;
  [[nodiscard]] std::vector<place_status> places() const;
  [[nodiscard]] std::optional<std::int32_t> find_place(const std::string& name) const;
  /// Null for an unknown or removed place.
  [[nodiscard]] backend* owner_of(std::int32_t index) const;
  /// The backend of a hosting place, also of a removed one, and the place's number there.
  [[nodiscard]] std::pair<backend*, std::size_t> launching_place(std::int32_t index) const;
  [[nodiscard]] backend* backend_of(const std::string& place_name) const;

 private:
  struct tag {
    std::string name;
    std::int64_t total = 0;
    std::int64_t used = 0;
    [[nodiscard]] std::int64_t available() const noexcept { return total - used; }
  };
  struct place {
    std::string name;
    std::vector<tag> tags;
    backend* owner = nullptr;  // null once removed
    backend* made_by = nullptr;
    std::size_t local = 0;
    bool hosts = false;
    bool devices = false;  // GPU tasks go there
    bool pool = false;     // reserves at start; its "cpu" is the pool's own business
    // Of timed tasks that hold it, as a device: how many, and what is expected of them.
    std::size_t timed = 0;
    std::int64_t expected = 0;
    [[nodiscard]] bool lost() const noexcept;
    [[nodiscard]] bool simulated() const noexcept;
    [[nodiscard]] const void* memory() const noexcept;
  };
  struct candidate {
    std::int32_t host = -1;
    std::int32_t device = -1;
  };
  struct choice {
    candidate at;
    // Inputs that are on a device. Valid while mutex_ is held: those that hold something cannot
    // end.
    std::vector<node*> lenders;
    // Of a task that chooses its body or is timed.
    std::shared_ptr<const placement> why;
    std::int32_t asked = -1;  // the host, where it was given
    bool by_waiter = false;   // by a task that runs it where it was not sent
  };
  // What speaks for a candidate.
  struct score {
    double preferred = 0;
    double inputs = 0;
    double load = 0;
    [[nodiscard]] double sum() const noexcept { return preferred + inputs + load; }
  };
  // Waiting tasks of equal needs, by descending priority, then age.
  struct queue {
    std::map<std::pair<std::int64_t, std::uint64_t>, node*> tasks;
    candidate claimed;  // by the first task, once it was passed over too often
    bool claims = false;
  };

  // All with mutex_ held.
  template <class Tags>
  [[nodiscard]] static auto* find(Tags& tags, const std::string& name);
  template <class Self, class Use>
  static bool split(Self& self, const node& n, candidate c, Use&& use);
  template <class Each>
  void candidates(const node& n, Each&& each) const;
  [[nodiscard]] bool of_devices_alone(const std::string& name) const;
  [[nodiscard]] const place* device_of(candidate c) const noexcept;
  // Whether it would run its body for a device there.
  [[nodiscard]] bool on_device(const node& n, candidate c) const noexcept;
  [[nodiscard]] bool avoids(const node& n, candidate c) const;
  [[nodiscard]] std::size_t missing_bytes(const node& n, candidate c) const;
  [[nodiscard]] bool feasible(const node& n, candidate c) const;
  [[nodiscard]] bool available(const node& n, candidate c, std::span<node* const> lenders) const;
  // A tag that an older task has claimed, so that `n` must not take it; null where there is none.
  [[nodiscard]] const std::string* claimed_before(const node& n, candidate c) const;
  [[nodiscard]] bool wanted_above(const node& n, std::int32_t device, const tag& t) const;
  [[nodiscard]] static bool lends(const node& lender, const reservation::entry& e,
                                  std::int32_t device, const tag& t);
  [[nodiscard]] static std::vector<node*> lenders_of(node& n);
  [[nodiscard]] score score_of(const node& n, candidate c) const;
  [[nodiscard]] std::optional<choice> choose(node& n, std::int32_t host) const;
  // For traces: what decided, before anything is taken; and the tag that a waiting task lacks.
  [[nodiscard]] trace::route_reason reason_for(const node& n, const choice& chosen) const;
  [[nodiscard]] std::string_view missing_tag(const node& n) const;
  [[nodiscard]] cost_model::candidate weigh(const node& n, candidate c) const;
  [[nodiscard]] std::pair<candidate, std::shared_ptr<const placement>> weigh_all(
      const node& n, std::span<const candidate> possible, candidate by_score) const;
  [[nodiscard]] static cost_model::kind kind_of(const node& n);
  [[nodiscard]] cost_model::body body_at(const node& n, candidate c) const;
  void reserve(node& n, const choice& chosen);
  static std::int64_t follow(node& n, node& lender, std::int32_t device, const tag& t,
                             std::int64_t wanted);
  void give_back(node& n);
  [[nodiscard]] bool ended_meanwhile(node& n);
  void park(node& n);
  void passed_over(const node& n);
  void drop_claim(queue& q);
  [[nodiscard]] static std::string signature(const node& n);
  [[nodiscard]] std::vector<target> serve(late_keepers& ended);
  [[nodiscard]] target target_of(node& n, candidate c) const;

  mutable std::mutex mutex_;
  std::vector<place> places_;
  std::vector<tag> executor_wide_;
  std::map<std::string, queue> waiting_;
  std::uint64_t next_sequence_ = 1;
  std::size_t claims_ = 0;
  cost_model model_;
  bool elastic_ = false;  // constant once the executor is open
};

}  // namespace fronta::detail
