// SPDX-License-Identifier: Apache-2.0
#include "gridsearch.hpp"

#include "interrupt.hpp"
#include "kernel_ridge.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <fronta/fronta.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace fronta::demos {
namespace {

constexpr std::size_t folds = 5;
constexpr double noise = 0.15;

struct judged {
  model parameters{};
  double accuracy = 0;
};

struct findings {
  std::vector<judged> good;  // in order of completion
  judged best;
  std::size_t models = 0;
  std::size_t finished = 0;
  std::size_t stopped = 0;  // while they ran
  std::size_t never_began = 0;
  double seconds = 0;
  bool interrupted = false;
};

// 12 values of gamma by 10 of lambda, in an order that looks everywhere soon.
std::vector<model> grid(std::uint64_t seed) {
  std::vector<model> models;
  for (int g = 0; g < 12; ++g) {
    for (int l = 0; l < 10; ++l) models.push_back({std::pow(2.0, g - 7), std::pow(10.0, l - 6)});
  }
  fronta::rng random(seed, 1);
  for (auto left = models.size(); left > 1; --left) {
    std::swap(models[left - 1], models[static_cast<std::size_t>(random() % left)]);
  }
  return models;
}

judged judge(model m, const std::vector<point>& points) {
  const auto stop = this_task::stop_token();
  double sum = 0;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    sum += fold_accuracy(points, m, fold, folds, stop);
  }
  return {m, sum / static_cast<double>(folds)};
}

findings search(const gridsearch& settings, const session& s) {
  findings found;
  const auto models = grid(settings.seed);
  found.models = models.size();
  progress shown(
      {.label = "gridsearch",
       .tasks = models.size(),
       .work = static_cast<double>(models.size()),
       .style = s.json ? progress::style::hidden_unless_terminal : progress::style::automatic});
  auto ex = executor(cpu::threads{.workers = settings.workers});
  std::vector<future<judged>> all;
  try {
    const cancel_on_interrupt guard(s.interrupted, ex);
    const auto points =
        ex.scatter(two_moons(static_cast<std::size_t>(settings.points), noise, settings.seed));
    for (const auto m : models) {
      all.push_back(ex.submit(
          [&shown](model which, const std::vector<point>& data) {
            const progress::running now(shown);
            auto result = judge(which, data);
            shown.finished(1);
            return result;
          },
          m, points));
    }
    for (const auto& f : as_completed(all)) {
      const auto& one = f.result();
      if (one.accuracy > found.best.accuracy) found.best = one;
      if (one.accuracy >= settings.target) found.good.push_back(one);
      if (found.good.size() == static_cast<std::size_t>(settings.want)) break;
    }
  } catch (const std::exception&) {
    if (!s.interrupted.stop_requested()) throw;
    found.interrupted = true;
  }
  // What has not begun is cancelled; what runs is asked to stop.
  for (const auto& f : all) {
    if (!f.cancel()) f.request_stop();
  }
  ex.shutdown();
  shown.close();
  found.seconds = shown.seconds();
  for (const auto& f : all) {
    if (f.cancelled()) continue;
    ++(f.exception() == nullptr ? found.finished : found.stopped);
  }
  found.never_began = found.models - found.finished - found.stopped;
  return found;
}

std::string percent(double share) { return fmt::format("{:.1f} %", share * 100); }

void print_findings(const findings& found) {
  if (found.interrupted) fmt::print("\nInterrupted. These are the models judged so far.\n");
  fmt::print("\n{:>10} {:>10} {:>10}\n", "gamma", "lambda", "accuracy");
  for (const auto& m : found.good) {
    fmt::print("{:>10.4g} {:>10.4g} {:>10}\n", m.parameters.gamma, m.parameters.lambda,
               percent(m.accuracy));
  }
  if (found.good.empty()) fmt::print("{:>32}\n", "no good model");
  fmt::print("\n");
  print_row("models",
            fmt::format("{}: {} judged, {} stopped while running, {} cancelled before they ran",
                        found.models, found.finished, found.stopped, found.never_began));
  print_row("time", seconds_text(found.seconds));
}

json as_json(const judged& m) {
  return {{"gamma", m.parameters.gamma},
          {"lambda", m.parameters.lambda},
          {"accuracy", rounded(m.accuracy, 6)}};
}

void print_as_json(const gridsearch& settings, const findings& found) {
  auto object = begin_json("demo", "gridsearch");
  object["result"] = json::array();
  for (const auto& m : found.good) object["result"].push_back(as_json(m));
  object["count"] = found.good.size();
  object["best"] = found.finished == 0 ? json(nullptr) : as_json(found.best);
  object["complete"] = !found.interrupted;
  object["models"] = found.models;
  object["judged"] = found.finished;
  object["stopped"] = found.stopped;
  object["cancelled"] = found.never_began;
  object["target"] = settings.target;
  object["want"] = settings.want;
  object["points"] = settings.points;
  object["seed"] = settings.seed;
  object["backend"] = "local";
  object["seconds"] = rounded(found.seconds);
  print_json(object);
}

}  // namespace

exit_code run(const gridsearch& settings, const session& s) {
  if (!s.json) {
    fmt::print("Search a grid of kernel ridge models for {} with an accuracy of {} or more.\n\n",
               settings.want, percent(settings.target));
    print_row("data", fmt::format("two moons, {}, {} folds, seed {}",
                                  counted(static_cast<std::uint64_t>(settings.points), "point"),
                                  folds, settings.seed));
    fmt::print("\n");
    flush_output();
  }
  const auto found = search(settings, s);
  if (s.json) {
    print_as_json(settings, found);
  } else {
    print_findings(found);
    flush_output();
  }
  if (found.interrupted) return exit_code::interrupted;
  if (found.good.size() < static_cast<std::size_t>(settings.want)) {
    throw demo_error(fmt::format(
        "only {} of {} wanted models reach {}, and the best reaches {}; lower "
        "--target or --want.",
        found.good.size(), settings.want, percent(settings.target), percent(found.best.accuracy)));
  }
  return exit_code::success;
}

}  // namespace fronta::demos
