#include "runtime/cuda/Measuring.h"

#include "attune/compiler/Error.h"

#include <string>

namespace attune::cuda {

namespace {

constexpr unsigned default_event = 0, non_blocking_stream = 1;
constexpr int relaxed_capture = 2; // CU_STREAM_CAPTURE_MODE_RELAXED

struct CudaEvent final : DeviceEvent {
  explicit CudaEvent(std::shared_ptr<const Driver> driver) : d(std::move(driver)) {}
  ~CudaEvent() override { d->cuEventDestroy_v2(event); }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;
  std::shared_ptr<const Driver> d;
  Event event = nullptr;
};

struct CudaGraph final : DeviceGraph {
  explicit CudaGraph(std::shared_ptr<const Driver> driver) : d(std::move(driver)) {}
  ~CudaGraph() override { d->cuGraphExecDestroy(executable); }
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;
  std::shared_ptr<const Driver> d;
  GraphExec executable = nullptr;
};

/// A stream for one capture.
class CaptureStream {
public:
  CaptureStream(const Driver& driver, const std::string& who) : d_(driver) {
    d_.check(d_.cuStreamCreate(&stream, non_blocking_stream), "cuStreamCreate", who);
  }
  ~CaptureStream() {
    d_.cuGraphDestroy(graph);
    d_.cuStreamDestroy_v2(stream);
  }
  CaptureStream(const CaptureStream&) = delete;
  CaptureStream& operator=(const CaptureStream&) = delete;
  Stream stream = nullptr;
  Graph graph = nullptr;

private:
  const Driver& d_;
};

} // namespace

std::shared_ptr<DeviceEvent> recordEvent(std::shared_ptr<const Driver> driver, std::string_view who, Stream stream) {
  Event event = nullptr;
  const Driver& d = *driver;
  d.check(d.cuEventCreate(&event, default_event), "cuEventCreate", who);
  const auto result = std::make_shared<CudaEvent>(std::move(driver));
  result->event = event;
  d.check(d.cuEventRecord(event, stream), "cuEventRecord", who);
  return result;
}

namespace {

/// What this device made itself. Events and graphs of another kind of device are the caller's slip.
template <class Own, class Any>
const Own& own(const Any& any, std::string_view who, std::string_view what) {
  if (const auto* mine = dynamic_cast<const Own*>(&any))
    return *mine;
  throw DeviceError(std::string(who) + ": " + std::string(what) + " of another device");
}

} // namespace

double microseconds(const Driver& d, std::string_view who, const DeviceEvent& from, const DeviceEvent& to) {
  const auto &begin = own<CudaEvent>(from, who, "an event"), &end = own<CudaEvent>(to, who, "an event");
  float milliseconds = 0;
  d.check(d.cuEventSynchronize(end.event), "cuEventSynchronize", who);
  d.check(d.cuEventElapsedTime(&milliseconds, begin.event, end.event), "cuEventElapsedTime", who);
  return static_cast<double>(milliseconds) * 1000;
}

std::shared_ptr<DeviceGraph> captureGraph(std::shared_ptr<const Driver> driver, std::string_view who,
                                          const std::function<void(void* stream)>& work) {
  const Driver& d = *driver;
  const std::string what = std::string(who) + ": capturing launches";
  CaptureStream capture(d, what);
  d.check(d.cuStreamBeginCapture_v2(capture.stream, relaxed_capture), "cuStreamBeginCapture", what);
  try {
    work(capture.stream);
  } catch (...) {
    d.cuStreamEndCapture(capture.stream, &capture.graph);
    throw;
  }
  d.check(d.cuStreamEndCapture(capture.stream, &capture.graph), "cuStreamEndCapture", what);
  GraphExec executable = nullptr;
  d.check(d.cuGraphInstantiateWithFlags(&executable, capture.graph, 0), "cuGraphInstantiateWithFlags", what);
  const auto result = std::make_shared<CudaGraph>(std::move(driver));
  result->executable = executable;
  return result;
}

void launchGraph(const Driver& d, std::string_view who, const DeviceGraph& graph, Stream stream) {
  d.check(d.cuGraphLaunch(own<CudaGraph>(graph, who, "a graph").executable, stream), "cuGraphLaunch", who);
}

} // namespace attune::cuda
