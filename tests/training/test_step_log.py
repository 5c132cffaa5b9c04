"""The table of steps, cut back to a checkpoint."""

import pytest

from selfsup.training import step_log


def test_log_is_cut_back_to_the_step_and_torn_rows_go(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,step\n0,3.5,10.0\n1,2.5,20.0\n2,1.5,30.0\n3,1.")
    step_log.cut(log, 20)
    assert log.read_text().split() == ["epoch,loss,step", "0,3.5,10.0", "1,2.5,20.0"]
    step_log.cut(log, 5)
    assert not log.exists()
    step_log.cut(log, 5)


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", "step,loss\nx,1\n", "step,loss\n\0,\n", "\n\n"]
)
def test_a_log_without_any_step_is_removed(content, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(content)
    step_log.cut(path, 5)
    assert not path.exists()
