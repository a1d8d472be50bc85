#pragma once

#include "attune/compiler/Error.h"

#include <string>

namespace attune {

[[noreturn]] inline void invalid(const std::string& value, const std::string& rule, const std::string& remedy) {
  throw UserError(UserError::Kind::Invalid, value, rule, remedy);
}

[[noreturn]] inline void unsupported(const std::string& value, const std::string& rule, const std::string& remedy) {
  throw UserError(UserError::Kind::Unsupported, value, rule, remedy);
}

} // namespace attune
