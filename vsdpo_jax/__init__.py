"""Visual-SDPO in JAX: train vision-language models to write code whose render looks right."""
