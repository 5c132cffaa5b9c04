"""Processes that time steps are started, take turns, and may fail."""

import os

import child_programs

from selfsup.analysis.benchmarks import child
from selfsup.analysis.benchmarks.configs import GrowthConfig

# Stands for the real one, without its imports: its rounds come in turns, and its flags
# say what else.
_PROGRAM = """
flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in sys.argv[1:])
if flags.get("fails") == "at once":
    sys.exit("no such network")
rounds = 0
for _ in turns() if "turns" in flags else ():
    rounds += 1
    print("a word of a library")
    if flags.get("fails") == "in a round":
        sys.exit("RESOURCE_EXHAUSTED: too many")
print(json.dumps({"rounds": rounds, "flags": flags}))
"""


def _turns(*given):
    return child.Turns([*given, "--turns"], "keras", child_programs.program(_PROGRAM))


def test_a_process_does_a_round_when_it_is_its_turn():
    with _turns("--width=0.5") as one:
        one.wait()
        for _ in range(3):
            one.turn()
        found = one.result()
    assert found["rounds"] == 3 and found["flags"]["width"] == "0.5"


def test_failures_are_results():
    with _turns("--fails=at once") as one, _turns("--fails=in a round") as other:
        one.wait()
        other.wait()
        for _ in range(2):
            one.turn()
            other.turn()
        found = one.result(), other.result()
    assert "no such network" in found[0]["error"] and not found[0]["out_of_memory"]
    assert "too many" in found[1]["error"] and found[1]["out_of_memory"]


def test_a_process_ends_with_its_block():
    program = child_programs.program("next(turns())")
    with child.Turns((), "keras", program) as one:
        one.wait()
        assert one.alive
    assert one.process.returncode < 0


def test_settings_become_flags():
    found = child.flags(GrowthConfig(threads=0), crop_sizes=None, points=7)
    assert {"--points=7", "--threads=0", "--hypercolumn=True"} <= set(found)
    assert not any("crop_sizes" in flag or "profile" in flag for flag in found)


def test_only_our_side_has_the_device(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert child.environment("keras")["JAX_PLATFORMS"] == "cuda"
    assert child.environment("torch")["JAX_PLATFORMS"] == "cpu"
    assert child.environment("keras", "here")["TORCHINDUCTOR_CACHE_DIR"] == "here/torch"
    assert child.environment("keras")["PATH"] == os.environ["PATH"]
