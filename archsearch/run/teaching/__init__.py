"""Teachers: trained networks of any kind, opened and asked about the training images once."""
