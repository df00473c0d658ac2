// SPDX-License-Identifier: Apache-2.0
#include "overlap.hpp"

#include "command_line.hpp"
#include "engines.hpp"
#include "gpus.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace fronta::demos {
namespace {

const std::string place = "gpu:0";
constexpr int most_megabytes_of_data = 2'048;
constexpr std::size_t most_bytes_measured = 512'000'000;
/// Of the simulated device's time model: how long each engine takes for a chunk.
constexpr double simulated_stage_seconds = 3e-3;

/// The model in which a chunk keeps each engine for the same time.
gpu::time_model equal_stages(std::size_t chunk_bytes) {
  const auto bytes = static_cast<double>(chunk_bytes);
  auto model = gpu::time_model::instant();
  model.host_bandwidth = bytes / simulated_stage_seconds;
  model.memory_bandwidth = 4 * bytes / simulated_stage_seconds;  // a fill and an axpy
  return model;
}

/// A device with its data: an executor, and chunks in pinned memory. The kernel computes `repeats`
/// times the chunk.
class rig {
 public:
  rig(gpu_places gpus, int chunks, std::size_t chunk_bytes, const session& s)
      : chunks_(chunks),
        size_(chunk_bytes / sizeof(float)),
        executor_({}, backends(std::move(gpus.opened))) {
    guard_.emplace(s.interrupted, executor_);
    const auto all = static_cast<std::size_t>(chunks) * chunk_bytes;
    from_.emplace(executor_, place, all);
    to_.emplace(executor_, place, all);
    for (int i = 0; i < chunks_; ++i) {
      std::ranges::generate(from(i), [i, n = 0]() mutable { return number(i, n++); });
    }
  }
  ~rig() {
    guard_.reset();
    executor_.shutdown({.wait = true, .cancel_futures = true});  // before the memory goes
  }
  rig(const rig&) = delete;
  rig& operator=(const rig&) = delete;

  [[nodiscard]] executor_ref ex() const { return executor_; }

  /// Seconds for all chunks; checks what came back.
  double run(int ways, int repeats) {
    std::ranges::fill(to_->as<float>(), 0.0F);
    const auto begin = std::chrono::steady_clock::now();
    if (ways == 2) {
      in_two_steps(repeats);
    } else {
      at_once(repeats);
    }
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    check(repeats);
    return passed.count();
  }

  static gpu::buffer<float> compute(gpu::stream& s, const gpu::buffer<float>& in, int repeats) {
    auto out = s.allocate<float>(in.size());
    gpu::fill(s, s.write(out), 0);
    for (int i = 0; i < repeats; ++i) gpu::axpy(s, 1, s.read(in), s.write(out));
    return out;
  }

