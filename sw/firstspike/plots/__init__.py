"""The plots of ``firstspike plot``. Each has a function that computes its table, and one that draws it.

A table is a list of dictionaries with the same keys, one for each row of the CSV that is written beside the picture.
"""
