"""Properties of the bounded output."""

from hypothesis import given
from hypothesis import strategies as st

from bot.kube.output import Output

CHUNKS = st.lists(st.binary(max_size=300), max_size=30)


@given(CHUNKS, st.integers(min_value=0, max_value=500))
def test_output_within_the_limit_is_kept_whole(chunks: list[bytes], room: int) -> None:
    whole = b"".join(chunks)
    output = Output(len(whole) + room)

    for chunk in chunks:
        output.add(chunk)

    assert output.missing == 0
    assert output.render() == whole.decode(errors="replace")


@given(CHUNKS, st.integers(min_value=0, max_value=400))
def test_kept_and_missing_bytes_add_up_to_what_came(chunks: list[bytes], limit: int) -> None:
    output = Output(limit)

    for chunk in chunks:
        output.add(chunk)

    total = sum(len(chunk) for chunk in chunks)
    assert output.total == total
    assert output.missing == max(0, total - limit)


@given(st.lists(st.integers(min_value=1, max_value=40_000), max_size=40), st.integers(min_value=2, max_value=2000))
def test_head_and_tail_are_the_first_and_last_bytes_however_they_come(sizes: list[int], limit: int) -> None:
    whole = bytes(ord("a") + index % 23 for index in range(sum(sizes)))
    output = Output(limit)

    position = 0
    for size in sizes:
        output.add(whole[position : position + size])
        position += size

    if len(whole) > limit:
        head, mark, tail = output.render().split("\n")
        assert head.encode() == whole[: limit - limit // 2]
        assert tail.encode() == whole[len(whole) - limit // 2 :]
        assert mark == f"[… {len(whole) - limit} bytes left out …]"


@given(st.text(alphabet="aü€🙂", min_size=1, max_size=400), st.integers(min_value=0, max_value=200), st.integers(min_value=1, max_value=7))
def test_a_character_is_never_cut_in_two(text: str, limit: int, size: int) -> None:
    encoded = text.encode()
    output = Output(limit)

    for begin in range(0, len(encoded), size):
        output.add(encoded[begin : begin + size])

    assert "\ufffd" not in output.render()


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=200))
def test_any_bytes_render(data: bytes, limit: int) -> None:
    output = Output(limit)

    output.add(data)

    assert isinstance(output.render(), str)


def test_memory_stays_flat_on_endless_output() -> None:
    output = Output(1000)

    kept = 0
    for _ in range(2000):
        output.add(b"y\n" * 1000)
        kept = max(kept, len(output._head) + len(output._tail))

    assert output.total == 4_000_000
    assert kept < 100_000
