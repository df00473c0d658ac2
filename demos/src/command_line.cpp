// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include "list.hpp"
#include "output.hpp"
#include "png.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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
CLI::Validator whole(std::uint64_t least, std::uint64_t most) {
  return {[=](const std::string& text) -> std::string {
            std::uint64_t value = 0;
            if (reads(text, value) && value >= least && value <= most) return "";
            return most == std::numeric_limits<std::uint64_t>::max()
                       ? fmt::format("give a whole number from {} on, not \"{}\"", least, text)
                       : fmt::format("give a whole number from {} to {}, not \"{}\"",
                                     grouped(least), grouped(most), text);
          },
          ""};
}

CLI::Validator real(double least, double most) {
  return {[=](const std::string& text) -> std::string {
            double value = 0;
            if (reads(text, value) && std::isfinite(value) && value >= least && value <= most) {
              return "";
            }
            return fmt::format("give a number from {:g} to {:g}, not \"{}\"", least, most, text);
          },
          ""};
}

bool read_size(const std::string& text, std::size_t& width, std::size_t& height) {
  const auto x = text.find('x');
  const auto fits = [](std::size_t side) { return side >= 1 && side <= png::most_pixels_a_side; };
  return x != std::string::npos && reads(text.substr(0, x), width) &&
         reads(text.substr(x + 1), height) && fits(width) && fits(height);
}

const CLI::Validator image_size(
    [](const std::string& text) -> std::string {
      std::size_t width = 0;
      std::size_t height = 0;
      if (read_size(text, width, height)) return "";
      return fmt::format("give width and height as in 640x480, each from 1 to {}, not \"{}\"",
                         grouped(png::most_pixels_a_side), text);
    },
    "");

const CLI::Validator known_backend(
    [](const std::string& text) -> std::string {
      if (text == "local") return "";
      if (text == "processes" || text == "dask" || text == "ray") {
        return fmt::format("\"{}\" is not built yet; use local", text);
      }
      return fmt::format("there is no backend \"{}\"; use local", text);
    },
    "");

const CLI::Validator exportable(
    [](const std::string& text) -> std::string {
      for (const auto* const ending : {".jsonl", ".json", ".perfetto"}) {
        if (text.ends_with(ending)) return "";
      }
      return fmt::format(
          "the ending names the format; give a file that ends in .jsonl, .json or .perfetto, not "
          "\"{}\"",
          text);
    },
    "");

const CLI::Validator drawable(
    [](const std::string& text) -> std::string {
      for (const auto* ending : {".png", ".svg", ".pdf", ".html", ".mp4", ".gif", ".txt"}) {
        if (text.ends_with(ending)) return "";
      }
      return fmt::format(
          "the ending names the format; give a file that ends in .png, .svg, .pdf, .html, .mp4, "
          ".gif or .txt, not \"{}\"",
          text);
    },
    "");

const CLI::Validator picture_size(
    [](const std::string& text) -> std::string {
      std::size_t width = 0;
      std::size_t height = 0;
      if (read_size(text, width, height) && width >= 640 && height >= 400 && width <= 16'384 &&
          height <= 16'384) {
        return "";
      }
      return fmt::format(
          "give width and height as in 1280x720, from 640x400 to 16384x16384, not \"{}\"", text);
    },
    "");

// One of a few words.
CLI::Validator one_of(std::vector<std::string> words) {
  return {[words = std::move(words)](const std::string& text) -> std::string {
            std::string all;
            for (std::size_t i = 0; i < words.size(); ++i) {
              if (words[i] == text) return "";
              if (i != 0) all += i + 1 == words.size() ? " or " : ", ";
              all += words[i];
            }
            return fmt::format("give {}, not \"{}\"", all, text);
          },
          ""};
}

constexpr auto any_seed = std::numeric_limits<std::uint64_t>::max();

