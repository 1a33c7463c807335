"""One file that holds the whole installation, the same for every database and storage.

The file is a ZIP archive of `tables/NAME.jsonl` (a line with the columns and their types, then a row a line, as JSON
lists), `files/KEY` (what is in storage) and, written last, `manifest.json` with the size and SHA-256 of each member.
The archive's comment is the manifest's own SHA-256.
"""
