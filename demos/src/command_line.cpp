// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include "list.hpp"
#include "output.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <system_error>

namespace fronta::demos {
namespace {

template <class Number>
bool reads(const std::string& text, Number& value) {
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

// Ours instead of CLI11's: they say what to give, and refuse what a conversion would bend ("1e9",
// "0x10", "-1" for an unsigned number).
CLI::Validator whole(std::uint64_t least, std::uint64_t most, const char* unit = "") {
  return {[=](const std::string& text) -> std::string {
            std::uint64_t value = 0;
            if (reads(text, value) && value >= least && value <= most) return "";
            return most == std::numeric_limits<std::uint64_t>::max()
                       ? fmt::format("give a whole number from {} on, not \"{}\"", least, text)
                       : fmt::format("give a whole number from {} to {}, not \"{}\"", least, most,
                                     text);
          },
          unit};
}

CLI::Validator real(double least, double most, const char* unit = "") {
  return {[=](const std::string& text) -> std::string {
            double value = 0;
            if (reads(text, value) && std::isfinite(value) && value >= least && value <= most)
              return "";
            return fmt::format("give a number from {:g} to {:g}, not \"{}\"", least, most, text);
          },
          unit};
}

const CLI::Validator known_backend(
    [](const std::string& text) -> std::string {
      if (text == "local") return "";
      if (text == "processes" || text == "dask" || text == "ray") {
        return fmt::format("\"{}\" is not built yet; use local", text);
      }
      return fmt::format("there is no backend \"{}\"; use local", text);
    },
    "");

class command_line {
 public:
  command_line() {
    app_.set_version_flag("--version", "fronta " FRONTA_VERSION);
    app_.set_help_flag("-h,--help", "print this text and end");
    app_.require_subcommand(1);
    run_->require_subcommand(1);
    add_divisibility();
    add_batch();
    add_gridsearch();
    list_->add_flag("--json", json_, "print one JSON object");
    for (auto* sub : {run_, list_, doctor_})
      sub->set_help_flag("-h,--help", "print this text and end");
  }

  command read(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& asked) {
      app_.exit(asked);  // prints what was asked for
      return {};
    } catch (const CLI::ParseError& error) {
      throw usage_error(sentence(error));
    }
    if (*list_) return {list_command{}, json_};
    if (*doctor_) return {doctor_command{}, false};
    if (*batch_app_) return {batch_, json_};
    if (*gridsearch_app_) return {gridsearch_, json_};
    return {divisibility_, json_};
  }

 private:
  void add_common(CLI::App& demo) {
    demo.add_flag("--json", json_, "print one JSON object");
    demo.add_option("--backend", backend_, "where tasks run: local [local]")->check(known_backend);
    demo.set_help_flag("-h,--help", "print this text and end");
  }

  void add_divisibility() {
    auto& d = divisibility_;
    // Not given: another one each time, and short enough to be typed again.
    d.seed = std::random_device{}() % 1'000'000;
    auto* app = divisibility_app_ =
        run_->add_subcommand("divisibility", "which integers are divisible by all divisors?");
    app->add_option("--size", d.size, "how many integers, from 0 on [10000]")
        ->check(whole(1, 100'000'000, "N"));
    app->add_option("--divisors", d.divisors, "the divisors [3 5 7 11 13]")
        ->delimiter(',')
        ->check(whole(1, 1'000'000, "N ..."));
    app->add_option("--chunks", d.chunks, "pieces of the data [10]")->check(whole(1, 100'000, "N"));
    app->add_option("--failure-rate", d.failure_rate, "how probably a mask run fails [0.1]")
        ->check(real(0, 1, "P"));
    app->add_option("--retries", d.retries, "further runs of a mask that fails [40]")
        ->check(whole(0, 1'000'000, "N"));
    app->add_option("--speed", d.speed, fmt::format("multiplies every sleep [{:g}]", d.speed))
        ->check(real(0, 1'000, "F"));
    app->add_option("--seed", d.seed, "of sleeps and failures [another each time]")
        ->check(whole(0, std::numeric_limits<std::uint64_t>::max(), "N"));
    app->add_option("--workers", d.workers, "CPU workers [4]")->check(whole(1, 1'024, "N"));
    app->add_option("--gpus", d.gpus, "gpu places [2]")->check(whole(1, 256, "N"));
    add_common(*app);
  }

  void add_batch() {
    auto& b = batch_;
    auto* app = batch_app_ =
        run_->add_subcommand("batch", "parse, aggregate and join many files in bounded memory");
    app->add_option("--files", b.files, "CSV files, generated on first use [200]")
        ->check(whole(1, 100'000, "N"));
    app->add_option("--rows", b.rows, "rows a file [5000]")->check(whole(1, 10'000'000, "N"));
    app->add_option("--window", b.window, "files that a stage may be ahead of its reader [8]")
        ->check(whole(1, 1'000'000, "N"));
    app->add_option("--data", b.data, "folder of the files [one in the user's cache]");
    app->add_option("--workers", b.workers, "CPU workers [the usable CPUs]")
        ->check(whole(1, 1'024, "N"));
    app->add_option("--seed", b.seed, "of the generated data [1]")
        ->check(whole(0, std::numeric_limits<std::uint64_t>::max(), "N"));
    // What the demo starts to measure one run; in no help text.
    app->add_option("--measure", b.measure, "")
        ->transform(CLI::CheckedTransformer(std::map<std::string, batch::part>{
            {"bounded", batch::part::bounded}, {"unbounded", batch::part::unbounded}}))
        ->group("");
    add_common(*app);
  }

  void add_gridsearch() {
    auto& g = gridsearch_;
    auto* app = gridsearch_app_ = run_->add_subcommand(
        "gridsearch", "search a grid of models; the first good ones stop the rest");
    app->add_option("--points", g.points, "points of data [300]")->check(whole(10, 5'000, "N"));
    app->add_option("--target", g.target, fmt::format("accuracy of a good model [{:g}]", g.target))
        ->check(real(0, 1, "A"));
    app->add_option("--want", g.want, "how many good models [3]")->check(whole(1, 120, "N"));
    app->add_option("--workers", g.workers, "CPU workers [the usable CPUs]")
        ->check(whole(1, 1'024, "N"));
    app->add_option("--seed", g.seed, "of data and order [1]")
        ->check(whole(0, std::numeric_limits<std::uint64_t>::max(), "N"));
    add_common(*app);
  }

  // What CLI11 found, in our words.
  [[nodiscard]] std::string sentence(const CLI::ParseError& error) const {
    const auto unknown = app_.remaining(true);
    if (!app_.got_subcommand(run_) && !*list_ && !*doctor_) {
      const std::string commands = "run, list or doctor";
      if (unknown.empty())
        return fmt::format("no command is given; use {}, or see fronta --help.", commands);
      return unknown.front().starts_with('-')
                 ? fmt::format("there is no option {}; see fronta --help.", unknown.front())
                 : fmt::format("there is no command \"{}\"; use {}, or see fronta --help.",
                               unknown.front(), commands);
    }
    const auto* at = current();
    const std::string help =
        at == run_ ? "fronta run --help"
                   : fmt::format("fronta {}{} --help", at->get_parent() == run_ ? "run " : "",
                                 at->get_name());
    if (at == run_ && (unknown.empty() || !unknown.front().starts_with('-'))) {
      return unknown.empty()
                 ? fmt::format("no demo is given; use {}.", demo_names())
                 : fmt::format("there is no demo \"{}\"; use {}.", unknown.front(), demo_names());
    }
    if (!unknown.empty()) {
      return fmt::format(
          "{} \"{}\"; see {}.",
          unknown.front().starts_with('-') ? "there is no option" : "there is no use for",
          unknown.front(), help);
    }
    return fmt::format("{}; see {}.", error.what(), help);
  }

  [[nodiscard]] const CLI::App* current() const {
    for (const auto* app : {divisibility_app_, batch_app_, gridsearch_app_, list_, doctor_}) {
      if (*app) return app;
    }
    return run_;
  }

  static std::string demo_names() {
    std::string names;
    const auto demos = all_demos();
    for (std::size_t i = 0; i < demos.size(); ++i) {
      names += i == 0 ? "" : i + 1 == demos.size() ? " or " : ", ";
      names += demos[i].name;
    }
    return names;
  }

  CLI::App app_{"Fronta: one executor, one future, for everything that can compute", "fronta"};
  CLI::App* run_ = app_.add_subcommand("run", "run a demo");
  CLI::App* list_ = app_.add_subcommand("list", "list the demos");
  CLI::App* doctor_ =
      app_.add_subcommand("doctor", "what this machine has, what is missing, the remedy");
  CLI::App* divisibility_app_ = nullptr;
  CLI::App* batch_app_ = nullptr;
  CLI::App* gridsearch_app_ = nullptr;
  divisibility divisibility_;
  batch batch_;
  gridsearch gridsearch_;
  std::string backend_ = "local";
  bool json_ = false;
};

}  // namespace

command read_command_line(int argc, const char* const* argv) {
  return command_line().read(argc, argv);
}

}  // namespace fronta::demos
