// SPDX-License-Identifier: Apache-2.0
#include "batch.hpp"

#include "account.hpp"
#include "batch_data.hpp"
#include "interrupt.hpp"
#include "measure.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace fronta::demos {
namespace {

namespace fs = std::filesystem;

struct reading {
  std::int64_t second;
  int sensor;
  bool missing;
  double temperature;
  double humidity;
};

/// One parsed file.
struct table {
  std::vector<reading> rows;
  booking booked;
};

struct aggregate {
  std::uint64_t readings = 0;
  std::uint64_t missing = 0;
  double sum = 0;
  double lowest = std::numeric_limits<double>::infinity();
  double highest = -std::numeric_limits<double>::infinity();
};
using per_sensor = std::array<aggregate, sensor_count>;

// ---- Reading files.

[[noreturn]] void bad_line(const fs::path& file, std::size_t line) {
  throw demo_error(
      fmt::format("{}:{} is not a row of this demo's data; delete the folder, and the "
                  "next run generates it anew.",
                  file.string(), line));
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in) {
    throw demo_error(
        fmt::format("{} could not be read; delete the folder, and the next run generates "
                    "it anew.",
                    file.string()));
  }
  return text;
}

/// The lines behind that header, each cut into exactly `Columns` fields.
template <std::size_t Columns, class Use>
void each_row(const fs::path& file, std::string_view text, std::string_view header, Use&& use) {
  std::size_t line = 0;
  if (text.substr(0, text.find('\n')) != header) bad_line(file, 1);
  while (!text.empty()) {
    auto row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), row.size() + 1));
    if (++line == 1) continue;
    std::array<std::string_view, Columns> fields;
    for (std::size_t i = 0; i < Columns; ++i) {
      const auto comma = row.find(',');
      if ((comma == std::string_view::npos) != (i + 1 == Columns)) bad_line(file, line);
      fields[i] = row.substr(0, comma);
      row.remove_prefix(comma == std::string_view::npos ? row.size() : comma + 1);
    }
    if (!use(fields)) bad_line(file, line);
  }
}

template <class Number>
bool read_number(std::string_view text, Number& value) {
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): from_chars gets the end too
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && at == text.data() + text.size();
}
bool read_sensor(std::string_view text, int& sensor) {
  return read_number(text, sensor) && sensor >= 0 && sensor < sensor_count;
}

// ---- The three stages.

table parse(const fs::path& file, int expected, account& memory) {
  const auto text = read_file(file);
  std::vector<reading> rows;
  rows.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  each_row<4>(file, text, hour_header, [&](const auto& fields) {
    reading r{};
    r.missing = fields[2].empty();
    rows.push_back(r);
    auto& to = rows.back();
    return read_number(fields[0], to.second) && read_sensor(fields[1], to.sensor) &&
           (to.missing || read_number(fields[2], to.temperature)) &&
           read_number(fields[3], to.humidity);
  });
  if (std::cmp_not_equal(rows.size(), expected)) {
    throw demo_error(fmt::format(
        "{} has {} and should have {}; delete the folder, and the next run generates it anew.",
        file.string(), counted(rows.size(), "row"), expected));
  }
  const auto bytes = rows.capacity() * sizeof(reading);
  return {std::move(rows), booking(memory, bytes)};
}

per_sensor aggregate_rows(const table& hour) {
  per_sensor result;
  for (const auto& row : hour.rows) {
    auto& to = result[static_cast<std::size_t>(row.sensor)];
    if (row.missing) {
      ++to.missing;
      continue;
    }
    ++to.readings;
    to.sum += row.temperature;
    to.lowest = std::min(to.lowest, row.temperature);
    to.highest = std::max(to.highest, row.temperature);
  }
  return result;
}

struct station {
  std::string name;
  double offset = 0;
};
std::array<station, sensor_count> read_stations(const fs::path& file) {
  std::array<station, sensor_count> stations;
  each_row<3>(file, read_file(file), stations_header, [&](const auto& fields) {
    int sensor = 0;
    if (!read_sensor(fields[0], sensor)) return false;
    auto& to = stations[static_cast<std::size_t>(sensor)];
    to.name = fields[1];
    return read_number(fields[2], to.offset);
  });
  return stations;
}

/// The sensors' figures joined with their stations, corrected by their offsets.
using per_station = std::map<std::string, aggregate>;
void join(per_station& result, const per_sensor& hour,
          const std::array<station, sensor_count>& stations) {
  for (std::size_t i = 0; i < hour.size(); ++i) {
    const auto& [name, offset] = stations[i];
    auto& to = result[name];
    to.readings += hour[i].readings;
    to.missing += hour[i].missing;
    to.sum += hour[i].sum + offset * static_cast<double>(hour[i].readings);
    to.lowest = std::min(to.lowest, hour[i].lowest + offset);
    to.highest = std::max(to.highest, hour[i].highest + offset);
  }
}

// ---- One measured run.

