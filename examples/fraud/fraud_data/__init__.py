"""The published card fraud data set, simulated anew.

`settings` holds the size of a run, `profiles` who buys where, `purchases` what is bought, `scenarios` what of it is
fraud, `dataset` the whole; `files` and `command` serve the commands.
"""