class command_line {
 public:
  command_line() {
    app_.set_version_flag("--version", "fronta " FRONTA_VERSION, "print the version and end");
    app_.footer("Start with: fronta run divisibility");
    app_.require_subcommand(1);
    run_->require_subcommand(1);
    add_divisibility();
    add_batch();
    add_gridsearch();
    add_pipeline();
    add_overlap();
    add_json(*list_);
    add_export();
    add_render();
    // All that follows is for the window's program, `--help` too.
    stage_->prefix_command();
    stage_->set_help_flag();
    for (auto* app : {&app_, run_, list_, doctor_, export_, render_, divisibility_app_, batch_app_,
                      gridsearch_app_, pipeline_app_, overlap_app_}) {
      app->set_help_flag("-h,--help", "print this text and end");
    }
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
    if (*export_) return {exported_, false};
    if (*render_) {
      refuse_idle_options();
      return {rendered_, false};
    }
    if (*stage_) return {stage_command{stage_->remaining()}, false};
    if (*batch_app_) {
      // Its work is done by processes that it starts.
      if (batch_.measure == batch::part::compare) batch_.trace = std::exchange(trace_, {});
      return {batch_, json_, trace_};
    }
    if (*gridsearch_app_) return {gridsearch_, json_, trace_};
    if (*pipeline_app_) return {pipeline_, json_, trace_};
    if (*overlap_app_) return {overlap_, json_, trace_};
    const bool asked = !pictures_.empty();
    if (!asked && !json_) pictures_ = "out";
    if (pictures_ == "none") pictures_.clear();
    return {.what = divisibility_,
            .json = json_,
            .trace = trace_,
            .pictures = pictures_,
            .pictures_asked = asked && !pictures_.empty(),
            .stage = stage_wanted_ && !no_window_,
            .exit_after_run = exit_after_run_};
  }

