"""The end of a run: its front measured on a quiet machine, trained with other seeds, and tested."""
