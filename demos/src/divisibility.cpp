// SPDX-License-Identifier: Apache-2.0
#include "divisibility.hpp"

#include "gpus.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "pause.hpp"
#include "progress.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace fronta::demos {
namespace {

using numbers = std::vector<int>;
using mask = std::vector<unsigned char>;  // 1 for divisible
using seconds = std::chrono::duration<double>;

/// What a mask task throws now and then.
class injected_failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr double load_seconds = 1.5;
constexpr double seconds_per_divisor = 0.3;

struct mask_number {
  int chunk;
  std::size_t divisor;  // which one
};

/// What chance has in store for one run of a mask: of the seed alone, whoever runs it, so that it
/// is known beforehand how long all sleeps are.
struct lot {
  double share;  // of the longest nap
  bool fails;
};
lot draw(const divisibility& settings, mask_number of, int attempt) {
  const auto stream = static_cast<std::uint64_t>(of.chunk) << 32 | of.divisor;
  rng random(settings.seed, stream, static_cast<std::uint32_t>(attempt));
  const auto share = random.uniform();
  return {share, random.uniform() < settings.failure_rate};
}

// load, is_divisible_by, the chunks, and their masks.
std::size_t task_count(const divisibility& settings) {
  return 2 + static_cast<std::size_t>(settings.chunks) * (1 + settings.divisors.size());
}

int at_once(const divisibility& settings, int gpus) { return std::min(gpus, settings.workers); }

/// How long the sleeps of a run take at speed 1, where no gpu ever waits for another.
double seconds_asleep(const divisibility& settings, int gpus) {
  int most_draws = 1'000'000;  // for a run of more, nobody waits
  double sum = 0;
  for (int chunk = 0; chunk < settings.chunks; ++chunk) {
    for (std::size_t d = 0; d < settings.divisors.size(); ++d) {
      for (int attempt = 0; attempt <= settings.retries && most_draws-- > 0; ++attempt) {
        const auto now = draw(settings, {chunk, d}, attempt);
        sum += settings.divisors[d] * seconds_per_divisor * now.share;
        if (!now.fails) break;
      }
    }
    if (most_draws <= 0) break;
  }
  return load_seconds + sum / at_once(settings, gpus);
}

/// A room sees all of it in 10 to 12 s. To these sleeps come what the gpus do and, at the end, the
/// time in which one of them has nothing left.
double fitting_speed(const divisibility& settings, int gpus) {
  constexpr double asleep = 10.4;
  const auto speed = std::min(1.0, asleep / seconds_asleep(settings, gpus));
  // As it is printed, so that a run with the same --speed is the same.
  return std::stod(fmt::format("{:.3g}", speed));
}

/// One run of the demo: what its tasks share. It lives longer than the executor that runs them.
class pipeline {
 public:
  pipeline(const divisibility& settings, int gpus, progress::style style)
      : settings_(settings),
        gpus_(gpus),
        shown_({.label = "divisibility",
                .tasks = task_count(settings),
                .work = all_work(),
                .style = style}) {}

  // ---- The tasks.

  /// Step 1: the data, after a latency. Waiting for data is no work, so the worker is lent
  /// meanwhile.
  numbers load() {
    const progress::running now(shown_);
    const this_task::blocking waiting;
    pause(seconds(load_seconds * speed_));
    numbers all(static_cast<std::size_t>(settings_.size));
    std::iota(all.begin(), all.end(), 0);
    shown_.finished(load_work());
    return all;
  }

  /// Step 2: splits the data, one nested task per chunk, and joins what survives.
  numbers is_divisible_by(const numbers& data, const std::vector<int>& divisors, int chunks) {
    for (int i = 0; i < chunks; ++i) {
      const auto edge = [&](int k) {
        return data.begin() + static_cast<std::ptrdiff_t>(data.size()) * k / chunks;
      };
      parts_.push_back(this_task::executor().submit(
          {.name = fmt::format("chunk {}", i)},
          [this, i](const numbers& chunk, const std::vector<int>& by) {
            return survivors(i, chunk, by);
          },
          numbers(edge(i), edge(i + 1)), divisors));
    }
    numbers result;
    for (const auto& part : gather(parts_)) result.insert(result.end(), part.begin(), part.end());
    shown_.finished();
    return result;
  }

