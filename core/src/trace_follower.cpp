// SPDX-License-Identifier: Apache-2.0
#include <fronta/trace_follower.hpp>

#include "trace_attach.hpp"
#include "trace_format.hpp"
#include "trace_reading.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fronta::trace {
namespace {

constexpr std::string_view caller = "trace::follower";

std::size_t read_at(int fd, std::size_t at, std::span<std::byte> to, const std::string& file) {
  return format::read_at(fd, at, to, caller, file);
}

std::vector<std::byte> read_header(int fd, const std::string& file) {
  std::vector<std::byte> header(sizeof(format::file_header));
  header.resize(read_at(fd, 0, header, file));
  return header;
}

template <class T>
std::optional<T> load(int fd, std::size_t at, const std::string& file) {
  T value{};
  const auto room = std::as_writable_bytes(std::span(&value, 1));
  return read_at(fd, at, room, file) == sizeof value ? std::optional(value) : std::nullopt;
}

}  // namespace

class follower::body {
 public:
  explicit body(attached to)
      : of_(std::move(to)), header_(read_header(of_.file.get(), of_.name)), read_(header_, caller) {
    if (!of_.rings) return;
    const auto beside = load<format::rings_header>(of_.rings.get(), 0, of_.name);
    if (!beside || beside->magic != format::rings_magic || beside->version_of != format::version ||
        beside->recording != read_.recording()) {
      of_.rings = {};
    }
  }

  bool poll() {
    if (!is_same()) {
      const bool news = state_ != phase::anew;
      state_ = phase::anew;
      return news;
    }
    if (state_ != phase::goes_on) return false;
    const auto known = known_until();
    const auto dropped = read_.contents().dropped;
    // Both before the file: what was in it by then is read now.
    const bool held = of_.rings && is_held(of_.rings.get());
    const auto said = last_pulse();
    read_file();
    if (said) {
      heard_at_ = said->looked;
      read_.know(said->known_until, said->dropped);
    }
    auto& c = read_.contents();
    if (c.ended) {
      state_ = phase::ended;
    } else if (!c.damage.empty()) {
      state_ = phase::broken_off;
    } else if (!held) {
      break_off();
    }
    settle();
    return state_ != phase::goes_on || known_until() > known || c.dropped != dropped;
  }

  [[nodiscard]] phase state() const noexcept { return state_; }

  [[nodiscard]] file_contents contents() const {
    const auto& c = read_.contents();
    file_contents copy;
    copy.host = c.host;
    copy.process = c.process;
    copy.cores = c.cores;
    copy.tsc = c.tsc;
    copy.given_clock = c.given_clock;
    copy.origin_steady = c.origin_steady;
    copy.origin_unix = c.origin_unix;
    copy.texts = c.texts;
    copy.threads = c.threads;
    copy.events.assign(c.events.begin(), c.events.begin() + static_cast<std::ptrdiff_t>(events_));
    copy.spans.assign(c.spans.begin(), c.spans.begin() + static_cast<std::ptrdiff_t>(spans_));
    copy.known_until = known_until();
    copy.dropped = c.dropped;
    copy.skipped = c.skipped;
    copy.ended = c.ended;
    copy.from_rings = c.from_rings;
    copy.damage = c.damage;
    return copy;
  }

  [[nodiscard]] file_contents take() {
    auto& c = read_.contents();
    c.events.resize(events_);
    c.spans.resize(spans_);
    c.known_until = known_until();
    return std::move(c);
  }

  // What happens at the mark itself may still come.
  [[nodiscard]] std::int64_t known_until() const noexcept {
    const auto until = read_.contents().known_until;
    return nothing_comes() ? until : std::max<std::int64_t>(until - 1, 0);
  }
  [[nodiscard]] std::size_t events() const noexcept { return events_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return read_.contents().dropped; }
  [[nodiscard]] std::int64_t heard_at() const noexcept { return heard_at_; }
  [[nodiscard]] std::int64_t known_at() const noexcept {
    const auto& c = read_.contents();
    return heard_at_ == 0 || c.given_clock ? 0 : c.origin_steady + c.known_until;
  }
  [[nodiscard]] const std::string& file() const noexcept { return of_.name; }
  [[nodiscard]] const std::string& host() const noexcept { return read_.contents().host; }

 private:
  [[nodiscard]] bool nothing_comes() const noexcept {
    return state_ == phase::ended || state_ == phase::broken_off;
  }

