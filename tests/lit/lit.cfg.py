# IR in, IR or text out. The tools under test are found in the build folder, FileCheck where LLVM 22 put it.
import os
import lit.formats

config.name = "attune"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(lit_config.params["build"], "lit")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(lit_config.params["build"], "bin"), "/usr/lib/llvm-22/bin", os.environ["PATH"]])
