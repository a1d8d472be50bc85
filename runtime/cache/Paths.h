#pragma once

#include <filesystem>
#include <vector>

namespace attune::cache {

/// Where this user's cache is: $ATTUNE_CACHE_DIR, else $XDG_CACHE_HOME/attune, else ~/.cache/attune. Empty if there is
/// no home, or if ATTUNE_CACHE_DIR is set and empty: then nothing is kept. Relative XDG paths are ignored, as the
/// specification asks for, and so is the environment of a program that runs with another user's rights.
std::filesystem::path userCacheFolder();

/// What was installed for all users: the folder attune in each of $XDG_DATA_DIRS (/usr/local/share and /usr/share).
std::vector<std::filesystem::path> systemCacheFolders();

} // namespace attune::cache
