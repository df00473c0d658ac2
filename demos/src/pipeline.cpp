// SPDX-License-Identifier: Apache-2.0
#include "pipeline.hpp"

#include "account.hpp"
#include "command_line.hpp"
#include "engines.hpp"
#include "gpus.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "pipeline_images.hpp"
#include "png.hpp"
#include "progress.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <ctime>
#include <deque>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace fronta::demos {
namespace {

namespace fs = std::filesystem;

constexpr float sigma = 2;

/// Seconds of CPU time that a stage took, of all workers. Thread-safe.
class stage_time {
 public:
  class running {
   public:
    explicit running(stage_time& s) noexcept : stage_(s) {}
    ~running() { stage_.seconds_.fetch_add(now() - begin_, std::memory_order_relaxed); }
    running(const running&) = delete;
    running& operator=(const running&) = delete;

   private:
    static double now() noexcept {
      timespec t{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
    }
    stage_time& stage_;
    double begin_ = now();
  };
  [[nodiscard]] double seconds() const noexcept { return seconds_; }

 private:
  std::atomic<double> seconds_{0};
};

/// Decoded, on the host or on a device.
struct picture {
  gpu::image_size size;
  array<std::uint8_t> pixels;
  booking booked;
};

/// What is left of an image when its file is written.
struct written {
  gpu::image_size size;
  uLong checksum = 0;  // of its pixels
};

struct findings {
  std::size_t done = 0;
  bool complete = false;
  uLong checksum = ::crc32(0, nullptr, 0);  // of all pixels, in order of the images
  double pixels = 0;
  double seconds = 0;
  std::optional<engine_times> engines;  // busy in the run, of all devices
  bool recorded = false;                // by the devices, else reckoned
};

/// The tasks of a run, and what they share. Lives longer than their executor.
class stages {
 public:
  stages(const pipeline& settings, const image_source& source, progress::style style)
      : settings_(settings),
        source_(source),
        shown_({.label = "pipeline",
                .tasks = 3 * source.count(),
                .work = static_cast<double>(source.count()),
                .style = style}) {}

  /// One image's way: three tasks.
  future<written> start(executor_ref ex, std::size_t i) {
    const auto decoded =
        ex.submit({.name = fmt::format("decode {}", i)}, [this, i] { return decode(i); });
    const auto filtered = ex.submit(
        {.name = fmt::format("edges {}", i)},
        [this](gpu::stream& s, const picture& p) { return edges(s, p); }, decoded);
    return ex.submit(
        {.name = fmt::format("encode {}", i), .priority = 1},
        [this, i](const picture& p) { return encode(i, p); }, filtered);
  }

  /// Kernels of one image, for `measure_engines`.
  static void filter(gpu::stream& s, const gpu::image_size& size, gpu::view<const std::uint8_t> in,
                     gpu::view<std::uint8_t> out) {
    auto blurred = s.allocate<std::uint8_t>(in.size());
    gpu::gaussian_blur(s, size, in, s.write(blurred), sigma);
    gpu::sobel(s, size, s.read(blurred), out);
  }

  progress& shown() noexcept { return shown_; }
  stage_time draw_or_read, decoding, encoding;
  account memory;

 private:
  picture decode(std::size_t i) {
    const progress::running now(shown_);
    std::vector<std::byte> file;
    {
      const stage_time::running timed(draw_or_read);
      file = source_.load(i);
    }
    const stage_time::running timed(decoding);
    auto decoded = png::decode(file, source_.name(i));
    const gpu::image_size size{.width = decoded.width, .height = decoded.height};
    shown_.finished(1.0 / 3);
    return {size, array(std::move(decoded.pixels)), booking(memory, size.width * size.height)};
  }
  picture edges(gpu::stream& s, const picture& p) {
    auto out = s.make_array<std::uint8_t>(p.pixels.size());
    filter(s, p.size, s.read(p.pixels), s.write(out));
    shown_.finished(1.0 / 3);
    return {p.size, std::move(out), booking(memory, p.pixels.size())};
  }
  written encode(std::size_t i, const picture& p) {
    const progress::running now(shown_);
    const auto pixels = p.pixels.span();  // waits for the copy; its worker serves others meanwhile
    const stage_time::running timed(encoding);
    const auto file = settings_.output / source_.file_name(i);
    write_whole(file, png::encode(p.size.width, p.size.height, pixels, source_.name(i)));
    shown_.finished(1.0 / 3);
    return {p.size, ::crc32_z(::crc32(0, nullptr, 0), pixels.data(), pixels.size())};
  }

