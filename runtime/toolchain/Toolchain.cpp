#include "runtime/toolchain/Toolchain.h"

#include "attune/compiler/Error.h"
#include "runtime/cache/EntryFile.h"
#include "runtime/toolchain/Nvrtc.h"
#include "runtime/toolchain/Templates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <mutex>

namespace attune {
namespace {

// One --ptxas-options per option: NVRTC hands the value to ptxas as a single word.
constexpr const char* options[] = {
    "--std=c++20",
    "--ptxas-options=-v",
    "--ptxas-options=--warn-on-spills",
    "--ptxas-options=--warn-on-local-memory-usage",
};

/// "sm_90a": its number, and whether only that very architecture runs it ("a", "f").
struct Architecture {
  int number = 0;
  bool portable = true;
};

Architecture parse(std::string_view arch) {
  Architecture result;
  const std::string_view digits = arch.starts_with("sm_") ? arch.substr(3) : std::string_view();
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.number);
  if (error != std::errc())
    throw InternalError(fmt::format("\"{}\" is not the name of a target (sm_80, sm_90a)", arch));
  result.portable = end == digits.data() + digits.size();
  return result;
}

class Program {
public:
  Program(const Nvrtc& nvrtc, const std::string& source, const std::string& file) : nvrtc_(nvrtc) {
    std::vector<const char*> names, texts;
    for (const EmbeddedFile& header : templates()) {
      names.push_back(header.name);
      texts.push_back(header.text);
    }
    const int count = static_cast<int>(names.size());
    if (nvrtc_.nvrtcCreateProgram(&program_, source.c_str(), file.c_str(), count, texts.data(), names.data()) != 0)
      throw DeviceError("NVRTC could not create a program: out of memory");
  }
  ~Program() { nvrtc_.nvrtcDestroyProgram(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int compile(const std::vector<const char*>& arguments) {
    return nvrtc_.nvrtcCompileProgram(program_, static_cast<int>(arguments.size()), arguments.data());
  }
  std::string log() const { return text(nvrtc_.nvrtcGetProgramLogSize, nvrtc_.nvrtcGetProgramLog); }
  std::string image(Image::Kind kind) const {
    return kind == Image::Kind::Ptx ? text(nvrtc_.nvrtcGetPTXSize, nvrtc_.nvrtcGetPTX)
                                    : read(nvrtc_.nvrtcGetCUBINSize, nvrtc_.nvrtcGetCUBIN);
  }

private:
  std::string read(int (*size)(NvrtcProgram*, std::size_t*), int (*get)(NvrtcProgram*, char*)) const {
    std::size_t bytes = 0;
    if (size(program_, &bytes) != 0)
      return {};
    std::string contents(bytes, '\0');
    return get(program_, contents.data()) == 0 ? contents : std::string();
  }
  /// Texts come with their terminating zero.
  std::string text(int (*size)(NvrtcProgram*, std::size_t*), int (*get)(NvrtcProgram*, char*)) const {
    std::string contents = read(size, get);
    contents.resize(std::min(contents.size(), contents.find('\0')));
    return contents;
  }

  const Nvrtc& nvrtc_;
  NvrtcProgram* program_ = nullptr;
};

/// The lines around the first error; the log says "name.cu(12): error: ...".
std::string excerpt(const std::string& source, const std::string& log, const std::string& file) {
  const std::size_t at = log.find(file + "(");
  int wanted = 1;
  if (at != std::string::npos)
    std::from_chars(log.data() + at + file.size() + 1, log.data() + log.size(), wanted);
  std::string text;
  int number = 1;
  for (std::size_t begin = 0; begin < source.size(); ++number) {
    const std::size_t end = std::min(source.find('\n', begin), source.size());
    if (number >= wanted - 4 && number <= wanted + 4)
      text += fmt::format("{} {:4} | {}\n", number == wanted ? '>' : ' ', number, source.substr(begin, end - begin));
    begin = end + 1;
  }
  return text;
}

} // namespace

Toolchain::Toolchain() : Toolchain(Nvrtc::open(nvrtcCandidates())) {}

Toolchain::Toolchain(std::unique_ptr<Nvrtc> nvrtc) : nvrtc_(std::move(nvrtc)) {}

Toolchain::~Toolchain() = default;

std::shared_ptr<const Toolchain> Toolchain::shared() {
  static std::mutex mutex;
  static std::shared_ptr<const Toolchain> toolchain;
  const std::scoped_lock lock(mutex);
  if (toolchain == nullptr)
    toolchain = std::make_shared<const Toolchain>();
  return toolchain;
}

const std::string& Toolchain::recipe() {
  static const std::string text = [] {
    std::string all;
    for (const EmbeddedFile& header : templates())
      all += fmt::format("{} {}\n{}", header.name, std::strlen(header.text), header.text);
    return fmt::format("{} templates {}", fmt::join(std::begin(options), std::end(options), " "), cache::digestOf(all));
  }();
  return text;
}

std::string Toolchain::compiler() const { return fmt::format("nvrtc {}.{}", nvrtc_->major, nvrtc_->minor); }

std::string Toolchain::description() const {
  return fmt::format("NVRTC {}.{} ({})", nvrtc_->major, nvrtc_->minor, nvrtc_->path);
}

Build Toolchain::build(std::string_view cuda, std::string_view arch, Image::Kind kind, std::string_view name) const {
  Architecture target = parse(arch);
  std::string downgraded;
  const std::vector<int>& known = nvrtc_->architectures;
  if (!std::binary_search(known.begin(), known.end(), target.number)) {
    const auto above = std::upper_bound(known.begin(), known.end(), target.number);
    if (!target.portable || above == known.begin())
      throw DeviceError(fmt::format("{} cannot compile for {}; it knows sm_{}. Use the NVRTC of a CUDA toolkit that "
                                    "knows {}: set ATTUNE_NVRTC to its libnvrtc.so",
                                    description(), arch, fmt::join(known, ", sm_"), arch));
    target.number = *(above - 1);
    kind = Image::Kind::Ptx;
    downgraded = fmt::format("{} does not know {}: made PTX for compute_{}, which the driver compiles at load",
                             description(), arch, target.number);
  }
  const std::string architecture =
      fmt::format("--gpu-architecture={}_{}{}", kind == Image::Kind::Ptx ? "compute" : "sm", target.number,
                  target.portable ? "" : arch.substr(arch.size() - 1));
  std::vector<const char*> arguments(std::begin(options), std::end(options));
  arguments.push_back(architecture.c_str());

  const std::string source(cuda);
  const std::string file = fmt::format("{}.cu", name);
  Program program(*nvrtc_, source, file);
  const auto start = std::chrono::steady_clock::now();
  const int result = program.compile(arguments);
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;

  Build build{.image = {.kind = kind, .bytes = {}}, .log = parseBuildLog(program.log())};
  build.log.milliseconds = elapsed.count();
  if (result == NvrtcBuiltinOperationFailure)
    throw DeviceError(fmt::format("{} cannot open its builtins library ({}). libnvrtc-builtins.so must lie in the same "
                                  "folder, from the same CUDA version; `pip install nvidia-cuda-nvrtc` brings both",
                                  description(), build.log.text));
  if (result != NvrtcSuccess)
    throw InternalError(fmt::format("{} does not compile for {} (NVRTC error {}):\n{}\n{}", file, arch, result,
                                    build.log.text, excerpt(source, build.log.text, file)));
  build.image.bytes = program.image(kind);
  if (build.image.bytes.empty())
    throw InternalError(fmt::format("NVRTC made an empty image of {} for {}:\n{}", file, arch, build.log.text));
  if (!downgraded.empty())
    build.log.warnings.insert(build.log.warnings.begin(), std::move(downgraded));
  return build;
}

} // namespace attune
