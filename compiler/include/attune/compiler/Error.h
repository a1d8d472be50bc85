#pragma once

#include <stdexcept>
#include <string>

namespace [[gnu::visibility("default")]] attune {

/// The caller asked for something that is wrong or that Attune does not do. The text names the value, the rule it
/// breaks, and the remedy: one of each, in that order.
class UserError : public std::runtime_error {
public:
  enum class Kind {
    Invalid,     ///< no system could do it: 28 q heads on 5 kv heads (exit code 3)
    Unsupported, ///< well-formed, but beyond a stated limit: shared memory of the target (exit code 4)
  };

  UserError(Kind which, const std::string& value, const std::string& rule, const std::string& remedy)
      : std::runtime_error(value + ": " + rule + "; " + remedy), kind(which) {}

  Kind kind;
};

/// The machine cannot do it: no driver, no NVRTC, out of memory, a kernel that trapped.
class DeviceError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A bug of Attune, by definition.
class InternalError : public std::logic_error {
public:
  using std::logic_error::logic_error;
};

} // namespace attune
