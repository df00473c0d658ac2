// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keys.hpp"

#include <fronta/viz/pictures.hpp>
#include <fronta/viz/scene.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

struct GLFWwindow;

namespace fronta::viz {

/// No window can be opened. One sentence that says why.
class window_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a window tells of its user. Points are in pixels of the window's picture.
class window_listener {
 public:
  virtual ~window_listener() = default;
  virtual void pressed(const key_press& k, bool again) = 0;
  virtual void pointed(std::optional<point> at) = 0;  ///< nothing: the pointer has left
  virtual void button(point at, bool down) = 0;
  virtual void wheel(double right, double up) = 0;
  virtual void dropped(std::string file) = 0;
  virtual void must_redraw() = 0;  ///< its size changed, or what it showed is lost
};

/// A window of the desktop that shows scenes, by GLFW, OpenGL 3.3 and Dear ImGui. One at a time,
/// and only on the thread that runs main.
class window {
 public:
  struct options {
    int width = 1280;
    int height = 720;
    std::string title;
    std::string monitor;  ///< part of a monitor's name; empty for where the desktop puts it
    bool full_screen = false;
    bool visible = true;
  };

  /// Throws `window_error`. The listener is told only while it waits, and must live as long.
  window(const options& o, window_listener& tell);
  ~window();
  window(const window&) = delete;
  window& operator=(const window&) = delete;

  [[nodiscard]] const font_metrics& fonts() const;
  [[nodiscard]] rect size() const;  ///< in pixels, at 0, 0
  [[nodiscard]] bool is_hidden() const;
  [[nodiscard]] bool is_to_close() const;
  void close();
  void set_title(const std::string& title);

  /// Shows the scene. Blocks until the screen is ready for it.
  void show(const scene& s);
  /// The pixels that `show` would show.
  [[nodiscard]] image pixels_of(const scene& s);

  /// Handles what the user did; waits for it so long, or for ever if less than 0.
  void wait(double seconds);
  /// Ends a wait, from any thread.
  static void wake();

  void toggle_full_screen();
  [[nodiscard]] bool is_full_screen() const;
  void to_next_monitor();
  /// To the size that it had before it filled a screen which is no longer there.
  void restore();

  /// For tests: what GLFW calls.
  [[nodiscard]] GLFWwindow* handle() const;

 private:
  class body;
  std::unique_ptr<body> body_;
};

}  // namespace fronta::viz
