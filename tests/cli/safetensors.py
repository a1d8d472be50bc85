"""Safetensors by hand: 8 bytes of header length, a JSON header, the data. Enough to write inputs and read results without packages."""

import json
import struct


def save(path, tensors):
    """tensors: {name: (dtype, shape, bytes)}"""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def load(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    data = raw[8 + length :]
    return {
        name: (entry["dtype"], entry["shape"], data[entry["data_offsets"][0] : entry["data_offsets"][1]])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def bf16(values):
    """The upper half of each fp32: exact for the small integers and halves that tests use."""
    return b"".join(struct.pack("<f", value)[2:] for value in values)


def i32(values):
    return struct.pack(f"<{len(values)}i", *values)


def f32(values):
    return struct.pack(f"<{len(values)}f", *values)
