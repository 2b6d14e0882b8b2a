"""What a run will need on a TPU slice, found by compiling it ahead of time on any machine."""