  // A recording that begins empties the file first.
  [[nodiscard]] bool is_same() const { return read_header(of_.file.get(), of_.name) == header_; }

  // One that nobody was writing meanwhile. A system call each, so in this order.
  [[nodiscard]] std::optional<format::pulse> last_pulse() const {
    if (!of_.rings) return std::nullopt;
    const auto number = [&] {
      return load<std::uint64_t>(of_.rings.get(), offsetof(format::rings_header, pulses_written),
                                 of_.name);
    };
    constexpr int tries = 10;
    for (int i = 0; i < tries; ++i) {
      const auto before = number();
      if (!before || *before == 0) return std::nullopt;
      const auto found = load<format::pulse>(
          of_.rings.get(),
          offsetof(format::rings_header, pulses) + (*before & 1) * sizeof(format::pulse), of_.name);
      if (found && number() == before) return found;
    }
    return std::nullopt;  // the next time
  }

  // To its end, as it is now.
  void read_file() {
    if (chunks_.read(of_.file.get(), read_, caller, of_.name)) return;
    // It may have begun anew since we looked.
    if (is_same()) read_.stop_at(read_.fault(), chunks_.bytes_left(of_.file.get()));
  }

  // Nobody writes any more: the process is gone.
  void break_off() {
    if (of_.rings) read_.read_rings(format::rings_copy(of_.rings.get(), caller, of_.name));
    if (const auto* const why = read_.fault(); why != nullptr) {
      read_.stop_at(why, chunks_.bytes_left(of_.file.get()));
    }
    state_ = phase::broken_off;
  }

  // By time, what comes before the mark.
  void settle() {
    auto& c = read_.contents();
    const auto until = nothing_comes() ? std::numeric_limits<std::int64_t>::max() : c.known_until;
    settle(c.events, events_, until);
    settle(c.spans, spans_, until);
  }
  template <class T>
  static void settle(std::vector<T>& all, std::size_t& known, std::int64_t until) {
    format::sort_by_time(all, known);
    // Only in a damaged file does anything come from before.
    if (known != 0 && known != all.size() && all[known].time < all[known - 1].time) {
      const auto settled = std::span(all).first(known);
      const auto after = std::ranges::upper_bound(settled, all[known].time, {}, &T::time);
      format::sort_by_time(all, static_cast<std::size_t>(after - settled.begin()));
    }
    constexpr auto all_time = std::numeric_limits<std::int64_t>::max();
    while (known != all.size() && (until == all_time || all[known].time < until)) ++known;
  }

  attached of_;
  std::vector<std::byte> header_;
  format::reading read_;
  phase state_ = phase::goes_on;
  format::chunk_reader chunks_;
  std::size_t events_ = 0;  // that are known, by time; behind them the others as they were read
  std::size_t spans_ = 0;
  std::int64_t heard_at_ = 0;
};

follower::follower(std::unique_ptr<body> of) noexcept : body_(std::move(of)) {}

follower::follower(const std::string& file) {
  attached to;
  to.name = file;
  // Nobody at the other end of a pipe is waited for.
  to.file = descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!to.file) format::cannot_read(caller, file);
  const auto beside = file + std::string(format::rings_suffix);
  to.rings = descriptor(::open(beside.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  body_ = std::make_unique<body>(std::move(to));
}

follower follower::of_process(std::uint32_t number) {
  return follower(std::make_unique<body>(attach_to_process(number)));
}
follower follower::of_socket(const std::string& path) {
  return follower(std::make_unique<body>(attach_to_socket(path)));
}

follower::follower(follower&&) noexcept = default;
follower& follower::operator=(follower&&) noexcept = default;
follower::~follower() = default;

bool follower::poll() { return body_->poll(); }
follower::phase follower::state() const noexcept { return body_->state(); }
file_contents follower::contents() const& { return body_->contents(); }
file_contents follower::contents() && { return body_->take(); }
std::int64_t follower::known_until() const noexcept { return body_->known_until(); }
std::size_t follower::events() const noexcept { return body_->events(); }
std::uint64_t follower::dropped() const noexcept { return body_->dropped(); }
std::int64_t follower::heard_at() const noexcept { return body_->heard_at(); }
std::int64_t follower::known_at() const noexcept { return body_->known_at(); }
const std::string& follower::file() const noexcept { return body_->file(); }
const std::string& follower::host() const noexcept { return body_->host(); }

}  // namespace fronta::trace
