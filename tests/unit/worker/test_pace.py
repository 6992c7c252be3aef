from worker.dispatcher.pace import Pace


def pace() -> Pace:
    return Pace(shortest=0.02, longest=1.0)


def test_while_things_move_the_next_look_is_soon():
    moving = pace()
    assert [moving.wait(5, waiting=True) for _ in range(3)] == [0.02] * 3


def test_when_nothing_moves_any_more_the_pauses_grow_to_the_longest():
    resting = pace()
    resting.wait(5, waiting=False)
    pauses = [resting.wait(0, waiting=False) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 0.04
    assert pauses[-1] == 1.0


def test_while_something_waits_for_room_no_pause_is_long():
    full = pace()
    assert max(full.wait(0, waiting=True) for _ in range(20)) == 0.25


def test_a_single_message_hardly_delays_the_next_one_and_a_crowd_is_gathered():
    assert pace().gather(0) == 0
    assert pace().gather(1) < 0.002
    assert pace().gather(100) == 0.02
