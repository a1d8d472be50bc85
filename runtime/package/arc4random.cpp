// LLVM calls arc4random, which glibc has since 2.36 only. With this one, which is hidden, binaries run where glibc is
// older.
#include <cstdint>

#include <sys/random.h>

extern "C" std::uint32_t arc4random();
extern "C" std::uint32_t arc4random() {
  std::uint32_t bits = 0;
  while (getrandom(&bits, sizeof bits, 0) != sizeof bits) {
  }
  return bits;
}
