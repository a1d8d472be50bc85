#pragma once

#include "attune/compiler/Spec.h"

#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] attune {

/// The attention of one kind of layer of a published model, from its configuration file.
struct Preset {
  std::string
      name; ///< "qwen2.5-7b"; models with several kinds of layer have "gemma-3-27b:local" and "gemma-3-27b:global"
  AttentionSpec spec;
};

const std::vector<Preset>& presets();
/// Throws UserError with the nearest known name.
const AttentionSpec& preset(std::string_view name);

} // namespace attune