  const pipeline& settings_;
  const image_source& source_;
  progress shown_;
};

void add(findings& found, const written& image) {
  const auto pixels = image.size.width * image.size.height;
  found.checksum = ::crc32_combine(found.checksum, image.checksum, static_cast<z_off_t>(pixels));
  found.pixels += static_cast<double>(pixels);
  ++found.done;
}

executor make_executor(const pipeline& settings, std::unique_ptr<backend> gpus) {
  std::vector<std::unique_ptr<backend>> backends;
  backends.push_back(make_backend(cpu::threads{.workers = settings.workers}));
  backends.push_back(std::move(gpus));
  return executor({}, std::move(backends));
}

void stream_images(findings& found, const pipeline& settings, const image_source& source,
                   stages& line, std::unique_ptr<backend> gpus, const session& s) {
  auto ex = make_executor(settings, std::move(gpus));
  std::deque<future<written>> in_flight;
  try {
    const cancel_on_interrupt guard(s.interrupted, ex);
    const auto take_first = [&] {
      add(found, in_flight.front().result());
      in_flight.pop_front();
    };
    for (std::size_t i = 0; i < source.count(); ++i) {
      if (in_flight.size() == static_cast<std::size_t>(settings.window)) take_first();
      in_flight.push_back(line.start(ex, i));
    }
    while (!in_flight.empty()) take_first();
  } catch (const std::exception&) {
    ex.shutdown({.wait = true, .cancel_futures = true});
    if (!s.interrupted.stop_requested()) throw;
    // Those behind the first one may have been written all the same.
    for (const auto& f : in_flight) {
      if (!f.cancelled() && f.exception() == nullptr) add(found, f.result());
    }
  }
  found.complete = found.done == source.count();
  found.seconds = line.shown().seconds();
  line.shown().close();
}

// Where devices keep no records: what one image of mean size keeps the engines of gpu:0 busy for,
// times images.
void reckon(findings& found, const pipeline& settings, const session& s) {
  auto ex = make_executor(settings, open_gpus({.devices = settings.gpus, .streams = 2}).opened);
  const auto width = static_cast<std::size_t>(
      std::max(1.0, std::sqrt(found.pixels / static_cast<double>(found.done))));
  const gpu::image_size size{.width = width, .height = width};
  try {
    const cancel_on_interrupt guard(s.interrupted, ex);
    const auto each = measure_engines(
        ex, "gpu:0",
        {.bytes_to_device = width * width,
         .bytes_to_host = width * width,
         .kernel =
             [size](gpu::stream& stream) {
               const auto in = stream.allocate<std::uint8_t>(size.width * size.height);
               auto out = stream.allocate<std::uint8_t>(in.size());
               stages::filter(stream, size, stream.read(in), stream.write(out));
             }},
        static_cast<int>(std::clamp<std::size_t>(found.done, 2, 8)));
    const auto images = static_cast<double>(found.done);
    found.engines =
        engine_times{each.to_device * images, each.kernel * images, each.to_host * images};
  } catch (const std::exception&) {
    if (!s.interrupted.stop_requested()) throw;
  }
}

// ---- What came out.

struct stage_row {
  const char* name = "";
  const char* member = "";  // of the JSON object
  bool on_gpu = false;
  std::optional<double> busy;
};

std::array<stage_row, 6> rows_of(const findings& found, const stages& line, bool generated) {
  const auto engine = [&](double engine_times::* of) {
    return found.engines ? std::optional((*found.engines).*of) : std::nullopt;
  };
  return {stage_row{generated ? "draw" : "read", generated ? "draw" : "read", false,
                    line.draw_or_read.seconds()},
          {"decode", "decode", false, line.decoding.seconds()},
          {"copy to the gpu", "to_device", true, engine(&engine_times::to_device)},
          {"blur and edges", "kernels", true, engine(&engine_times::kernel)},
          {"copy to the host", "to_host", true, engine(&engine_times::to_host)},
          {"encode and write", "encode", false, line.encoding.seconds()}};
}

// Finer than seconds_text: a stage of a small image takes microseconds.
std::string busy_text(double seconds) {
  return seconds < 1 ? fmt::format("{:.2f} ms", seconds * 1e3) : fmt::format("{:.2f} s", seconds);
}

double busy(const std::array<stage_row, 6>& rows, bool on_gpu) {
  double sum = 0;
  for (const auto& r : rows) {
    if (r.on_gpu == on_gpu) sum += r.busy.value_or(0);
  }
  return sum;
}

void print_heading(const pipeline& settings, const image_source& source, const gpu_places& gpus) {
  const auto count = [](auto n) { return static_cast<std::uint64_t>(n); };
  fmt::print("Decode images, blur them and find their edges on gpus, encode and write them.\n\n");
  print_row(
      "images",
      source.generated()
          ? fmt::format("{} of {} x {}, seed {}", counted(source.count(), "drawn image"),
                        settings.width, settings.height, settings.seed)
          : fmt::format("{} of {}", counted(source.count(), "PNG file"), settings.input.string()));
  print_row("places",
            fmt::format("{}; {}, {} each",
                        counted(count(settings.workers.value_or(usable_cpus())), "CPU worker"),
                        listed(gpus.places, 3), counted(count(settings.streams), "stream")));
  print_gpus(gpus);
  print_row("window",
            fmt::format("at most {} in flight", counted(count(settings.window), "image")));
  fmt::print("\n");
  flush_output();
}

void print_findings(const pipeline& settings, const image_source& source, const gpu_places& gpus,
                    const stages& line, const findings& found) {
  const auto rows = rows_of(found, line, source.generated());
  const char* const gpu = gpus.simulated ? "gpu, simulated" : "gpu";
  if (!found.complete) fmt::print("\nInterrupted. These images were written until then.\n");
  fmt::print("\n{:<18} {:<16} {:>10} {:>12}\n", "stage", "where", "busy", "an image");
  for (const auto& r : rows) {
    fmt::print(
        "{:<18} {:<16} {:>10} {:>12}\n", r.name, r.on_gpu ? gpu : "CPU",
        r.busy ? busy_text(*r.busy) : "-",
        r.busy && found.done != 0 ? busy_text(*r.busy / static_cast<double>(found.done)) : "-");
  }
  fmt::print("\n");
  print_row("images", fmt::format("{} of {} written to {}", grouped(found.done),
                                  grouped(source.count()), settings.output.string()));
  if (found.complete) print_row("checksum", fmt::format("{:08x}, of all pixels", found.checksum));
  print_row("memory", fmt::format("at most {} of decoded pictures at a time",
                                  bytes_text(line.memory.peak())));
  print_row("time", fmt::format("{}{}", seconds_text(found.seconds),
                                gpus.simulated ? ", with simulated gpus" : ""));
  if (!found.engines) return;
  const double engines = busy(rows, true);
  const double all = engines + busy(rows, false);
  const char* const label = gpus.simulated ? " (simulated)" : "";
  const auto factor = [&](const char* who, double seconds) {
    return fmt::format("{} busy {} / {} = {:.2f}{}", who, busy_text(seconds),
                       busy_text(found.seconds), seconds / found.seconds, label);
  };
  print_row("overlap", factor("gpu engines", engines));
  print_row("", factor("all stages", all));
  fmt::print("\nBusy is CPU time on the CPU. On the gpu, {}.\n",
             found.recorded ? "it is what the devices' own\nrecords say of the run"
                            : "where devices keep no records,\nit is what an image of mean size "
                              "takes on an engine of gpu:0 alone, times images");
}

void print_as_json(const pipeline& settings, const image_source& source, const gpu_places& gpus,
                   const stages& line, const findings& found) {
  const auto rows = rows_of(found, line, source.generated());
  auto object = begin_json("demo", "pipeline");
  object["complete"] = found.complete;
  object["images"] = found.done;
  object["images_planned"] = source.count();
  object["checksum"] = found.complete ? json(fmt::format("{:08x}", found.checksum)) : json(nullptr);
  object["pixels"] = static_cast<std::uint64_t>(found.pixels);
  object["peak_picture_bytes"] = line.memory.peak();
  object["output"] = settings.output.string();
  object["input"] = source.generated() ? json(nullptr) : json(settings.input.string());
  object["simulated"] = gpus.simulated;
  object["stages"] = json::array();
  for (const auto& r : rows) {
    object["stages"].push_back(
        {{"name", r.member},
         {"where", r.on_gpu ? "gpu" : "cpu"},
         {"simulated", r.on_gpu && gpus.simulated},
         {"busy_seconds", r.busy ? json(rounded(*r.busy, 6)) : json(nullptr)}});
  }
  object["overlap"] = nullptr;
  if (found.engines) {
    const double engines = busy(rows, true);
    const double all = engines + busy(rows, false);
    object["overlap"] = {{"engines_busy_seconds", rounded(engines, 6)},
                         {"engines_factor", rounded(engines / found.seconds, 4)},
                         {"all_stages_factor", rounded(all / found.seconds, 4)},
                         {"measured", found.recorded ? "recorded" : "reckoned"},
                         {"simulated", gpus.simulated}};
  }
  object["devices"] = json::array();
  for (const auto& name : gpus.places) {
    object["devices"].push_back({{"name", name}, {"kind", gpus.kind()}});
  }
  object["backend"] = "local";
  object["streams"] = settings.streams;
  object["workers"] = settings.workers.value_or(usable_cpus());
  object["window"] = settings.window;
  object["seed"] = settings.seed;
  object["seconds"] = rounded(found.seconds);
  print_json(object);
}

void make_output(const pipeline& settings) {
  std::error_code error;
  fs::create_directories(settings.output, error);
  if (error || !fs::is_directory(settings.output, error)) {
    throw demo_error(fmt::format("the folder {} could not be made ({}); give another --output.",
                                 settings.output.string(), error.message()));
  }
  if (!settings.input.empty() && fs::equivalent(settings.input, settings.output, error)) {
    throw usage_error(fmt::format(
        "{} is the --input and the --output, so its images would be lost; give another --output.",
        settings.output.string()));
  }
}

}  // namespace

exit_code run(const pipeline& settings, const session& s) {
  const image_source source(settings);
  make_output(settings);
  auto gpus = open_gpus({.devices = settings.gpus, .streams = settings.streams, .profiled = true});
  if (!s.json) print_heading(settings, source, gpus);
  stages line(settings, source,
              s.json ? progress::style::hidden_unless_terminal : progress::style::automatic);
  findings found;
  {
    const engine_records records;
    stream_images(found, settings, source, line, std::move(gpus.opened), s);
    if (gpus.profiled) found.engines = records.busy();
  }
  found.recorded = gpus.profiled;
  if (found.complete && !found.recorded) reckon(found, settings, s);
  if (s.json) {
    print_as_json(settings, source, gpus, line, found);
  } else {
    print_findings(settings, source, gpus, line, found);
    flush_output();
  }
  return found.complete ? exit_code::success : exit_code::interrupted;
}

}  // namespace fronta::demos
