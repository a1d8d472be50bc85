// A driver that tells its version and has nothing else.
extern "C" int cuDriverGetVersion(int* version) {
  *version = 12040;
  return 0;
}
