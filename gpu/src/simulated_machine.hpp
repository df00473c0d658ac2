// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/simulated.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

// The inside of a simulation: what `simulated.cpp` has checked and taken apart into operations is
// queued, timed and done here.
namespace fronta::gpu::detail::sim {

struct stream;
struct parts;

/// Nanoseconds since the simulation began: the host's in real and scaled time, else the virtual
/// ones. Model durations are scaled before they come here.
using instant = std::int64_t;
constexpr instant never = std::numeric_limits<instant>::max();

/// One record of an event. A record has its own, so that a wait keeps to the record that it was
/// for when the event is recorded again.
struct mark {
  // Guarded by the machine's mutex.
  bool passed = false;
  instant at = 0;
  stream* first_waiter = nullptr;  // linked by stream::next_waiter
  int watchers = 0;                // threads in `synchronize`
};

struct event {
  parts* owner = nullptr;
  std::list<event>::iterator self;
  std::shared_ptr<mark> last;  // guarded by the machine's mutex; null before the first record
};

struct host_block_delete {
  void operator()(std::byte* p) const noexcept;
};

/// Memory of a device, or pinned memory: a block of the host's, so that sanitizers watch it.
struct block {
  std::unique_ptr<std::byte, host_block_delete> memory;
  std::size_t bytes;
  parts* owner;
  bool returned;  // deallocated by its user, though perhaps not yet in stream order
};
using blocks = std::map<const std::byte*, block>;

/// What became of a copy whose caller waits for it.
enum class outcome : std::uint8_t { pending, done, dropped };

// ---- Operations.

enum class engine_kind : std::uint8_t { compute, inward, outward, host_call, late_word, none };
constexpr std::size_t engine_kinds = 5;

enum class kernel_fate : std::uint8_t { ends, breaks, hangs };

struct run_work {
  std::unique_ptr<work> body;
  kernel_fate fate = kernel_fate::ends;
};
struct move_bytes {
  void* to;
  const void* from;
  std::size_t bytes;
  copy_kind kind;
  std::unique_ptr<std::byte[]> staged;  // what `from` points to, if it was pageable
  outcome* caller;                      // null when nobody waits
};
struct set_bytes {
  void* at;
  unsigned char value;
  std::size_t bytes;
};
struct store_word {
  std::atomic<std::uint64_t>* word;
  std::uint64_t value;
};
struct store_clock {
  std::atomic<std::uint64_t>* word;
};
struct pass_mark {
  std::shared_ptr<mark> which;
};
struct await_mark {
  std::shared_ptr<mark> which;
};
struct return_block {
  blocks::iterator which;
};
struct call_function {
  void (*function)(void*);
  void* context;
};

struct operation {
  std::variant<run_work, move_bytes, set_bytes, store_word, store_clock, pass_mark, await_mark,
               return_block, call_function>
      what;
  engine_kind engine = engine_kind::none;  // none: it is done at once when its turn comes
  double duration = 0;                     // by the model, before jitter and scale; nanoseconds
  // Set when it is queued.
  std::uint64_t order = 0;
  instant queued_at = 0;
  instant takes = 0;
  std::uint64_t mark = 0;  // for the device's records
};

// ---- Streams and engines. Everything in them that changes is guarded by the machine's mutex.

/// `free`: nothing of it is under way, so its head may be looked at. `waiting`: its head waits for
/// a mark. `eligible`: its head is in an engine's list. `running`: an engine has taken its head.
enum class standing : std::uint8_t { free, waiting, eligible, running };

struct stream {
  parts* owner = nullptr;
  int priority = 0;
  std::list<stream>::iterator self;
  std::list<operation> queue;
  standing stands = standing::free;
  bool listed = false;  // in machine::listed_
  bool doomed = false;  // destroyed: goes when what runs has ended and the rest is dropped
  stream* next_waiter = nullptr;
  instant time = 0;  // when, by the model, what it has done so far ended
};

struct engine {
  parts* owner = nullptr;
  engine_kind kind = engine_kind::none;
  std::vector<stream*> eligible;
  // What it is at: `current` holds one operation, of the stream `serving`, or none.
  std::list<operation> current;
  stream* serving = nullptr;
  instant begin = 0;
  instant end = 0;    // of the current operation, else of the last one
  std::string error;  // what the current operation did wrong
  // In real and scaled time.
  std::thread thread;
  std::condition_variable changed;
  bool parked = false;  // its thread waits for something eligible, and nobody has woken it
};

/// A device's streams, engines and counters.
struct parts {
  int index = 0;
  std::string name;  // such as "gpu:0"
  std::size_t memory = 0;
  std::array<engine, engine_kinds> engines;
  // Guarded by the machine's mutex.
  std::list<stream> streams;
  std::list<event> events;
  std::size_t used = 0;
  std::uint64_t operations = 0;
  std::uint64_t kernels = 0;
  std::uint64_t words = 0;
  std::uint64_t allocations = 0;
  bool broken = false;             // nothing more starts; but the fault does not show yet
  std::atomic<int> fault_code{0};  // changes under the mutex; may be read without it
  int fault_to_show = 700;         // CUDA_ERROR_ILLEGAL_ADDRESS
  std::string fault_text;
  work_recorder* recorder = nullptr;
  std::vector<std::pair<std::thread::id, std::uint64_t>> marks;  // of threads that have one
  void mark_thread(std::uint64_t mark) noexcept;
  [[nodiscard]] std::uint64_t thread_mark() const noexcept;
  [[nodiscard]] bool lost() const noexcept {
    return fault_code.load(std::memory_order_acquire) != 0;
  }
  engine& engine_for(engine_kind k) noexcept { return engines[static_cast<std::size_t>(k)]; }
};

/// What must be done only after the mutex has been released: destructors of others, frees that may
/// be slow, and waking threads that would want the mutex. Declare it before the lock.
struct aftermath {
  aftermath() = default;
  ~aftermath() { clear(); }
  aftermath(const aftermath&) = delete;
  aftermath& operator=(const aftermath&) = delete;
  std::list<operation> dropped;
  blocks freed;
  engine* woken = nullptr;
  [[nodiscard]] bool empty() const noexcept {
    return dropped.empty() && freed.empty() && woken == nullptr;
  }
  void clear() noexcept {
    if (woken != nullptr) std::exchange(woken, nullptr)->changed.notify_one();
    dropped.clear();
    freed.clear();
  }
};

/// All devices of a simulation. One mutex guards them, because events tie them together and a
/// simulation need not scale.
class machine {
 public:
  explicit machine(simulated config);
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  [[nodiscard]] const simulated& config() const noexcept { return config_; }
  [[nodiscard]] bool is_virtual() const noexcept {
    return config_.time.mode == simulated_time::kind::virtual_;
  }
  [[nodiscard]] parts& at(std::size_t index) { return *parts_.at(index); }
  /// In the machine's own nanoseconds. In virtual time it needs the mutex.
  [[nodiscard]] instant clock() const noexcept;
  [[nodiscard]] std::chrono::steady_clock::time_point began() const noexcept { return began_; }
  /// What a device's clock shows at that time; in virtual time the host's begins at 0 as well.
  [[nodiscard]] std::int64_t device_clock(instant at) const noexcept;
  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }
  bool step();
  /// Ends the engines: waits for payloads that run, drops the rest.
  void stop() noexcept;

