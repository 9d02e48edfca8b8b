from seatrial.journal import Record
from seatrial.report.timeline import critical_path, spans

Part = tuple[str, str, float, float, tuple[str, ...]]


def timings(*parts: Part) -> list[Record]:
    start = 1000.0
    records = [Record(start, 1, 1, "run", {})]
    for number, (name, kind, began, ended, after) in enumerate(parts, start=2):
        data = {"name": name, "what": kind, "began": start + began, "ended": start + ended, "after": list(after)}
        records.append(Record(start + ended, 1, number, "timing", data))
    return records


def path(*parts: Part) -> list[tuple[str, float]]:
    return [(span.name, span.seconds) for span in critical_path(spans(timings(*parts)))]


def test_times_are_counted_from_the_beginning_of_the_run():
    (span,) = spans(timings(("engine", "stage", 1, 3, ())))
    assert (span.began, span.ended, span.seconds) == (1, 3, 2)


def test_the_chain_goes_through_the_slowest_thing_that_each_waited_for():
    assert path(
        ("engine", "stage", 0, 2, ()),
        ("images", "stage", 0, 10, ("engine",)),
        ("cluster", "stage", 0, 20, ("engine",)),
        ("release", "stage", 0, 45, ("images", "cluster")),
        ("probes", "observation", 45, 60, ("release",)),
        ("pods", "observation", 45, 46, ("release",)),
    ) == [("engine", 2), ("cluster", 18), ("release", 25), ("probes", 15)]


def test_an_observation_that_had_to_wait_for_another_follows_it():
    assert path(
        ("release", "stage", 0, 10, ()),
        ("first", "observation", 10, 30, ("release",)),
        ("second", "observation", 30, 35, ("release",)),
    ) == [("release", 10), ("first", 20), ("second", 5)]


def test_an_empty_run_has_no_path():
    assert critical_path(spans([])) == []


def test_names_are_short_for_people():
    (span,) = spans(timings(("seatrial.trials.probes.observe_readiness", "observation", 0, 1, ())))
    assert span.short_name == "probes.readiness"
