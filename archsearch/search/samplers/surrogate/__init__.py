"""The default sampler and what it is made of: models of objectives, candidates, acquisition."""