json run_pipeline(const batch& settings, const session& s) {
  const bool bounded = settings.measure == batch::part::bounded;
  const auto files = prepare_data(settings, s);
  const auto stations = read_stations(files.stations);
  progress shown(
      {.label = bounded ? "bounded" : "unbounded",
       .bar_label = bounded ? "bounded    " : "unbounded  ",
       .tasks = 2 * files.hours.size(),
       .work = 2.0 * static_cast<double>(files.hours.size()),
       .style = s.json ? progress::style::hidden_unless_terminal : progress::style::automatic});
  account memory;
  per_station result;
  map_options options;
  if (bounded) options.window = settings.window;

  const auto before = peak_resident_bytes();
  std::size_t joined = 0;
  auto ex = executor(cpu::threads{.workers = settings.workers});
  try {
    const cancel_on_interrupt guard(s.interrupted, ex);
    auto tables = ex.map(
        options,
        [&](const fs::path& file) {
          const progress::running now(shown);
          auto parsed = parse(file, settings.rows, memory);
          shown.finished(1);
          return parsed;
        },
        files.hours);
    auto hours = ex.map(
        options,
        [&](table hour) {
          const progress::running now(shown);
          auto sums = aggregate_rows(hour);
          shown.finished(1);
          return sums;
        },
        std::move(tables));
    for (const auto& hour : hours) {
      join(result, hour, stations);
      ++joined;
    }
  } catch (const std::exception&) {
    if (!s.interrupted.stop_requested()) throw;
  }
  ex.shutdown();
  shown.close();

  json report;
  report["complete"] = joined == files.hours.size();
  report["files_joined"] = joined;
  report["window"] = bounded ? json(settings.window) : json(nullptr);
  report["seconds"] = rounded(shown.seconds());
  report["peak_rows_bytes"] = memory.peak();
  report["peak_process_bytes"] = peak_resident_bytes();
  report["process_bytes_before"] = before;
  report["stations"] = json::array();
  for (const auto& [name, figures] : result) {
    report["stations"].push_back(
        {{"station", name},
         {"readings", figures.readings},
         {"missing", figures.missing},
         {"mean", figures.readings == 0
                      ? json(nullptr)
                      : json(rounded(figures.sum / static_cast<double>(figures.readings), 4))},
         {"lowest", figures.readings == 0 ? json(nullptr) : json(rounded(figures.lowest, 2))},
         {"highest", figures.readings == 0 ? json(nullptr) : json(rounded(figures.highest, 2))}});
  }
  return report;
}

// ---- Both, side by side.

std::string trace_of_unbounded(const batch& settings) {
  return settings.trace.empty() ? std::string() : settings.trace + ".unbounded";
}

std::vector<std::string> child_arguments(const batch& settings, const char* part,
                                         const std::string& trace, const session& s) {
  std::vector<std::string> arguments{"run",       "batch",
                                     "--measure", part,
                                     "--files",   std::to_string(settings.files),
                                     "--rows",    std::to_string(settings.rows),
                                     "--window",  std::to_string(settings.window),
                                     "--seed",    std::to_string(settings.seed)};
  if (settings.workers)
    arguments.insert(arguments.end(), {"--workers", std::to_string(*settings.workers)});
  if (!settings.data.empty()) arguments.insert(arguments.end(), {"--data", settings.data.string()});
  if (!trace.empty()) arguments.insert(arguments.end(), {"--trace", trace});
  if (s.json) arguments.emplace_back("--json");
  return arguments;
}

void print_comparison(const json& bounded, const json& unbounded) {
  fmt::print("\n{:<12} {:>9} {:>9} {:>8} {:>8} {:>8}\n", "station", "readings", "missing", "mean",
             "lowest", "highest");
  const auto degrees = [](const json& value) {
    return value.is_null() ? std::string("-") : fmt::format("{:.2f}", value.get<double>());
  };
  for (const auto& row : bounded["stations"]) {
    fmt::print("{:<12} {:>9} {:>9} {:>8} {:>8} {:>8}\n", row["station"].get<std::string>(),
               grouped(row["readings"].get<std::uint64_t>()),
               grouped(row["missing"].get<std::uint64_t>()), degrees(row["mean"]),
               degrees(row["lowest"]), degrees(row["highest"]));
  }
  const auto bytes = [](const json& of, const char* member) {
    return bytes_text(of[member].get<std::uint64_t>());
  };
  fmt::print("\n{:<28} {:>12} {:>12}\n", "peak memory",
             fmt::format("window {}", bounded["window"].get<int>()), "no window");
  fmt::print("{:<28} {:>12} {:>12}\n", "rows held (own count)", bytes(bounded, "peak_rows_bytes"),
             bytes(unbounded, "peak_rows_bytes"));
  fmt::print("{:<28} {:>12} {:>12}\n", "whole process (VmHWM)",
             bytes(bounded, "peak_process_bytes"), bytes(unbounded, "peak_process_bytes"));
  fmt::print("{:<28} {:>12} {:>12}\n", "  of which before the work",
             bytes(bounded, "process_bytes_before"), bytes(unbounded, "process_bytes_before"));
  fmt::print("{:<28} {:>12} {:>12}\n", "time", seconds_text(bounded["seconds"].get<double>()),
             seconds_text(unbounded["seconds"].get<double>()));
}