 private:
  // An option with one value. The later of two wins: scripts append to a line that they were given.
  template <class Value>
  static CLI::Option& add(CLI::App& app, const char* name, Value& value, const char* placeholder,
                          const std::string& description, const std::string& by_default) {
    return *app.add_option(name, value, fmt::format("{} [{}]", description, by_default))
                ->type_name(placeholder)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  static void add_number(CLI::App& app, const char* name, int& value, const char* description,
                         std::uint64_t least, std::uint64_t most) {
    add(app, name, value, "N", description, std::to_string(value)).check(whole(least, most));
  }
  static void add_number(CLI::App& app, const char* name, double& value, const char* description,
                         double least, double most) {
    add(app, name, value, "X", description, fmt::format("{:g}", value)).check(real(least, most));
  }
  static void add_workers(CLI::App& app, std::optional<int>& workers) {
    add(app, "--workers", workers, "N", "CPU workers", "the usable CPUs").check(whole(1, 1'024));
  }
  void add_json(CLI::App& app) {
    app.add_flag("--json", json_, "print one JSON object")->disable_flag_override();
  }
  void add_common(CLI::App& demo) {
    add(demo, "--backend", backend_, "NAME", "where tasks run", "local").check(known_backend);
    add(demo, "--trace", trace_, "FILE", "record what happens, for fronta export", "nothing");
    add_json(demo);
  }

  void add_divisibility() {
    auto& d = divisibility_;
    // Another one each time, and short enough to be typed again.
    d.seed = std::random_device{}() % 1'000'000;
    auto& app =
        *run_->add_subcommand("divisibility", "which integers are divisible by all divisors?");
    divisibility_app_ = &app;
    add_number(app, "--size", d.size, "how many integers, from 0 on", 1, 100'000'000);
    app.add_option("--divisors", d.divisors, "the divisors [3 5 7 11 13]")
        ->type_name("N")
        ->delimiter(',')
        ->check(whole(1, 1'000'000));
    add_number(app, "--chunks", d.chunks, "pieces of the data", 1, 100'000);
    add_number(app, "--failure-rate", d.failure_rate, "how probably a mask run fails", 0, 1);
    add_number(app, "--retries", d.retries, "further runs of a mask that fails", 0, 1'000'000);
    add(app, "--speed", d.speed, "X", "multiplies every sleep",
        "so that a run takes 10 to 12 s, at most 1")
        .check(real(0, 1'000));
    add(app, "--seed", d.seed, "N", "of sleeps and failures", "another each time")
        .check(whole(0, any_seed));
    add_number(app, "--workers", d.workers, "CPU workers", 1, 1'024);
    add(app, "--gpus", d.gpus, "N",
        "gpu places; CUDA devices where there are so many, else simulated",
        "every CUDA device, else 2 simulated ones")
        .check(whole(1, 256));
    add(app, "--pictures", pictures_, "FOLDER", "where pictures of the run go, or none",
        "out, with --json none")
        .check([](const std::string& text) {
          return text.empty() ? "give a folder, or none" : std::string();
        });
    const auto flag = [&](const char* name, bool& to, const char* description) {
      app.add_flag(name, to, description)->disable_flag_override();
    };
    flag("--stage", stage_wanted_, "watch the run in a window, where one can be opened");
    flag("--no-window", no_window_, "do not, whatever --stage says");
    flag("--exit-after-run", exit_after_run_, "close that window at the end of the run");
    add_common(app);
  }

  void add_batch() {
    auto& b = batch_;
    auto& app =
        *run_->add_subcommand("batch", "parse, aggregate and join many files in bounded memory");
    batch_app_ = &app;
    add_number(app, "--files", b.files, "CSV files, generated on first use", 1, 100'000);
    add_number(app, "--rows", b.rows, "rows a file", 1, 10'000'000);
    add_number(app, "--window", b.window, "files that a stage may be ahead of its reader", 1,
               1'000'000);
    add(app, "--data", b.data, "FOLDER", "where the files are", "in the user's cache");
    add_workers(app, b.workers);
    add(app, "--seed", b.seed, "N", "of the generated data", "1").check(whole(0, any_seed));
    // What the demo starts to measure one run; in no help text.
    app.add_option("--measure", b.measure)
        ->transform(CLI::CheckedTransformer(std::map<std::string, batch::part>{
            {"bounded", batch::part::bounded}, {"unbounded", batch::part::unbounded}}))
        ->group("");
    add_common(app);
  }

  void add_gridsearch() {
    auto& g = gridsearch_;
    auto& app = *run_->add_subcommand("gridsearch",
                                      "search a grid of models; the first good ones stop the rest");
    gridsearch_app_ = &app;
    add_number(app, "--points", g.points, "points of data", 10, 5'000);
    add_number(app, "--target", g.target, "accuracy of a good model", 0, 1);
    add_number(app, "--want", g.want, "how many good models", 1, 120);
    add_workers(app, g.workers);
    add(app, "--seed", g.seed, "N", "of data and order", "1").check(whole(0, any_seed));
    add_common(app);
  }

  void add_pipeline() {
    auto& p = pipeline_;
    auto& app = *run_->add_subcommand(
        "pipeline", "decode images, blur and find edges on gpus, encode; in bounded memory");
    pipeline_app_ = &app;
    add(app, "--images", p.images, "N", "how many images", "24, or all of --input")
        .check(whole(1, 1'000'000));
    app.add_option_function<std::string>(
           "--size", [&p](const std::string& text) { read_size(text, p.width, p.height); },
           fmt::format("of generated images [{}x{}]", p.width, p.height))
        ->type_name("WxH")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(image_size);
    add(app, "--gpus", p.gpus, "N",
        "gpu places; CUDA devices where there are so many, else simulated",
        "every CUDA device, else 2 simulated ones")
        .check(whole(1, 256));
    add_number(app, "--streams", p.streams, "streams of each gpu", 1, 64);
    add_workers(app, p.workers);
    add_number(app, "--window", p.window, "images in flight", 1, 10'000);
    add(app, "--seed", p.seed, "N", "of generated images", "1").check(whole(0, any_seed));
    add(app, "--input", p.input, "FOLDER", "PNG files to read", "images are generated");
    add(app, "--output", p.output, "FOLDER", "where the results go", p.output.string());
    add_common(app);
  }

  void add_overlap() {
    auto& o = overlap_;
    auto& app = *run_->add_subcommand(
        "overlap", "copies and kernels one, two and three at a time, against their bound");
    overlap_app_ = &app;
    add_number(app, "--chunks", o.chunks, "pieces of the data", 2, 256);
    add(app, "--kilobytes", o.kilobytes, "N", "a chunk", "256, on a CUDA device 16000")
        .check(whole(1, 64'000));
    app.add_option("--streams", o.streams, "how many streams, each in turn [1 2 4 8]")
        ->type_name("N")
        ->delimiter(',')
        ->check(whole(1, 64));
    add_number(app, "--rounds", o.rounds, "measured rounds of each way", 1, 1'000);
    add_common(app);
  }

  void add_export() {
    export_->add_option("TRACE", exported_.trace, "what --trace or FRONTA_TRACE wrote")
        ->type_name("")
        ->required();
    export_
        ->add_option("-o", exported_.output,
                     "FILE.jsonl: every event as JSON; .json: for Chrome; .perfetto")
        ->type_name("FILE")
        ->required()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(exportable);
  }

  void add_render() {
    auto& r = rendered_;
    render_->add_option("TRACE", r.trace, "what --trace or FRONTA_TRACE wrote")
        ->type_name("")
        ->required();
    render_
        ->add_option("OTHER", r.others,
                     "of other processes at the same time, in one picture; or a second run, for "
                     "--preset compare")
        ->type_name("");
    render_
        ->add_option("-o", r.output, "FILE.png, .svg, .pdf, .html, .mp4, .gif, or .txt: in words")
        ->type_name("FILE")
        ->required()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(drawable);
    static constexpr std::array presets{
        viz::preset::stage,     viz::preset::timeline, viz::preset::completion,
        viz::preset::graph,     viz::preset::compare,  viz::preset::statistics,
        viz::preset::inspector, viz::preset::plots,    viz::preset::progress};
    std::vector<std::string> names;
    names.reserve(presets.size());
    for (const auto p : presets) names.emplace_back(name_of(p));
    render_
        ->add_option_function<std::string>(
            "--preset",
            [&r](const std::string& text) {
              for (const auto p : presets) {
                if (name_of(p) == text) r.preset = p;
              }
            },
            "stage: for a room; timeline: all lanes; completion: who ends when; graph: tasks and "
            "their inputs; compare: with OTHER; statistics: how many, how long; inspector: one "
            "task; plots: values over time; progress: how far each name is [timeline]")
        ->type_name("NAME")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(one_of(names));
    add(*render_, "--theme", r.theme, "NAME", "light or dark", r.theme)
        .check(one_of({"light", "dark"}));
    render_
        ->add_option_function<std::string>(
            "--size",
            [&r](const std::string& text) {
              std::size_t width = 0;
              std::size_t height = 0;
              read_size(text, width, height);
              r.width = static_cast<int>(width);
              r.height = static_cast<int>(height);
            },
            fmt::format("of the picture [{}x{}]", r.width, r.height))
        ->type_name("WxH")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(picture_size);
    add(*render_, "--at", r.at, "MS", "the moment, in ms since the first event", "the end")
        .check(real(0, 1e12));
    add(*render_, "--from", r.from, "MS", "begin of the time axis", "the first event")
        .check(real(0, 1e12));
    add(*render_, "--to", r.to, "MS", "end of the time axis", "the last event")
        .check(real(0, 1e12));
    add(*render_, "--task", r.task, "N", "the one that is looked at: inspector, completion", "none")
        .check(whole(1, 4'294'967'294));
    render_
        ->add_option_function<std::string>(
            "--layout",
            [&r](const std::string& text) {
              for (const auto l :
                   {viz::stage_layout::plain, viz::stage_layout::read, viz::stage_layout::run}) {
                if (name_of(l) == text) r.layout = l;
              }
            },
            "of the stage: read: the program's lines beside it; run: three of them above it "
            "[plain]")
        ->type_name("NAME")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(one_of({"plain", "read", "run"}));
    add(*render_, "--source", r.source, "DIR", "what the program's files lie below",
        "where they were compiled, or here")
        .check([](const std::string& text) {
          std::error_code error;
          return std::filesystem::is_directory(text, error)
                     ? std::string()
                     : fmt::format("give a folder that exists, not \"{}\"", text);
        });
    render_
        ->add_option_function<std::string>(
            "--clock",
            [&r](const std::string& text) {
              r.clock = viz::find_clock(text).value_or(viz::clock_kind::linear);
            },
            "of time axes and films: linear; steps: one event after the other; warped: quiet "
            "stretches are shortened [linear]")
        ->type_name("NAME")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(one_of({"linear", "steps", "warped"}));
    const auto add_names = [&](const char* name, std::vector<std::string>& to,
                               const char* description) {
      render_->add_option(name, to, description)
          ->type_name("LANE")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    add_names("--pin", r.pinned,
              "of timeline, stage, completion: lies above all other lanes, as in --pin \"cpu 0\"; "
              "may be repeated");
    add_names("--fold", r.folded,
              "of the same: a lane, or all of a place's, in a low row; may be repeated");
    render_
        ->add_option_function<std::string>(
            "--sort",
            [&r](const std::string& text) {
              for (std::size_t o = 0; o < viz::lane_orders; ++o) {
                const auto order = static_cast<viz::lane_order>(o);
                if (name_of(order) == text) r.order = order;
              }
            },
            "lanes by place, by name, the busy first, or by first use: first [place]")
        ->type_name("ORDER")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(one_of({"place", "name", "busy", "first"}));
    render_
        ->add_option_function<std::string>(
            "--colour",
            [&r](const std::string& text) {
              r.color = text == "kind" ? viz::bar_color::kind : viz::bar_color::state;
            },
            "of the timeline's bars: state, or kind: by the tasks' names [state]")
        ->type_name("WHAT")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->check(one_of({"state", "kind"}));
    add(*render_, "--seconds", r.seconds, "S", "how long a film lasts",
        fmt::format("{:g}", r.seconds))
        .check(real(0.1, 3'600));
  }

  // What the format has no use for would be ignored without a word.
  void refuse_idle_options() const {
    const auto& to = rendered_.output;
    const auto refuse = [&](std::string_view name, std::string_view why) {
      if (render_->get_option(std::string(name))->count() == 0) return;
      throw usage_error(
          fmt::format("{} {}; leave it out, or give another file than \"{}\".", name, why, to));
    };
    const bool film = to.ends_with(".mp4") || to.ends_with(".gif");
    if (to.ends_with(".txt")) {
      for (const auto* const name :
           {"--preset", "--theme", "--size", "--task", "--layout", "--source", "--clock", "--pin",
            "--fold", "--sort", "--colour"})
        refuse(name, "means nothing for words");
    }
    if (film) refuse("--at", "is one moment, and a film shows all from --from to --to");
    if (!film) refuse("--seconds", "is how long a film lasts, .mp4 or .gif");
  }

  // What CLI11 found, in our words.
  [[nodiscard]] std::string sentence(const CLI::ParseError& error) const {
    const auto unknown = app_.remaining(true);
    if (!app_.got_subcommand(run_) && !*list_ && !*doctor_ && !*export_ && !*render_ && !*stage_) {
      const std::string commands = "run, list, stage, render, export or doctor";
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
      return unknown.front().starts_with('-')
                 ? fmt::format("there is no option {}; see {}.", unknown.front(), help)
                 : fmt::format("\"{}\" is one word too many; see {}.", unknown.front(), help);
    }
    if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
      return fmt::format("{}.", error.what());  // it says what to give
    }
    const std::string_view text = error.what();
    if (text.ends_with(" missing")) {
      return fmt::format("{} needs a value; see {}.", text.substr(0, text.find(':')), help);
    }
    // CLI11's own words name the flag without its dashes.
    constexpr std::string_view valued = " was given a disallowed flag override";
    if (text.ends_with(valued)) {
      return fmt::format("--{} takes no value; leave it out.",
                         text.substr(0, text.size() - valued.size()));
    }
    return fmt::format("{}; see {}.", text, help);
  }

  [[nodiscard]] const CLI::App* current() const {
    for (const auto* app : {divisibility_app_, batch_app_, gridsearch_app_, pipeline_app_,
                            overlap_app_, list_, export_, render_, doctor_}) {
      if (*app) return app;
    }
    return run_;
  }

  static std::string demo_names() {
    const auto demos = all_demos();
    std::string names = demos.front().name;
    for (std::size_t i = 1; i < demos.size(); ++i) {
      names += i + 1 == demos.size() ? " or " : ", ";
      names += demos[i].name;
    }
    return names;
  }

  CLI::App app_{"Fronta: one executor, one future, for everything that can compute", "fronta"};
  CLI::App* run_ = app_.add_subcommand("run", "run a demo");
  CLI::App* list_ = app_.add_subcommand("list", "list the demos");
  CLI::App* export_ = app_.add_subcommand("export", "turn a trace into another format");
  CLI::App* render_ = app_.add_subcommand("render", "draw a trace, without a display");
  CLI::App* stage_ = app_.add_subcommand("stage", "play a trace in a window");
  CLI::App* doctor_ =
      app_.add_subcommand("doctor", "what this machine has, what is missing, the remedy");
  CLI::App* divisibility_app_ = nullptr;
  CLI::App* batch_app_ = nullptr;
  CLI::App* gridsearch_app_ = nullptr;
  CLI::App* pipeline_app_ = nullptr;
  CLI::App* overlap_app_ = nullptr;
  divisibility divisibility_;
  batch batch_;
  gridsearch gridsearch_;
  pipeline pipeline_;
  overlap overlap_;
  export_command exported_;
  render_command rendered_;
  std::string backend_ = "local";
  std::string trace_;
  std::string pictures_;
  bool json_ = false;
  bool stage_wanted_ = false;
  bool no_window_ = false;
  bool exit_after_run_ = false;
};

}  // namespace

command read_command_line(int argc, const char* const* argv) {
  return command_line().read(argc, argv);
}

}  // namespace fronta::demos
