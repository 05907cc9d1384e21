"""Ablations: study files, the runner, results on disk.

The values that runner, analysis and report share are in `archsearch.ablation_record`, so that the
analysis need not import the runner.
"""
