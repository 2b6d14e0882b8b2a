"""What a compiled program says about itself: memory, work and traffic between chips."""

from __future__ import annotations

import dataclasses
import re

_BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8}
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_COLLECTIVE = re.compile(r"= (.+?) (all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute)(?:-start)?\(")
_WHILE = re.compile(r" while\(.*body=%?([\w.\-]+)")
_CALL = re.compile(r"(?:to_apply|calls|branch_computations|called_computations)=\{?(%[\w.\-]+(?:, ?%[\w.\-]+)*)")
_TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_ARRAY = re.compile(r"(pred|[suf]\d+|bf16)\[([\d,]*)\]")


@dataclasses.dataclass(frozen=True)
class Program:
    """Figures of one compiled program, a chip.

    Attributes:
      arguments, outputs, temporaries: bytes; outputs that reuse an argument's memory are not counted. Temporaries are
        what the peak has beside both: the compiler's own figure for them also counts those in the place of arguments
        that are used up.
      flops, bytes_accessed: the compiler's own counts, in which the body of a loop counts once.
      collectives: kind -> (times executed, bytes of their results), loops of known length multiplied.
    """

    arguments: int
    outputs: int
    temporaries: int
    flops: float
    bytes_accessed: float
    collectives: dict[str, tuple[int, int]]


def read_program(compiled) -> Program:
    """The figures of a `jax.stages.Compiled`."""
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    arguments, outputs = memory.argument_size_in_bytes, memory.output_size_in_bytes - memory.alias_size_in_bytes
    beside = memory.peak_memory_in_bytes - arguments - outputs
    # The compiler for CPUs has no temporaries in its peak.
    temporaries = beside if beside > 0 else memory.temp_size_in_bytes
    return Program(
        arguments=arguments,
        outputs=outputs,
        temporaries=temporaries + memory.generated_code_size_in_bytes,
        flops=float(cost.get("flops", 0.0)),
        bytes_accessed=float(cost.get("bytes accessed", 0.0)),
        collectives=collectives(compiled.as_text()),
    )


def collectives(text: str) -> dict[str, tuple[int, int]]:
    """Kind -> (times executed, bytes of the results) of a program as HLO text."""
    bodies: dict[str, list[str]] = {}
    entry, lines = "", []
    for line in text.splitlines():
        if found := _COMPUTATION.match(line):
            lines = bodies.setdefault(found[1], [])
            entry = found[1] if line.startswith("ENTRY") else entry
        else:
            lines.append(line)
    totals: dict[str, tuple[int, int]] = {}

    def visit(name: str, times: int) -> None:
        for line in bodies.get(name, ()):
            if found := _COLLECTIVE.search(line):
                count, size = totals.get(found[2], (0, 0))
                totals[found[2]] = (count + times, size + times * result_bytes(found[1]))
            if found := _WHILE.search(line):
                trips = _TRIPS.search(line)
                visit(found[1], times * (int(trips[1]) if trips else 1))
            elif found := _CALL.search(line):
                for called in found[1].split(","):
                    visit(called.strip().lstrip("%"), times)

    visit(entry, 1)
    return totals


def result_bytes(shape: str) -> int:
    """Bytes of the largest array in an HLO shape: asynchronous operations list their operand as well."""
    sizes = []
    for kind, sides in _ARRAY.findall(shape):
        size = _BYTES.get(kind, 4)
        for side in filter(None, sides.split(",")):
            size *= int(side)
        sizes.append(size)
    return max(sizes, default=0)
