// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/completion.hpp>

#include <fronta/cpus.hpp>
#include <fronta/detail/pause.hpp>
#include <fronta/trace.hpp>

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace fronta::gpu {
namespace {

using clock = std::chrono::steady_clock;
using mechanism = completion_mechanism;

constexpr std::size_t cache_line = 64;

}  // namespace

class completion::watched_stream {
 public:
  watched_stream(device& d, stream_handle s, mechanism by) : owner(d), stream(s) {
    if (by == mechanism::frontier) {
      // A line of its own: the device writes it, the host reads it all the time.
      word = new (d.allocate_pinned(cache_line)) std::atomic<std::uint64_t>(0);
    }
  }
  ~watched_stream() {
    for (auto* e : events) owner.destroy_event(e);
    if (word != nullptr) owner.deallocate_pinned(word);
  }
  watched_stream(const watched_stream&) = delete;
  watched_stream& operator=(const watched_stream&) = delete;

  device& owner;
  stream_handle stream;
  std::atomic<std::uint64_t>* word = nullptr;
  std::atomic<std::size_t> waiting{0};
  std::atomic<std::uint64_t> called{0};  // by the driver, with host_callback
  std::atomic<bool> unmarked{false};     // an entry waits whose mark could not be made
  body* of = nullptr;
  // The ticket of `first`, 0 for none: lets the reactor look without the lock.
  std::atomic<std::uint64_t> front{0};

  // Held while a mark is enqueued, so that tickets rise in stream order.
  std::mutex mutex;
  // Guarded by mutex. The entries' tickets rise from first to last.
  completion_entry* first = nullptr;
  completion_entry* last = nullptr;
  std::uint64_t tickets = 0;
  std::vector<event_handle> events;  // not in use
  std::size_t events_made = 0;
  bool listed = false;           // in the reactor's hands
  bool stopping = false;         // with blocking_sync
  std::condition_variable more;  // likewise
  std::thread waiter;            // likewise

  // The reactor's alone.
  clock::time_point progress;
  std::int64_t looked = 0;  // when it last looked in vain, while somebody traces
};

class completion::body {
 public:
  explicit body(completion_options o) : options_(o) {
    if (o.spin.count() < 0 || o.longest_nap.count() < 0 || o.probe.count() < 0) {
      throw std::invalid_argument("gpu::completion: a duration is negative; give 0 or more");
    }
    if (o.by_hand && o.mechanism == mechanism::blocking_sync) {
      throw std::invalid_argument(
          "gpu::completion: blocking_sync needs its threads; drop by_hand or use the frontier");
    }
    if (usable_cpus() < 2) options_.spin = {};
    if (!o.by_hand && o.mechanism != mechanism::blocking_sync) {
      reactor_ = std::thread([this] { run(); });
    }
  }
  ~body() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (reactor_.joinable()) reactor_.join();
  }
  body(const body&) = delete;
  body& operator=(const body&) = delete;

  watched_stream& add(device& d, stream_handle s) {
    auto made = std::make_unique<watched_stream>(d, s, options_.mechanism);
    auto& w = *made;
    w.of = this;
    {
      const std::lock_guard lock(mutex_);
      streams_.reserve(streams_.size() + 1);
    }
    if (options_.mechanism == mechanism::blocking_sync) {
      w.waiter = std::thread([this, &w] { wait_in_driver(w); });
    }
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::move(made));
    return w;
  }

  void remove(watched_stream& s) noexcept {
    if (s.waiter.joinable()) {
      {
        const std::lock_guard lock(s.mutex);
        s.stopping = true;
      }
      s.more.notify_all();
      s.waiter.join();
    }
    std::unique_ptr<watched_stream> gone;
    std::unique_lock lock(mutex_);
    // The reactor may still look at it, with host_callback also when no entry waits.
    leaving_.push_back(&s);
    any_incoming_.store(true, std::memory_order_relaxed);
    if (reactor_.joinable()) {
      changed_.notify_all();
      left_.wait(lock, [&] { return std::ranges::find(leaving_, &s) == leaving_.end(); });
    } else {
      let_in_and_out();
    }
    const auto at = std::ranges::find(streams_, &s, &std::unique_ptr<watched_stream>::get);
    gone = std::move(*at);
    streams_.erase(at);
    // A call of the driver may still be on its way into it.
    if (options_.mechanism == mechanism::host_callback && s.owner.fault_code() != 0) {
      graveyard().push_back(std::move(gone));
    }
  }

  void notify(watched_stream& s, completion_entry& e) noexcept {
    bool list = false;
    {
      const std::lock_guard lock(s.mutex);
      e.ticket_ = s.tickets + 1;
      e.next_ = nullptr;
      // Entered first: with host_callback the driver may call before `mark` returns.
      auto* const before = s.last;
      (before != nullptr ? before->next_ : s.first) = &e;
      s.last = &e;
      if (before == nullptr) s.front.store(e.ticket_, std::memory_order_relaxed);
      try {
        mark(s, e);
        ++s.tickets;
      } catch (...) {
        // With the next mark it has ended too, or when the stream is idle.
        e.event_ = nullptr;
        s.unmarked = true;
      }
      s.waiting.fetch_add(1, std::memory_order_relaxed);
      list = !std::exchange(s.listed, true);
    }
    if (options_.mechanism == mechanism::blocking_sync) {
      s.more.notify_one();
    } else if (list) {
      {
        const std::lock_guard lock(mutex_);
        incoming_.push_back(&s);
        any_incoming_.store(true, std::memory_order_relaxed);
      }
      changed_.notify_one();
    }
  }

  bool poll() {
    take_incoming();
    return look();
  }

 private:
  // Puts the mark behind what is on the stream; the stream's mutex is held.
  void mark(watched_stream& s, completion_entry& e) const {
    switch (options_.mechanism) {
      case mechanism::frontier:
        s.owner.write_word(s.stream, *s.word, e.ticket_);
        break;
      case mechanism::host_callback:
        s.owner.call_host(
            s.stream, [](void* of) { called(*static_cast<watched_stream*>(of)); }, &s);
        break;
      case mechanism::event_polling:
      case mechanism::blocking_sync:
        if (s.events.empty()) {
          s.events.reserve(++s.events_made);  // so that giving one back never allocates
          s.events.push_back(s.owner.create_event(options_.mechanism == mechanism::blocking_sync));
        }
        s.owner.record(s.stream, s.events.back());
        e.event_ = s.events.back();
        s.events.pop_back();
        break;
    }
  }

  // ---- Delivery. Entries leave under the stream's mutex and are called outside it, in order, by
  // one thread per stream.

  // With the mutex held.
  static completion_entry* pop(watched_stream& s) {
    auto* const e = s.first;
    s.first = e->next_;
    if (s.first == nullptr) s.last = nullptr;
    s.front.store(s.first != nullptr ? s.first->ticket_ : 0, std::memory_order_relaxed);
    if (e->event_ != nullptr) s.events.push_back(e->event_);
    e->next_ = nullptr;
    s.waiting.fetch_sub(1, std::memory_order_relaxed);
    return e;
  }

  static void deliver(completion_entry* list, completion_outcome outcome, std::int64_t not_ended_at,
                      std::int64_t ended_at) noexcept {
    while (list != nullptr) {
      auto* const e = std::exchange(list, list->next_);
      e->not_ended_at_ = not_ended_at;
      e->ended_at_ = ended_at;
      e->completed(outcome);
    }
  }

  // In a thread of the driver. Calls come in stream order, one for each mark; no lock that is held
  // while the driver is called may be taken here.
  static void called(watched_stream& s) noexcept {
    auto& b = *s.of;
    {
      const std::lock_guard lock(b.mutex_);
      b.nudged_ = true;
      b.any_incoming_.store(true, std::memory_order_relaxed);
    }
    b.changed_.notify_one();
    // Last, since whoever sees it may take all this away. Release: what the work did is over.
    s.called.fetch_add(1, std::memory_order_release);
  }

  void wait_in_driver(watched_stream& s) noexcept {
    ::prctl(PR_SET_NAME, "fronta-gpu-wait");
    for (;;) {
      event_handle oldest = nullptr;
      {
        std::unique_lock lock(s.mutex);
        s.more.wait(lock, [&] { return s.first != nullptr || s.stopping; });
        if (s.first == nullptr) return;
        oldest = s.first->event_;
      }
      bool ended = false;
      if (oldest != nullptr) {
        ended = s.owner.synchronize(oldest);
      } else {
        auto state = stream_state::busy;
        while ((state = s.owner.query(s.stream)) == stream_state::busy) {
          std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
        ended = state == stream_state::idle;
      }
      completion_entry* e = nullptr;
      {
        const std::lock_guard lock(s.mutex);
        e = pop(s);
      }
      if (trace::on()) e->ended_at_ = s.owner.host_now();
      e->completed(ended ? completion_outcome::ended : completion_outcome::fault);
    }
  }

  // ---- The reactor.

  void run() noexcept {
    ::prctl(PR_SET_NAME, "fronta-gpu");
    ::prctl(PR_SET_TIMERSLACK, 1'000UL);  // the kernel adds 50 µs to each nap otherwise
    auto since = clock::now();
    for (;;) {
      if (any_incoming_.load(std::memory_order_relaxed) || busy_.empty()) {
        if (busy_.empty()) {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return stopping_ || news(); });
          if (!news()) return;
        }
        take_incoming();
        since = clock::now();
      }
      if (look()) {
        since = clock::now();
        continue;
      }
      const auto waited = clock::now() - since;
      if (waited < options_.spin) {
        for (int i = 0; i < 16; ++i) fronta::detail::cpu_pause();
        continue;
      }
      const auto nap = std::min<clock::duration>(
          std::max<clock::duration>(waited / 64, std::chrono::microseconds(1)),
          options_.longest_nap);
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, nap, [&] { return stopping_ || news(); });
    }
  }

  void take_incoming() {
    if (!any_incoming_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    let_in_and_out();
  }

  // With mutex_ held, both.
  [[nodiscard]] bool news() const noexcept {
    return nudged_ || !incoming_.empty() || !leaving_.empty();
  }
  void let_in_and_out() noexcept {
    const auto now = clock::now();
    for (auto* s : incoming_) {
      s->progress = now;
      busy_.push_back(s);
    }
    incoming_.clear();
    for (auto* s : leaving_) std::erase(busy_, s);
    if (!leaving_.empty()) {
      leaving_.clear();
      left_.notify_all();
    }
    nudged_ = false;
    any_incoming_.store(false, std::memory_order_relaxed);
  }

  // One look at every busy stream. True when an entry was called.
  bool look() noexcept {
    bool any = false;
    const auto now = clock::now();
    for (std::size_t i = 0; i < busy_.size();) {
      auto& s = *busy_[i];
      bool empty = false;
      bool progressed = collect(s, look_for::marks, empty);
      if (!progressed && !empty &&
          (now - s.progress >= options_.probe || s.unmarked.load(std::memory_order_relaxed))) {
        s.progress = now;
        const auto state = s.owner.query(s.stream);
        if (state == stream_state::fault) progressed = collect(s, look_for::fault, empty);
        if (state == stream_state::idle && s.unmarked.load(std::memory_order_relaxed)) {
          progressed = collect(s, look_for::idle, empty);
        }
      }
      any = any || progressed;
      if (empty) {  // perhaps removed by now

        busy_[i] = busy_.back();
        busy_.pop_back();
      } else {
        if (progressed) s.progress = now;
        ++i;
      }
    }
    return any;
  }

  // Calls what has ended: up to its mark, or all if the stream is `idle`, or with `fault` all.
  // `empty`: the stream left the list.
  enum class look_for : std::uint8_t { marks, idle, fault };
  bool collect(watched_stream& s, look_for how, bool& empty) noexcept {
    // Before the look: if it is in vain, nothing had ended then.
    const bool traced = trace::on();
    const auto before = traced ? s.owner.host_now() : 0;
    bool fault = how == look_for::fault;
    std::uint64_t reached = 0;
    if (options_.mechanism == mechanism::frontier) {
      // Acquire: pairs with the device's write, which comes after what it vouches for.
      reached = s.word->load(std::memory_order_acquire);
      const auto front = s.front.load(std::memory_order_relaxed);
      if (how == look_for::marks && front != 0 && reached < front) {
        s.looked = before;
        return false;
      }
    } else if (options_.mechanism == mechanism::host_callback) {
      reached = s.called.load(std::memory_order_acquire);
    }
    completion_entry* ended = nullptr;
    completion_entry* lost = nullptr;
    {
      const std::lock_guard lock(s.mutex);
      auto** tail = &ended;
      // Asked under the lock: an entry that comes later is not meant.
      const bool all = how == look_for::idle && s.owner.query(s.stream) == stream_state::idle;
      if (all) s.unmarked.store(false, std::memory_order_relaxed);
      while (s.first != nullptr && (all || has_passed(s, *s.first, reached, fault))) {
        *tail = pop(s);
        tail = &(*tail)->next_;
      }
      if (fault) {
        tail = &lost;
        while (s.first != nullptr) {
          *tail = pop(s);
          tail = &(*tail)->next_;
        }
      }
      empty = s.first == nullptr;
      if (empty) s.listed = false;
    }
    const bool any = ended != nullptr || lost != nullptr;
    const auto now = traced ? s.owner.host_now() : 0;
    const auto not_ended_at = std::exchange(s.looked, before);
    // The stream may be removed from here on.
    deliver(ended, completion_outcome::ended, not_ended_at, now);
    deliver(lost, completion_outcome::fault, not_ended_at, now);
    return any;
  }

  bool has_passed(watched_stream& s, const completion_entry& e, std::uint64_t reached,
                  bool& fault) const noexcept {
    switch (options_.mechanism) {
      case mechanism::frontier:
      case mechanism::host_callback:
        return reached >= e.ticket_;
      case mechanism::event_polling: {
        if (e.event_ == nullptr) return false;
        const auto state = s.owner.query(e.event_);
        fault = fault || state == stream_state::fault;
        return state == stream_state::idle;
      }
      case mechanism::blocking_sync:
        break;  // not the reactor's
    }
    return false;
  }

  static std::vector<std::unique_ptr<watched_stream>>& graveyard() {
    static auto* const kept = new std::vector<std::unique_ptr<watched_stream>>;
    return *kept;
  }

  completion_options options_;
  std::thread reactor_;
  std::vector<watched_stream*> busy_;  // the reactor's alone

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<std::unique_ptr<watched_stream>> streams_;
  std::vector<watched_stream*> incoming_;
  std::vector<watched_stream*> leaving_;
  bool nudged_ = false;  // by the driver
  std::condition_variable left_;
  bool stopping_ = false;
  std::atomic<bool> any_incoming_{false};  // whether there is news; a hint
};

completion::completion(completion_options options) : body_(std::make_unique<body>(options)) {}
completion::~completion() = default;

completion::watched_stream& completion::add(device& d, stream_handle s) { return body_->add(d, s); }
void completion::remove(watched_stream& s) noexcept { body_->remove(s); }
void completion::notify(watched_stream& s, completion_entry& e) noexcept { body_->notify(s, e); }
std::size_t completion::waiting(const watched_stream& s) noexcept {
  return s.waiting.load(std::memory_order_relaxed);
}
bool completion::poll() { return body_->poll(); }

}  // namespace fronta::gpu
