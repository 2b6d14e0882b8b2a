"""Reading collectives off a program, on a text whose answer is known."""

from vsdpo_jax.plan.program import collectives, result_bytes

PROGRAM = """HloModule jit_f

%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%a, %b)
}

%body (carry: (s32[], f32[8])) -> (s32[], f32[8]) {
  %gathered = bf16[4,128]{1,0} all-gather(%x), dimensions={0}
  ROOT %t = (s32[], f32[8]) tuple(%i, %y)
}

%condition (carry: (s32[], f32[8])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n)
}

ENTRY %main (p: f32[8]) -> f32[8] {
  %start = (f32[2,8]{1,0}, f32[8,8]{1,0}) all-gather-start(%p), dimensions={0}
  %done = f32[8,8]{1,0} all-gather-done(%start)
  %loop = (s32[], f32[8]) while(%init), condition=%condition, body=%body, backend_config={"known_trip_count":{"n":"33"}}
  ROOT %r = f32[8]{0} all-reduce(%z), to_apply=%add
}
"""


def test_loops_multiply_and_asynchronous_operations_count_once():
    # 33 of 4 * 128 * 2 bytes in the loop, and the result, not the operand, of the one outside: 8 * 8 * 4.
    assert collectives(PROGRAM) == {"all-gather": (34, 33 * 1024 + 256), "all-reduce": (1, 32)}


def test_a_scalar_is_one_element():
    assert result_bytes("f32[]") == 4 and result_bytes("(bf16[3,5]{1,0}, u32[])") == 30
