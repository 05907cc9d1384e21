"""The end of a run: its front measured in quiet, trained with other seeds, and tested."""