  /// Step 3: one nested task per divisor, each on a gpu; then AND of the masks. While it waits, its
  /// worker serves other tasks.
  numbers survivors(int chunk, const numbers& data, const std::vector<int>& divisors) {
    const auto ex = this_task::executor();
    const auto shared = ex.scatter(data);  // one copy for all divisors
    std::vector<future<mask>> masks;
    masks.reserve(divisors.size());
    for (const int divisor : divisors) {
      const mask_number number{chunk, masks.size()};
      const auto which = fmt::format("{} by {}", chunk, divisor);
      masks.push_back(ex.submit(
          {.name = fmt::format("mask {}", which),
           .needs = {{"gpu", 1}},
           .retries = settings_.retries},
          [this, divisor, number, which](const numbers& all) {
            return mask_task(all, divisor, number, which);
          },
          shared));
    }
    mask combined(data.size(), 1);
    for (const auto& one : gather(masks)) {
      std::ranges::transform(combined, one, combined.begin(), std::logical_and<>());
    }
    numbers result;
    for (std::size_t i = 0; i < combined.size(); ++i) {
      if (combined[i] != 0) result.push_back(data[i]);
    }
    shown_.finished();
    return result;
  }

  /// A nap that stands for preparations of the host, so it keeps its worker beside the gpu; a
  /// failure now and then; the mask.
  mask mask_task(const numbers& chunk, int divisor, mask_number number, const std::string& which) {
    const progress::running now(shown_);
    if (this_task::attempt() > 0) shown_.retried();
    const auto chance = draw(settings_, number, this_task::attempt());
    pause(seconds(divisor * seconds_per_divisor * chance.share * speed_));
    if (chance.fails) {
      shown_.failed();
      throw injected_failure(this_task::name());
    }
    auto result = mask_on_place(chunk, divisor, which);
    count_mask(this_task::place());
    shown_.finished(mask_work(divisor));
    return result;
  }

  /// The kernel, on the gpu that the task holds. The worker is free until it has ended.
  static mask mask_on_place(const numbers& chunk, int divisor, const std::string& which) {
    mask result(chunk.size());
    if (chunk.empty()) return result;
    const auto launch = [&](gpu::stream& s) {
      const auto all = s.to_device(std::span(chunk));
      auto flags = s.allocate<unsigned char>(chunk.size());
      gpu::is_divisible(s, s.read(all), divisor, s.write(flags));
      s.to_host(std::span(result), flags);
    };
    this_task::executor()
        .submit({.name = fmt::format("kernel {}", which), .place_on = gpu_of(this_task::place())},
                launch)
        .get();
    return result;
  }

  // ---- What came out.

  /// How many masks each gpu place computed.
  [[nodiscard]] std::map<std::string, int> masks() const {
    const std::lock_guard lock(mutex_);
    return masks_;
  }
  progress& shown() noexcept { return shown_; }
  /// The survivors of the chunks that are done, for a run that was interrupted. Once nothing runs.
  [[nodiscard]] numbers finished_survivors() const {
    numbers result;
    for (const auto& part : parts_) {
      if (part.done() && !part.cancelled() && part.exception() == nullptr) {
        result.insert(result.end(), part.result().begin(), part.result().end());
      }
    }
    return result;
  }

 private:
  // Expected seconds at speed 1, shared among the gpus.
  static constexpr double load_work() { return load_seconds; }
  [[nodiscard]] double all_work() const {
    double sum = 0;
    for (const int divisor : settings_.divisors) sum += mask_work(divisor);
    return load_work() + sum * settings_.chunks;
  }
  [[nodiscard]] double mask_work(int divisor) const {
    return divisor * seconds_per_divisor / 2 / at_once(settings_, gpus_) /
           std::max(1 - settings_.failure_rate, 0.01);
  }

  // `places` is the host's and then the gpu's: "cpu gpu:1".
  static std::string gpu_of(const std::string& places) {
    return places.substr(places.find(' ') + 1);
  }
  void count_mask(const std::string& places) {
    const std::lock_guard lock(mutex_);
    ++masks_[gpu_of(places)];
  }

