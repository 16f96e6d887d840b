"""The published card fraud data set, simulated anew, and figures per customer over it.

`settings` holds the size of a run, `profiles` who buys where, `purchases` what is bought, `scenarios` what of it is
fraud, `dataset` the whole; `history` computes figures per customer; `files` and `command` serve the two commands.
"""
