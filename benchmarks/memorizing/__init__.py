"""The parts of `replicate_taxonomy.py`: small language models of one corpus, and what came out."""
