"""Benches: how fast the parts are, measured side by side in one run on a database of their own.

They assert nothing. Ratios within one run mean something on a noisy machine; single figures do not.
"""
