"""The lane: the processing element that owns some of a layer's neurons."""
