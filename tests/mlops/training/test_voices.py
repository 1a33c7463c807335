from bugflow.mlops.training.voices import Voice, describe_voices


def test_the_five_most_frequent_voices_are_named_and_the_others_counted() -> None:
    voices = [Voice(f"Person {number}", 1_000 - number) for number in range(7)]
    assert describe_voices(voices[:2]) == "1,000 by Person 0, 999 by Person 1"
    assert describe_voices(voices).endswith("996 by Person 4, 1,989 by others")
