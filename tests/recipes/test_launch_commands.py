"""The documented command lines of torchrun and SLURM, as those programs get them."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

RECIPE = Path(__file__).parents[2] / "recipes" / "LRS3_VGGSound"
PAGE = (RECIPE / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    block
    for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if "torchrun" in block
]
STUBS = {
    "srun": 'exec "$@"',
    "scontrol": "printf 'first\\nsecond\\n'",
    "torchrun": 'printf "%s\\n" "$@" >"$RECORD"',
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize("block", BLOCKS, ids=["one", "two", "slurm"])
def test_torchrun_understands_the_line_and_the_script_its_options(block, tmp_path):
    for name, text in STUBS.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    record = tmp_path / "record"
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "RECORD": str(record),
        "SLURM_NNODES": "2",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "first,second",
    }
    subprocess.run(
        ["bash", "-eu", "-c", block], cwd=RECIPE, env=environment, check=True
    )
    words = record.read_text(encoding="utf-8").splitlines()
    options = get_args_parser().parse_args(words)
    assert options.nproc_per_node == "4"
    assert (RECIPE / options.training_script).is_file()
    settings, *rest = options.training_script_args
    text = (RECIPE / settings).read_text(encoding="utf-8")
    keys = [word.removeprefix("--") for word in rest if word.startswith("--")]
    assert keys and not [key for key in keys if f"\n{key}: " not in text]
    if "--standalone" not in words:
        assert options.nnodes == "2" and options.rdzv_backend == "c10d"
        host, port = options.rdzv_endpoint.split(":")
        assert host in ("HOST", "first") and port == "29500"
    placeholders = re.findall(r"^(\w+): !PLACEHOLDER", text, re.MULTILINE)
    assert set(placeholders) <= set(keys)
