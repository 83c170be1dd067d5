"""Parts of `replicate_systematicity.py`: problems as arrays, the network, and what came out."""
