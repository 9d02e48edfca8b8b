import time

from seatrial import progress
from seatrial.progress import Progress


def test_each_change_is_one_line_and_the_same_text_is_said_once(monkeypatch):
    monkeypatch.setattr(progress, "PACE_SECONDS", 0)
    lines: list[str] = []
    shown = Progress(lines.append)
    shown.say("cluster", "starting")
    shown.say("cluster", "starting")
    shown.say("cluster", "waiting for DNS")
    shown.done("cluster", "20.1 s")
    shown.close()
    assert [line.split("s] ")[1] for line in lines] == ["cluster    starting", "cluster    waiting for DNS", "cluster    20.1 s"]


def test_after_a_while_without_news_it_says_what_is_waited_for_and_since_when(monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.2)
    lines: list[str] = []
    shown = Progress(lines.append)
    shown.say("cluster", "waiting for DNS")
    deadline = time.monotonic() + 5
    while len(lines) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    shown.close()
    assert "cluster: waiting for DNS (0 s)" in lines[1]


def test_what_is_done_is_waited_for_no_more(monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.1)
    lines: list[str] = []
    shown = Progress(lines.append)
    shown.say("cluster", "starting")
    shown.done("cluster")
    time.sleep(0.3)
    shown.close()
    assert len(lines) == 2


def test_a_topic_that_changes_quickly_is_shown_now_and_then_and_at_its_end():
    lines: list[str] = []
    shown = Progress(lines.append)
    for number in range(50):
        shown.say("images", f"step {number}")
    shown.done("images", "12.0 s")
    shown.close()
    assert [line.split("s] ")[1] for line in lines] == ["images     step 0", "images     12.0 s"]