  // ---- With the mutex held.

  /// Appends the one operation of `one`; an engine starts here. Throws before it changes anything.
  void push(stream& s, std::list<operation>& one, aftermath& after);
  [[nodiscard]] stream& add_stream(parts& d, int priority);
  void remove_stream(stream& s, aftermath& after) noexcept;
  /// The block of `of` that holds all the bytes; null when none does.
  static block* find(blocks& of, const void* p, std::size_t bytes) noexcept;
  [[nodiscard]] blocks& device_blocks() noexcept { return device_blocks_; }
  [[nodiscard]] blocks& pinned_blocks() noexcept { return pinned_blocks_; }
  void release(blocks::iterator which, aftermath& after) noexcept;

  // ---- Without it.

  /// Blocks until the mark has been passed or `d` is lost; true for the former. In virtual time it
  /// steps by itself, and is false too when nothing can happen any more.
  bool await(parts& d, const std::shared_ptr<mark>& m);
  /// The same for a copy that reports to `o`: `pending` when nothing can happen any more.
  outcome await(parts& d, const outcome& o);
  /// The device is at fault from now on, with that code; shown as any fault is.
  void give_up(parts& d, std::string why, int code, aftermath& after) noexcept;
  /// Takes such a copy back out of its stream; false if it has gone from there by now.
  bool withdraw(stream& s, const outcome& o, aftermath& after) noexcept;

 private:
  template <class Decided>
  void wait_for(std::unique_lock<std::mutex>& lock, const Decided& decided);
  void list(stream& s) noexcept;
  void settle(aftermath& after) noexcept;
  int advance(stream& s, aftermath& after) noexcept;
  void pass(mark& m, instant at) noexcept;
  static void unhook(stream& s) noexcept;
  void erase(stream& s) noexcept;
  void give_up(operation& op) noexcept;
  void lose(parts& d, const engine* by, aftermath& after) noexcept;
  void show_fault(parts& d, aftermath& after) noexcept;

  static bool startable(const engine& e) noexcept {
    return e.current.empty() && !e.eligible.empty();
  }
  void start(engine& e) noexcept;
  [[nodiscard]] bool reachable(const operation& op) noexcept;
  void run(engine& e) noexcept;
  void complete(engine& e, aftermath& after) noexcept;
  void vacate(engine& e, aftermath& after) noexcept;
  void tell_recorder(const engine& e) const noexcept;
  void serve(engine& e) noexcept;
  [[nodiscard]] instant duration(const parts& d, const operation& op) const noexcept;
  [[nodiscard]] engine* next_to_end() noexcept;
  [[nodiscard]] engine* next_to_start() noexcept;

  const simulated config_;
  const std::chrono::steady_clock::time_point began_;
  std::vector<std::unique_ptr<parts>> parts_;

  /// Held for a whole step, so that steps of several threads do not overlap. Taken before mutex_.
  std::mutex stepping_;
  std::mutex mutex_;
  std::condition_variable settled_;  // a watched mark, a caller's copy or a device changed
  // Guarded by mutex_.
  bool stopping_ = false;
  instant now_ = 0;  // in virtual time
  std::uint64_t queued_ = 0;
  std::vector<stream*> listed_;  // whose heads must be looked at; room for every stream
  std::size_t streams_ = 0;
  blocks device_blocks_;
  blocks pinned_blocks_;
};

}  // namespace fronta::gpu::detail::sim
