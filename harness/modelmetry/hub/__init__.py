"""Publishing: editions and results on the Hugging Face Hub or in any store, with commitments to seeds."""
