"""Weights of one network in another of the block library, matched part by part.

A network is described by its parts (stem, attention of a block, ...), the kind of each, and what
every dimension of every tensor counts (`describe`). Two descriptions say which values of a tensor
go where (`match`); `Donor` keeps a description and its weights in one file.
"""

from archsearch.model.transfer.description import Description, describe
from archsearch.model.transfer.donor import Donor, NoDescriptionError, weights_file
from archsearch.model.transfer.matching import TensorTransfer, Transfer, match, merged_state

__all__ = [
    "Description",
    "Donor",
    "NoDescriptionError",
    "TensorTransfer",
    "Transfer",
    "describe",
    "match",
    "merged_state",
    "weights_file",
]