void print_partial(const batch& settings, const child_report& bounded,
                   const child_report& unbounded) {
  const auto row = [&](const char* name, const child_report& report) {
    print_row(name,
              report.printed.is_null()
                  ? "not run"
                  : fmt::format("{} of {} joined, at most {} of rows held, {}",
                                report.printed["files_joined"].get<int>(),
                                counted(static_cast<std::uint64_t>(settings.files), "file"),
                                bytes_text(report.printed["peak_rows_bytes"].get<std::uint64_t>()),
                                seconds_text(report.printed["seconds"].get<double>())));
  };
  fmt::print("\nInterrupted.\n\n");
  row("bounded", bounded);
  row("unbounded", unbounded);
}

void print_traces(const batch& settings, const child_report& bounded,
                  const child_report& unbounded) {
  if (settings.trace.empty() || bounded.printed.is_null()) return;
  fmt::print("\n");
  print_row("trace", fmt::format("{} of the run with a window", settings.trace));
  if (unbounded.printed.is_null()) return;
  const auto other = trace_of_unbounded(settings);
  print_row("", fmt::format("{} of the one without; fronta stage {} {} compares them", other,
                            settings.trace, other));
}

void print_as_json(const batch& settings, const child_report& bounded,
                   const child_report& unbounded) {
  auto object = begin_json("demo", "batch");
  object["complete"] = unbounded.code == exit_code::success;
  object["files"] = settings.files;
  object["rows"] = settings.rows;
  object["seed"] = settings.seed;
  object["data"] = data_folder(settings).string();
  object["backend"] = "local";
  object["result"] = bounded.printed.is_null() ? json(nullptr) : bounded.printed["stations"];
  for (const auto& [name, report] :
       {std::pair("bounded", &bounded), std::pair("unbounded", &unbounded)}) {
    object[name] = report->printed;
    if (object[name].is_object()) object[name].erase("stations");
  }
  if (!settings.trace.empty() && bounded.printed.is_object()) {
    object["traces"] = json::array({settings.trace});
    if (unbounded.printed.is_object()) object["traces"].push_back(trace_of_unbounded(settings));
  }
  print_json(object);
}

// False when that was interrupted.
bool is_prepared(const batch& settings, const session& s) {
  try {
    prepare_data(settings, s);
    return true;
  } catch (const std::exception&) {
    if (!s.interrupted.stop_requested()) throw;
    return false;
  }
}

exit_code compare(const batch& settings, const session& s) {
  if (!s.json) {
    fmt::print("Parse, aggregate and join {} of {} each, once with a window and once without.\n",
               counted(static_cast<std::uint64_t>(settings.files), "CSV file"),
               counted(static_cast<std::uint64_t>(settings.rows), "sensor row"));
    flush_output();
  }
  child_report bounded{.code = exit_code::interrupted, .printed = {}};
  auto unbounded = bounded;
  if (is_prepared(settings, s)) {
    if (!s.json) {
      fmt::print("\n");
      print_row("data", data_folder(settings).string());
      print_row("processes",
                "each run has one of its own, so that neither sees the other's memory");
      fmt::print("\n");
      flush_output();
    }
    bounded = run_self(child_arguments(settings, "bounded", settings.trace, s), s);
    if (bounded.code == exit_code::failed) return bounded.code;  // it has said why
    if (bounded.code == exit_code::success) {
      const auto trace = trace_of_unbounded(settings);
      unbounded = run_self(child_arguments(settings, "unbounded", trace, s), s);
      if (unbounded.code == exit_code::failed) return unbounded.code;
    }
  }
  const bool complete = unbounded.code == exit_code::success;
  if (complete && bounded.printed["stations"] != unbounded.printed["stations"]) {
    throw demo_error("the two runs gave different results; please report this.");
  }

  if (s.json) {
    print_as_json(settings, bounded, unbounded);
  } else if (complete) {
    print_comparison(bounded.printed, unbounded.printed);
  } else {
    print_partial(settings, bounded, unbounded);
  }
  if (!s.json) print_traces(settings, bounded, unbounded);
  flush_output();
  return unbounded.code;
}

}  // namespace

exit_code run(const batch& settings, const session& s) {
  try {
    if (settings.measure == batch::part::compare) return compare(settings, s);
    end_with_parent();
    const auto report = run_pipeline(settings, s);
    print_json(report);
    return report["complete"].get<bool>() ? exit_code::success : exit_code::interrupted;
  } catch (const std::exception&) {
    if (!s.interrupted.stop_requested()) throw;
    return exit_code::interrupted;
  }
}

}  // namespace fronta::demos
