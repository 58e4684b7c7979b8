"""Prompts as files: the directory that an export writes and an import reads, and the files of other tools. Pure.

Nothing here knows of a database. `filed` is what files say of a prompt; `writing` and `reading` are the directory,
`langfuse`, `promptfoo` and `csv_table` the files of others; `plan` holds what files say against what is there.
"""
