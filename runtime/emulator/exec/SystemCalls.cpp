#include "runtime/emulator/exec/SystemCalls.h"

#include "runtime/emulator/exec/Lanes.h"
#include "runtime/emulator/exec/SharedPlaces.h"

#include <cstdio>
#include <cstring>
#include <span>

namespace attune::emulator::exec {

namespace {

template <class T>
T argument(const Warp& warp, unsigned lane, std::uint64_t offset) {
  T value;
  std::memcpy(&value, warp.local + lane * warp.program->local_bytes + offset, sizeof(value));
  return value;
}

/// Bytes behind a generic address, up to the end of what holds it; none if nothing does.
std::span<const std::byte> memoryAt(const Warp& warp, unsigned lane, std::uint64_t address) {
  const auto tail = [](const std::byte* data, std::size_t bytes, std::uint64_t offset) {
    return offset < bytes ? std::span(data + offset, bytes - offset) : std::span<const std::byte>();
  };
  if (address - local_window < window_bytes) {
    const std::size_t bytes = warp.program->local_bytes;
    return tail(warp.local + lane * bytes, bytes, address - local_window);
  }
  if (address - shared_window < window_bytes) {
    const SharedPlace place = locate(warp, address);
    return tail(place.block->shared, place.block->shared_bytes, place.offset);
  }
  const MemoryView& memory = *warp.memory;
  const std::size_t which = memory.find(address, 1);
  if (which == MemoryView::nowhere)
    return {};
  return tail(memory[which].data.get(), memory[which].bytes, address - memory[which].base);
}

std::string textAt(const Warp& warp, unsigned lane, std::uint64_t address) {
  const std::span<const std::byte> bytes = memoryAt(warp, lane, address);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const auto* end = bytes.empty() ? nullptr : static_cast<const char*>(std::memchr(text, 0, bytes.size()));
  if (end == nullptr)
    throw Fault{"a text that is not in memory, or has no end", static_cast<int>(lane)};
  return {text, end};
}

/// The arguments of a printf, as the compiler lays them out: each aligned to its size, floats as f64.
class Arguments {
public:
  Arguments(const Warp& warp, unsigned lane, std::uint64_t address) : warp_(warp), lane_(lane), address_(address) {}
  template <class T>
  T next() {
    address_ = (address_ + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    const std::span<const std::byte> bytes = memoryAt(warp_, lane_, address_);
    if (bytes.size() < sizeof(T))
      throw Fault{"printf has fewer arguments than its format", static_cast<int>(lane_)};
    T value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    address_ += sizeof(T);
    return value;
  }

private:
  const Warp& warp_;
  unsigned lane_;
  std::uint64_t address_;
};

/// One conversion; `form` is all of it, as "%-8.3llu".
std::string convert(const Warp& warp, unsigned lane, std::string form, Arguments& arguments) {
  const auto print = [&](auto value) {
    char text[512];
    const int length = std::snprintf(text, sizeof(text), form.c_str(), value); // NOLINT: the format is the kernel's
    return std::string(text,
                       std::min<std::size_t>(length < 0 ? 0 : static_cast<std::size_t>(length), sizeof(text) - 1));
  };
  const char kind = form.back();
  const bool wide = form.find('l') != std::string::npos;
  switch (kind) {
  case 'd':
  case 'i':
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    return wide ? print(arguments.next<std::uint64_t>()) : print(arguments.next<std::uint32_t>());
  case 'c':
    return print(arguments.next<std::uint32_t>());
  case 'p':
    // NOLINTNEXTLINE(performance-no-int-to-ptr): %p of an address of the device
    return print(reinterpret_cast<void*>(arguments.next<std::uint64_t>()));
  case 's':
    return print(textAt(warp, lane, arguments.next<std::uint64_t>()).c_str());
  default: // f, e, g, a and their capitals
    return print(arguments.next<double>());
  }
}

/// printf. A line of one thread is never torn by another's.
void print(Warp& warp, const Instr& instr) {
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (!has(warp.exec, lane))
      continue;
    const std::string format = textAt(warp, lane, argument<std::uint64_t>(warp, lane, instr.target));
    Arguments arguments(warp, lane, argument<std::uint64_t>(warp, lane, instr.target + 8));
    std::string text;
    for (std::size_t i = 0; i < format.size(); ++i) {
      const std::size_t end = format[i] == '%' ? format.find_first_not_of("-+ #0123456789.hlzjt", i + 1) : i;
      if (format[i] != '%' || end == std::string::npos) {
        text += format[i];
        continue;
      }
      const std::string form = format.substr(i, end + 1 - i);
      static constexpr std::string_view known = "diuxXocpsfFeEgGaA";
      text += format[end] == '%'                             ? "%"
              : known.find(format[end]) == std::string::npos ? form
                                                             : convert(warp, lane, form, arguments);
      i = end;
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    const std::int32_t written = static_cast<std::int32_t>(text.size());
    std::memcpy(warp.local + lane * warp.program->local_bytes + instr.immediate, &written, sizeof(written));
  }
}

/// assert(): message, file, line, function.
void assertFail(Warp& warp, const Instr& instr) {
  const auto lane = static_cast<unsigned>(std::countr_zero(warp.exec));
  const auto text = [&](unsigned offset) {
    return textAt(warp, lane, argument<std::uint64_t>(warp, lane, instr.target + offset));
  };
  throw Fault{"assertion `" + text(0) + "' failed in " + text(24) + ", " + text(8) + ":" +
                  std::to_string(argument<std::uint32_t>(warp, lane, instr.target + 16)),
              static_cast<int>(lane)};
}

} // namespace

Handler systemCall(std::string_view function) {
  return function == "vprintf" ? &print : function == "__assertfail" ? &assertFail : nullptr;
}

} // namespace attune::emulator::exec
