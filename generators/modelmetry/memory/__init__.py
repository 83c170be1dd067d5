"""Memorization: corpora made and brought, exact counts of their windows, the taxonomy and its factors.

| what | module |
|---|---|
| the generators, and what they share | `memorization`, `extraction`, `contamination`; `continuing` |
| the laboratory's corpus; its words and background; which sequences are planted, and how | `laboratory`; `vocabulary`, `background`; `design`, `planting`, `sequences` |
| a user's corpus: files, tokenizers, samples, the folder of probes | `corpora`, `texts`, `sampling`, `probing` (makes it), `probes` (the folder) |
| shards as streams of tokens; exact counts of windows in them, also on Ray | `shards`, `blocks`, `encodings`; `windows`, `finding`, `spreading` |
| the taxonomy; whether a sequence repeats or counts | `taxonomy`, `templates` |
| features: all of them; frequencies and perplexities, code lengths, matches | `features`; `factors`, `code_length`, `similarity`, `embedding` |
| editions: their canary, their rows cut in two, their order | `published`, `canary`, `cutting`, `reordering` |
"""
