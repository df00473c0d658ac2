// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_recording.hpp>

#include <fronta/cpus.hpp>
#include <fronta/detail/futex.hpp>
#include <fronta/detail/worker.hpp>
#include <fronta/detail/yield_point.hpp>
#include <fronta/errors.hpp>

#include "trace_attach.hpp"
#include "trace_format.hpp"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): POSIX clocks
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

namespace fronta::trace {
namespace {

using format::cell;
using format::moment;

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::int64_t nanoseconds_of(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::int64_t steady_now() noexcept {
  static_assert(std::chrono::steady_clock::is_steady);
  return nanoseconds_of(CLOCK_MONOTONIC);  // what libstdc++'s steady_clock reads
}

// The same rate at all times, and in step on all cores as far as anybody can say.
bool invariant_tsc() noexcept {
#if defined(__x86_64__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x8000'0007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
#else
  return false;
#endif
}

// Neither the compiler nor the processor moves it before a store that precedes it in the program,
// as far as `see_all_writers` can tell.
std::uint64_t read_tsc() noexcept {
#if defined(__x86_64__)
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return (std::uint64_t{high} << 32) | low;
#else
  return 0;
#endif
}

// Every running thread of the process passes a full barrier before this returns: stores that it
// had made are visible then, and what it loads afterwards is as new as what we stored. That is
// dear for us, and so writers need no barrier of their own. False where the kernel has none.
bool see_all_writers() noexcept {
  static const bool registered =
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return registered && ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

// One that a file's memory lies behind.
class mapping {
 public:
  mapping(int file, std::size_t at, std::size_t bytes) : bytes_(bytes) {
    // Room on the disk first: a write to memory that the disk has no room for ends the process.
    if (const int error =
            ::posix_fallocate(file, static_cast<off_t>(at), static_cast<off_t>(bytes));
        error != 0) {
      throw std::system_error(error, std::generic_category());
    }
    data_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file,
                   static_cast<off_t>(at));
    if (data_ == MAP_FAILED) throw std::system_error(errno, std::generic_category());
  }
  mapping(mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  mapping& operator=(mapping&&) = delete;
  ~mapping() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }
  [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
  void leak() noexcept { data_ = nullptr; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

// A ring belongs to the recording; a thread leases it, and another one after it.
struct ring {
  explicit ring(mapping m, std::uint32_t n) : memory(std::move(m)), number(n) {
    for (const auto at : {format::ring_head_at, format::ring_tail_at, format::ring_lost_at}) {
      new (memory.data() + at) std::atomic<std::uint64_t>(0);
    }
  }
  [[nodiscard]] std::atomic<std::uint64_t>& word(std::size_t at) const noexcept {
    return *std::launder(reinterpret_cast<std::atomic<std::uint64_t>*>(memory.data() + at));
  }
  // Written by the thread that has it. A release publishes the cells before it.
  [[nodiscard]] std::atomic<std::uint64_t>& head() const noexcept {
    return word(format::ring_head_at);
  }
  // Written by whoever drains. A release gives the cells before it back.
  [[nodiscard]] std::atomic<std::uint64_t>& tail() const noexcept {
    return word(format::ring_tail_at);
  }
  [[nodiscard]] std::atomic<std::uint64_t>& lost() const noexcept {
    return word(format::ring_lost_at);
  }
  [[nodiscard]] cell* cells() const noexcept {
    return reinterpret_cast<cell*>(memory.data() + format::page);
  }

  mapping memory;
  const std::uint32_t number;
  std::int64_t last_time = 0;  // of the file's; guarded by the recorder's drain_mutex_
};
static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t) &&
              std::atomic<std::uint64_t>::is_always_lock_free);

// What a thread writes through. Lies in thread-local storage, so nobody looks for it.
struct writer {
  static constexpr std::uint32_t none = 0xFFFF'FFFF;
  // Odd while the thread is at an event: from before it reads the clock until it has published.
  // Its own thread alone writes it.
  std::atomic<std::uint32_t> state{0};
  std::uint32_t generation = none;  // the recording that the rest is of
  std::uint32_t refused = 0;        // the one that had no ring for it
  // Own thread only.
  cell* cells = nullptr;
  std::atomic<std::uint64_t>* head = nullptr;
  std::uint64_t written = 0;
  std::uint64_t end = 0;      // how far there is room, as last seen
  std::uint64_t wake_at = 0;  // once so much is written, draining is worth it
  std::uint64_t lost = 0;     // since the last event that found room
  // Guarded by rings_mutex_.
  ring* leased = nullptr;
  std::uint32_t seen = 0;       // `state` as the last look found it
  std::int64_t not_before = 0;  // by the file's time: what it is at since is stamped later
  enum class life : std::uint8_t { fresh, known, over } stage = life::fresh;
};

constinit thread_local writer this_writer;

// Threads of the process; never destroyed, as they may tell until the very end.
class recorder final : public sink {
 public:
  std::uint32_t start(const std::string& file, recording_options options);
  // Gives the number of dropped events.
  std::uint64_t stop(std::uint32_t generation);
  void flush(std::uint32_t generation);
  [[nodiscard]] std::uint64_t dropped() noexcept;

  void record(const event& e) noexcept override;
  void record_text(const event& e, std::string_view text) noexcept override;
  void record(const device_span& s) noexcept override;

  void leave(writer& w) noexcept;  // a thread ends

  // Around a fork.
  void hold() noexcept;
  void go_on() noexcept;
  void be_child() noexcept;

 private:
  template <class Fill>
  void write(std::size_t cells, Fill fill) noexcept;
  [[gnu::noinline, gnu::cold]] bool make_room(writer& w, std::size_t cells) noexcept;
  [[gnu::noinline, gnu::cold]] void wake(writer& w) noexcept;
  bool attach(writer& w) noexcept;
  ring* lease();
  void tell_thread() noexcept;
  [[gnu::noinline, gnu::cold]] void record_cpu_time(const event& e) noexcept;
  [[nodiscard]] std::uint64_t ticks() const noexcept {
    return tsc_ ? read_tsc() : static_cast<std::uint64_t>(slow_now());
  }
  [[nodiscard]] moment now() const noexcept;
  [[nodiscard]] std::int64_t slow_now() const noexcept { return clock_ ? clock_() : steady_now(); }

  void drain_all(bool at_end) noexcept;
  void drain_rings(bool at_end);
  // Of a ring: how far it is published.
  struct published {
    ring* of;
    std::uint64_t until;
  };
  struct seen_rings {
    std::vector<published> all;
    std::uint64_t lost = 0;
    std::int64_t known;  // nothing earlier is published later
  };
  [[nodiscard]] seen_rings look_at_rings(std::int64_t now, bool at_end);
  [[nodiscard]] bool note_writers(std::int64_t& known, bool first);
  void tell_pulse(std::uint64_t lost);
  [[nodiscard]] format::rings_header& shared_header() const noexcept {
    return *std::launder(reinterpret_cast<format::rings_header*>(shared_->data()));
  }
  void drain(ring& r, std::uint64_t until, const format::timeline& times);
  std::uint64_t text_number(std::string_view text);
  void write_chunk(format::chunk_kind kind, format::bytes payload);
  void put(format::bytes b);
  void drain_loop();

  // Written while nobody records; read by writers that have seen the generation.
  std::atomic<std::uint32_t> generation_{0};  // 0: off
  bool tsc_ = false;
  std::function<std::int64_t()> clock_;  // empty: the host's
  std::atomic<bool> cpu_time_{false};
  // Atomic: who has just told an event of the recording before looks at it for the next wake.
  std::atomic<std::uint64_t> mask_ = 0;
  // Not 0: the drainer is to look at once, since a ring filled by a quarter, or to end.
  std::atomic<std::uint32_t> wanted_{0};
  static constexpr std::uint32_t look = 1;
  static constexpr std::uint32_t end_now = 2;
  std::atomic<std::uint64_t> unplaced_{0};  // events of threads that got no ring

  std::mutex rings_mutex_;  // never taken by a thread in the middle of an event
  // Guarded by rings_mutex_.
  std::vector<std::unique_ptr<ring>> rings_;
  std::vector<ring*> free_;
  std::vector<writer*> writers_;
  int rings_file_ = -1;

  std::mutex drain_mutex_;  // before rings_mutex_
  // Guarded by drain_mutex_.
  int file_ = -1;
  std::string name_;
  std::error_code failed_;
  std::unique_ptr<mapping> shared_;  // the header of the rings' file
  std::int64_t origin_ = 0;
  moment last_;
  std::unordered_map<std::string, std::uint64_t> texts_;
  format::byte_writer new_texts_;
  format::byte_writer records_;
  std::int64_t looked_ = 0;  // when the rings were last looked at
  std::int64_t known_ = 0;   // nothing earlier comes any more
  std::int64_t marked_ = 0;  // what the file says of that
  std::uint64_t told_lost_ = 0;

  std::uint32_t last_generation_ = 0;  // guarded by drain_mutex_
  std::thread drainer_;
  std::chrono::milliseconds every_{0};
  std::optional<attach_point> attach_point_;  // the drainer's, while there is one
};

recorder& the_recorder() noexcept {
  static auto* const process_wide = [] {
    // Out of memory here, it terminates.
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new)
    auto* const made = new recorder;
    // For a thread that forks before this function is done.
    static recorder* of_handlers = nullptr;
    of_handlers = made;
    // Without memory for that a forked child shares its parent's rings.
    static_cast<void>(::pthread_atfork([] { of_handlers->hold(); }, [] { of_handlers->go_on(); },
                                       [] { of_handlers->be_child(); }));
    return made;
  }();
  return *process_wide;
}

// Gives the ring back when its thread ends.
struct thread_end {
  ~thread_end() { the_recorder().leave(this_writer); }
  void arm() const noexcept {}
};
thread_local const thread_end this_thread_end;

// ---- Writing: any thread.

// One event. Whoever drains or stops looks at `state` after a barrier on all threads, so either we
// see that the recording is over, or they see that we are at it and wait.
template <class Fill>
void recorder::write(std::size_t cells, Fill fill) noexcept {
  auto& w = this_writer;
  w.state.store(w.state.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // for the compiler, see above
  fronta::detail::yield_point();
  if (w.generation != generation_.load(std::memory_order_relaxed) || w.written + cells > w.end)
      [[unlikely]] {
    if (!make_room(w, cells)) return;
  }
  const auto stamp = ticks();
  fronta::detail::yield_point();
  const auto before = w.written;
  fill(stamp, [&](std::size_t i) -> cell& { return w.cells[(before + i) & mask_]; });
  w.written = before + cells;
  fronta::detail::yield_point();
  w.head->store(w.written, std::memory_order_release);
  fronta::detail::yield_point();
  w.state.store(w.state.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (w.written >= w.wake_at) [[unlikely]]
    wake(w);
}

// True, and still at an event, when there is room for `cells`. Counts what finds none.
bool recorder::make_room(writer& w, std::size_t cells) noexcept {
  const auto leave_event = [&] {
    w.state.store(w.state.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  };
  while (w.generation != generation_.load(std::memory_order_relaxed)) {
    leave_event();
    if (!attach(w)) return false;
    w.state.store(w.state.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  const auto full = w.leased->tail().load(std::memory_order_acquire) + mask_ + 1;
  if (w.written + cells + (w.lost != 0 ? 1 : 0) > full) {
    ++w.lost;
    auto& lost = w.leased->lost();
    lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    w.end = 0;  // so that we come here next time, too
    leave_event();
    return false;
  }
  w.end = full;
  if (w.lost != 0) {
    w.cells[w.written++ & mask_] = {
        ticks(), static_cast<std::uint8_t>(event_kind::lost), 0, 0, -1, 0, w.lost};
    w.lost = 0;
  }
  return true;
}

// A quarter of the ring was written since the last time.
void recorder::wake(writer& w) noexcept {
  w.wake_at = w.written + (mask_ + 1) / 4;
  if (wanted_.fetch_or(look, std::memory_order_relaxed) == 0) {
    fronta::detail::futex_wake_one(wanted_);
  }
}

void recorder::record(const event& e) noexcept {
  write(1, [&](std::uint64_t stamp, auto at) {
    at(0) = {stamp, static_cast<std::uint8_t>(e.kind), 0, e.executor, e.slot, e.task, e.argument};
  });
  if (cpu_time_.load(std::memory_order_relaxed)) [[unlikely]]
    record_cpu_time(e);
}

void recorder::record_cpu_time(const event& e) noexcept {
  using enum event_kind;
  switch (e.kind) {
    case start:
    case block:
    case unblock:
    case finish:
    case retry:
    case issue:
    case fall_back:
      break;
    default:
      return;
  }
  const auto used = static_cast<std::uint64_t>(nanoseconds_of(CLOCK_THREAD_CPUTIME_ID));
  write(1, [&](std::uint64_t stamp, auto at) {
    at(0) = {stamp, static_cast<std::uint8_t>(cpu_time), 0, e.executor, e.slot, e.task, used};
  });
}

void recorder::record_text(const event& e, std::string_view text) noexcept {
  const auto kept = format::cut(text);
  const auto more = format::cells_of_text(kept.size());
  write(1 + more, [&](std::uint64_t stamp, auto at) {
    at(0) = {stamp,
             static_cast<std::uint8_t>(e.kind),
             static_cast<std::uint8_t>(more),
             e.executor,
             e.slot,
             e.task,
             e.argument};
    if (more == 0) return;
    std::array<char, (format::most_cells - 1) * sizeof(cell)> padded{};
    padded[0] = static_cast<char>(kept.size());
    std::memcpy(padded.data() + 1, kept.data(), kept.size());
    for (std::size_t i = 0; i < more; ++i) {
      std::memcpy(static_cast<void*>(&at(1 + i)), padded.data() + i * sizeof(cell), sizeof(cell));
    }
  });
}

void recorder::record(const device_span& s) noexcept {
  const format::span_cells rest{s.place,
                                s.stream,
                                static_cast<std::uint8_t>(s.what),
                                static_cast<std::uint8_t>(s.grade),
                                static_cast<std::uint8_t>(s.simulated ? 1 : 0),
                                {},
                                s.begin_earliest,
                                s.begin_latest,
                                s.end_earliest,
                                s.end_latest,
                                s.bytes,
                                0};
  write(3, [&](std::uint64_t stamp, auto at) {
    at(0) = {stamp, format::device_span_kind, 2, s.executor, -1, s.task, 0};
    std::memcpy(static_cast<void*>(&at(1)), &rest, sizeof(cell));
    std::memcpy(static_cast<void*>(&at(2)),
                reinterpret_cast<const std::byte*>(&rest) + sizeof(cell), sizeof(cell));
  });
}

// The thread's first event of a recording.
bool recorder::attach(writer& w) noexcept {
  auto generation = generation_.load(std::memory_order_relaxed);
  if (generation == 0) return false;
  // No second try, which would lock again. Or its thread-locals are being destroyed.
  if (w.refused == generation || w.stage == writer::life::over) {
    unplaced_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  try {
    const std::lock_guard lock(rings_mutex_);
    generation = generation_.load(std::memory_order_relaxed);
    if (generation == 0) return false;
    auto* const leased = lease();
    if (w.stage == writer::life::fresh) {
      writers_.push_back(&w);
      w.stage = writer::life::known;
    }
    w.leased = leased;
    w.cells = leased->cells();
    w.head = &leased->head();
    w.written = w.head->load(std::memory_order_relaxed);
    w.end = 0;
    w.wake_at = w.written + (mask_ + 1) / 4;
    w.lost = 0;
    w.generation = generation;
  } catch (...) {  // no memory, no room on the disk
    w.refused = generation;
    unplaced_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  this_thread_end.arm();
  tell_thread();
  return true;
}

ring* recorder::lease() {
  if (!free_.empty()) {
    auto* const again = free_.back();
    free_.pop_back();
    return again;
  }
  const auto cells = static_cast<std::size_t>(mask_ + 1);
  const auto number = rings_.size();
  free_.reserve(number + 1);  // giving one back must not throw
  rings_.push_back(std::make_unique<ring>(
      mapping(rings_file_, format::ring_at(number, cells), format::ring_bytes(cells)),
      static_cast<std::uint32_t>(number)));
  return rings_.back().get();
}

void recorder::tell_thread() noexcept {
  std::array<char, 32> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  const auto* const worker = fronta::detail::this_worker;
  const bool of_pool = worker != nullptr && worker->host != nullptr;
  record_text(
      event{event_kind::thread, of_pool ? worker->host->traced_as : std::uint16_t{0},
            of_pool ? worker->slot() : -1, of_pool ? static_cast<std::uint64_t>(worker->place) : 0,
            static_cast<std::uint64_t>(::syscall(SYS_gettid))},
      std::string_view(name.data()));
}

void recorder::leave(writer& w) noexcept {
  // The main thread's memory stays, and static objects are still to be destroyed.
  if (::syscall(SYS_gettid) == ::getpid()) return;
  const std::lock_guard lock(rings_mutex_);
  if (w.stage == writer::life::known) std::erase(writers_, &w);
  w.stage = writer::life::over;
  if (w.leased != nullptr && w.generation == generation_.load(std::memory_order_relaxed)) {
    free_.push_back(w.leased);
  }
  w.leased = nullptr;
  w.generation = writer::none;
}

// ---- Draining: the recording's thread, or who flushes.

// The tightest of a few pairs.
moment recorder::now() const noexcept {
  if (!tsc_) {
    const auto t = slow_now();
    return {static_cast<std::uint64_t>(t), t};
  }
  moment best;
  auto width = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 5; ++i) {
    const auto before = read_tsc();
    const auto steady = steady_now();
    const auto after = read_tsc();
    if (after - before < width) {
      width = after - before;
      best = {before + width / 2, steady};
    }
  }
  return best;
}

std::uint64_t recorder::text_number(std::string_view text) {
  const auto [at, is_new] = texts_.try_emplace(std::string(text), texts_.size() + 1);
  if (is_new) new_texts_.text(text);
  return at->second;
}

void recorder::put(format::bytes b) {
  while (!b.empty() && !failed_) {
    const auto done = ::write(file_, b.data(), b.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      failed_ = std::error_code(errno, std::generic_category());
      return;
    }
    b = b.subspan(static_cast<std::size_t>(done));
  }
}

void recorder::write_chunk(format::chunk_kind kind, format::bytes payload) {
  const format::chunk_header header{kind, static_cast<std::uint32_t>(payload.size()),
                                    format::checksum(kind, payload)};
  put(std::as_bytes(std::span(&header, 1)));
  put(payload);
}

// Moves what was published before `until` into the file.
void recorder::drain(ring& r, std::uint64_t until, const format::timeline& times) {
  constexpr std::uint64_t most_at_once = 8'192;  // cells: bounds what a chunk takes of memory
  auto tail = r.tail().load(std::memory_order_relaxed);
  auto* const cells = r.cells();
  while (tail != until && !failed_) {
    const auto from = tail;
    records_.clear();
    format::byte_writer one;
    std::array<cell, format::most_cells> whole{};
    event before{};
    before.slot = -1;
    auto time = r.last_time;
    const auto first_time = time;
    while (tail != until && tail - from < most_at_once) {
      const auto& first = cells[tail & mask_];
      const auto count = std::min<std::uint64_t>(std::size_t{1} + first.more, whole.size());
      for (std::uint64_t i = 0; i < count; ++i) {
        whole[i] = cells[(tail + i) & mask_];
      }
      std::size_t used = 0;
      const auto e =
          format::read_cells(std::span(whole).first(static_cast<std::size_t>(count)), used);
      // Not before the mark, by which it was not there yet: two comparisons of clocks that are
      // close to each other tell their rate less well.
      const auto at = std::max({time, known_, times.steady(whole[0].stamp) - origin_});
      tail += count;
      if (!e) continue;
      std::uint8_t flags = 0;
      if (e->what.task == 0) {
        flags |= format::no_task;
      } else if (e->what.task == before.task) {
        flags |= format::same_task;
      }
      if (e->what.slot == before.slot) flags |= format::same_slot;
      if (e->what.executor == before.executor) flags |= format::same_executor;
      if (e->what.argument == 0) flags |= format::no_argument;
      if (!e->text.empty()) flags |= format::has_text;
      one.clear();
      one.byte(whole[0].kind);
      one.byte(flags);
      one.number(static_cast<std::uint64_t>(at - time));
      if ((flags & format::same_slot) == 0) one.signed_number(e->what.slot);
      if ((flags & format::same_executor) == 0) one.number(e->what.executor);
      if ((flags & (format::same_task | format::no_task)) == 0) one.word(e->what.task);
      if ((flags & format::no_argument) == 0) one.number(e->what.argument);
      if ((flags & format::has_text) != 0) one.number(text_number(e->text));
      if (e->span) format::write_span(one, *e->span, origin_);
      records_.number(one.all().size());
      records_.raw(one.all());
      time = at;
      if (e->what.task != 0) before.task = e->what.task;
      before.slot = e->what.slot;
      before.executor = e->what.executor;
    }
    if (!new_texts_.empty()) {
      write_chunk(format::chunk_kind::texts, new_texts_.all());
      new_texts_.clear();
    }
    format::byte_writer chunk;
    chunk.number(r.number);
    chunk.number(from);
    chunk.number(tail - from);
    chunk.number(static_cast<std::uint64_t>(first_time));
    chunk.raw(records_.all());
    write_chunk(format::chunk_kind::events, chunk.all());
    if (failed_) return;
    r.last_time = time;
    r.tail().store(tail, std::memory_order_release);
  }
}

// Looks at what each writer is at. `known`: before it nothing is published any more. True when some
// are still at what the first look found them at.
// Requires rings_mutex_.
bool recorder::note_writers(std::int64_t& known, bool first) {
  bool busy = false;
  for (auto* w : writers_) {
    if (w->leased == nullptr) continue;
    // Acquire: what it published is behind the head that is read next.
    const auto state = w->state.load(std::memory_order_acquire);
    if (first && state != w->seen) {
      w->seen = state;
      w->not_before = looked_;  // it was not at that then
    }
    // It is at nothing, or at something that it stamps after the first look began.
    if ((state & 1) == 0 || state != w->seen) continue;
    busy = true;
    known = std::min(known, w->not_before);
  }
  return busy;
}

// Events that are stamped before `now` and not yet published belong to a writer that is seen at
// one. A busy one is so most of the time, so all of them together are worth a moment; one whose
// core was taken away, or that waits for its page, is not waited for. Nobody else is kept waiting
// by that.
recorder::seen_rings recorder::look_at_rings(std::int64_t now, bool at_end) {
  constexpr std::int64_t patience = 300'000;
  const auto until = steady_now() + patience;  // the host's time, whatever clock was given
  for (bool first = true;; first = false) {
    const bool late = steady_now() >= until;
    {
      const std::lock_guard lock(rings_mutex_);
      seen_rings found{.all = {}, .known = now};
      const bool busy = !at_end && note_writers(found.known, first);
      if (!busy || late) {
        found.lost = unplaced_.load(std::memory_order_relaxed);
        found.all.reserve(rings_.size());
        for (const auto& r : rings_) {
          found.all.push_back({r.get(), r->head().load(std::memory_order_acquire)});
          found.lost += r->lost().load(std::memory_order_relaxed);
        }
        return found;
      }
    }
    std::this_thread::yield();
  }
}

// Requires drain_mutex_.
void recorder::drain_rings(bool at_end) {
  const auto now_is = now();
  const bool barrier = see_all_writers();
  // Without the barrier a store may be on its way, for far less than this.
  const auto looked = now_is.steady - origin_ - (barrier ? 0 : 1'000'000);
  const auto seen = look_at_rings(looked, at_end);
  looked_ = looked;
  if (now_is.ticks != last_.ticks) {
    auto& rings = shared_header();
    const std::atomic_ref<std::uint64_t> written(rings.moments_written);
    const auto next = written.load(std::memory_order_relaxed) + 1;
    rings.moments[next & 1] = {last_, now_is};
    written.store(next, std::memory_order_release);
  }
  const format::timeline times(last_, now_is);
  bool any = false;
  for (const auto& t : seen.all) {
    any = any || t.of->tail().load(std::memory_order_relaxed) != t.until;
    drain(*t.of, t.until, times);
  }
  last_ = now_is;
  known_ = std::max(seen.known, known_);
  const auto lost = seen.lost;
  constexpr std::int64_t a_second = 1'000'000'000;
  if (any || lost != told_lost_ || known_ - marked_ >= a_second || at_end) {
    format::byte_writer mark;
    mark.number(static_cast<std::uint64_t>(known_));
    mark.number(lost);
    write_chunk(format::chunk_kind::mark, mark.all());
    marked_ = known_;
    told_lost_ = lost;
  }
  if (!failed_) tell_pulse(lost);
}

// Behind the chunks: who has read it finds them in the file.
void recorder::tell_pulse(std::uint64_t lost) {
  auto& rings = shared_header();
  const std::atomic_ref<std::uint64_t> written(rings.pulses_written);
  // What comes next writes over the last but one: readers must have been able to see the number of
  // the last one first. So this is no load but a change, which what follows stays behind.
  const auto next = written.fetch_add(0, std::memory_order_acq_rel) + 1;
  rings.pulses[next & 1] = {known_, steady_now(), lost};
  written.store(next, std::memory_order_release);
}

void recorder::drain_all(bool at_end) noexcept {
  if (failed_) return;
  try {
    drain_rings(at_end);
  } catch (...) {
    // Half a chunk may be made up: the file ends before it.
    failed_ = std::make_error_code(std::errc::not_enough_memory);
  }
}

void recorder::drain_loop() {
  ::pthread_setname_np(::pthread_self(), "fronta-trace");
  for (;;) {
    fronta::detail::futex_wait(wanted_, 0, deadline(every_));
    if ((wanted_.exchange(0, std::memory_order_acquire) & end_now) != 0) return;
    {
      const std::lock_guard lock(drain_mutex_);
      drain_all(false);
    }
    if (attach_point_) attach_point_->serve();
  }
}

// ---- Beginning and end.

struct opened {
  int fd = -1;
  ~opened() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void cannot_write(const std::string& file, const char* why = "cannot write") {
  std::string what = "trace::recording: ";
  what.append(why).append(" \"").append(file).append("\"; name another file");
  throw_errno(what);
}

// What a program tells is its user's alone, unless the file is there already. It is written over,
// so a link to it must not be one that somebody else put there. Nobody at the other end of a pipe
// is waited for.
int open_file(const std::string& file) {
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
  opened made;
  made.fd = ::open(file.c_str(), flags | O_NOFOLLOW, 0600);
  if (made.fd < 0 && errno == ELOOP) {
    struct stat link{};
    if (::lstat(file.c_str(), &link) != 0) cannot_write(file);
    if (link.st_uid != ::geteuid() && link.st_uid != 0) {
      errno = EACCES;
      cannot_write(file, "does not follow another user's link");
    }
    made.fd = ::open(file.c_str(), flags, 0600);
  }
  if (made.fd < 0) cannot_write(file);
  struct stat found{};
  if (::fstat(made.fd, &found) != 0) cannot_write(file);
  if (!S_ISREG(found.st_mode)) {
    errno = ENOTSUP;
    cannot_write(file, "can record in files only, not in");
  }
  return std::exchange(made.fd, -1);
}

// Whatever lies there is of a process that was killed. Somebody may still read it, so not the same
// file anew, nor what a link there names. Who may read FILE may read it.
int open_rings(const std::string& name, int file) {
  struct stat beside{};
  if (::fstat(file, &beside) != 0) cannot_write(name);
  ::unlink(name.c_str());
  opened made;
  made.fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  struct stat own{};
  if (made.fd < 0 || ::fstat(made.fd, &own) != 0) cannot_write(name);
  // Its group, too, where that is allowed; else no group.
  auto others = beside.st_mode & 0044;
  if (own.st_gid != beside.st_gid &&
      ::fchown(made.fd, static_cast<uid_t>(-1), beside.st_gid) != 0) {
    others &= 0004;
  }
  if (::fchmod(made.fd, 0600 | others) != 0) cannot_write(name);
  return std::exchange(made.fd, -1);
}

std::uint32_t recorder::start(const std::string& file, recording_options options) {
  const std::lock_guard lock(drain_mutex_);
  if (generation_.load(std::memory_order_relaxed) != 0) {
    throw invalid_state_error("trace::recording: this process is being recorded in \"" + name_ +
                              "\"; end that recording first");
  }
  const auto cells = std::bit_ceil(std::clamp<std::size_t>(options.ring_events, 64, 1U << 24));
  opened main;
  opened beside;
  main.fd = open_file(file);
  if (::flock(main.fd, LOCK_EX | LOCK_NB) != 0) {
    throw_errno("trace::recording: \"" + file +
                "\" is being written by another process; name another file, with %p in "
                "FRONTA_TRACE for the process's number");
  }
  const auto rings_name = file + std::string(format::rings_suffix);
  beside.fd = open_rings(rings_name, main.fd);
  std::unique_ptr<mapping> shared;
  try {
    shared = std::make_unique<mapping>(beside.fd, 0, format::page);
  } catch (const std::system_error& error) {
    ::unlink(rings_name.c_str());
    throw std::system_error(error.code(), "trace::recording: cannot share memory with \"" +
                                              rings_name + "\"; name a file on a local disk");
  }
  if (::ftruncate(main.fd, 0) != 0) throw_errno("trace::recording: cannot write \"" + file + "\"");

  clock_ = std::move(options.clock);
  tsc_ = !clock_ && invariant_tsc();
  const auto* const cpu = std::getenv("FRONTA_TRACE_CPU");
  cpu_time_ = options.cpu_time || (cpu != nullptr && std::string_view(cpu) == "1");
  mask_ = cells - 1;
  wanted_ = 0;
  unplaced_ = 0;
  failed_.clear();
  texts_.clear();
  new_texts_.clear();
  looked_ = 0;
  known_ = 0;
  marked_ = 0;
  told_lost_ = 0;
  const auto first = now();
  origin_ = first.steady;
  // A process that is killed soon leaves no later pair behind.
  do last_ = now();
  while (tsc_ && last_.steady - first.steady < 100'000);
  name_ = file;
  every_ = options.flush_every;

  format::file_header header;
  header.clock = tsc_ ? format::clock_kind::tsc : format::clock_kind::steady;
  if (clock_) header.clock = format::clock_kind::given;
  header.process = static_cast<std::uint32_t>(::getpid());
  std::random_device random;
  header.recording = (std::uint64_t{random()} << 32) | random();
  header.origin_steady = origin_;
  header.origin_unix = nanoseconds_of(CLOCK_REALTIME);
  ::gethostname(header.host.data(), header.host.size() - 1);
  format::rings_header rings;
  rings.cells = static_cast<std::uint32_t>(cells);
  rings.recording = header.recording;
  rings.moments[0] = {first, last_};
  rings.pulses[1] = {0, steady_now(), 0};
  rings.pulses_written = 1;
  new (shared->data()) format::rings_header(rings);
  trace::hold(beside.fd);

  file_ = std::exchange(main.fd, -1);
  put(std::as_bytes(std::span(&header, 1)));
  format::byte_writer process;
  process.number(usable_cpus());
  write_chunk(format::chunk_kind::process, process.all());
  if (failed_) {
    ::close(std::exchange(file_, -1));
    ::unlink(rings_name.c_str());
    throw std::system_error(failed_, "trace::recording: cannot write \"" + file + "\"");
  }
  shared_ = std::move(shared);
  {
    const std::lock_guard rings_lock(rings_mutex_);
    rings_file_ = std::exchange(beside.fd, -1);
  }
  last_generation_ = last_generation_ + 1 == writer::none ? 1 : last_generation_ + 1;
  if (every_.count() > 0) {
    attach_point_.emplace(file, file_, rings_file_);
    // Signals are the program's to take.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      drainer_ = std::thread([this] { drain_loop(); });
    } catch (...) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      const std::lock_guard rings_lock(rings_mutex_);
      ::close(std::exchange(rings_file_, -1));
      ::close(std::exchange(file_, -1));
      attach_point_.reset();
      shared_.reset();
      ::unlink(rings_name.c_str());
      throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  {
    // Under the lock that threads take to get a ring.
    const std::lock_guard rings_lock(rings_mutex_);
    generation_.store(last_generation_, std::memory_order_relaxed);
  }
  detail::set_recorder(this);
  return last_generation_;
}

void recorder::flush(std::uint32_t generation) {
  const std::lock_guard lock(drain_mutex_);
  if (generation_.load(std::memory_order_relaxed) != generation) return;
  drain_all(false);
  if (failed_) {
    throw std::system_error(failed_, "trace::recording: writing \"" + name_ +
                                         "\" failed; it ends there, make room for the next");
  }
}

std::uint64_t recorder::dropped() noexcept {
  const std::lock_guard lock(rings_mutex_);
  auto sum = unplaced_.load(std::memory_order_relaxed);
  for (const auto& r : rings_) sum += r->lost().load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t recorder::stop(std::uint32_t generation) {
  {
    const std::lock_guard lock(drain_mutex_);
    if (generation_.load(std::memory_order_relaxed) != generation) return 0;
    detail::set_recorder(nullptr);
    const std::lock_guard rings_lock(rings_mutex_);
    generation_.store(0, std::memory_order_relaxed);
  }
  wanted_.fetch_or(end_now, std::memory_order_release);
  fronta::detail::futex_wake_one(wanted_);
  if (drainer_.joinable()) drainer_.join();

  const std::lock_guard lock(drain_mutex_);
  attach_point_.reset();
  const bool seen = see_all_writers();
  {
    // Whoever was at an event ends it; whoever comes now sees that it is over.
    const std::lock_guard rings_lock(rings_mutex_);
    for (auto* w : writers_) {
      while ((w->state.load(std::memory_order_acquire) & 1) != 0) std::this_thread::yield();
    }
  }
  drain_all(true);
  write_chunk(format::chunk_kind::end, {});
  const auto lost = dropped();
  {
    const std::lock_guard rings_lock(rings_mutex_);
    for (auto* w : writers_) w->leased = nullptr;
    free_.clear();
    if (!seen) {
      for (const auto& r : rings_) r->memory.leak();  // somebody may still be on its way there
    }
    rings_.clear();
    ::close(std::exchange(rings_file_, -1));
  }
  shared_.reset();
  ::close(std::exchange(file_, -1));
  if (!failed_) ::unlink((name_ + std::string(format::rings_suffix)).c_str());
  if (failed_) {
    throw std::system_error(failed_, "trace::recording: writing \"" + name_ +
                                         "\" failed; it ends there, make room for the next");
  }
  return lost;
}

// ---- A fork, after which the child has our memory, but not our threads.

// So that nobody is in the middle of anything but telling.
void recorder::hold() noexcept {
  drain_mutex_.lock();
  rings_mutex_.lock();
  detail::lock_sinks();
}

void recorder::go_on() noexcept {
  detail::unlock_sinks();
  rings_mutex_.unlock();
  drain_mutex_.unlock();
}

// The recording is the parent's: its rings, its files and the locks on them, which would outlive it
// with the child's copies of their descriptors. The child tells nothing, and ends nothing.
void recorder::be_child() noexcept {
  detail::unlock_sinks();
  detail::set_recorder(nullptr);
  generation_.store(0, std::memory_order_relaxed);
  // There is no such thread here to be waited for.
  std::construct_at(&drainer_);
  if (attach_point_) attach_point_->leave_to_parent();
  attach_point_.reset();
  auto& own = this_writer;
  writers_.clear();
  if (own.stage == writer::life::known) writers_.push_back(&own);  // as there was room for more
  own.leased = nullptr;
  own.generation = writer::none;
  free_.clear();
  // FILE's lock first: who sees that of the rings go may record in FILE at once.
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  rings_.clear();
  shared_.reset();
  if (rings_file_ >= 0) ::close(std::exchange(rings_file_, -1));
  rings_mutex_.unlock();
  drain_mutex_.unlock();
}

}  // namespace

recording::recording(const std::string& file, recording_options options)
    : file_(file), generation_(the_recorder().start(file, std::move(options))) {}

recording::recording(recording&& other) noexcept
    : file_(std::move(other.file_)),
      generation_(std::exchange(other.generation_, 0)),
      dropped_(other.dropped_) {}

recording& recording::operator=(recording&& other) noexcept {
  if (this != &other) {
    const recording ended(std::move(*this));
    file_ = std::move(other.file_);
    generation_ = std::exchange(other.generation_, 0);
    dropped_ = other.dropped_;
  }
  return *this;
}

recording::~recording() {
  try {
    stop();
  } catch (...) {
    fronta::detail::report_error(std::current_exception(),
                                 "~recording: the trace is not whole; stop() throws this");
  }
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes what is in the file
void recording::flush() {
  if (generation_ != 0) the_recorder().flush(generation_);
}

void recording::stop() {
  if (generation_ != 0) dropped_ = the_recorder().stop(std::exchange(generation_, 0));
}

std::uint64_t recording::dropped() const noexcept {
  return generation_ != 0 ? the_recorder().dropped() : dropped_;
}

namespace detail {

void record_as_environment_says() noexcept {
  static std::once_flag asked;
  try {
    std::call_once(asked, [] {
      const auto* const named = std::getenv("FRONTA_TRACE");
      if (named == nullptr || *named == '\0') return;
      std::string file = named;
      if (const auto at = file.find("%p"); at != std::string::npos) {
        file.replace(at, 2, std::to_string(::getpid()));
      }
      static recording* of_process = nullptr;
      try {
        of_process = new recording(file);
      } catch (const invalid_state_error&) {
        return;  // the program has its own
      } catch (...) {
        fronta::detail::report_error(std::current_exception(),
                                     "FRONTA_TRACE: the process is not recorded");
        return;
      }
      // After the destructors of what was constructed later, such as a static executor.
      std::atexit([] { delete std::exchange(of_process, nullptr); });
    });
  } catch (...) {
    // Thrown by nothing above.
  }
}

}  // namespace detail
}  // namespace fronta::trace
