"""The plots of ``firstspike plot``: for each one a function that computes its table, and one that draws it.

A table is a list of dictionaries with the same keys, one a row of the CSV that is written beside the picture.
"""
