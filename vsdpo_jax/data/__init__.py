"""Where prompts come from and how they become arrays: tasks, data sources, images, chat template, tokenizer."""