 private:
  static std::vector<std::unique_ptr<backend>> backends(std::unique_ptr<backend> gpus) {
    std::vector<std::unique_ptr<backend>> all;
    all.push_back(make_backend(cpu::threads{}));
    all.push_back(std::move(gpus));
    return all;
  }
  // Small whole numbers: their multiples are exact.
  static float number(int chunk, int i) { return static_cast<float>((7 * i + chunk) % 1'021); }

  [[nodiscard]] std::span<float> from(int chunk) const { return part(*from_, chunk); }
  [[nodiscard]] std::span<float> to(int chunk) const { return part(*to_, chunk); }
  [[nodiscard]] std::span<float> part(const pinned_memory& of, int chunk) const {
    return of.as<float>().subspan(static_cast<std::size_t>(chunk) * size_, size_);
  }

  // A task per chunk; the executor spreads them over the streams.
  void at_once(int repeats) const {
    std::vector<future<void>> done;
    done.reserve(static_cast<std::size_t>(chunks_));
    for (int i = 0; i < chunks_; ++i) {
      done.push_back(
          ex().submit({.name = fmt::format("chunk {}", i)}, [this, i, repeats](gpu::stream& s) {
            s.to_host(to(i), compute(s, s.to_device(from(i)), repeats));
          }));
    }
    finish(done);
  }
  // All copies to the device, and only then kernels beside copies back.
  void in_two_steps(int repeats) const {
    std::vector<future<gpu::buffer<float>>> there;
    there.reserve(static_cast<std::size_t>(chunks_));
    for (int i = 0; i < chunks_; ++i) {
      there.push_back(ex().submit({.name = fmt::format("chunk {}, to device", i)},
                                  [this, i](gpu::stream& s) { return s.to_device(from(i)); }));
    }
    finish(there);
    std::vector<future<void>> done;
    done.reserve(static_cast<std::size_t>(chunks_));
    for (int i = 0; i < chunks_; ++i) {
      done.push_back(ex().submit(
          {.name = fmt::format("chunk {}", i)},
          [this, i, repeats](gpu::stream& s, const gpu::buffer<float>& in) {
            s.to_host(to(i), compute(s, in, repeats));
          },
          there[static_cast<std::size_t>(i)]));
    }
    finish(done);
  }
  // Waits for all, also where one fails: the data must outlive them.
  template <class T>
  static void finish(const std::vector<future<T>>& all) {
    for (const auto& f : all) f.wait();
    for (const auto& f : all) static_cast<void>(f.get());
  }
  void check(int repeats) const {
    for (int i = 0; i < chunks_; ++i) {
      const auto got = to(i);
      for (std::size_t k = 0; k < got.size(); ++k) {
        if (got[k] == static_cast<float>(repeats) * from(i)[k]) continue;
        throw demo_error(fmt::format(
            "chunk {} came back from {} with a wrong number; please report this.", i, place));
      }
    }
  }

  int chunks_;
  std::size_t size_;
  executor executor_;
  std::optional<cancel_on_interrupt> guard_;
  std::optional<pinned_memory> from_;
  std::optional<pinned_memory> to_;
};

struct row {
  int ways = 1;
  int streams = 1;
  double seconds = 0;
  double bound = 0;
};

struct findings {
  std::string device;
  bool simulated = true;
  std::size_t chunk_bytes = 0;
  int repeats = 1;
  std::optional<engine_times> measured;
  std::vector<row> rows;  // the first is the serial one
  bool complete = false;
  double seconds = 0;

  /// What the bounds are computed from: a simulated device takes what its model says, or longer.
  [[nodiscard]] engine_times stages() const {
    return simulated ? engine_times{simulated_stage_seconds, simulated_stage_seconds,
                                    simulated_stage_seconds}
                     : *measured;
  }
};

std::string kilobytes_text(std::size_t bytes) {
  return fmt::format("{} kB", grouped(bytes / 1'000));
}

/// The least time for n chunks, with as many streams as it takes.
double bound_of(int ways, int n, const engine_times& t) {
  if (ways == 1) return n * t.sum();
  if (ways == 2) {
    return n * t.to_device + (n - 1) * std::max(t.kernel, t.to_host) + t.kernel + t.to_host;
  }
  return (n - 1) * t.longest() + t.sum();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class measurement {
 public:
  measurement(const overlap& settings, const session& s) : settings_(settings), session_(s) {
    auto probe = open(2);
    found_.simulated = probe.simulated;
    found_.device = probe.simulated ? "simulated" : gpu::cuda_probe().devices[0].name;
    found_.chunk_bytes = bytes_of_chunk(settings, probe.simulated);
    if (static_cast<std::size_t>(settings.chunks) * found_.chunk_bytes >
        most_megabytes_of_data * std::size_t{1'000'000}) {
      throw usage_error(fmt::format("{} of {} are more than {} MB; lower --chunks or --kilobytes.",
                                    counted(static_cast<std::uint64_t>(settings.chunks), "chunk"),
                                    kilobytes_text(found_.chunk_bytes),
                                    grouped(most_megabytes_of_data)));
    }
  }

  [[nodiscard]] const findings& found() const noexcept { return found_; }

  void run() {
    progress shown({.label = "overlap",
                    .tasks = steps(),
                    .work = static_cast<double>(steps()),
                    .style = session_.json ? progress::style::hidden_unless_terminal
                                           : progress::style::automatic});
    try {
      measure_stages();
      shown.finished(1);
      measure_row(1, 1, shown);
      for (const int ways : {2, 3}) {
        for (const int streams : settings_.streams) measure_row(ways, streams, shown);
      }
      found_.complete = !session_.interrupted.stop_requested();
    } catch (const std::exception&) {
      if (!session_.interrupted.stop_requested()) throw;
    }
    shown.close();
    found_.seconds = shown.seconds();
  }

 private:
  static std::size_t bytes_of_chunk(const overlap& settings, bool simulated) {
    return static_cast<std::size_t>(settings.kilobytes.value_or(simulated ? 256 : 16'000)) * 1'000;
  }
  [[nodiscard]] std::size_t steps() const { return 2 + 2 * settings_.streams.size(); }
  [[nodiscard]] gpu_places open(int streams) const {
    return open_gpus({.devices = 0,
                      .or_simulated = 1,
                      .streams = streams,
                      .model = equal_stages(bytes_of_chunk(settings_, true))});
  }

  void measure_stages() {
    rig on(open(2), 1, found_.chunk_bytes, session_);
    const auto size = found_.chunk_bytes / sizeof(float);
    // Three times as many are on the device at once.
    const int items = static_cast<int>(
        std::clamp<std::size_t>(most_bytes_measured / 3 / found_.chunk_bytes, 2, 16));
    const auto measure = [&] {
      return measure_engines(
          on.ex(), place,
          {.bytes_to_device = found_.chunk_bytes,
           .bytes_to_host = found_.chunk_bytes,
           .kernel =
               [&](gpu::stream& s) {
                 static_cast<void>(rig::compute(s, s.allocate<float>(size), found_.repeats));
               }},
          items);
    };
    auto stages = measure();
    if (!found_.simulated) {
      // As many passes as take about as long as a copy.
      const double copy = (stages.to_device + stages.to_host) / 2;
      found_.repeats =
          static_cast<int>(std::clamp(std::round(copy / stages.kernel), 1.0, 10'000.0));
      stages = measure();
    }
    found_.measured = stages;
  }

  void measure_row(int ways, int streams, progress& shown) {
    const progress::running now(shown);
    rig on(open(streams), settings_.chunks, found_.chunk_bytes, session_);
    on.run(ways, found_.repeats);  // the first round also takes memory
    std::vector<double> seconds;
    seconds.reserve(static_cast<std::size_t>(settings_.rounds));
    for (int i = 0; i < settings_.rounds; ++i) seconds.push_back(on.run(ways, found_.repeats));
    found_.rows.push_back({.ways = ways,
                           .streams = streams,
                           .seconds = median(seconds),
                           .bound = bound_of(ways, settings_.chunks, found_.stages())});
    shown.finished(1);
  }

  const overlap& settings_;
  const session& session_;
  findings found_;
};

std::string milliseconds(double seconds) { return fmt::format("{:.2f} ms", seconds * 1e3); }

void print_heading(const overlap& settings, const findings& found) {
  fmt::print("Copy to a device, compute, copy back: one, two or all three at a time.\n\n");
  print_row("data", fmt::format("{} of {} each way, in pinned memory",
                                counted(static_cast<std::uint64_t>(settings.chunks), "chunk"),
                                kilobytes_text(found.chunk_bytes)));
  print_row("device", found.simulated ? "gpu:0, simulated: every time below is simulated"
                                      : fmt::format("gpu:0 is {}", found.device));
  if (found.simulated) {
    print_row("", fmt::format("its time model: {} for each stage of a chunk",
                              milliseconds(simulated_stage_seconds)));
  }
  print_row("rounds", fmt::format("one to warm up, then the median of {}", settings.rounds));
  fmt::print("\n");
  flush_output();
}

const char* name_of(int ways) {
  if (ways == 1) return "1: serial";
  return ways == 2 ? "2: copies in, then kernels + out" : "3: copies in + kernels + out";
}

void print_findings(const findings& found) {
  const char* const label = found.simulated ? " (simulated)" : "";
  if (!found.complete) fmt::print("\nInterrupted. These ways were measured until then.\n");
  fmt::print("\n");
  if (!found.measured) {
    print_row("ways", "none measured");
    return;
  }
  fmt::print("{:<34} {:>11} {:>11} {:>11}\n", fmt::format("a chunk{}", label), "to device",
             "kernel", "to host");
  const auto print_stages = [](const char* name, const engine_times& t) {
    fmt::print("{:<34} {:>11} {:>11} {:>11}\n", name, milliseconds(t.to_device),
               milliseconds(t.kernel), milliseconds(t.to_host));
  };
  if (found.simulated) print_stages("by the time model", found.stages());
  print_stages("measured alone, copies both ways", *found.measured);
  if (found.rows.empty()) return;
  fmt::print("\n{:<34} {:>7} {:>10} {:>10} {:>6} {:>6}\n", fmt::format("at a time{}", label),
             "streams", "time", "bound", "share", "gain");
  int above = 0;
  for (const auto& r : found.rows) {
    fmt::print("{:<34} {:>7} {:>10} {:>10} {:>6} {:>6}\n",
               r.ways == std::exchange(above, r.ways) ? "" : name_of(r.ways), r.streams,
               fmt::format("{:.1f} ms", r.seconds * 1e3), fmt::format("{:.1f} ms", r.bound * 1e3),
               fmt::format("{:.0f} %", r.bound / r.seconds * 100),
               fmt::format("{:.2f}x", found.rows.front().seconds / r.seconds));
  }
  fmt::print(
      "\nBound: the least time for n chunks with streams enough; share: bound / time.\n"
      "1 at a time: n * (sum of the stages)\n"
      "2 at a time: n * (to device) + (n-1) * max(kernel, to host) + kernel + to host\n"
      "3 at a time: (n-1) * (longest stage) + sum of the stages\n");
}

void print_as_json(const overlap& settings, const findings& found) {
  auto object = begin_json("demo", "overlap");
  object["complete"] = found.complete;
  object["simulated"] = found.simulated;
  object["device"] = {
      {"name", place}, {"kind", found.simulated ? "simulated" : "cuda"}, {"model", found.device}};
  object["chunks"] = settings.chunks;
  object["chunk_bytes"] = found.chunk_bytes;
  object["kernel_passes"] = found.repeats;
  object["rounds"] = settings.rounds;
  const auto stages = [](const engine_times& t) {
    return json{{"to_device_seconds", rounded(t.to_device, 7)},
                {"kernel_seconds", rounded(t.kernel, 7)},
                {"to_host_seconds", rounded(t.to_host, 7)}};
  };
  object["stages"] = found.measured ? stages(found.stages()) : json(nullptr);
  object["stages_from"] = found.simulated ? "time model" : "measurement";
  object["stages_measured"] = found.measured ? stages(*found.measured) : json(nullptr);
  object["serial_seconds"] =
      found.rows.empty() ? json(nullptr) : json(rounded(found.rows.front().seconds, 6));
  object["result"] = json::array();
  for (const auto& r : found.rows) {
    object["result"].push_back({{"at_a_time", r.ways},
                                {"streams", r.streams},
                                {"seconds", rounded(r.seconds, 6)},
                                {"bound_seconds", rounded(r.bound, 6)},
                                {"share_of_bound", rounded(r.bound / r.seconds, 4)},
                                {"gain", rounded(found.rows.front().seconds / r.seconds, 4)}});
  }
  object["backend"] = "local";
  object["seconds"] = rounded(found.seconds);
  print_json(object);
}

}  // namespace

exit_code run(const overlap& settings, const session& s) {
  measurement m(settings, s);
  if (!s.json) print_heading(settings, m.found());
  m.run();
  if (s.json) {
    print_as_json(settings, m.found());
  } else {
    print_findings(m.found());
    flush_output();
  }
  return m.found().complete ? exit_code::success : exit_code::interrupted;
}

}  // namespace fronta::demos
