"""peers.py from its first case to its last, on a CPU: Attune on the emulated device, stand-ins for the packages, and a stand-in for CUDA's streams, events and graphs.
Times are made up; what is tested is what would be found out on a GPU only otherwise: marks, limits, a kernel that breaks the context, going on behind it.

usage: peers_test.py PATH_OF_ATTUNE PATH_OF_LIBATTUNE_C. Exit code 77 where there is no PyTorch."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import types

try:
    import torch
except ImportError:
    print("skipped: no PyTorch")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import attune_c
import backends
import fake_peers
import peers

PROGRAM, LIBRARY = sys.argv[1:]


class Clock:
    """Of the stand-in GPU: a call takes what its contender takes."""
    now = 0.0
    broken = False


class Event:
    """So long that one turn is enough for a sample."""

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        Clock.now += 2.0
        self.at = Clock.now

    def synchronize(self):
        pass

    def elapsed_time(self, end):
        return end.at - self.at


class Stream:
    cuda_stream = 0

    def synchronize(self):
        pass


class Graph:
    """What runs while it is open takes 1 ms each time it is replayed."""

    def replay(self):
        Clock.now += 1.0


@contextlib.contextmanager
def stream(_):
    yield


@contextlib.contextmanager
def graph(_, stream):
    yield


def synchronize():
    if Clock.broken:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


properties = types.SimpleNamespace(L2_cache_size=1 << 12, total_memory=1 << 30)
vars(torch.cuda).update(is_available=lambda: True, get_device_name=lambda: "a stand-in", get_device_properties=lambda _: properties, synchronize=synchronize, empty_cache=lambda: None,
                        Stream=Stream, stream=stream, Event=Event, CUDAGraph=Graph, graph=graph, current_stream=lambda: Stream)
peers.DEVICE = "cpu"
fake_peers.install()
del backends.PEERS["flex"]  # its plain code looks for a GPU too where PyTorch says that there is one; peers.py --self-test runs it
backends.PEERS["sdpa-flash"] = lambda case, extra: backends.sdpa("MATH", case, extra)


class Engine(attune_c.Engine):
    """Takes tensors of the host."""

    def __init__(self, library, device):
        assert device == "cuda:0"
        super().__init__(library, "emulated")

    def tensors(self, named):
        return named

    def launch(self, plan, arguments, stream=None):
        if isinstance(arguments, dict):
            self.run_from_host(plan, arguments)
        else:
            super().launch(plan, arguments, stream)

    def run_from_host(self, plan, named):
        self.tensors, kept = super().tensors, self.tensors
        super().run_from_host(plan, named)
        self.tensors = kept


attune_c.Engine = Engine
whole = peers.list_cases(PROGRAM, "prefill,decode,varlen", "")
chosen = [peers.tiny(next(case for case in whole if case["name"] == name)) for name in
          ("d128 causal 1x32768", "llama-3-8b decode even to 32768", "qwen2.5-7b 4x1024", "gpt-oss-20b:local 1x2048", "gemma-2-9b:local 1x2048", "fp8 d64 full 8x2048")]
for case in chosen:
    case["bytes"] = 8000  # several sets of tensors pass by
peers.list_cases = lambda *_: chosen


def run(*more):
    sys.argv[1:] = ["--attune", PROGRAM, "--library", LIBRARY, "--out", out, "--rounds", "2", *more]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(io.StringIO()):
        code = peers.main()
    return code, text.getvalue(), json.loads(pathlib.Path(out).read_text())


with tempfile.TemporaryDirectory() as folder:
    out = str(pathlib.Path(folder) / "peers.json")
    code, text, document = run()
    assert code == 0, text
    assert document["complete"] and document["running"] is None and not document["failed"]
    assert [entry["name"] for entry in document["skipped"]] == ["fp8 d64 full 8x2048"]  # on sm_80
    cases = {case["name"]: case for case in document["cases"]}
    assert len(cases) == 5
    dense = cases["d128 causal 1x32768"]
    assert {"attune", "sdpa-flash", "flash-attention-2", "flash-attention-3", "flashinfer", "xformers"} <= set(dense["times"]), dense["refused"]
    assert "sdpa-cudnn" in dense["refused"]  # a CPU has none
    assert dense["times"]["attune"]["samples"] == 2 and abs(dense["ratios"]["flashinfer"] - 1) < 1e-9 and not dense["slower"]
    assert "varlen" in cases["llama-3-8b decode even to 32768"]["refused"]["sdpa-flash"]
    assert "geometric means" in text

    # a peer with another result is not timed
    kept = backends.PEERS["flash-attention-2"]
    backends.PEERS["flash-attention-2"] = lambda case, extra: lambda q, k, v: torch.zeros_like(kept(case, extra)(q, k, v))
    assert "another result" in run()[2]["cases"][0]["refused"]["flash-attention-2"]
    backends.PEERS["flash-attention-2"] = kept

    # if Attune's result is wrong there is no time, whatever peers say
    launch, victim = Engine.launch, chosen[2]["name"]

    def wrong(self, plan, arguments, stream=None):
        launch(self, plan, arguments, stream)
        if isinstance(arguments, dict) and arguments["q"].shape[-1] == 128 and arguments["q"].dim() == 4 and arguments["q"].shape[1] == 1:
            arguments["o"] += 0.3
    Engine.launch = wrong
    code, text, document = run()
    assert code == 1 and [entry["name"] for entry in document["failed"]] == [victim] and "off by 0.3" in document["failed"][0]["why"], document["failed"]
    assert victim not in [case["name"] for case in document["cases"]] and len(document["cases"]) == 4 and "FAILED " + victim in text
    Engine.launch = launch

    # a peer that breaks the context ends the process; the next one leaves the peer out and does every case
    def breaks(case, extra):
        Clock.broken = True
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    backends.PEERS["flash-attention-2"] = breaks
    code, text, document = run()
    assert code == peers.AGAIN and not document["cases"] and "flash-attention-2" in document["without"], text
    Clock.broken = False
    code, text, document = run("--resume")
    assert code == 0 and document["complete"] and len(document["cases"]) == 5, text
    assert all("unusable" in case["refused"]["flash-attention-2"] for case in document["cases"])

    # the alarm has killed the process in a case: the next one says so, and does the others
    document["cases"] = document["cases"][:1]
    document["running"] = chosen[1]["name"] if chosen[1]["name"] != document["cases"][0]["name"] else chosen[0]["name"]
    pathlib.Path(out).write_text(json.dumps(document))
    code, text, again = run("--resume")
    assert code == 1 and again["failed"] == [{"name": document["running"], "why": "it did not end in two minutes"}] and len(again["cases"]) == 4, text
print("ok")
