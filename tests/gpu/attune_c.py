"""Attune through its C interface (runtime/include/attune/attune.h), for tensors of PyTorch: the same process, stream and inputs as its peers."""

import ctypes as c
import json

import torch


class Tensor(c.Structure):  # DLPack's DLTensor
    _fields_ = [("data", c.c_void_p), ("device_type", c.c_int32), ("device_id", c.c_int32), ("ndim", c.c_int32), ("code", c.c_uint8), ("bits", c.c_uint8),
                ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)), ("strides", c.POINTER(c.c_int64)), ("byte_offset", c.c_uint64)]


NAMES = "q", "k", "v", "o", "lse", "cu_seqlens_q", "cu_seqlens_k", "alibi_slopes", "sink", "q_descale", "k_descale", "v_descale"


class Tensors(c.Structure):
    _fields_ = [("struct_size", c.c_size_t)] + [(name, c.POINTER(Tensor)) for name in NAMES]


class EngineOptions(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("device", c.c_char_p), ("cache_folder", c.c_char_p), ("warn", c.c_void_p), ("user", c.c_void_p)]


class PlanOptions(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("batch", c.c_int64), ("q_len", c.c_int64), ("kv_len", c.c_int64), ("q_total", c.c_int64), ("schedule", c.c_char_p),
                ("splits", c.c_int32), ("mode", c.c_int32)]


CODES = {torch.bfloat16: (4, 16), torch.float16: (2, 16), torch.float32: (2, 32), torch.int32: (0, 32), torch.float8_e4m3fn: (10, 8)}


class Unsupported(RuntimeError):
    """ATTUNE_UNSUPPORTED: this device, or Attune, can't do it."""


class Engine:
    def __init__(self, library, device):
        self.lib = c.CDLL(str(library))
        self.lib.attune_last_error.restype = c.c_char_p
        for name, *arguments in [("attune_launch", c.c_void_p, c.c_void_p, c.POINTER(Tensors), c.c_void_p), ("attune_allocate", c.c_void_p, c.c_size_t, c.c_char_p, c.POINTER(c.c_void_p)),
                                 ("attune_copy_to_device", c.c_void_p, c.c_void_p, c.c_void_p, c.c_size_t), ("attune_copy_to_host", c.c_void_p, c.c_void_p, c.c_void_p, c.c_size_t),
                                 ("attune_synchronize", c.c_void_p), ("attune_free", c.c_void_p, c.c_void_p)]:
            getattr(self.lib, name).argtypes = arguments
        options = EngineOptions(c.sizeof(EngineOptions), device.encode())
        self.handle = c.c_void_p()
        self.check(self.lib.attune_engine_create(c.byref(options), c.byref(self.handle)))

    def check(self, status):
        if status != 0:
            raise (Unsupported if status == 2 else RuntimeError)(self.lib.attune_last_error().decode())

    def plan(self, spec, batch, q_len, kv_len, q_total):
        options = PlanOptions(c.sizeof(PlanOptions), batch, q_len, kv_len, q_total)
        plan = c.c_void_p()
        self.check(self.lib.attune_plan_create(self.handle, json.dumps(spec).encode(), c.byref(options), c.byref(plan)))
        return plan

    def tensors(self, named, address=lambda tensor: tensor.data_ptr()):
        """The arguments of launch(); they keep what they point at alive."""
        arguments = Tensors(c.sizeof(Tensors))
        arguments.alive = []
        for name, tensor in named.items():
            shape, strides = (c.c_int64 * tensor.dim())(*tensor.shape), (c.c_int64 * tensor.dim())(*tensor.stride())
            described = Tensor(address(tensor), 2, 0, tensor.dim(), *CODES[tensor.dtype], 1, shape, strides, 0)
            arguments.alive += [tensor, shape, strides, described]
            setattr(arguments, name, c.pointer(described))
        return arguments

    def launch(self, plan, arguments, stream=None):
        self.check(self.lib.attune_launch(self.handle, plan, c.byref(arguments), stream))

    def run_from_host(self, plan, named):
        """Copies host tensors to the device, runs, and fills o and lse: for the emulated device."""
        places = {}
        for name, tensor in named.items():
            place = c.c_void_p()
            self.check(self.lib.attune_allocate(self.handle, max(tensor.nbytes, 1), name.encode(), c.byref(place)))
            self.check(self.lib.attune_copy_to_device(self.handle, place, tensor.data_ptr(), tensor.nbytes))
            places[tensor.data_ptr()] = place.value
        self.launch(plan, self.tensors(named, lambda tensor: places[tensor.data_ptr()]))
        for name in "o", "lse":
            tensor = named[name]
            self.check(self.lib.attune_copy_to_host(self.handle, tensor.data_ptr(), places[tensor.data_ptr()], tensor.nbytes))
        for place in places.values():
            self.lib.attune_free(self.handle, place)
