// In every program under the address sanitizer.
//
// LLVM's allocators poison what they have not handed out, by inline functions: of those the linker keeps ours, which
// poison, while Debian's archives hand memory out by copies that were compiled without and do not unpoison.

extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allow_user_poisoning=0"; }
