"""What every verb shares: help, exit codes, errors as one document, listings."""

import json
import re
import signal
import subprocess
import time
import unittest
import unittest.mock

from harness import ATTUNE, PINNED, Case, attune, spec


class Contract(Case):
    def test_help_and_version(self):
        self.assertIn("Examples:", self.expect(0, "--help").stdout)
        self.assertRegex(self.expect(0, "--version").stdout, r"^attune \d+\.\d+\.\d+\n$")
        listed = self.expect(0, "--help").stdout
        for verb in "compile spec run profile explain tune precompute bench cache presets devices doctor demo".split():
            self.assertIn(verb, listed)
            printed = self.expect(0, verb, "--help").stdout
            self.assertIn("--json", printed)
            examples = re.findall(r"^  attune (\w+)", printed, re.MULTILINE)
            self.assertEqual(examples[:1], [verb])  # its own, not those of all verbs
            for text in listed, printed:  # who copies an example means Hopper's own kernels
                self.assertNotRegex(text, r"(--arch |emulated:)sm_90\b")

    def test_starts_at_once(self):
        best = min(self.seconds("--version") for _ in range(10))
        self.assertLess(best, 0.020)

    @staticmethod
    def seconds(*arguments):
        start = time.perf_counter()
        attune(*arguments)
        return time.perf_counter() - start

    def test_usage(self):
        self.expect(2)
        self.expect(2, "compil", says=["did you mean 'compile'"])
        self.expect(2, "run", "--no-such-option", says=["unknown option --no-such-option; see"])
        self.expect(2, "compile", spec(), "--archh", "sm_90a", says=["unknown option --archh; did you mean --arch?", "attune compile --help"])
        self.expect(2, "compile", "--presett=qwen2.5-7b", says=["did you mean --preset?"])
        self.expect(2, "cache", "--jsn", says=["did you mean --json?"])
        self.expect(2, "--versoin", says=["did you mean --version?"])
        for verb in "run", "profile":
            self.expect(2, verb, spec(), "--arch", "sm_90a", says=["--device emulated:sm_90a"])
            self.assertNotIn("--arch", self.expect(0, verb, "--help").stdout)
        self.expect(4, "run", spec(), "--arch", "sm_91", says=["sm_90"])
        self.expect(2, "run", says=["no spec"])
        self.expect(2, "run", spec(), "--preset", "qwen2.5-7b", says=["give one of them"])
        self.expect(2, "run", spec(), "--q-len", "-4", says=["--q-len"])
        self.expect(2, "compile", spec(), "--dump", "cudda", "--out", self.folder, says=["did you mean 'cuda'"])
        self.expect(2, "compile", spec(), "--dump", "cuda", says=["--out"])
        self.expect(2, "profile", spec(), "--device", "cuda:0", says=["emulated"])

    def test_errors_are_one_document_too(self):
        for code, *arguments in [(2, "compil"), (2, "run"), (4, "run", spec(head_dim=12)), (3, "run", "--preset", "qwen")]:
            document = self.document(*arguments, code=code)
            self.assertFalse(document["ok"])
            self.assertEqual(document["error"]["exit_code"], code)

    def test_presets(self):
        presets = self.document("presets")["presets"]
        self.assertIn("qwen2.5-7b", [preset["name"] for preset in presets])
        printed = json.loads(self.expect(0, "presets", "qwen2.5-7b").stdout)
        self.assertEqual((printed["q_heads"], printed["kv_heads"], printed["head_dim"]), (28, 4, 128))
        self.expect(3, "presets", "qwen2.5-7", says=["qwen2.5-7b"])
        self.expect(3, "explain", "--preset", "qwen2.5", says=["use one of: qwen2.5-7b, qwen2.5-72b"])
        self.assertIn("qwen2.5-7b", self.expect(0, "presets").stdout)

    def test_devices(self):
        devices = self.document("devices")["devices"]
        self.assertIn("emulated", [device["device"] for device in devices])
        for device in devices:
            self.assertLessEqual({"device", "name", "arch", "emulated", "multiprocessors", "shared_per_block"}, device.keys())

    def test_no_such_device(self):
        self.expect(5, "run", spec(), "--device", "cuda:63")
        self.expect(3, "run", spec(), "--device", "tpu", says=["emulated"])
        self.expect(3, "run", spec(), "--device", "emulated:sm_70", says=["'emulated:sm_70'", "sm_80, sm_86", "; use"])

    def test_doctor(self):
        document = self.document("doctor")
        self.assertTrue(document["ok"])
        self.assertEqual(document["checks"][0]["name"], "NVRTC")
        details = {check["name"]: check["detail"] for check in self.document("doctor")["checks"]}
        self.assertRegex(details["kernel on the emulated device"], r"compiled in [1-9]\d+ ms")  # again, not found in the cache
        self.assertIn("cache", details)

    def test_doctor_tries_the_cache(self):
        kept = self.folder / "to" / "be" / "made"
        self.expect(0, "doctor", ATTUNE_CACHE_DIR=str(kept))
        self.assertTrue(kept.is_dir())
        self.assertEqual([p for p in kept.rglob("*") if p.is_file()], [])  # nothing is left of the trial
        (self.folder / "file").touch()
        for nowhere in "/proc/nope", str(self.folder / "file" / "below"), str(self.folder / "file"):
            done = self.expect(1, "doctor", "--json", ATTUNE_CACHE_DIR=nowhere)
            check = json.loads(done.stdout)["checks"][-1]
            self.assertEqual((check["name"], check["ok"], check["needed"]), ("cache", False, True))
            for part in nowhere, "it cannot be", "set ATTUNE_CACHE_DIR to a folder of yours":
                self.assertIn(part, check["detail"])
        self.expect(0, "doctor", ATTUNE_CACHE_DIR="")  # none is wanted
        with unittest.mock.patch.dict(PINNED, {"XDG_CACHE_HOME": "/proc/nope"}):  # a home that is read-only is no fault
            PINNED.pop("ATTUNE_CACHE_DIR", None)
            check = json.loads(self.expect(0, "doctor", "--json").stdout)["checks"][-1]
        self.assertEqual((check["ok"], check["needed"]), (False, False))
        self.assertIn("/proc/nope", check["detail"])

    def test_spec(self):
        document = self.document("spec")
        keys = {key["name"]: key for key in document["keys"]}
        self.assertEqual(set(json.loads(self.expect(0, "spec", spec()).stdout)), set(keys))  # what is written is what is explained
        self.assertIn("bottom_right", keys["causal"]["values"])
        self.assertTrue(any("//" in form["form"] for form in document["mask"]))
        self.assertIn("softcap", self.expect(0, "spec").stdout)
        self.assertEqual(json.loads(self.expect(0, "spec", "--preset", "qwen2.5-7b").stdout)["head_dim"], 128)
        self.expect(3, "spec", spec(casual=True), says=["causal"])
        self.expect(3, "spec", spec(causal="bottomright"), says=["did you mean 'bottom_right'? (allowed: none, bottom_right, top_left)"])
        self.expect(3, "spec", spec(dtype="bfloat16"), says=["did you mean 'bf16'?"])
        for key in "window", "chunk":
            self.assertIn("bottom-right aligned", keys[key]["meaning"])

    def test_no_color(self):
        self.assertNotIn("\033", self.expect(0, "presets", NO_COLOR="1").stdout)

    def test_interrupted(self):
        process = subprocess.Popen(
            [ATTUNE, "run", spec(head_dim=128), "--q-len", "8000", "--kv-len", "8000", "--device", "emulated"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=PINNED,
        )
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)


if __name__ == "__main__":
    unittest.main()
