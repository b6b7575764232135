"""One module per noun: its options, its task, how its result is shown."""
