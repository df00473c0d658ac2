// SPDX-License-Identifier: Apache-2.0
#include "batch_data.hpp"

#include "interrupt.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numbers>
#include <ranges>
#include <string>
#include <system_error>

namespace fronta::demos {
namespace {

namespace fs = std::filesystem;

fs::path cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value != nullptr ? value : "");
  };
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "fronta";
  if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / "fronta";
  return fs::temp_directory_path() / fmt::format("fronta-{}", ::getuid());
}

constexpr const char* about_name = "about.txt";
constexpr const char* part = ".part-";

// Written last, so it tells that all are there.
std::string about(const batch& settings) {
  return fmt::format(
      "{} of {} each, seed {}\n", counted(static_cast<std::uint64_t>(settings.files), "file"),
      counted(static_cast<std::uint64_t>(settings.rows), "sensor row"), settings.seed);
}

std::string hour_name(int hour) { return fmt::format("hour-{:05}.csv", hour); }

void write(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) {
    throw demo_error(fmt::format(
        "{} could not be written; make room, or name another folder with --data.", file.string()));
  }
}

std::string stations_text() {
  constexpr std::array names{"Brno", "Jihlava", "Olomouc", "Ostrava", "Praha"};
  static_assert(names.size() == station_count);
  auto text = fmt::format("{}\n", stations_header);
  for (int sensor = 0; sensor < sensor_count; ++sensor) {
    // The offset corrects what the sensor reads, in degrees.
    text += fmt::format("{},{},{:.2f}\n", sensor,
                        names[static_cast<std::size_t>(sensor % station_count)],
                        0.1 * (sensor % 7) - 0.3);
  }
  return text;
}

// An hour of readings: a daily wave, a level per station, noise, and now and then a gap.
std::string hour_text(const batch& settings, int hour) {
  fronta::rng random(settings.seed, static_cast<std::uint64_t>(hour));
  auto text = fmt::format("{}\n", hour_header);
  auto out = std::back_inserter(text);
  for (int i = 0; i < settings.rows; ++i) {
    const auto second = 3600LL * hour + 3600LL * i / settings.rows;
    const int sensor = static_cast<int>(random() % sensor_count);
    const double wave = std::sin(2 * std::numbers::pi * static_cast<double>(second) / 86400);
    const double temperature =
        9 + 0.8 * (sensor % station_count) + 6 * wave + 3 * (random.uniform() - 0.5);
    const double humidity = 70 - 20 * wave + 10 * (random.uniform() - 0.5);
    if (random.uniform() < 0.01) {
      fmt::format_to(out, "{},{},,{:.1f}\n", second, sensor, humidity);
    } else {
      fmt::format_to(out, "{},{},{:.2f},{:.1f}\n", second, sensor, temperature, humidity);
    }
  }
  return text;
}

void generate(const batch& settings, const fs::path& folder, const session& s) {
  progress shown(
      {.label = "generating data",
       .bar_label = "generating ",
       .tasks = static_cast<std::size_t>(settings.files),
       .work = static_cast<double>(settings.files),
       .style = s.json ? progress::style::hidden_unless_terminal : progress::style::automatic});
  auto ex = executor(cpu::threads{.workers = settings.workers});
  const cancel_on_interrupt guard(s.interrupted, ex);
  const auto one_hour = [&](int hour) {
    const progress::running now(shown);
    write(folder / hour_name(hour), hour_text(settings, hour));
    shown.finished(1);
    return hour;
  };
  for ([[maybe_unused]] const int hour :
       ex.map({.window = 64}, one_hour, std::views::iota(0, settings.files))) {
  }
  write(folder / "stations.csv", stations_text());
  write(folder / about_name, about(settings));
}

batch_files files_in(const fs::path& folder, int count) {
  batch_files files{.stations = folder / "stations.csv", .hours = {}};
  for (int hour = 0; hour < count; ++hour) files.hours.push_back(folder / hour_name(hour));
  return files;
}

// Whether the data lie there; throws where others do.
bool is_ready(const fs::path& folder, const batch& settings) {
  std::error_code error;
  if (!fs::exists(folder, error) || fs::is_empty(folder, error)) return false;
  std::ifstream in(folder / about_name, std::ios::binary);
  const std::string found(std::istreambuf_iterator<char>(in), {});
  if (found == about(settings)) return true;
  const auto what = found.substr(0, found.find('\n'));
  throw demo_error(fmt::format(
      "the folder {} holds {}, not {}; give other --files, --rows or --seed, or name an empty or "
      "new folder with --data.",
      folder.string(), what.empty() ? "something else" : what,
      about(settings).substr(0, about(settings).find('\n'))));
}

// What processes left that were killed while they built.
void remove_remains(const fs::path& folder) {
  const auto front = folder.filename().string() + part;
  std::error_code error;
  const fs::directory_iterator end;
  for (fs::directory_iterator at(folder.parent_path(), error); !error && at != end;
       at.increment(error)) {
    const auto name = at->path().filename().string();
    if (!name.starts_with(front)) continue;
    pid_t process = 0;
    std::from_chars(name.data() + front.size(), name.data() + name.size(), process);
    std::error_code ignored;
    if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) fs::remove_all(*at, ignored);
  }
}

}  // namespace

fs::path data_folder(const batch& settings) {
  if (!settings.data.empty()) return settings.data;
  return cache_folder() /
         fmt::format("sensors-{}x{}-{}", settings.files, settings.rows, settings.seed);
}

batch_files prepare_data(const batch& settings, const session& s) {
  const auto folder = data_folder(settings);
  const auto files = files_in(folder, settings.files);
  if (is_ready(folder, settings)) return files;
  // Built beside its place and then renamed: nobody ever sees half of it.
  remove_remains(folder);
  fs::path building = folder;
  building += fmt::format("{}{}", part, ::getpid());
  std::error_code error;
  try {
    fs::create_directories(building);
    generate(settings, building, s);
    fs::remove(folder, error);
    fs::rename(building, folder);
  } catch (const fs::filesystem_error& failure) {
    fs::remove_all(building, error);
    if (is_ready(folder, settings)) return files;  // somebody else was quicker
    throw demo_error(
        fmt::format("the folder {} could not be made ({}); name another one with --data.",
                    folder.string(), failure.code().message()));
  } catch (...) {
    fs::remove_all(building, error);
    throw;
  }
  return files;
}

}  // namespace fronta::demos
