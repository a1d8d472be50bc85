#pragma once

#include "attune/Device.h"
#include "runtime/cuda/Driver.h"

#include <functional>
#include <memory>
#include <string_view>

namespace attune::cuda {

// Events and graphs, in the current context. `who` begins the message of an error.

std::shared_ptr<DeviceEvent> recordEvent(std::shared_ptr<const Driver> driver, std::string_view who, Stream stream);
double microseconds(const Driver& driver, std::string_view who, const DeviceEvent& from, const DeviceEvent& to);

/// Captured in a stream of its own, in relaxed mode: what other threads do meanwhile is not disturbed.
std::shared_ptr<DeviceGraph> captureGraph(std::shared_ptr<const Driver> driver, std::string_view who,
                                          const std::function<void(void* stream)>& work);
void launchGraph(const Driver& driver, std::string_view who, const DeviceGraph& graph, Stream stream);

} // namespace attune::cuda
