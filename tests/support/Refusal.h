#pragma once

#include "attune/compiler/Error.h"

#include <string>

namespace attune {

/// What a call says when it refuses: "invalid: value: rule; remedy", or "unsupported: ...". Empty if it does not.
template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const UserError& error) {
    return (error.kind == UserError::Kind::Invalid ? "invalid: " : "unsupported: ") + std::string(error.what());
  }
  return {};
}

} // namespace attune