  const divisibility& settings_;
  double speed_ = settings_.speed.value();
  int gpus_;
  progress shown_;
  mutable std::mutex mutex_;
  std::map<std::string, int> masks_;    // guarded by mutex_
  std::vector<future<numbers>> parts_;  // written by is_divisible_by alone
};

executor make_executor(const divisibility& settings, std::unique_ptr<backend> gpus) {
  std::vector<std::unique_ptr<backend>> backends;
  backends.push_back(make_backend(cpu::threads{.workers = settings.workers}));
  backends.push_back(std::move(gpus));
  return executor({.seed = settings.seed}, std::move(backends));
}

struct findings {
  numbers survivors;
  bool complete = false;
  std::map<std::string, int> masks;  // by gpu place
  progress::numbers counts{};
  double seconds = 0;
};

findings compute(const divisibility& settings, gpu_places& gpus, const session& s) {
  pipeline line(settings, gpus.count(),
                s.json ? progress::style::hidden_unless_terminal : progress::style::automatic);
  auto ex = make_executor(settings, std::move(gpus.opened));
  if (*settings.speed > 0) trace::paced();
  findings found;
  try {
    const cancel_on_interrupt guard(s.interrupted, ex);
    const auto data = ex.submit({.name = "load"}, [&line] { return line.load(); });
    auto answer = ex.submit(
        {.name = "is_divisible_by"},
        [&line](const numbers& all, const std::vector<int>& divisors, int chunks) {
          return line.is_divisible_by(all, divisors, chunks);
        },
        data, settings.divisors, settings.chunks);
    found.survivors = std::move(answer).get();
    found.complete = true;
  } catch (const std::exception& error) {
    ex.shutdown({.wait = true, .cancel_futures = true});
    if (!s.interrupted.stop_requested()) {
      if (dynamic_cast<const injected_failure*>(&error) == nullptr) throw;
      throw demo_error(fmt::format(
          "the task \"{}\" failed in {}; lower --failure-rate or raise --retries.", error.what(),
          settings.retries == 0 ? "its only run"
                                : fmt::format("each of its {} runs", settings.retries + 1)));
    }
    found.survivors = line.finished_survivors();
  }
  found.seconds = line.shown().seconds();
  line.shown().close();
  found.counts = line.shown().now();
  found.masks = line.masks();
  return found;
}

int masks_on(const findings& found, const std::string& place) {
  const auto at = found.masks.find(place);
  return at == found.masks.end() ? 0 : at->second;
}

void print_heading(const divisibility& settings, const gpu_places& gpus) {
  const auto count = [](auto n) { return static_cast<std::uint64_t>(n); };
  const bool one = gpus.count() == 1;
  fmt::print("Which of the integers from 0 to {} are divisible by {}?\n\n",
             grouped(count(settings.size - 1)), listed(settings.divisors));
  print_row("tasks",
            fmt::format("{}: load, split, {}, {} (one per chunk and divisor)",
                        grouped(task_count(settings)), counted(count(settings.chunks), "chunk"),
                        counted(count(settings.chunks) * settings.divisors.size(), "mask")));
  print_row("places",
            fmt::format("{}; {}, {} {{\"gpu\", 1}}", counted(count(settings.workers), "CPU worker"),
                        listed(gpus.places, 4), one ? "with" : "each with"));
  print_gpus(gpus);
  print_row("failures", fmt::format("{:g} % of the mask runs, at random; up to {} a mask",
                                    settings.failure_rate * 100,
                                    counted(count(settings.retries), "retry", "retries")));
  print_row("speed", fmt::format("{:g} (every sleep is multiplied by it)", settings.speed.value()));
  print_row("seed",
            fmt::format("{} (--seed {} gives the same failures)", settings.seed, settings.seed));
  fmt::print("\n");
  flush_output();
}

void print_findings(const gpu_places& gpus, const findings& found) {
  const auto& n = found.counts;
  if (!found.complete) {
    fmt::print("\nInterrupted. The answer covers the chunks that were done.\n");
  }
  fmt::print("\n");
  print_row("answer", fmt::format("{}: {}", counted(found.survivors.size(), "integer"),
                                  listed(found.survivors)));
  print_row("tasks",
            fmt::format("{} of {} done, {}, {}", n.done, n.tasks, counted(n.failures, "failure"),
                        counted(n.retries, "retry", "retries")));
  std::vector<std::string> masks;
  masks.reserve(gpus.places.size());
  for (const auto& name : gpus.places) {
    masks.push_back(fmt::format("{} on {}", masks_on(found, name), name));
  }
  print_row("masks", listed(masks, 4));
  print_row("time", seconds_text(found.seconds));
  flush_output();
}

void print_as_json(const divisibility& settings, const gpu_places& gpus, const findings& found) {
  auto object = begin_json("demo", "divisibility");
  object["result"] = found.survivors;
  object["count"] = found.survivors.size();
  object["complete"] = found.complete;
  object["tasks"] = found.counts.done;
  object["tasks_planned"] = found.counts.tasks;
  object["failures"] = found.counts.failures;
  object["retries"] = found.counts.retries;
  object["backend"] = "local";
  object["devices"] = json::array();
  for (const auto& name : gpus.places) {
    object["devices"].push_back(
        {{"name", name}, {"kind", gpus.kind()}, {"masks", masks_on(found, name)}});
  }
  object["workers"] = settings.workers;
  object["size"] = settings.size;
  object["divisors"] = settings.divisors;
  object["chunks"] = settings.chunks;
  object["speed"] = settings.speed.value();
  object["seed"] = settings.seed;
  object["seconds"] = rounded(found.seconds);
  print_json(object);
}

}  // namespace

exit_code run(const divisibility& settings, const session& s) {
  auto gpus = open_gpus({.devices = settings.gpus});
  auto fitted = settings;
  if (!fitted.speed) fitted.speed = fitting_speed(settings, gpus.count());
  if (!s.json) print_heading(fitted, gpus);
  const auto found = compute(fitted, gpus, s);
  if (s.json) {
    print_as_json(fitted, gpus, found);
  } else {
    print_findings(gpus, found);
  }
  return found.complete ? exit_code::success : exit_code::interrupted;
}

}  // namespace fronta::demos
