"""The published benchmark on the card fraud data set.

`weeks` cuts out what is trained on and tested, `metrics` judges predictions, `models` trains, `published` holds the
published results; `stream` is what happens in the order of time, `replay` sends it to a gateway and asks for vectors
meanwhile; `tumbling` is what must not be done.
"""
